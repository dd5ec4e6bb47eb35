import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ChildEnd, childFailure, runChild } from "../../commands/child.ts";
import { within } from "../support/line_client.ts";

const CAPTURE = { timeoutMs: 20_000, output: { limit: 100_000 } } as const;

function stdoutOf(end: ChildEnd): string {
  if (end.is !== "exited") throw new Error(`It ended as ${end.is}`);
  return end.stdout;
}

/** Resolves when no process has this argument any more. */
async function gone(argument: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  const list = async () => {
    const { stdout } = await new Deno.Command("ps", { args: ["-eo", "args"] }).output();
    return new TextDecoder().decode(stdout).split("\n");
  };
  while ((await list()).some((line) => line.trim() === `sleep ${argument}`)) {
    if (performance.now() > deadline) throw new Error(`sleep ${argument} still runs`);
  }
}

Deno.test("Text on stdin and in the environment stays text", async () => {
  const nasty = `"; touch /tmp/owned; $(reboot) \`id\` '\\ %s ü\n`;
  const end = await runChild('cat; printf %s "$TALKER_TEXT"', {
    ...CAPTURE,
    input: nasty,
    env: { TALKER_TEXT: nasty },
  });
  assertEquals(end, { is: "exited", code: 0, stdout: nasty + nasty });
});

Deno.test("The secret is not passed on, the rest of the environment is", async () => {
  Deno.env.set("TALKER_SECRET", "hush");
  Deno.env.set("TALKER_OTHER", "told");
  const end = await runChild("env", CAPTURE);
  Deno.env.delete("TALKER_SECRET");
  Deno.env.delete("TALKER_OTHER");
  const all = stdoutOf(end);
  assertMatch(all, /^TALKER_OTHER=told$/m);
  assert(!all.includes("TALKER_SECRET") && !all.includes("hush"), all);
});

Deno.test("What does not read its stdin is no trouble, however much there is", async () => {
  const end = await runChild("exit 3", { ...CAPTURE, input: "x".repeat(1_000_000) });
  assertEquals(end, { is: "exited", code: 3, stdout: "" });
  assertEquals(childFailure(end, 1), "it exited with 3");
});

Deno.test("What takes too long is ended, with what it started", async () => {
  const end = await within(
    runChild("sleep 9731 & sleep 9731", { ...CAPTURE, timeoutMs: 200 }),
    "the end",
  );
  assertEquals(end, { is: "timeout" });
  assertEquals(childFailure(end, 200), "it was ended after 0.2 s");
  await gone("9731");
});

Deno.test("What does not heed the signal is killed", async () => {
  const command = "trap '' TERM; sleep 9732 & sleep 9732; sleep 9732";
  const end = await within(runChild(command, { ...CAPTURE, timeoutMs: 200 }), "the end");
  assertEquals(end, { is: "timeout" });
  await gone("9732");
});

Deno.test("It is stopped by the signal; one that comes before, and nothing runs", async () => {
  const stop = new AbortController();
  const running = runChild("sleep 9733", { ...CAPTURE, signal: stop.signal });
  stop.abort();
  assertEquals(await within(running, "the end"), { is: "stopped" });
  await gone("9733");
  assertEquals(await runChild("true", { ...CAPTURE, signal: stop.signal }), { is: "stopped" });
});

Deno.test("Who prints too much is ended", async () => {
  const end = await within(runChild("yes", { ...CAPTURE, output: { limit: 1000 } }), "the end");
  assertEquals(end, { is: "too much" });
});

Deno.test("What it left running does not hold up the answer", async () => {
  const end = await within(runChild("echo hi; sleep 9734 & echo $!", CAPTURE), "the end", 10_000);
  const [hi, pid] = stdoutOf(end).split("\n");
  assertEquals(hi, "hi");
  await runChild(`kill ${pid}`, CAPTURE);
});

Deno.test("What can't be run says why", async () => {
  const end = await runChild("true", { ...CAPTURE, env: { TALKER_TEXT: "x".repeat(200_000) } });
  assertEquals(end.is, "failed");
  assertMatch(childFailure(end, 1) ?? "", /^it could not be run: ./);
  assertEquals(childFailure({ is: "exited", code: 0, stdout: "" }, 1), undefined);
});

Deno.test("With the permission for sh alone it works, and ends all that was started", async () => {
  const child = new URL("../../commands/child.ts", import.meta.url);
  const program = `import { runChild } from ${JSON.stringify(child.href)};
    const options = { timeoutMs: 200, output: { limit: 1000 } };
    console.log(JSON.stringify([
      await runChild("echo $TALKER_TEXT", { ...options, timeoutMs: 10_000, env: { TALKER_TEXT: "hi" } }),
      await runChild("sleep 9735 & sleep 9735", options),
    ]));`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--config", config, "--allow-env", "--allow-run=sh", file],
    env: { LD_LIBRARY_PATH: "/nowhere" },
  });
  const { stdout, stderr } = await within(command.output(), "the end", 20_000);
  await Deno.remove(file);
  const text = new TextDecoder().decode(stdout);
  assertEquals(
    text === "" ? new TextDecoder().decode(stderr) : JSON.parse(text),
    [{ is: "exited", code: 0, stdout: "hi\n" }, { is: "timeout" }],
  );
  await gone("9735");
});
