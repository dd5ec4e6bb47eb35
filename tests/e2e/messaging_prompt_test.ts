/** The simple functions as beginners use them: short programs, a prompt, programs that come and go. */

import { assert, assertEquals } from "@std/assert";
import { Example, LIBRARY } from "../support/example.ts";
import { freePort } from "../support/messaging.ts";

const address = () => JSON.stringify(`127.0.0.1:${freePort()}`);

Deno.test("prompt: programs that have nothing more to do end by themselves", async () => {
  const at = address();
  await using waiter = Example.lines(`
    const request = await t.waitForMessage(${at});
    await request.reply("Hello, " + request.message);
    console.log(await t.waitForCommand(${at}));
    await t.publishNews(${at}, "done", 1);`);
  await using sender = Example.lines(`
    console.log(await t.sendMessage(${at}, "World"));
    const news = t.waitForNews(${at}, "done");
    console.log(await t.sendCommand(${at}, "LEFT 0.5"));
    console.log((await news).data);`);
  assertEquals(await sender.ended(), { code: 0, out: ["Hello, World", "true", "1"], err: [] });
  assertEquals(await waiter.ended(), { code: 0, out: ['[ "LEFT", "0.5" ]'], err: [] });
});

Deno.test("prompt: a reply is not lost when the program exits right after it", async () => {
  const at = address();
  await using _waiter = Example.lines(`
    const request = await t.waitForMessage(${at});
    await request.reply("bye");
    Deno.exit(0);`);
  await using sender = Example.lines(`console.log(await t.sendMessage(${at}, "quick"));`);
  assertEquals((await sender.ended()).out, ["bye"]);
});

Deno.test("prompt: what fails softly is told on stderr and gives null; what can't work throws", async () => {
  const at = address();
  await using soft = Example.lines(`console.log(await t.sendMessage(${at}, 1, { wait: 1_000 }));`);
  const { code, out, err } = await soft.ended();
  assertEquals([code, out], [0, ["null"]]);
  assert(/^talker: No reply from .* within 1 s: .*nobody listens there$/.test(err[0]!), err[0]);
  await using hard = Example.lines(`await t.sendMessage(${at}, { when: Symbol("now") });`);
  const end = await hard.ended();
  assertEquals(end.code, 1);
  assert(end.err.join("\n").includes("Cannot send Symbol(now) at when"), end.err.join("\n"));
});

Deno.test("prompt: the receiver is killed with a request in its hands; its successor answers", async () => {
  const at = address();
  await using first = Example.lines(`
    console.log((await t.waitForMessage(${at})).message);
    await new Promise(() => setTimeout(() => {}, 60_000));`);
  await using sender = Example.lines(`console.log(await t.sendMessage(${at}, "are you there?"));`);
  await first.stdout.next("are you there?");
  first.kill();
  await using _second = Example.lines(`
    await (await t.waitForMessage(${at})).reply("yes");`);
  assertEquals((await sender.ended()).out, ["yes"]);
});

Deno.test("prompt: a program that was held up for long goes on; nothing is done twice", async () => {
  const at = address();
  await using waiter = Example.lines(`
    for (let i = 0; i < 2; i++) {
      const request = await t.waitForMessage(${at});
      console.log(request.message);
      await request.reply(request.message);
    }
    console.log(await t.waitForMessage(${at}, { wait: 300 }));`);
  // Longer than it takes to be taken for gone.
  await using sender = Example.lines(`
    console.log(await t.sendMessage(${at}, 1));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6_000);
    console.log(await t.sendMessage(${at}, 2));`);
  assertEquals(await sender.ended(), { code: 0, out: ["1", "2"], err: [] });
  assertEquals((await waiter.ended()).out, ["1", "2", "null"]);
});

Deno.test("prompt: line by line in deno repl", async () => {
  const at = address();
  await using waiter = Example.lines(`await (await t.waitForMessage(${at})).reply("from afar");`);
  await using prompt = Example.prompt();
  await prompt.type(`import { sendMessage } from ${LIBRARY};`);
  await prompt.type(`await sendMessage(${at}, "hello")`);
  await prompt.stdout.next(/from afar/);
  await prompt.type('await sendMessage("nowhere", 1)');
  await prompt.stdout.next(/discover\("nowhere"\)/).catch(() => prompt.stderr.next(/discover/));
  await prompt.endInput();
  assertEquals((await prompt.ended()).code, 0);
  await waiter.ended();
});
