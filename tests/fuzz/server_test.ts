/**
 * The ports of running servers, plain and with a secret, for a moment; longer with `TALKER_FUZZ_SECONDS`.
 * In a network of its own where that can be made: then also the port of beacons.
 */

import { assert, assertEquals } from "@std/assert";
import { within } from "../support/line_client.ts";
import type { ServerReport } from "./server_fuzzer.ts";

const SEED = 20_261_121;
const seconds = Math.max(3, Number(Deno.env.get("TALKER_FUZZ_SECONDS") ?? 0) / 2);

function ownNetwork(): boolean {
  try {
    return new Deno.Command("unshare", { args: ["--net", "ip", "link", "set", "lo", "up"] })
      .outputSync().success;
  } catch {
    return false;
  }
}

Deno.test("fuzz: every port of running servers, plain and with a secret", async () => {
  const own = ownNetwork();
  const program = [Deno.execPath(), "run", "-A", `${import.meta.dirname}/server_fuzzer.ts`];
  const args = [...program, `${SEED}`, `${seconds}`, ...(own ? ["beacons"] : [])];
  const script = 'ip link set lo up; exec "$@"';
  const command = own ? ["unshare", "--net", "sh", "-c", script, "sh", ...args] : args;
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { stdout, stderr } = await within(
    child.output(),
    "the end of the fuzzer",
    (seconds + 90) * 1000,
  );
  const out = new TextDecoder().decode(stdout);
  assert(out.startsWith("{"), out + new TextDecoder().decode(stderr));
  const report = JSON.parse(out) as ServerReport;
  assertEquals(report.findings, []);
  const kinds = Object.keys(report.executions).join();
  for (
    const kind of ["lines, plain", "framed, encrypted", "peers, plain", "peers, encrypted", "noise"]
  ) {
    assert(kinds.includes(kind), `Nothing was sent to ${kind}: ${kinds}`);
  }
  assert(report.pings > 10);
});
