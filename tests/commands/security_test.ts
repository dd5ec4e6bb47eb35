/** The secrets of a command follow their file, whatever happens on the way. */

import { assertEquals } from "@std/assert";
import { Secrets } from "../../commands/security.ts";
import type { Io } from "../../lib/cli/io.ts";
import { decodeText, encodeText } from "../../lib/wire/text.ts";

/** A secret file, and stretching in the hands of the test. */
class Following implements AsyncDisposable {
  /** What is being stretched now, in its order. */
  readonly stretching: { text: string; done: () => void; fails: () => void }[] = [];
  #wake = () => {};

  private constructor(readonly file: string) {}

  static async of(text: string): Promise<[Following, Secrets]> {
    const following = new Following(await Deno.makeTempFile());
    await following.writes(text);
    const io = { env: () => undefined } as unknown as Io;
    const flags = { secretFile: following.file, encrypted: false };
    const opening = Secrets.open(flags, io, following.stretch);
    (await following.next()).done();
    return [following, (await opening)!];
  }

  async writes(text: string): Promise<void> {
    await Deno.writeTextFile(this.file, `${text}\n`);
  }

  readonly stretch = (text: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const done = () => resolve(encodeText(text));
    this.stretching.push({ text, done, fails: () => reject(new Error("No memory")) });
    this.#wake();
    return promise;
  };

  /** The next that is stretched. */
  async next() {
    while (this.stretching.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.stretching.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.file);
  }
}

function now(secrets: Secrets): string[] {
  return secrets.current().map((bytes) => decodeText(bytes));
}

Deno.test("secrets: what could not be stretched is tried again", async () => {
  const [following, secrets] = await Following.of("first secret");
  await using _file = following;
  await following.writes("second secret");
  for (const attempt of ["fails", "fails", "done"] as const) {
    const looked = secrets.look();
    (await following.next())[attempt]();
    await looked;
    assertEquals(now(secrets), [attempt === "done" ? "second secret" : "first secret"]);
  }
  await secrets.look();
  assertEquals(following.stretching, [], "it has not changed");
});

Deno.test("secrets: what is in the file last is taken, however long the one before takes", async () => {
  const [following, secrets] = await Following.of("first secret");
  await using _file = following;
  await following.writes("second secret");
  const before = secrets.look();
  const second = await following.next();
  await following.writes("third secret");
  let looked = 0;
  const after = [secrets.look(), secrets.look()].map((look) => look.then(() => looked++));
  // As long as another look would need.
  for (let i = 0; i < 20; i++) await Deno.readTextFile(following.file);
  assertEquals(following.stretching, [], "one after the other");
  second.done();
  await before;
  assertEquals([now(secrets), looked], [["second secret"], 0]);
  const third = await following.next();
  assertEquals(third.text, "third secret");
  third.done();
  await Promise.all(after);
  assertEquals(now(secrets), ["third secret"]);
  assertEquals(following.stretching, [], "both looks were one");
});
