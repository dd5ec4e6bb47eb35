/** Random histories: whatever the line does, each notification is handled once. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { BadLine, type Happening } from "./model.ts";

const small = fc.integer({ min: 1, max: 5 });
const constant = <T>(value: T) => fc.constant(value);

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: constant("publish" as const),
      topic: fc.constantFrom("hits" as const, "offers" as const),
      count: small,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: constant("deliver" as const),
      count: small,
      pushFirst: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: constant("take" as const), count: small }) },
  { weight: 3, arbitrary: fc.record({ do: constant("handle" as const), ok: constant(true) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: constant("repeat" as const), pick: fc.nat(1000) }),
  },
  { weight: 1, arbitrary: constant({ do: "answer twice" as const }) },
  { weight: 1, arbitrary: constant({ do: "cut" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: constant("pass" as const), ms: fc.integer({ min: 1, max: 9000 }) }),
  },
);

const failing = fc.record({ do: constant("handle" as const), ok: constant(false) });

function checkAll(line: BadLine): void {
  const ids = line.board.map(({ id }) => id);
  assertEquals(ids.filter((id) => line.handled.get(id) !== 1), [], "handled just once");
  assertEquals(ids.filter((id) => !line.acknowledged.has(id)), [], "acknowledged");
  assertEquals(line.rig.subscriber.unconfirmed, 0);
}

for (const named of [true, false]) {
  const who = named ? "a named subscriber" : "a subscriber without a name";
  Deno.test(`Whatever the line does, ${who} handles each notification once`, () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 120 }), fc.boolean(), (history, details) => {
        const line = new BadLine({ named, details });
        for (const one of history) line.happen(one);
        line.settle();
        checkAll(line);
        const offers = line.rig.handling.filter(({ topic }) => topic === "offers");
        assertEquals(offers, []);
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("Whatever the line and the handler do, each is handled well just once", () => {
  const any = fc.oneof({ weight: 9, arbitrary: happening }, { weight: 1, arbitrary: failing });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 120 }), fc.boolean(), (history, details) => {
      const line = new BadLine({ named: true, details });
      for (const one of history) line.happen(one);
      line.settle();
      checkAll(line);
    }),
    { numRuns: 300 },
  );
});

Deno.test("On a good line all is handled in order", () => {
  const line = new BadLine({ named: false, details: false });
  for (let i = 0; i < 500; i++) {
    line.happen({ do: "publish", topic: "hits", count: 3 });
    line.happen({ do: "take", count: 5 });
    line.happen({ do: "deliver", count: 9, pushFirst: i % 2 === 0 });
    line.happen({ do: "handle", ok: true });
    line.happen({ do: "pass", ms: 40 });
  }
  line.settle();
  checkAll(line);
  assertEquals(line.rig.given, line.board.map(({ topic, text }) => `${topic}: ${text}`));
});
