import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feed, SEGMENT_BYTES } from "../../lib/talker/feed.ts";
import { encodeRecord, FORMATS } from "../../lib/talker/format.ts";
import { Outbox } from "../../lib/talker/outbox.ts";
import { decodeText, encodeText } from "../../lib/wire/text.ts";

const notice = { lossNotice: (lost: number) => encodeText(`<lost ${lost}>\r\n`) };
const NOTHING = new Uint8Array(0);

function append(feed: Feed, text: string): void {
  feed.append(NOTHING, encodeText(text));
}

function takeAll(outbox: Outbox): string {
  let out = "";
  for (let bytes = outbox.take(notice); bytes !== undefined; bytes = outbox.take(notice)) {
    assert(bytes.length > 0, "an empty piece would be an empty write");
    out += decodeText(bytes);
  }
  assert(outbox.empty);
  assertEquals(outbox.queued, 0);
  return out;
}

Deno.test("outbox: what was in the feed before is not read", () => {
  const feed = new Feed(FORMATS[0]);
  append(feed, "before");
  const outbox = new Outbox(feed);
  assert(outbox.empty);
  append(feed, "after");
  assertEquals(takeAll(outbox), "after\r\n");
});

Deno.test("outbox: private pieces stand where they were pushed", () => {
  const feed = new Feed(FORMATS[0]);
  const outbox = new Outbox(feed);
  outbox.push(encodeText("<1>"));
  append(feed, "a");
  outbox.push(encodeText("<2>"));
  outbox.push(encodeText("<3>"));
  append(feed, "b");
  assertEquals(outbox.queued, 9 + 6);
  assertEquals(takeAll(outbox), "<1>a\r\n<2><3>b\r\n");
});

Deno.test("outbox: readers at the same place share one view", () => {
  const feed = new Feed(FORMATS[0]);
  const readers = [new Outbox(feed), new Outbox(feed), new Outbox(feed)];
  append(feed, "a");
  const views = readers.map((outbox) => outbox.take(notice));
  assert(views[0] !== undefined && views[0] === views[1] && views[1] === views[2]);
});

Deno.test("outbox: a reader's view stays as it was while the feed goes on", () => {
  const feed = new Feed(FORMATS[0]);
  const outbox = new Outbox(feed);
  append(feed, "a");
  const view = outbox.take(notice) as Uint8Array;
  append(feed, "b");
  assertEquals(decodeText(view), "a\r\n");
  assertEquals(takeAll(outbox), "b\r\n");
});

Deno.test("outbox: the oldest are dropped, whole segments, and counted", () => {
  for (const format of [FORMATS[0], FORMATS[2]]) {
    const feed = new Feed(format);
    const outbox = new Outbox(feed);
    const line = "x".repeat(1000);
    for (let i = 0; i < 1000; i++) {
      append(feed, `#${i} ${line}`);
      if (i === 10) outbox.push(encodeRecord(format, "mine"));
      if (i === 20) outbox.take(notice); // Dropping begins in the middle of a segment.
    }
    outbox.dropOldest(3 * SEGMENT_BYTES);
    assert(outbox.queued <= 3 * SEGMENT_BYTES && outbox.queued > 2 * SEGMENT_BYTES);
    const lost = outbox.lost;
    const out = takeAll(outbox);
    const numbers = [...out.matchAll(/#(\d+) xxx/g)].map((match) => Number(match[1]));
    assertEquals(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => 1000 - numbers.length + i),
    );
    assertEquals(lost + numbers.length + 21, 1000);
    assert(out.startsWith(`<lost ${lost}>`));
  }
});

Deno.test("outbox: what is for this client alone is never dropped", () => {
  const feed = new Feed(FORMATS[0]);
  const outbox = new Outbox(feed);
  for (let i = 0; i < 500; i++) {
    append(feed, "x".repeat(1000));
    outbox.push(encodeText(`<${i}>`));
  }
  outbox.dropOldest(SEGMENT_BYTES);
  const privates = [...takeAll(outbox).matchAll(/<(\d+)>/g)].map((match) => Number(match[1]));
  assertEquals(privates, Array.from({ length: 500 }, (_, i) => i));
});

Deno.test("outbox: dropping goes on behind a change of feed", () => {
  const text = new Feed(FORMATS[0]), json = new Feed(FORMATS[1]);
  const outbox = new Outbox(text);
  for (let i = 0; i < 200; i++) append(text, `t${i} ${"x".repeat(1000)}`);
  outbox.push(encodeText("<mine>"));
  outbox.read(json);
  for (let i = 0; i < 200; i++) append(json, `j${i} ${"x".repeat(1000)}`);
  outbox.dropOldest(SEGMENT_BYTES);
  const lost = outbox.lost;
  const out = takeAll(outbox);
  assertEquals(out.match(/t\d+ /g), null);
  assert(out.includes("<mine>"));
  assertEquals(lost, 400 - (out.match(/j\d+ /g)?.length ?? 0));
});

Deno.test("outbox: segments nobody reads any more are let go", () => {
  const feed = new Feed(FORMATS[0]);
  const first = new WeakRef(feed.tail);
  const outbox = new Outbox(feed);
  for (let i = 0; i < 600; i++) append(feed, "x".repeat(1000));
  takeAll(outbox);
  // Whether it is collected is the engine's business; that nothing leads to it is ours.
  assert(feed.tail !== first.deref());
  assert(feed.tail.start > 0 && feed.tail.next === undefined);
});

type Step =
  | { do: "append"; feed: 0 | 1; text: string }
  | { do: "push"; text: string }
  | { do: "skip" }
  | { do: "read"; feed: 0 | 1 | undefined }
  | { do: "take" };

const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 9 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("append"), feed: fc.constantFrom(0, 1), text }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("push"), text }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("skip") }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("read"), feed: fc.constantFrom(0, 1, undefined) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("take") }) },
) as fc.Arbitrary<Step>;

Deno.test("outbox: behaves as a plain queue of what each client is to get", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const feeds = [new Feed(FORMATS[0]), new Feed(FORMATS[1])] as const;
      const outbox = new Outbox(feeds[0]);
      let reading: 0 | 1 | undefined = 0;
      const model: string[] = [];
      let out = "";
      let skippable = false; // The last thing appended to the feed that is read may be skipped, once.
      for (const one of steps) {
        if (one.do === "append") {
          append(feeds[one.feed], one.text);
          if (one.feed === reading) {
            model.push(`${one.text}\r\n`);
            skippable = true;
          }
          continue;
        }
        if (one.do === "push") {
          outbox.push(encodeText(`<${one.text}>`));
          model.push(`<${one.text}>`);
        } else if (one.do === "skip" && skippable) {
          outbox.skipLast(encodeText(model.pop() as string).length);
        } else if (one.do === "read") {
          outbox.read(one.feed === undefined ? undefined : feeds[one.feed]);
          reading = one.feed;
        } else if (one.do === "take") {
          const bytes = outbox.take(notice);
          if (bytes !== undefined) out += decodeText(bytes);
        }
        skippable = false;
      }
      const waiting = model.join("").length - out.length;
      assertEquals(
        outbox.queued >= waiting,
        true,
        "skipped bytes may be counted, nothing is missed",
      );
      for (let bytes = outbox.take(notice); bytes; bytes = outbox.take(notice)) {
        out += decodeText(bytes);
      }
      assertEquals(out, model.join(""));
      assertEquals(feeds[0].readers + feeds[1].readers, reading === undefined ? 0 : 1);
      outbox.close();
      assertEquals(feeds[0].readers + feeds[1].readers, 0);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("outbox: text and bytes of all sizes come out in their order, however they are put together", () => {
  const text = fc.oneof(
    fc.string({ minLength: 1, maxLength: 80 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    fc.integer({ min: 900, max: 20_000 }).map((length) => "x".repeat(length)),
    fc.integer({ min: 300, max: 1_100 }).map((length) => "€".repeat(length)),
  );
  const step = fc.oneof(
    fc.record({ push: text }),
    fc.record({ pushText: text }),
    fc.record({ append: fc.constant("said") }),
    fc.record({ take: fc.constant(true) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const feed = new Feed(FORMATS[0]);
    const outbox = new Outbox(feed);
    let wanted = "", out = "", privately = 0, pieces = 0;
    for (const one of steps) {
      if ("push" in one || "pushText" in one) {
        const text = "push" in one ? one.push : one.pushText;
        if ("push" in one) outbox.push(encodeText(text));
        else outbox.pushText(text);
        // Half of a character that stands alone is no text.
        wanted += decodeText(encodeText(text));
        privately += encodeText(text).length;
        pieces++;
      } else if ("append" in one) {
        append(feed, one.append);
        wanted += "said\r\n";
      } else {
        out += takeAll(outbox);
        privately = pieces = 0;
      }
      assertEquals([outbox.privateBytes, outbox.pieces], [privately, pieces]);
    }
    out += takeAll(outbox);
    assertEquals(out, wanted);
  }));
});
