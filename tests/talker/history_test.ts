import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feed } from "../../lib/talker/feed.ts";
import { FORMATS } from "../../lib/talker/format.ts";
import { History } from "../../lib/talker/history.ts";
import { encodeText } from "../../lib/wire/text.ts";

const origin = { prefix: "k.1.", server: "kitchen" };
const numberOf = (id: string) => Number(id.slice(origin.prefix.length));

function filled(history: History, count: number, text = (i: number) => `line ${i}`): void {
  const feed = new Feed(FORMATS[0]);
  for (let i = 1; i <= count; i++) {
    const bytes = encodeText(text(i));
    feed.append(encodeText("bob: "), bytes);
    const to = feed.tail.used - 2;
    history.add(
      origin,
      i,
      i * 1000,
      i * 1000,
      "bob",
      i % 2 === 0,
      feed.tail,
      to - bytes.length,
      to,
    );
  }
}

Deno.test("history: the last lines, the oldest first", () => {
  const history = new History();
  filled(history, 5);
  assertEquals(history.last(2, 0), [
    { id: "k.1.4", time: 4000, nick: "bob", server: "kitchen", kind: "action", text: "line 4" },
    { id: "k.1.5", time: 5000, nick: "bob", server: "kitchen", kind: "speech", text: "line 5" },
  ]);
  assertEquals(history.last(99, 0).length, 5);
  assertEquals(history.last(0, 0), []);
});

Deno.test("history: what came after a line, and how much of it is gone", () => {
  const history = new History(10);
  filled(history, 25);
  const after = (sequence: number, most = 100) => {
    const found = history.since(`k.1.${sequence}`, most, 0);
    return found === undefined
      ? undefined
      : { said: found.said.map((line) => numberOf(line.id)), missed: found.missed };
  };
  assertEquals(after(23), { said: [24, 25], missed: false });
  assertEquals(after(25), { said: [], missed: false });
  assertEquals(after(12), {
    said: [16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
    missed: true,
  });
  assertEquals(after(12, 2), { said: [24, 25], missed: true });
  assertEquals(after(26), undefined);
  assertEquals(after(-1), undefined);
});

Deno.test("history: lines grow old, and their numbers are not forgotten", () => {
  const history = new History(10, 1_000, 5_000);
  filled(history, 8);
  assertEquals(history.last(99, 8_000).map((line) => numberOf(line.id)), [3, 4, 5, 6, 7, 8]);
  assertEquals(history.last(99, 99_000), []);
  assertEquals(history.since("k.1.5", 99, 99_000), { said: [], missed: true });
  assertEquals(history.since("k.1.9", 99, 99_000), undefined);
});

Deno.test("history: bounded in lines and bytes, whatever comes", () => {
  fc.assert(fc.property(fc.array(fc.nat(40)), (lengths) => {
    const history = new History(7, 100);
    filled(history, lengths.length, (i) => "x".repeat(lengths[i - 1] as number));
    let bytes = 0, count = 0;
    for (
      let i = lengths.length - 1;
      i >= 0 && count < 7 && bytes + (lengths[i] as number) <= 100;
      i--
    ) {
      bytes += lengths[i] as number;
      count++;
    }
    assertEquals([history.size, history.bytes], [count, bytes]);
    assertEquals(
      history.last(99, 0).map((line) => line.text.length),
      lengths.slice(lengths.length - count),
    );
  }));
});

// Lines as SERVER NUMBER TIME; those in brackets are past.
function merged(history: History, lines: readonly string[], now = 1_000_000): string[] {
  const feed = new Feed(FORMATS[0]);
  for (const line of lines) {
    const [, open, server, number, time] = /^(\[?)(\w+) (\d+) (\d+)\]?$/.exec(line)!;
    feed.append(encodeText("bob: "), encodeText("x"));
    const to = feed.tail.used - 2;
    const origin = { prefix: `${server}.1.`, server: server! };
    const add = open === "[" ? "recall" : "add";
    history[add](origin, Number(number), Number(time), now, "bob", false, feed.tail, to - 1, to);
  }
  return shown(history);
}

const shown = (history: History) => history.last(99, 0).map(({ id }) => id.replace(".1.", ""));

Deno.test("history: what is past is among the rest by its time, one server's lines in their order", () => {
  const past = ["[a 1 10]", "[a 2 30]", "[a 3 50]", "[b 1 20]", "[b 2 40]", "[b 3 60]"];
  assertEquals(merged(new History(), past), ["a1", "b1", "a2", "b2", "a3", "b3"]);
  // What was heard when it was said stays where it was, whatever its clock says.
  const live = ["a 1 50", "b 1 10", "a 2 60"];
  assertEquals(merged(new History(), [...live, "[c 1 55]", "[c 2 5]", "[c 3 99]"]), [
    "a1",
    "b1",
    "c1",
    "c2",
    "a2",
    "c3",
  ]);
  // The beginning of what somebody said comes after its news.
  assertEquals(merged(new History(), ["a 3 10", "[a 1 20]", "[a 2 30]"]), ["a1", "a2", "a3"]);
});

Deno.test("history: what is past moves nothing behind a line that somebody saw last", () => {
  const history = new History();
  merged(history, ["a 1 10", "a 2 30", "[b 1 20]", "[b 2 40]", "a 3 50"]);
  const after = (id: string) => history.since(id, 99, 0)?.said.map(({ id }) => id);
  assertEquals(after("a.1.2"), ["b.1.2", "a.1.3"]);
  assertEquals(after("b.1.1"), ["a.1.2", "b.1.2", "a.1.3"]);
});

Deno.test("history: a ring that is full, with what is past in it, keeps all it should", () => {
  const history = new History(5, 1_000, 5_000);
  const live = Array.from({ length: 8 }, (_, i) => `a ${i + 1} ${10 * i + 10}`);
  assertEquals(merged(history, live, 1_000), ["a4", "a5", "a6", "a7", "a8"]);
  merged(history, ["[b 1 75]", "[b 2 78]"], 4_000);
  assertEquals(shown(history), ["a6", "a7", "b1", "b2", "a8"]);
  assertEquals(merged(history, ["[c 1 1]", "[c 2 2]", "[c 3 3]"], 4_000).slice(-4), [
    "a7",
    "b1",
    "b2",
    "a8",
  ]);
  merged(history, ["a 9 90", "a 10 100"], 4_000);
  assertEquals(shown(history), ["b1", "b2", "a8", "a9", "a10"]);
  // They grow old with the line that they stand before.
  assertEquals(history.last(99, 6_500).map(({ id }) => id), ["a.1.9", "a.1.10"]);
});

Deno.test("history: in any order of arrival, the past of many is in the order of time", () => {
  fc.assert(fc.property(fc.array(fc.nat(3), { maxLength: 60 }), fc.nat(30), (turns, lines) => {
    const said = turns.map((speaker, time) => ({ speaker, time }));
    const counts = [0, 0, 0, 0];
    const past = said.map(({ speaker, time }) => ({
      speaker,
      line: `[s${speaker} ${++counts[speaker]!} ${time}]`,
    })).sort((a, b) => a.speaker - b.speaker).map(({ line }) => line);
    const history = new History(lines + 60);
    merged(history, past);
    const times = history.last(99, 0).map(({ time }) => time);
    assertEquals(times, said.map(({ time }) => time));
  }));
});
