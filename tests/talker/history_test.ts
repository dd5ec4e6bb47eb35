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
