/** What becomes of programs whose stdout takes nothing. */

import { assertEquals } from "@std/assert";
import { talkerCommand, TEST_ENV, TestServer } from "../support/server.ts";

/** Runs `talker` with a full disk for its stdout. */
async function runOnFullDisk(args: readonly string[]) {
  const [program, ...rest] = [...talkerCommand(), ...args];
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", '"$@" >/dev/full', "sh", program as string, ...rest],
    env: TEST_ENV,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "stdout: a full disk is told, and exit code 1, whatever the command",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using server = await TestServer.start(["--answer", "cat"]);
    const target = `:${server.port}`;
    const commands = [
      ["--version"],
      ["--help"],
      ["client", "--help"],
      ["client", target, "--send", "/who"],
      ["client", target, "--ask", "x"],
      ["notify", target, "--publish", "hits", "x"],
      ["discover", "--doctor", "--wait", "1"],
      ["server", "--port", "0", "--host", "127.0.0.1", "--log-level", "error"],
    ];
    for (const args of commands) {
      assertEquals(await runOnFullDisk(args), {
        code: 1,
        err: "talker: Cannot write to stdout: no space left on device\n",
      }, args.join(" "));
    }
  },
});
