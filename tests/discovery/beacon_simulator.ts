/** Beacons on a network that loses, repeats and delays, in virtual time, from a seed. */

import type { Entry } from "../../lib/discovery/directory.ts";
import { BeaconMachine } from "../../lib/discovery/machine.ts";
import type { Holder, NewAdvert } from "../../lib/discovery/machine_types.ts";
import { markMethod } from "../../lib/wire/beacon_codec.ts";
import { EventQueue } from "../support/event_queue.ts";
import { Dice, seededRandom } from "../support/random.ts";

/** How the network is. */
export interface SimulatedNetwork {
  /** Probability that one copy of a datagram doesn't arrive at one beacon. */
  loss: number;
  /** Probability that it arrives twice. */
  repeat: number;
  /** Shortest and longest delay, in ms. */
  delay: readonly [number, number];
}

/** What happened at a beacon. */
export type BeaconEvent =
  | { readonly at: number; readonly type: "held"; readonly name: string }
  | {
    readonly at: number;
    readonly type: "taken" | "lost";
    readonly name: string;
    readonly by: string;
  }
  | {
    readonly at: number;
    readonly type: "service";
    readonly change: string;
    readonly name: string;
    readonly id: string;
  };

/** One program. */
export class SimulatedBeacon {
  readonly machine: BeaconMachine;
  readonly events: BeaconEvent[] = [];
  readonly id: string;
  alive = true;
  /** Beacons hear only those of the same number. */
  side = 0;
  /** Times of its next wake-up that were put into the queue. */
  wakeAt = Infinity;

  constructor(
    readonly world: BeaconWorld,
    readonly ip: string,
    readonly port: number,
    random: () => number,
  ) {
    const hex = () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, "0");
    this.id = hex() + hex();
    const at = () => world.queue.now;
    const ended = (type: "taken" | "lost") => (name: string, { heard }: Holder) => {
      this.events.push({ at: at(), type, name, by: heard.id });
    };
    this.machine = new BeaconMachine({
      id: this.id,
      host: `host-${ip}`,
      random,
      effects: {
        cast: (datagram) => world.cast(this, datagram),
        send: (datagram, to) => world.send(this, datagram, to),
        held: (name) => this.events.push({ at: at(), type: "held", name }),
        taken: ended("taken"),
        lost: ended("lost"),
        changed: (change: string, { advert, id }: Entry) => {
          this.events.push({ at: at(), type: "service", change, name: advert.name, id });
        },
      },
    });
  }

  /** Does something with the machine, now. */
  do(action: (machine: BeaconMachine, now: number) => void): void {
    action(this.machine, this.world.queue.now);
    this.world.wake(this);
  }

  /** Advertises a service; `time` is its wall clock. */
  advertise(name: string, time = this.world.queue.now): void {
    this.do((machine, now) => machine.advertise(advertOf(name, this), { now, time }));
  }

  /** Asks. */
  ask(pattern: string, endless = false): void {
    this.do((machine, now) => machine.ask({ pattern, kind: "", endless }, now));
  }

  /** The ids of those whose service of that name it knows. */
  holders(name: string): string[] {
    return this.machine.directory.find(name).map(({ id }) => id).sort();
  }

  /** Whether it advertises that name itself, for good. */
  holds(name: string): boolean {
    return this.machine.advert(name)?.claiming === false;
  }

  /** Ends without a word. */
  crash(): void {
    this.alive = false;
  }
}

/** An advert of a service at the beacon's address. */
export function advertOf(name: string, { ip }: { ip: string }): NewAdvert {
  return { name, kind: "service", addresses: [{ ip, port: 8000 }], properties: { of: ip } };
}

/** Some beacons on a network. */
export class BeaconWorld {
  readonly queue = new EventQueue();
  readonly beacons: SimulatedBeacon[] = [];
  readonly dice: Dice;
  /** Datagrams given to the network: one for each way of sending to all. */
  datagrams = 0;
  /** Their bytes. */
  bytes = 0;
  /** The largest of them. */
  largest = 0;

  constructor(readonly seed: number, public network: SimulatedNetwork) {
    this.dice = new Dice(seededRandom(seed));
    // No clock that counts begins at 0.
    this.queue.run(1_000);
  }

  get now(): number {
    return this.queue.now;
  }

  /** A new beacon, on the host of that number. */
  beacon(host = this.beacons.length + 1): SimulatedBeacon {
    const ip = `10.0.${host >> 8}.${host & 255}`;
    const beacon = new SimulatedBeacon(this, ip, 40_000 + this.beacons.length, this.dice.random);
    this.beacons.push(beacon);
    return beacon;
  }

  /** Lets time pass. */
  run(ms: number): void {
    this.queue.run(this.queue.now + ms);
  }

  cast(from: SimulatedBeacon, datagram: Uint8Array): void {
    for (const how of ["multicast", "broadcast"] as const) {
      const copy = datagram.slice();
      markMethod(copy, how);
      this.#count(copy);
      for (const to of this.beacons) this.#carry(from, to, copy);
    }
  }

  send(
    from: SimulatedBeacon,
    datagram: Uint8Array,
    { hostname, port }: { hostname: string; port: number },
  ): void {
    this.#count(datagram);
    const to = this.beacons.find((beacon) => beacon.ip === hostname && beacon.port === port);
    if (to !== undefined) this.#carry(from, to, datagram);
  }

  #count({ length }: Uint8Array): void {
    this.datagrams++;
    this.bytes += length;
    this.largest = Math.max(this.largest, length);
  }

  #carry(from: SimulatedBeacon, to: SimulatedBeacon, bytes: Uint8Array): void {
    const { loss, repeat, delay: [low, high] } = this.network;
    if (from.side !== to.side || (from !== to && this.dice.chance(loss))) return;
    const times = this.dice.chance(repeat) ? 2 : 1;
    for (let i = 0; i < times; i++) {
      const delay = low + this.dice.random() * (high - low);
      this.queue.at(this.now + delay, () => this.#arrive(from, to, bytes));
    }
  }

  #arrive(from: SimulatedBeacon, to: SimulatedBeacon, bytes: Uint8Array): void {
    if (!to.alive || from.side !== to.side) return;
    const local = from.ip === to.ip;
    const source = { hostname: from.ip, port: from.port, interface: "eth0", local };
    to.do((machine, now) => machine.receive(bytes, source, now));
  }

  /** Puts the next wake-up of a beacon into the queue. */
  wake(beacon: SimulatedBeacon): void {
    const at = Math.max(this.now, beacon.machine.nextWake);
    if (!beacon.alive || at === Infinity || beacon.wakeAt <= at) return;
    beacon.wakeAt = at;
    this.queue.at(at, () => {
      if (beacon.wakeAt === at) beacon.wakeAt = Infinity;
      if (!beacon.alive) return;
      beacon.machine.tick(this.now);
      this.wake(beacon);
    });
  }
}
