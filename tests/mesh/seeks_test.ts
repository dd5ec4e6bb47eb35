import { assertEquals } from "@std/assert";
import type { MeshContext } from "../../lib/mesh/context.ts";
import type { Link } from "../../lib/mesh/links.ts";
import { FIRST_TOKEN, Seeks } from "../../lib/mesh/seeks.ts";
import type { Batch } from "../../lib/wire/mesh_batch.ts";

const ORIGIN = { origin: "00000000000000aa", incarnation: 1 };
const TOKEN = FIRST_TOKEN;

const link = () => ({ phase: { name: "up" } }) as unknown as Link;

const batch = (first: number, last: number) =>
  ({ ...ORIGIN, first, last, bodyAs: () => new Uint8Array(0) }) as unknown as Batch;

/** The searches of a node that was asked by `parent`, and asks `left` and `right`. */
function seeking(from: number, to: number) {
  const [parent, left, right] = [link(), link(), link()];
  const sent: string[] = [];
  const context = {
    now: 0,
    up: new Map([["p", parent], ["l", left], ["r", right]]),
    send() {},
    sendBatch: (_link: Link, { first, last }: Batch) => sent.push(`${first}-${last}`),
  };
  const seeks = new Seeks(context as unknown as MeshContext);
  assertEquals(seeks.role(parent, TOKEN), "first");
  seeks.goOn(TOKEN, { ...ORIGIN, from, to });
  return { seeks, parent, left, right, sent };
}

Deno.test("search: what comes round a ring of parents is sent on once", () => {
  const { seeks, left, sent } = seeking(1, 10);
  for (let i = 0; i < 3; i++) seeks.received(batch(1, 3), left);
  seeks.received(batch(4, 6), left);
  seeks.received(batch(1, 3), left);
  assertEquals(sent, ["1-3", "4-6"]);
});

Deno.test("search: who has the lowest is the one whose answers go back", () => {
  const { seeks, left, right, sent } = seeking(5, 20);
  seeks.received(batch(8, 10), left);
  seeks.received(batch(5, 7), right);
  seeks.received(batch(11, 12), left);
  seeks.received(batch(8, 12), right);
  assertEquals(sent, ["8-10", "5-7", "8-12"]);
});

Deno.test("search: asked again for the rest, the rest goes back, from whoever has it", () => {
  const { seeks, parent, left, right, sent } = seeking(1, 20);
  seeks.received(batch(1, 9), left);
  seeks.ended(left, TOKEN, []);
  seeks.ended(right, TOKEN, []);
  assertEquals(seeks.role(parent, TOKEN), "again");
  seeks.goOn(TOKEN, { ...ORIGIN, from: 10, to: 20 });
  seeks.received(batch(10, 15), right);
  seeks.received(batch(10, 15), right);
  assertEquals(sent, ["1-9", "10-15"]);
});
