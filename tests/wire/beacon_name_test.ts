import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  foldBeaconName,
  isBeaconName,
  isBeaconPattern,
  matchesBeaconName,
} from "../../lib/wire/beacon_name.ts";

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter(isBeaconName);

Deno.test("beacon name: what may be one", () => {
  for (
    const text of ["kitchen", "robot/arm", "Küche", "厨房", "a.b-c_d", "x".repeat(64), "NAME-2"]
  ) {
    assert(isBeaconName(text), text);
  }
  for (
    const text of ["", "a b", "a\tb", "a\u0000", "a@b", "a*", "x".repeat(65), "a\u200b", "a\u202e"]
  ) {
    assert(!isBeaconName(text), JSON.stringify(text));
  }
  assert(isBeaconName("\u{1F600}".repeat(64)), "characters count, not code units");
});

Deno.test("beacon name: names that differ in case only are the same", () => {
  assertEquals(foldBeaconName("Kitchen"), foldBeaconName("kITCHEN"));
  assertEquals(foldBeaconName("STRASSE"), foldBeaconName("straße"));
  assertEquals(foldBeaconName("e\u0301"), foldBeaconName("\u00c9"));
  fc.assert(fc.property(name, (name) => {
    assertEquals(foldBeaconName(foldBeaconName(name)), foldBeaconName(name));
  }));
});

Deno.test("beacon name: a pattern", () => {
  const matches: [string, string, boolean][] = [
    ["*", "anything/at-all", true],
    ["robot/*", "robot/arm", true],
    ["robot/*", "ROBOT/arm/left", true],
    ["robot/*", "robot", false],
    ["*/arm", "robot/arm", true],
    ["r*t/*m", "robot/arm", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*a", "aba", true],
    ["a*b*c", "acb", false],
    ["**", "x", true],
    ["*ab*ab*", "xabyabz", true],
    ["*ab*ab*", "xabz", false],
    ["robot.*", "robotx", false],
  ];
  for (const [pattern, name, expected] of matches) {
    assert(isBeaconPattern(pattern));
    assertEquals(matchesBeaconName(pattern, name), expected, `${pattern} ${name}`);
  }
});

Deno.test("beacon name: a pattern means what the same regular expression does", () => {
  const letters = fc.stringMatching(/^[ab]{0,8}$/);
  const pattern = fc.stringMatching(/^[ab*]{1,8}$/);
  fc.assert(
    fc.property(pattern, letters, (pattern, name) => {
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name);
      assertEquals(matchesBeaconName(pattern, name), expected);
    }),
    { numRuns: 2_000 },
  );
});
