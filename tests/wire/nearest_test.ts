import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { editDistance, nearest } from "../../lib/wire/nearest.ts";

const word = fc.string({ unit: fc.constantFrom(..."abcde-"), maxLength: 10 });

Deno.test("The edit distance of known pairs", () => {
  const table: [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["same", "same", 0],
    ["kitten", "sitting", 3],
    ["prot", "port", 1],
    ["ca", "abc", 2], // The restricted distance would say 3.
    ["a cat", "an abct", 3], // The restricted distance would say 4.
  ];
  for (const [a, b, distance] of table) assertEquals(editDistance(a, b), distance, `${a} ${b}`);
});

Deno.test("The edit distance is a metric", () => {
  fc.assert(fc.property(word, word, word, (a, b, c) => {
    const distance = editDistance(a, b);
    assertEquals(distance === 0, a === b);
    assertEquals(distance, editDistance(b, a));
    assert(editDistance(a, c) <= distance + editDistance(b, c));
    assert(distance <= Math.max(a.length, b.length));
    assert(distance >= Math.abs(a.length - b.length));
  }));
});

Deno.test("One edit is at distance one", () => {
  fc.assert(fc.property(word, fc.nat(), fc.constantFrom(0, 1, 2, 3), (text, at, edit) => {
    const i = at % (text.length + 1);
    const rest = text.slice(i);
    const edited = text.slice(0, i) + [
      "X" + rest,
      rest.slice(1),
      "X" + rest.slice(1),
      rest.charAt(1) + rest.charAt(0) + rest.slice(2),
    ][edit];
    assert(editDistance(text, edited) <= 1);
  }));
});

Deno.test("The nearest name", () => {
  const names = ["port", "peer", "peer-listen", "name", "no-echo", "timeout"];
  const table: [string, string][] = [
    ["prot", "port"],
    ["PORT", "port"],
    ["peer-lisen", "peer-listen"],
    ["time", "timeout"], // The beginning of a name.
    ["pe", "peer"], // The shorter of two.
    ["noecho", "no-echo"],
    ["nmae", "name"],
  ];
  for (const [wrong, right] of table) assertEquals(nearest(wrong, names), right, wrong);
  assertEquals(nearest("anything", []), undefined);
});

Deno.test("The nearest name is one of the candidates, whatever was typed", () => {
  fc.assert(fc.property(fc.string(), fc.array(word, { minLength: 1 }), (name, names) => {
    assert(names.includes(nearest(name, names) ?? "none"));
  }));
});

Deno.test("A very long name costs no more than a long one", () => {
  assertEquals(nearest("port".repeat(1_000_000), ["port", "name"]), "port");
});
