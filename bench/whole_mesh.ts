/** A mesh of 15 servers: how soon they know each other, and how fast all of them answer. */

import { startTalker } from "./contenders.ts";
import { note } from "./output.ts";
import { pause } from "./probe.ts";
import { freePort, type ServerProcess } from "./server_process.ts";
import { reachable, type Told, Visitor } from "./visitor.ts";

export const SERVERS = 15;
/** A mesh that has not settled after this won't. */
const SETTLE_SECONDS = 20;
const POLL_MS = 5;

export interface WholeMesh {
  /** Links that the servers were told to keep, without those that were asked for twice. */
  links: number;
  /** From the start of the first server to the last one's listening, in ms. */
  startedMs: number;
  /** From then until every server reached all, in ms. */
  settledMs: number;
  /** Of each `/who`, in ms. */
  whoMs: number[];
  /** Of each `/who` while another server was stopped, in ms. */
  frozenMs: number[];
  /** From the end of one server until no other reached it, in ms. */
  lostMs: number;
  /** From that one's next start (its listening) until every server reached all, in ms. */
  backMs: number;
  /** What was answered wrong, or not at all. */
  wrong: string[];
}

interface Member {
  name: string;
  server: ServerProcess;
  visitor: Visitor;
}

/** Every server keeps links to 2 to 4 others, as offsets from its own number. */
function peersOf(index: number): number[] {
  const offsets = [1, 4, ...index % 3 === 0 ? [7] : [], ...index % 5 === 0 ? [11] : []];
  return offsets.map((offset) => (index + offset) % SERVERS);
}

const ports = () => Array.from({ length: SERVERS }, freePort);
const nameOf = (index: number) => `s${String(index).padStart(2, "0")}`;
const nickOf = (name: string) => `at-${name}`;

class Measurement {
  readonly #ports = ports();
  readonly #members = new Map<number, Member>();
  readonly wrong: string[] = [];

  /** Starts a server; the others it has links to may be there already, or not yet. */
  async start(index: number): Promise<void> {
    const name = nameOf(index);
    const peers = peersOf(index).map((peer) => this.#ports[peer]!);
    const server = await startTalker({
      core: null,
      mesh: { name, listen: this.#ports[index]!, peers },
    });
    const visitor = await Visitor.arrive(server.ports.clients!, nickOf(name));
    this.#members.set(index, { name, server, visitor });
  }

  member(index: number): Member {
    return this.#members.get(index)!;
  }

  /** How long it takes until each server reaches exactly those that run. */
  async settled(): Promise<number> {
    const start = performance.now();
    const names = [...this.#members.values()].map(({ name }) => name).sort().join(" ");
    const times = [...this.#members.values()].map(async ({ name, visitor }) => {
      for (;;) {
        const reached = (await reachable(visitor)).sort().join(" ");
        const passed = performance.now() - start;
        if (reached === names) return passed;
        if (passed > SETTLE_SECONDS * 1000) {
          this.wrong.push(`${name} reaches ${reached} after ${SETTLE_SECONDS} s, not ${names}`);
          return passed;
        }
        await pause(POLL_MS);
      }
    });
    return Math.max(...await Promise.all(times));
  }

  /** Asks a server who is where; how long the answer took. `silent` is who should not answer. */
  async who(index: number, silent?: number): Promise<number> {
    const { name, visitor } = this.member(index);
    const start = performance.now();
    const told = await visitor.ask("/who");
    const passed = performance.now() - start;
    const members = [...this.#members.keys()].filter((i) => i !== silent).map(nameOf).sort();
    const found = told.flatMap(({ server, nick }) =>
      nick === undefined ? [] : [`${nick}@${server}`]
    );
    const wanted = members.map((member) => `${nickOf(member)}@${member}`);
    const mute = told.flatMap((line) => silentIn(line)).join(" ");
    const expected = silent === undefined ? "" : nameOf(silent);
    if (found.sort().join(" ") !== wanted.join(" ") || mute !== expected) {
      this.wrong.push(
        `/who at ${name}: ${found.length} of ${wanted.length} were named, ` +
          `without answer: ${mute || "none"} (should be ${expected || "none"})`,
      );
    }
    return passed;
  }

  /** `/who` while another server does not move. */
  async whoFrozen(index: number, frozen: number): Promise<number> {
    const { server } = this.member(frozen);
    server.freeze(true);
    try {
      return await this.who(index, frozen);
    } finally {
      server.freeze(false);
    }
  }

  /** Ends a server without a goodbye. */
  kill(index: number): void {
    const { server, visitor } = this.member(index);
    this.#members.delete(index);
    visitor.leave();
    server.kill();
  }

  async stop(): Promise<void> {
    for (const { visitor } of this.#members.values()) visitor.leave();
    await Promise.all([...this.#members.values()].map(({ server }) => server.stop()));
  }
}

function silentIn({ silent }: Told): string[] {
  return Array.isArray(silent) ? silent.map(String) : [];
}

function linksAsked(): number {
  const pairs = Array.from({ length: SERVERS }, (_, i) => i)
    .flatMap((i) => peersOf(i).map((peer) => `${Math.min(i, peer)} ${Math.max(i, peer)}`));
  return new Set(pairs).size;
}

/** Starts the mesh, asks, ends one server and starts it again. */
export async function measureWholeMesh(
  { asks, freezes }: { asks: number; freezes: number },
): Promise<WholeMesh> {
  const mesh = new Measurement();
  const indices = Array.from({ length: SERVERS }, (_, i) => i);
  try {
    note(`Starting ${SERVERS} servers at once`);
    const start = performance.now();
    await Promise.all(indices.map((i) => mesh.start(i)));
    const startedMs = performance.now() - start;
    const settledMs = await mesh.settled();
    note(`Asking /who ${asks} times, and ${freezes} times with a server stopped`);
    const whoMs: number[] = [];
    for (let i = 0; i < asks; i++) whoMs.push(await mesh.who(i % SERVERS));
    const frozenMs: number[] = [];
    for (let i = 0; i < freezes; i++) {
      frozenMs.push(await mesh.whoFrozen(i, (i + 4) % SERVERS));
      await mesh.settled();
      await mesh.who(i);
    }
    const victim = SERVERS >> 1;
    note("Ending a server, and starting it again");
    mesh.kill(victim);
    const lostMs = await mesh.settled();
    await mesh.start(victim);
    const backMs = await mesh.settled();
    await mesh.who(victim);
    const { wrong } = mesh;
    return { links: linksAsked(), startedMs, settledMs, whoMs, frozenMs, lostMs, backMs, wrong };
  } finally {
    await mesh.stop();
  }
}
