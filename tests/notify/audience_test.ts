import { assert, assertEquals } from "@std/assert";
import { Audience, Audiences, type Known, type Life } from "../../lib/notify/audience.ts";
import type { ReceiptState } from "../../lib/notify/notifications.ts";
import { MAX_AUDIENCE_SIZE } from "../../lib/wire/limits.ts";

const life = (name: string, incarnation = 1): Life => ({ node: name, incarnation, name });
const knows = (...states: ReceiptState[]): Known =>
  states.map((state, i) => ({ recipient: `guest${i}`, server: "attic", state }));
const named = (state: ReceiptState): Known => [
  { recipient: "Ann", server: "attic", state, key: "ann" },
];
const missing = (audience: Audience, ...there: Life[]) =>
  [...audience.missing((one) => there.includes(one))].map(({ name }) => name);

Deno.test("audience: who was counted and said nothing is missing, there or not", () => {
  const attic = life("attic"), hall = life("hall");
  const audience = new Audience([attic, hall]);
  assertEquals(missing(audience, attic), ["attic", "hall"]);
  audience.answer(attic, []);
  assertEquals(missing(audience, attic, hall), ["hall"]);
  assertEquals(missing(audience), ["hall"], "the attic had nobody after all");
  audience.answer(life("hall", 2), []);
  assertEquals(missing(audience, attic), ["hall"], "it has forgotten its former life");
});

Deno.test("audience: a lost server is missing where something of its recipients is open", () => {
  const attic = life("attic");
  const cases: [Known, string[]][] = [
    [knows("acknowledged", "delivered"), ["attic"]],
    [knows("queued"), ["attic"]],
    [knows("acknowledged", "expired"), []],
    [named("delivered"), []],
    [[], []],
  ];
  for (const [known, expected] of cases) {
    const audience = new Audience();
    audience.answer(attic, known);
    assertEquals(missing(audience, attic), []);
    assertEquals(missing(audience), expected);
    assertEquals([...audience.known()], [known]);
  }
});

Deno.test("audience: what was asked for later is newer", () => {
  const attic = life("attic");
  const audience = new Audience();
  const { answered } = audience;
  audience.answer(attic, knows("acknowledged"));
  audience.answer(attic, knows("delivered"), answered);
  assertEquals([...audience.known()], [knows("acknowledged")]);
  audience.answer(attic, knows("expired"), audience.answered);
  assertEquals([...audience.known()], [knows("expired")]);
});

Deno.test("audiences: the oldest are forgotten, except what is in use", () => {
  const audiences = new Audiences(20);
  const size = (id: string) => {
    const { size } = audiences.use(id);
    audiences.release(id);
    return size;
  };
  for (let i = 0; i < 5; i++) audiences.published(`n${i}`, [life("attic"), life("hall")]);
  audiences.published("nobody", []);
  assertEquals([size("n0"), size("nobody")], [3, 1]);
  const used = audiences.use("n1");
  audiences.change("n1", (audience) => audience.answer(life("attic"), knows("queued", "queued")));
  for (let i = 5; i < 10; i++) audiences.published(`n${i}`, [life("attic"), life("hall")]);
  assertEquals([size("n0"), size("n4"), used.size, size("n1")], [1, 1, 5, 5]);
  assertEquals([size("n9"), size("n8")], [3, 3]);
  // One alone may be too many: it goes with the question.
  const crowd = Array<ReceiptState>(50).fill("delivered");
  audiences.change("n1", (audience) => audience.answer(life("attic"), knows(...crowd)));
  assert(used.size > 20 && size("n9") === 1);
  audiences.release("n1");
  assertEquals(size("n1"), 1);
});

Deno.test("audiences: what was published lately is remembered, within a limit", () => {
  const audiences = new Audiences();
  const lives = [life("attic")];
  for (let i = 0; i <= MAX_AUDIENCE_SIZE / 2; i++) audiences.published(`n${i}`, lives);
  assertEquals([audiences.use("n0").size, audiences.use("n2").size], [1, 2]);
});
