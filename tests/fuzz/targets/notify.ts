/** Servers with all their observers, in a mesh with a node that says anything. */

import { assert } from "@std/assert";
import type { MeshDriver, MeshWatcher } from "../../../lib/mesh/driver.ts";
import { NOTIFY_KIND } from "../../../lib/notify/kinds.ts";
import { MeshRoom } from "../../../lib/talker/mesh_room.ts";
import { KIND } from "../../../lib/talker/observers/kinds.ts";
import { MeshSimulator, type SimNode } from "../../support/mesh_simulator.ts";
import type { Dice } from "../../support/random.ts";
import { Room } from "../../support/talker_room.ts";
import { NotifyWorld } from "../../notify/notify_world.ts";
import { loadCorpus } from "../corpus.ts";
import type { Target } from "../fuzzer.ts";

/** What the first byte of a piece says: how the rest is sent. */
const FLOODED = [KIND.speech, NOTIFY_KIND.notification, NOTIFY_KIND.changes];
const STATES = [KIND.presence, NOTIFY_KIND.listeners];
const ASKED = [
  KIND.who,
  KIND.find,
  KIND.whisper,
  KIND.ask,
  NOTIFY_KIND.listeners,
  NOTIFY_KIND.sync,
];

/** Has the hostile node say it, in the way that its first byte asks for; all others are not changed by it. */
function say(sim: MeshSimulator, evil: SimNode, piece: Uint8Array, dice: Dice): void {
  const [how = 0] = piece;
  const payload = piece.slice(1);
  sim.on(evil, (node) => {
    const now = sim.now, time = dice.pick([1_700_000_000_000 + now, 0, 8.64e15, 9e15]);
    if (how % 4 < 2) node.publish(FLOODED[(how >> 2) % FLOODED.length]!, [payload], { now, time });
    else if (how % 4 === 2) node.setState(STATES[(how >> 2) % STATES.length]!, payload, now);
    else {
      const kind = ASKED[(how >> 2) % ASKED.length]!;
      if (dice.chance(0.3)) {
        for (const to of node.reachable()) {
          if (to !== evil.id) node.send({ to, kind, payload }, now);
        }
      } else node.gather({ kind, payload, finished: () => {} }, now);
    }
  });
}

/** Answers what it is asked with one of the pieces. */
function answerAll(
  sim: MeshSimulator,
  evil: SimNode,
  pieces: readonly Uint8Array[],
  dice: Dice,
): void {
  for (const kind of ASKED) {
    evil.node!.observe(kind, {
      requested: (request) => {
        if (dice.chance(0.2) || pieces.length === 0) return;
        const payload = dice.pick(pieces).slice(1);
        sim.queue.at(sim.now, () => sim.on(evil, (node) => node.answer(request, payload, sim.now)));
      },
    });
  }
}

const notifications: Target = {
  name: "notify_room",
  seeds: loadCorpus("mesh_payloads"),
  dictionary: [
    '"00000000000000aa.1"',
    '{"',
    '":',
    "[",
    "]",
    "null",
    "1e16",
    "-1",
    '"ask":"',
    "**",
    "phone",
  ],
  maxBytes: 32 * 1024,
  maxPieces: 24,
  slowMs: 2_000,
  run(input, dice) {
    const world = new NotifyWorld({ seed: dice.int(0, 1_000), limits: {} });
    const kitchen = world.add();
    const { sim } = world;
    const evil = sim.addNode();
    sim.addCable(kitchen.host, evil, { delay: [1, 1] });
    answerAll(sim, evil, input, dice);
    const pushed: string[] = [];
    // A member of the mesh may change what a named subscriber wants, but not what a nameless one does.
    for (const as of [undefined, "phone"]) {
      const subscriber = {
        nick: "bob",
        takes: true,
        push: ({ text }: { text: string }) => void (as === undefined && pushed.push(text)),
        dropped: () => {},
        ended: () => {},
      };
      kitchen.room!.subscribe(subscriber, { topics: ["**"], as, timeout: 1e9 }).resume();
    }
    world.run(200);
    for (const piece of input) {
      say(sim, evil, piece, dice);
      if (dice.chance(0.3)) world.run(dice.pick([1, 50, 500]));
      if (dice.chance(0.05)) void kitchen.room!.receipts(`${evil.id}.1.1`, 0).catch(() => {});
    }
    world.run(1_000);
    const before = pushed.length;
    kitchen.room!.publish({ topic: "still", text: "here", nick: "ann" });
    assert(pushed.includes("here"), "The subscriber gets nothing any more");
    return `${Math.min(3, before)} ${kitchen.room!.stats().join(" ").replace(/\d{2,}/g, "n")}`;
  },
};

/** A driver without connections: the simulator carries. */
function driverOf(
  sim: MeshSimulator,
  host: SimNode,
): { driver: MeshDriver; watcher: () => MeshWatcher } {
  let watcher: MeshWatcher = {};
  const driver = {
    node: host.node!,
    now: <T>(action: (node: NonNullable<SimNode["node"]>, now: number) => T) =>
      sim.on(host, (node) => action(node, sim.now)),
    watch: (one: MeshWatcher) => void (watcher = one),
    collects: () => {},
    published: () => {},
    congested: false,
    queued: 0,
    addressOf: () => undefined,
  };
  return { driver: driver as unknown as MeshDriver, watcher: () => watcher };
}

const talkers: Target = {
  name: "mesh_room",
  seeds: loadCorpus("mesh_payloads"),
  dictionary: [
    '{"',
    '"users":',
    '"last":',
    '"events":[',
    '"nicks":["',
    '"from":"',
    '"text":"',
    "1e16",
    "\x1b[",
  ],
  maxBytes: 32 * 1024,
  maxPieces: 24,
  slowMs: 2_000,
  run(input, dice) {
    const sim = new MeshSimulator({ seed: dice.int(0, 1_000) });
    const kitchen = sim.addNode(), evil = sim.addNode();
    sim.addCable(kitchen, evil, { delay: [1, 1] });
    const { driver, watcher } = driverOf(sim, kitchen);
    const mesh: MeshRoom = new MeshRoom({
      driver,
      talker: () => room.talker,
      listen: () => {
        throw new Error("no");
      },
    });
    const room: Room = new Room({ mesh, origin: mesh.origin.prefix });
    const bob = room.client("bob"), ann = room.client("ann");
    ann.say("/format json");
    answerAll(sim, evil, input, dice);
    const step = (ms: number) => {
      sim.run(ms);
      room.pass(ms);
      mesh.flush();
    };
    step(100);
    watcher().reachable?.(evil.id, "attic");
    let lines = 0;
    const look = () => {
      for (const client of [bob, ann]) {
        for (const line of client.got()) {
          // deno-lint-ignore no-control-regex
          assert(!/[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(line), JSON.stringify(line));
          if (client === ann) JSON.parse(line);
          lines++;
        }
      }
    };
    ann.got();
    for (const piece of input) {
      say(sim, evil, piece, dice);
      if (dice.chance(0.1)) watcher().unreachable?.(evil.id, "attic", dice.chance(0.5));
      if (dice.chance(0.1)) watcher().reachable?.(evil.id, "attic");
      if (dice.chance(0.2)) {
        bob.say(
          dice.pick(["/who", "/tell x hi", "/tell x@attic hi", "/ask @attic hi", "/reachable"]),
        );
      }
      if (dice.chance(0.3)) step(dice.pick([1, 50, 500]));
      look();
    }
    step(1_000);
    look();
    return `${Math.min(8, lines)} ${kitchen.node!.peers().length}`;
  },
};

/** All of them. */
export const notifyTargets: readonly Target[] = [notifications, talkers];
