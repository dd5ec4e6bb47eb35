/** The turntable of examples/turntable_shell: three shell scripts and the executable. */

import { assertEquals } from "@std/assert";
import { Lines, within } from "../support/line_client.ts";
import { pump, talkerCommand, TEST_ENV } from "../support/server.ts";

const FOLDER = new URL("../../examples/turntable_shell/", import.meta.url).pathname;

/** One of the scripts, running. */
class Script implements AsyncDisposable {
  readonly out = new Lines("lf");
  readonly err = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #over = false;

  constructor(name: string, turntable: string) {
    this.#child = new Deno.Command("sh", {
      args: [`${FOLDER}${name}.sh`, turntable],
      // This server is to be found.
      env: { ...TEST_ENV, TALKER_NO_ADVERTISE: "", TALKER: talkerCommand().join(" ") },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    void pump(this.#child.stdout, this.out);
    void pump(this.#child.stderr, this.err);
    void this.#child.status.then(() => this.#over = true);
  }

  /** Types all its input. */
  async type(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
    await this.#stdin.close();
  }

  async ended(): Promise<{ code: number; out: string[] }> {
    const { code } = await within(this.#child.status, "the end of the script");
    return { code, out: await this.out.rest() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#stdin.abort().catch(() => {});
  }
}

/** A game, in which these are hit. */
async function play(
  controller: Script,
  start: (script: string) => Script,
  targets: readonly number[],
): Promise<void> {
  assertEquals(await controller.out.next(), "The motor turns at 0.5");
  const detector = start("detector");
  await detector.type(targets.map((target) => `${target}\n`).join(""));
  assertEquals((await detector.ended()).code, 0);
  let points = 0;
  const hits = targets.map((target) => `Target ${target} was hit: ${points += target} points`);
  assertEquals(await controller.ended(), { code: 0, out: [...hits, "The motor stops"] });
}

for (const first of ["turntable", "controller"]) {
  Deno.test(`the turntable in the shell, the ${first} first`, async () => {
    const name = `test-${crypto.randomUUID().slice(0, 8)}`;
    await using stack = new AsyncDisposableStack();
    const start = (script: string) => stack.use(new Script(script, name));
    const early = start(first);
    if (first === "turntable") await early.out.next(/ listening on /);
    const controller = first === "controller" ? early : start("controller");
    const turntable = first === "turntable" ? early : start("turntable");
    if (first === "controller") await turntable.out.next(/ listening on /);
    await play(controller, start, [3, 1, 4]);
    // The hits of the first game don't count in the second, those before it is waited for do.
    await play(start("controller"), start, [1, 5, 9]);
  });
}
