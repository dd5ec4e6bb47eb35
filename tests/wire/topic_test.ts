import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PatternIndex } from "../../lib/notify/pattern_index.ts";
import { matches, parsePattern, parseTopic } from "../../lib/wire/topic.ts";
import { MAX_TOPIC_CHARACTERS, MAX_TOPIC_LEVELS } from "../../lib/wire/limits.ts";

const LEVEL = fc.constantFrom("a", "b", "c", "door");
const TOPIC = fc.array(LEVEL, { minLength: 1, maxLength: 5 }).map((levels) => levels.join("/"));
const PATTERN = fc.tuple(
  fc.array(fc.oneof(LEVEL, fc.constant("*")), { maxLength: 5 }),
  fc.boolean(),
).filter(([levels, open]) => open || levels.length > 0)
  .map(([levels, open]) => [...levels, ...open ? ["**"] : []].join("/"));

/** A pattern as a regular expression: the naive truth. */
function asRegExp(pattern: string): RegExp {
  const levels = pattern.split("/");
  const open = levels.at(-1) === "**";
  if (open) levels.pop();
  const fixed = levels.map((level) => level === "*" ? "[^/]+" : level).join("/");
  if (!open) return new RegExp(`^${fixed}$`);
  return levels.length === 0 ? /^/ : new RegExp(`^${fixed}(/|$)`);
}

Deno.test("topic: what is one", () => {
  for (const topic of ["hits", "door/front", "a.b/c-d/e_f", "tür/größe", "1/2/3"]) {
    assertEquals(parseTopic(topic), topic);
    assertEquals(parsePattern(topic), topic);
  }
  const long = "a".repeat(MAX_TOPIC_CHARACTERS);
  assertEquals(parseTopic(long), long);
  const deep = Array(MAX_TOPIC_LEVELS).fill("a").join("/");
  assertEquals(parseTopic(deep), deep);
});

Deno.test("topic: what is none", () => {
  const wrong = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "a b",
    "a/*",
    "*",
    "**",
    "a\tb",
    "a+b",
    "#",
    "a\u{1f600}",
  ];
  wrong.push("a".repeat(MAX_TOPIC_CHARACTERS + 1));
  wrong.push(Array(MAX_TOPIC_LEVELS + 1).fill("a").join("/"));
  wrong.push(Array(MAX_TOPIC_LEVELS + 1).fill("ä").join("/"));
  for (const topic of wrong) assertEquals(parseTopic(topic), undefined, topic);
});

Deno.test("topic: one in another normal form is the same", () => {
  assertEquals(parseTopic("tu\u0308r"), "t\u00fcr");
});

Deno.test("pattern: what is one, and what isn't", () => {
  for (const pattern of ["*", "**", "a/*", "a/**", "*/b", "a/*/c/**"]) {
    assertEquals(parsePattern(pattern), pattern);
  }
  for (const pattern of ["", "**/a", "a*", "a/**/b", "***", "a/ *", "a//*"]) {
    assertEquals(parsePattern(pattern), undefined, pattern);
  }
});

Deno.test("pattern: * is one level, ** any number, also none", () => {
  const cases: [string, string, boolean][] = [
    ["door/*", "door/front", true],
    ["door/*", "door", false],
    ["door/*", "door/front/lock", false],
    ["door/**", "door", true],
    ["door/**", "door/front/lock", true],
    ["door/**", "doors", false],
    ["*", "door", true],
    ["*", "door/front", false],
    ["**", "door/front", true],
    ["*/front", "door/front", true],
    ["door", "Door", false],
  ];
  for (const [pattern, topic, expected] of cases) {
    assertEquals(matches(pattern, topic), expected, `${pattern} ${topic}`);
  }
});

Deno.test("pattern: matches as the regular expression does", () => {
  fc.assert(
    fc.property(PATTERN, TOPIC, (pattern, topic) => {
      assertEquals(parsePattern(pattern), pattern);
      assertEquals(matches(pattern, topic), asRegExp(pattern).test(topic));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("pattern index: finds whom matching one by one finds, through additions and removals", () => {
  const change = fc.record({ add: fc.boolean(), pattern: PATTERN, who: fc.nat(5), topic: TOPIC });
  fc.assert(fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
    const index = new PatternIndex<number>();
    const all = new Map<number, Set<string>>();
    let size = 0;
    for (const { add, pattern, who, topic } of changes) {
      const patterns = all.get(who) ?? new Set();
      all.set(who, patterns);
      if (add) {
        if (!patterns.has(pattern)) size++;
        patterns.add(pattern);
        index.add(pattern, who);
      } else {
        if (patterns.delete(pattern)) size--;
        index.remove(pattern, who);
      }
      const expected = [...all].filter(([, set]) => [...set].some((one) => matches(one, topic)));
      assertEquals([...index.match(topic)].sort(), expected.map(([one]) => one).sort());
      assertEquals(index.size, size);
    }
  }));
});

Deno.test("pattern index: any text is parsed or refused, without a throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const topic = parseTopic(text);
      if (topic !== undefined) {
        assertEquals(parseTopic(topic), topic);
        assertEquals(parsePattern(text), topic);
        assert(matches("**", topic) && matches(topic, topic));
      }
      parsePattern(text);
    }),
    { numRuns: 2_000 },
  );
});
