import { assertEquals } from "@std/assert";
import { type Answer, AnswerQueue } from "../../lib/talker/answerer.ts";
import { MAX_ANSWER_BYTES } from "../../lib/wire/limits.ts";
import { Room } from "../support/talker_room.ts";

const ask = (text: string) => ({ nick: "bob", server: "kitchen", text });

/** An answerer whose answers come when the test says so. */
function held() {
  const started: string[] = [];
  const release = new Map<string, (answer: Answer) => void>();
  const run = ({ text }: { text: string }) =>
    new Promise<Answer>((resolve) => {
      started.push(text);
      release.set(text, resolve);
    });
  return { started, run, answer: (text: string) => release.get(text)!({ text: `${text}!` }) };
}

Deno.test("questions: some at a time, the others in their order, and no more than some wait", async () => {
  const { started, run, answer } = held();
  const queue = new AnswerQueue(run, { atOnce: 2, waiting: 2 });
  const answers = ["a", "b", "c", "d"].map((text) => queue.answer(ask(text)));
  assertEquals(started, ["a", "b"]);
  assertEquals(await queue.answer(ask("e")), {
    error: "busy",
    text: "4 questions wait already: ask again later",
  });
  answer("b");
  assertEquals(await answers[1], { text: "b!" });
  assertEquals(started, ["a", "b", "c"]);
  answer("a");
  assertEquals(await answers[0], { text: "a!" });
  assertEquals(started, ["a", "b", "c", "d"]);
  answer("c");
  answer("d");
  await Promise.all(answers);
  assertEquals(queue.pending, 0);
  const again = queue.answer(ask("f"));
  assertEquals(started.at(-1), "f");
  answer("f");
  await again;
});

Deno.test("questions: one whose turn doesn't come is given up, and takes no place", async () => {
  const { started, run, answer } = held();
  const queue = new AnswerQueue(run, { atOnce: 1, patience: 1 });
  const first = queue.answer(ask("a"));
  assertEquals(await queue.answer(ask("b")), {
    error: "timeout",
    text: "Its turn did not come in time: too much is asked",
  });
  answer("a");
  await first;
  assertEquals([started, queue.pending], [["a"], 0]);
});

Deno.test("questions: an answerer that throws fails that question alone", async () => {
  const queue = new AnswerQueue(() => Promise.reject(new Error("The motor is hot")), { atOnce: 1 });
  assertEquals(await queue.answer(ask("a")), { error: "failed", text: "The motor is hot" });
  assertEquals(await queue.answer(ask("b")), { error: "failed", text: "The motor is hot" });
});

Deno.test("questions: an answer that is too long is none", async () => {
  const queue = new AnswerQueue(({ text }) => Promise.resolve({ text }));
  const most = "ä".repeat(MAX_ANSWER_BYTES / 2);
  assertEquals(await queue.answer(ask(most)), { text: most });
  assertEquals(await queue.answer(ask(`${most}x`)), {
    error: "failed",
    text: `The answer has ${MAX_ANSWER_BYTES + 1} bytes: at most ${MAX_ANSWER_BYTES} are sent`,
  });
});

Deno.test("/ask: answered by lines, without control characters", async () => {
  const room = new Room();
  const bob = room.client("bob");
  room.talker.answerer = {
    answer: ({ nick, server, text }) =>
      Promise.resolve({ text: `${nick}@${server} ${text}\r\n\x1b[2Jdone\n` }),
  };
  assertEquals(bob.say("@1 /ask LEFT 0.5"), []);
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(bob.got(), ["@1 bob@kitchen LEFT 0.5", "@1 [2Jdone", "@1 ok"]);
});

Deno.test("/ask: nobody answers here, no such server, no text", async () => {
  const room = new Room();
  const bob = room.client("bob");
  bob.got();
  const asked = async (line: string) => {
    bob.say(line);
    await new Promise((resolve) => setTimeout(resolve));
    return bob.got().filter((line) => line.startsWith("@"));
  };
  assertEquals(await asked("@1 /ask hello"), [
    "@1 error not-found kitchen answers no questions (talker server --answer CMD)",
  ]);
  assertEquals(await asked("@1 /ask @attic hello"), [
    "@1 error not-found No server called attic: /reachable lists them",
  ]);
  assertEquals(await asked("@1 /ask @KITCHEN hello"), [
    "@1 error not-found kitchen answers no questions (talker server --answer CMD)",
  ]);
  for (const line of ["@1 /ask", "@1 /ask @attic"]) {
    assertEquals((await asked(line))[0]?.slice(0, 14), "@1 error usage");
  }
});

Deno.test("questions: askers take turns, and who has many makes room for who has few", async () => {
  const { started, run, answer } = held();
  const queue = new AnswerQueue(run, { atOnce: 1, waiting: 3 });
  const from = (nick: string, text: string) => queue.answer({ nick, server: "kitchen", text });
  const eve = ["e1", "e2", "e3", "e4"].map((text) => from("eve", text));
  assertEquals(started, ["e1"]);
  const bob = from("bob", "b1");
  assertEquals(await eve[3], {
    error: "busy",
    text: "4 questions wait already: ask again later",
  });
  const ann = from("ann", "a1");
  assertEquals("error" in await eve[2]!, true);
  // Each has one now: nobody makes room.
  assertEquals("error" in await from("joe", "j1"), true);
  for (const text of ["e1", "e2", "b1", "a1"]) {
    assertEquals(started.at(-1), text);
    answer(text);
    await new Promise((resolve) => setTimeout(resolve));
  }
  await Promise.all([...eve, bob, ann]);
  assertEquals(queue.pending, 0);

  const two = new AnswerQueue(run, { atOnce: 2, waiting: 10 });
  started.length = 0;
  const all = ["e5", "e6", "e7", "e8"].map((text) => (
    two.answer({ nick: "eve", server: "kitchen", text })
  ));
  all.push(two.answer({ nick: "bob", server: "kitchen", text: "b2" }));
  assertEquals(started, ["e5", "e6"]);
  answer("e5");
  await all[0];
  assertEquals(started, ["e5", "e6", "b2"], "eve is worked for already, bob isn't");
  for (const text of ["e6", "b2", "e7", "e8"]) {
    answer(text);
    await new Promise((resolve) => setTimeout(resolve));
  }
  await Promise.all(all);
});
