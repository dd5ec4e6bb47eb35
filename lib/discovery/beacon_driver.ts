/**
 * Carries a {@linkcode BeaconMachine} over UDP, and calls it when its time has come.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
// Of these it can be said whether they keep the program alive.
import { clearTimeout, setTimeout } from "node:timers";
import { interfacesFromEnvironment, machineName } from "../net/interfaces.ts";
import { type Datagram, openUdp, type UdpPort } from "../net/udp.ts";
import { markMethod } from "../wire/beacon_codec.ts";
import { MAX_BEACON_RECEIVE_BYTES } from "../wire/limits.ts";
import type { BeaconOptions, Sighting } from "./beacon_types.ts";
import { BeaconMachine } from "./machine.ts";
import type { BeaconEffects } from "./machine_types.ts";

/** The UDP port of beacons: not one that systems give away, and nobody else's that we know of. */
export const BEACON_PORT = 28_889;
/** The groups of beacons: of a site (RFC 2365), and of a link (RFC 4291, not permanently assigned). */
export const BEACON_GROUPS = { v4: "239.255.84.75", v6: "ff12::7461:6c6b" } as const;

/** How often the interfaces are looked at while there is something to do, in milliseconds. */
const LOOK_MS = 1_000;

const log = getLogger(["talker", "discovery"]);

/** What a driver tells. */
export interface DriverEvents extends Omit<BeaconEffects, "cast" | "send"> {
  /** The interfaces are others. What is told here goes out on them. */
  interfacesChanged(now: number): void;
  /** A datagram of a beacon came. */
  sighted(sighting: Sighting): void;
}

/** A machine with its sockets and its clock. */
export class BeaconDriver {
  readonly machine: BeaconMachine;
  readonly udp: UdpPort;
  readonly #events: DriverEvents;
  readonly #port: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;
  #lookedAt = performance.now();
  #blocked: string | undefined;
  #alive = true;
  #closed = false;

  /** Opens the port, as far as it can be opened now. */
  constructor(options: BeaconOptions, events: DriverEvents) {
    this.#events = events;
    this.#port = options.port ?? BEACON_PORT;
    this.machine = new BeaconMachine({
      id: randomId(),
      host: options.host ?? machineName(),
      random,
      effects: {
        cast: (datagram) => this.udp.cast(datagram, markMethod),
        send: (datagram, to) => this.udp.send(datagram, to),
        held: (name) => events.held(name),
        taken: (name, holder) => events.taken(name, holder),
        lost: (name, holder) => events.lost(name, holder),
        changed: (change, entry) => events.changed(change, entry),
      },
    });
    this.udp = openUdp({
      port: this.#port,
      groups: BEACON_GROUPS,
      only: options.interfaces ?? interfacesFromEnvironment(),
      maxBytes: MAX_BEACON_RECEIVE_BYTES,
      received: (datagram) => this.#received(datagram),
    });
    // What keeps the program alive is a timer, as long as there is something to do.
    this.udp.keepAlive(false);
    this.#noteBlocked();
  }

  /** Does something with the machine; then what is due now, and the next wake-up is set. */
  do<T>(action: (machine: BeaconMachine, now: number) => T): T {
    const now = performance.now();
    const result = action(this.machine, now);
    this.#tick(now);
    return result;
  }

  /** Whether what there is to do keeps the program alive. */
  keepAlive(alive: boolean): void {
    this.#alive = alive;
    if (alive) this.#timer?.ref();
    else this.#timer?.unref();
  }

  /** Resolves when no goodbye is left to be said. */
  async goodbyesSaid(): Promise<void> {
    while (this.machine.leaving) {
      const due = this.machine.nextWake;
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, due - performance.now())));
      this.#tick(performance.now());
    }
  }

  /** Says the goodbyes and closes the sockets. */
  async close(): Promise<void> {
    this.do((machine, now) => machine.leave(now));
    await this.goodbyesSaid();
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.udp.close();
  }

  #tick(now: number): void {
    if (now - this.#lookedAt >= LOOK_MS) this.#look(now);
    if (this.machine.nextWake <= now) this.machine.tick(now);
    this.#schedule(now);
  }

  /** Interfaces come and go. */
  #look(now: number): void {
    this.#lookedAt = now;
    const changed = this.udp.refresh();
    this.#noteBlocked();
    if (!changed) return;
    this.#events.interfacesChanged(now);
    this.machine.networkChanged(now);
  }

  #schedule(now: number): void {
    if (!this.machine.busy || this.#closed) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    const due = Math.min(this.machine.nextWake, this.#lookedAt + LOOK_MS);
    if (this.#timer !== undefined && due === this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tick(performance.now());
    }, Math.max(0, Math.ceil(due - now)));
    if (!this.#alive) this.#timer.unref();
  }

  #received({ bytes, source, interface: name, local }: Datagram): void {
    const now = performance.now();
    const received = this.machine.receive(bytes, { ...source, interface: name, local }, now);
    this.#tick(now);
    if (received === undefined) return;
    this.#events.sighted({ ...received, source, interface: name, at: now });
  }

  #noteBlocked(): void {
    const { blocked } = this.udp;
    if (blocked !== undefined && blocked !== this.#blocked) {
      log.warn(
        "Cannot listen for beacons at UDP port {port}: {blocked}; only answers will be heard. End " +
          "what holds the port (talker discover --doctor says more); it is tried again",
        { port: this.#port, blocked: blocked.replace(/ \(os error \d+\)/, "") },
      );
    }
    this.#blocked = blocked;
  }
}

function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number / 2 ** 32;
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
