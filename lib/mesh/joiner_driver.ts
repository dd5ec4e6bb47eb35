/**
 * Carries a {@linkcode Joiner}: tells it what happens in the mesh, and does what it says.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import type { MeshDriver } from "./driver.ts";
import type { NodeId, Random } from "./identity.ts";
import { type Candidate, type JoinAction, Joiner } from "./joiner.ts";
import { keyOf } from "./keepers.ts";
import { Said } from "./said.ts";

const log = getLogger(["talker", "mesh"]);

/** How it is made. */
export interface JoinerDriverOptions {
  /** The node that joins. Its mesh is the one that is joined. */
  driver: MeshDriver;
  /** Random numbers from 0 to below 1. */
  random: Random;
  /** Told of links that could not be made: the name of the node, and why. */
  failed?: ((name: string, reason: string) => void) | undefined;
}

/** A joiner at work, until it is disposed of. The links that it made stay. */
export class JoinerDriver implements Disposable {
  readonly #driver: MeshDriver;
  readonly #joiner: Joiner;
  readonly #failed: (name: string, reason: string) => void;
  /** Refusals that were logged. */
  readonly #said = new Said();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;
  #stopped = false;

  /** Begins: nobody is seen yet. */
  constructor({ driver, random, failed = () => {} }: JoinerDriverOptions) {
    this.#driver = driver;
    this.#failed = failed;
    const { id: self, mesh } = driver.node.identity;
    this.#joiner = new Joiner({ self, mesh, random, now: performance.now() });
    const changed = () => this.#tell((joiner, now) => joiner.changed(now));
    driver.watch({
      reachable: changed,
      unreachable: changed,
      linksChanged: (killed) => {
        if (killed !== undefined) this.#tell((joiner, now) => joiner.killed(killed, now));
        changed();
      },
    });
  }

  /** A server is seen. */
  seen(candidate: Candidate): void {
    this.#tell((joiner, now) => joiner.seen(candidate, now));
  }

  /** A server isn't seen any more. */
  gone(id: NodeId): void {
    this.#tell((joiner, now) => joiner.gone(id, now));
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #tell(what: (joiner: Joiner, now: number) => void): void {
    if (this.#stopped) return;
    const now = performance.now();
    what(this.#joiner, now);
    this.#schedule(now);
  }

  #schedule(now: number): void {
    const { due } = this.#joiner;
    if (due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = setTimeout(() => {
      this.#timerDue = Infinity;
      this.#step();
    }, Math.max(0, Math.ceil(due - now)));
  }

  #step(): void {
    const { node } = this.#driver;
    const now = performance.now();
    const actions = this.#joiner.step(now, {
      links: this.#driver.links(),
      reachable: new Set(node.reachable()),
      graph: () => new Map(node.topology().map(({ id, links }) => [id, links])),
    });
    this.#schedule(now);
    for (const action of actions) {
      if (action.type === "connect") void this.#connect(action);
      else this.#driver.drop(action.id);
    }
  }

  async #connect({ id, name, to }: JoinAction & { type: "connect" }): Promise<void> {
    log.debug("Linking to {name} at {address}", { name, address: keyOf(to) });
    const outcome = await this.#driver.dial(to, { joined: true });
    this.#tell((joiner, now) => {
      if (outcome.type === "up") return joiner.connected(id, outcome.peer, now);
      const { reason, refused } = outcome;
      const isNews = refused && !this.#said.lately(`${name} ${reason}`, now);
      log[isNews ? "warn" : "debug"]("Cannot link to {name}: {reason}", { name, reason });
      this.#failed(name, reason);
      joiner.failed(id, refused ? "refused" : "unreachable", now);
    });
  }
}
