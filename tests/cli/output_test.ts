import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { QueuedOutput } from "../../lib/cli/output.ts";

/** A sink that takes a few bytes at a time, and only when it is let. */
function slowSink(portion: number) {
  const taken: number[] = [];
  let writes = 0;
  let gate = Promise.withResolvers<void>();
  return {
    text: () => new TextDecoder().decode(new Uint8Array(taken)),
    writes: () => writes,
    open: () => gate.resolve(),
    shut: () => gate = Promise.withResolvers<void>(),
    async write(bytes: Uint8Array): Promise<number> {
      writes++;
      await gate.promise;
      taken.push(...bytes.subarray(0, portion));
      return Math.min(portion, bytes.length);
    },
  };
}

Deno.test("What is written comes out whole and in order, however little a write takes", async () => {
  const sink = slowSink(3);
  sink.open();
  const output = new QueuedOutput(sink);
  output.write("first line\n");
  output.write("zweite Zeile: äöü€🦕\n");
  await output.flush();
  output.write("third\n");
  await output.flush();
  assertEquals(sink.text(), "first line\nzweite Zeile: äöü€🦕\nthird\n");
  assertEquals(output.queued, 0);
});

Deno.test("What is written in one turn goes out in one piece", async () => {
  const sink = slowSink(1000);
  sink.open();
  const output = new QueuedOutput(sink);
  for (let i = 0; i < 100; i++) output.write("line\n");
  await output.flush();
  assertEquals(sink.writes(), 1);
});

Deno.test("Above its limit lines are dropped, and their number is told", async () => {
  const sink = slowSink(1000);
  const output = new QueuedOutput(sink, { limit: 20 });
  for (let i = 0; i < 10; i++) output.write("0123456789\n");
  assert(output.queued <= 31);
  sink.open();
  await output.flush();
  output.write("again\n");
  await output.flush();
  assertStringIncludes(sink.text(), "… 8 lines dropped");
  assertStringIncludes(sink.text(), "again\n");
});

Deno.test("A reader that has gone closes the output, once and without a throw", async () => {
  const errors: unknown[] = [];
  const output = new QueuedOutput({
    write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")),
  }, { onError: (error) => errors.push(error) });
  output.write("x");
  await output.flush();
  output.write("y");
  await output.flush();
  assertEquals(errors.length, 1);
  assert(output.closed);
  assertEquals([output.queued, output.failure], [0, undefined]);
});

Deno.test("An output that fails is closed, too, and tells why; a terminal has just gone", async () => {
  const full = new Error("No space left on device (os error 28)");
  const sink = { write: () => Promise.reject(full) };
  const output = new QueuedOutput(sink);
  output.write("x");
  await output.flush();
  assertEquals([output.closed, output.failure], [true, full]);
  const terminal = new QueuedOutput(sink, { isTerminal: true });
  terminal.write("x");
  await terminal.flush();
  assertEquals([terminal.closed, terminal.failure], [true, undefined]);
});
