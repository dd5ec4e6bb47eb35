/**
 * What isn't written is a difference: whatever happens in whatever order, and however it is cut into
 * groups, the database becomes what the one who told it remembers.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { StoreDatabase } from "../../lib/store/database.ts";
import { PendingBoard } from "../../lib/store/pending_board.ts";
import { PendingMesh } from "../../lib/store/pending_mesh.ts";
import type { Group, LoadedBatches } from "../../lib/store/group.ts";
import type { StoredMark } from "../../lib/mesh/store.ts";
import type { Notification } from "../../lib/notify/notification.ts";
import type { Batch } from "../../lib/wire/mesh_batch.ts";
import { batchOf, notificationOf, TestDirectory } from "./sample.ts";

const ORIGINS = ["00000000000000aa", "00000000000000bb", "00000000000000cc"];
const NOTHING = { batches: [], lastNumber: 0, marks: [], names: [] };

/** Bodies of the batches in a database. */
function bodiesIn(database: StoreDatabase): string[] {
  const found: string[] = [];
  database.batches(({ lengths, bytes }: LoadedBatches) => {
    let at = 0;
    for (const length of lengths) found.push(String(bytes.subarray(at, at += length)));
  });
  return found;
}

type Step =
  | { do: "append"; origin: number; size: number }
  | { do: "evict"; which: number }
  | { do: "name"; origin: number; name: string }
  | { do: "forget"; origin: number }
  | { do: "cut" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      origin: fc.nat(2),
      size: fc.nat(3_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("evict" as const), which: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("name" as const),
      origin: fc.nat(2),
      name: fc.string(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), origin: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.constant({ do: "cut" as const }) },
);

Deno.test("pending: the mesh's memory, whatever happens", async () => {
  await using directory = await TestDirectory.make();
  await directory.fill(() => {});
  const empty = await Deno.readFile(directory.database);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      Deno.writeFileSync(directory.database, empty);
      const kept: Batch[] = [];
      const marks = new Map<string, StoredMark>();
      const names = new Map<string, string>();
      let told = 0;
      const pending = new PendingMesh(NOTHING, { clock: () => 5, changed: () => told++ });
      directory.look((database) => {
        const cut = () => {
          const mesh = pending.take();
          assertEquals(mesh === undefined, told === 0, "told of exactly what is there");
          told = 0;
          if (mesh) database.write({ clock: 5, mesh, board: undefined });
        };
        steps.forEach((step, i) => {
          switch (step.do) {
            case "append": {
              const origin = ORIGINS[step.origin]!;
              const batch = batchOf(["x".repeat(step.size)], { origin, first: i + 1 });
              pending.append(batch);
              kept.push(batch);
              const mark = {
                origin,
                incarnation: batch.incarnation,
                next: i + 2,
                pastNext: 1,
                pastEnd: 0,
              };
              pending.mark(mark);
              marks.delete(origin);
              marks.set(origin, mark);
              break;
            }
            case "evict": {
              // Mostly the oldest.
              const [batch] = kept.splice(step.which === 3 ? kept.length >> 1 : 0, 1);
              if (batch) pending.evict(batch);
              break;
            }
            case "name":
              if (!marks.has(ORIGINS[step.origin]!)) break;
              pending.name(ORIGINS[step.origin]!, step.name);
              names.set(ORIGINS[step.origin]!, step.name);
              break;
            case "forget":
              pending.forget(ORIGINS[step.origin]!);
              marks.delete(ORIGINS[step.origin]!);
              names.delete(ORIGINS[step.origin]!);
              break;
            case "cut":
              cut();
          }
        });
        cut();
        assertEquals(pending.bytes, 0);
        assert(pending.isEmpty);
      });
      directory.look((database) => {
        const loaded = database.load();
        assertEquals(loaded.marks, [...marks.values()]);
        assertEquals(
          new Map(loaded.names.map(({ origin, name }) => [origin, name])),
          names,
        );
        const bodies = kept.filter(({ origin }) => marks.has(origin)).map(({ body }) =>
          String(body)
        );
        assertEquals(bodiesIn(database), bodies);
      });
    }),
    { numRuns: 150 },
  );
});

type BoardStep = {
  do: "post" | "offer" | "subscribe" | "settle" | "forget" | "forgetOffer" | "leave" | "cut";
  a: number;
  b: number;
};

const boardStep: fc.Arbitrary<BoardStep> = fc.record({
  do: fc.constantFrom(
    "post",
    "post",
    "offer",
    "subscribe",
    "settle",
    "settle",
    "forget",
    "forgetOffer",
    "leave",
    "cut",
  ),
  a: fc.nat(3),
  b: fc.nat(1_000),
});

Deno.test("pending: the board's memory, whatever happens", async () => {
  await using directory = await TestDirectory.make();
  await directory.fill(() => {});
  const empty = await Deno.readFile(directory.database);
  fc.assert(
    fc.property(fc.array(boardStep, { maxLength: 60 }), (steps) => {
      Deno.writeFileSync(directory.database, empty);
      const notifications = new Map<string, Notification>();
      const offers = new Map<string, Notification>();
      const subscribers = new Map<string, { record: string; settled: Set<string> }>();
      const pending = new PendingBoard({ notifications: [], subscribers: [], offers: [] });
      directory.look((database) => {
        const cut = () => {
          const board = pending.take();
          if (board) database.write({ clock: 5, mesh: undefined, board } satisfies Group);
        };
        steps.forEach((step, i) => {
          const any = <T>(map: Map<string, T>) => [...map.keys()][step.b % Math.max(1, map.size)];
          const name = `s${step.a}`;
          switch (step.do) {
            case "post":
            case "offer": {
              const details = step.b % 2 === 0 ? {} : { details: "d" };
              const what = notificationOf(`n${i}`, details);
              (step.do === "post" ? notifications : offers).set(what.id, what);
              if (step.do === "post") pending.notification(what);
              else pending.offer(what);
              break;
            }
            case "subscribe": {
              const settled = subscribers.get(name)?.settled ?? new Set();
              subscribers.set(name, { record: `${i}`, settled });
              pending.subscriber(name, `${i}`);
              break;
            }
            case "settle": {
              const id = any(notifications);
              if (id === undefined || !subscribers.has(name)) break;
              subscribers.get(name)!.settled.add(id);
              pending.settled(name, id);
              break;
            }
            case "forget": {
              const id = any(notifications);
              if (id === undefined) break;
              notifications.delete(id);
              for (const { settled } of subscribers.values()) settled.delete(id);
              pending.forget(id);
              break;
            }
            case "forgetOffer": {
              const id = any(offers);
              if (id === undefined) break;
              offers.delete(id);
              pending.forgetOffer(id);
              break;
            }
            case "leave":
              subscribers.delete(name);
              pending.forgetSubscriber(name);
              break;
            case "cut":
              cut();
          }
        });
        cut();
        assertEquals(pending.bytes, 0);
      });
      directory.look((database) => {
        const loaded = database.load();
        assertEquals(loaded.notifications, [...notifications.values()]);
        assertEquals(loaded.offers, [...offers.values()]);
        const found = loaded.subscribers.map(({ name, record, settled }) =>
          [name, { record, settled: new Set(settled) }] as const
        );
        assertEquals(new Map(found), subscribers);
      });
    }),
    { numRuns: 150 },
  );
});

Deno.test("pending: what comes and goes while nothing can be written leaves nothing behind", () => {
  const pending = new PendingMesh(NOTHING, { clock: () => 5 });
  const board = new PendingBoard({ notifications: [], subscribers: [], offers: [] });
  const kept: Batch[] = [];
  for (let i = 1; i <= 50_000; i++) {
    const origin = (2 ** 40 + i).toString(16).padStart(16, "0");
    const batch = batchOf(["x"], { origin });
    pending.append(batch);
    pending.mark({ origin, incarnation: 1, next: 2, pastNext: 1, pastEnd: 0 });
    pending.name(origin, "x");
    pending.forget(origin);
    kept.push(batch);
    if (kept.length > 10) pending.evict(kept.shift()!);
    board.notification(notificationOf(`${i}`));
    board.subscriber(`s${i}`, "");
    board.settled(`s${i}`, `${i}`);
    board.settled("bob", `${i}`);
    board.offer(notificationOf(`${i}`));
    board.forget(`${i}`);
    board.forgetSubscriber(`s${i}`);
    board.forgetOffer(`${i}`);
  }
  const mesh = pending.take()!;
  assert(mesh.lengths.length < 3_000, `${mesh.lengths.length} batches`);
  assertEquals(mesh.lengths.filter((length) => length > 0).length, 10);
  assertEquals([mesh.marks, mesh.names, mesh.forgotten, mesh.evicted.length], [[], [], [], 0]);
  const { settled, ...rest } = board.take()!;
  assertEquals(Object.values(rest).flat(), []);
  assertEquals(settled.filter(([, ids]) => ids.length > 0), []);
});
