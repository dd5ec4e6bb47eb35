import { assertEquals } from "@std/assert";
import { Crowd } from "../../lib/talker/crowd.ts";

Deno.test("crowd: ten within a second are announced singly", () => {
  const crowd = new Crowd();
  for (let i = 0; i < 10; i++) {
    crowd.happened(i * 10);
    assertEquals(crowd.announce(`n${i}`, i * 10), { count: 1, nicks: [`n${i}`] });
  }
  assertEquals(crowd.due, Infinity);
});

Deno.test("crowd: eleven and more come together, one line a second", () => {
  const crowd = new Crowd();
  for (let i = 0; i < 37; i++) crowd.happened(0);
  for (let i = 0; i < 37; i++) assertEquals(crowd.announce(`n${i}`, 500), undefined);
  assertEquals(crowd.due, 1500);
  assertEquals(crowd.flush(1499), undefined);
  assertEquals(crowd.flush(1500), { count: 37, nicks: ["n0", "n1", "n2"] });
  assertEquals(crowd.flush(9999), undefined);
  assertEquals(crowd.announce("late", 2000), { count: 1, nicks: ["late"] });
});

Deno.test("crowd: who comes while one is gathered comes with it, whatever the rate", () => {
  const crowd = new Crowd();
  for (let i = 0; i < 11; i++) crowd.happened(0);
  crowd.announce("a", 900);
  crowd.happened(1850);
  assertEquals(crowd.announce("b", 1850), undefined);
  assertEquals(crowd.flush(1900), { count: 2, nicks: ["a", "b"] });
});
