/** What a programmer sees who has set up no log: on stderr. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { stderr } from "node:process";
import {
  AskError,
  connect,
  defineMessage,
  handle,
  listen,
  type RawSession,
  text,
} from "../../lib/mod.ts";
import { eventually } from "../support/messaging.ts";

const Ask = defineMessage("ask", text, { reply: text });
const Unknown = defineMessage("unknown", text);

/** What is written to stderr while it runs, without the traces of the stack. */
async function told(run: (said: readonly string[]) => Promise<void>): Promise<string[]> {
  const { write } = stderr;
  const said: string[] = [];
  stderr.write = ((text: string) => {
    said.push(text);
    return true;
  }) as typeof write;
  try {
    await run(said);
  } finally {
    stderr.write = write;
  }
  return said.map((text) => text.replace(/\n[^]*/, ""));
}

Deno.test("told: errors in a program's own functions, with where they are", async () => {
  const fail = (where: string) => {
    throw new Error(`in ${where}\x1b[31m`);
  };
  let whole = "";
  const lines = await told(async (said) => {
    await using server = await listen("127.0.0.1:0", {
      handlers: [handle(Ask, () => fail("the handler"))],
      onEvent: ({ type }) => type === "accepted" ? fail("onEvent") : undefined,
    });
    await using session = await connect(server.address);
    await assertRejects(() => session.ask(Ask, "x"), AskError, 'The program there failed at "ask"');
    await using raw = await listen("127.0.0.1:0", {
      raw: "bytes",
      session: () => fail("the function"),
    });
    await (await connect(raw.address, { raw: "bytes" })).ended;
    class Visitor {
      constructor(_session: RawSession) {
        fail("the class");
      }
    }
    await using other = await listen("127.0.0.1:0", { raw: "bytes", session: Visitor });
    await (await connect(other.address, { raw: "bytes" })).ended;
    whole = said.join("");
  });
  assertEquals(lines, [
    "talker: onEvent failed: Error: in onEvent[31m",
    'talker: The handler of "ask" failed: Error: in the handler[31m',
    "talker: A session failed: Error: in the function[31m",
    "talker: A session failed: Error: in the class[31m",
  ]);
  assertMatch(whole, /\n +at .*told_test\.ts/);
});

Deno.test("told: a message without an answer that the other side refuses, but not for ever", async () => {
  const refusal = 'does not take a message: No message called "unknown" is registered here';
  const lines = await told(async (said) => {
    await using server = await listen("127.0.0.1:0", { handlers: [handle(Ask, (it) => it)] });
    await using session = await connect(server.address);
    await session.tell(Unknown, "x");
    await eventually("it is told", () => said.length === 1);
    for (let i = 0; i < 50; i++) await session.tell(Unknown, "x");
    await session.ask(Ask, "the refusals are here before the answer");
  });
  assertEquals(lines.length, 16);
  assertEquals(lines.every((line) => line.endsWith(refusal)), true, lines[0]);
});
