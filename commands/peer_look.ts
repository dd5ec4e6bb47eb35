/**
 * `talker peer --map` and `--who`: join, look, print, leave.
 *
 * @module
 */

import { CommandError, EXIT } from "../lib/cli/exit.ts";
import type { Io } from "../lib/cli/io.ts";
import { keepUp } from "../lib/link/keep_up.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { distanceTo, keyOf } from "../lib/mesh/keepers.ts";
import { Topology } from "../lib/mesh/topology.ts";
import { anySignal } from "../lib/net/signals.ts";
import { listenTcp } from "../lib/net/tcp_server.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import { censusLines } from "../lib/talker/census.ts";
import { eventJson } from "../lib/talker/event.ts";
import type { GraphNode } from "../lib/talker/mesh.ts";
import { MeshRoom } from "../lib/talker/mesh_room.ts";
import { Talker } from "../lib/talker/talker.ts";
import { drawTopology } from "../lib/talker/topology_drawing.ts";
import { isNotAuthorised, newNode, type NodeOptions, random, randomBits } from "./mesh_join.ts";
import { settled } from "./settled.ts";

/** So many of those who could not be linked to are told. */
const MAX_REASONS = 5;

/** What to look at, and from where. */
export interface LookOptions {
  /** What the node is made from. */
  node: NodeOptions;
  targets: readonly Endpoint[];
  /**
   * Accepts links, or finds others to link to, and tells of those that could not be linked to; undefined:
   * there are only the TARGETs.
   */
  joining:
    | ((driver: MeshDriver, failed: (name: string, reason: string) => void) => void)
    | undefined;
  map: boolean;
  who: boolean;
  json: boolean;
  /** How long linking and settling may take, in seconds. */
  timeout: number;
  io: Io;
}

/** Joins, prints what was asked for, and leaves. Gives the exit code. */
export async function look(options: LookOptions): Promise<number> {
  const { node, targets, joining, io } = options;
  const { name } = node;
  const reached = new Set<string>();
  const driver = newNode({ ...node, isLeaf: true, reached: (to) => reached.add(keyOf(to)) });
  const room = new MeshRoom({ driver, talker: () => talker, listen: listenTcp, quiet: true });
  const talker: Talker = new Talker({ name, mesh: room, random: randomBits, wakeAll() {} });
  room.flush();
  const found = new Map<string, string>();
  joining?.(driver, (name, reason) => found.set(name, reason));
  const stop = new AbortController();
  const signal = anySignal(io.signal, stop.signal);
  try {
    const links = new Links(driver, targets, reached, signal);
    // When each TARGET has turned it down, and nobody can come from elsewhere, there is nothing to wait for.
    if (joining === undefined) void links.allRefused.then(() => stop.abort());
    const isSettled = await settled(driver, { within: options.timeout * 1000, signal });
    if (io.signal.aborted) throw stopped();
    if (driver.node.reachable().length <= 1) throw nobody(links, found, options);
    for (const line of links.failures()) io.stderr.write(`talker: ${line}\n`);
    if (options.map) printMap(driver, options);
    const silent = options.who && await printWho(room, options);
    if (io.signal.aborted) throw stopped();
    if (!isSettled) {
      io.stderr.write(
        `talker: The mesh had not settled within ${options.timeout} s: more may have come\n`,
      );
    }
    return !isSettled ? EXIT.timeout : silent ? EXIT.partly : EXIT.ok;
  } finally {
    stop.abort();
    await driver.stop();
  }
}

/** Whoever looks at the mesh has not seen all of it: that isn't done. */
function stopped(): CommandError {
  return new CommandError("The mesh is not known yet: stopped");
}

/** Nobody can be reached. */
function nobody(
  links: Links,
  found: ReadonlyMap<string, string>,
  { targets, timeout }: LookOptions,
): CommandError {
  if (targets.length === 0 && found.size > 0) {
    const reasons = [...found].map(([name, reason]) => `Cannot link to ${name}: ${reason}`);
    const isAuthorised = ![...found.values()].every(isNotAuthorised);
    const exitCode = isAuthorised ? EXIT.failed : EXIT.unauthorised;
    return new CommandError(reasons.slice(0, MAX_REASONS).join("; "), { exitCode });
  }
  if (targets.length === 0) {
    return new CommandError(`Nobody was linked to within ${timeout} s; give a TARGET to link to`, {
      exitCode: EXIT.timeout,
    });
  }
  const failures = links.failures();
  const exitCode = links.areNotAuthorised ? EXIT.unauthorised : EXIT.failed;
  return new CommandError(failures.join("; "), { exitCode });
}

/** The links to the TARGETs while it looks: each is tried until it is up, or refused by who is there. */
class Links {
  /** Settles when all of them are refused; never when there is one that may still come up. */
  readonly allRefused: Promise<unknown>;
  readonly #reasons = new Map<string, string>();

  constructor(
    driver: MeshDriver,
    targets: readonly Endpoint[],
    reached: ReadonlySet<string>,
    signal: AbortSignal,
  ) {
    this.allRefused = Promise.all(targets.map((to) => this.#link(driver, to, reached, signal)));
  }

  /** Is it encryption that all TARGETs failed for? */
  get areNotAuthorised(): boolean {
    return this.#reasons.size > 0 && [...this.#reasons.values()].every(isNotAuthorised);
  }

  /** Why which TARGET has no link. */
  failures(): string[] {
    return [...this.#reasons].map(([key, reason]) => `Cannot link to ${key}: ${reason}`);
  }

  /** Resolves when the node at the other end refuses the link. */
  #link(
    driver: MeshDriver,
    to: Endpoint,
    reached: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const key = keyOf(to);
    this.#reasons.set(key, "no answer yet");
    const over = new AbortController();
    return new Promise((resolve) => {
      const attempt = async () => {
        const reason = await driver.connect(to);
        if (reason === undefined) this.#reasons.delete(key);
        else this.#reasons.set(key, reason);
        // What was reached and says no (another mesh, another version) will say it again.
        const refused = reason !== undefined && reached.has(key);
        if (refused) resolve();
        if (refused || reason === undefined) over.abort();
        return reason;
      };
      void keepUp({
        distance: distanceTo(to),
        random,
        signal: anySignal(signal, over.signal),
        isUp: () => false,
        attempt,
        failed() {},
      });
    });
  }
}

/** Prints the graph: a tree from this node, or one object for each node. */
function printMap(driver: MeshDriver, { json, io }: LookOptions): void {
  const { id: self } = driver.node.identity;
  const graph = withoutLooker(driver.node.topology(), self);
  if (!json) {
    for (const line of drawTopology(graph, self)) io.stdout.write(`${line}\n`);
    return;
  }
  const names = new Map(graph.map(({ id, name }) => [id, name]));
  for (const { id, name, links, isCutPoint } of graph) {
    io.stdout.write(`${
      JSON.stringify({
        type: "server",
        id,
        server: name,
        self: id === self,
        cutPoint: isCutPoint,
        links: links.map((other) => ({ id: other, server: names.get(other) })),
      })
    }\n`);
  }
}

/**
 * The graph with the cut points that it has without the node `self`: else the server to which somebody
 * links to have a look would always be one.
 */
function withoutLooker(graph: readonly GraphNode[], self: string): GraphNode[] {
  const others = graph.filter(({ id }) => id !== self);
  const cuts = new Set<string>();
  const seen = new Set<string>();
  for (const { id: root } of others) {
    if (seen.has(root)) continue;
    const part = new Topology(root);
    for (const { id, name, links } of others) {
      part.set(id, {
        incarnation: 0,
        name,
        links: links.filter((other) => other !== self),
        leaving: false,
      });
    }
    part.recompute();
    for (const id of part.reachable) seen.add(id);
    for (const id of part.cutPoints()) cuts.add(id);
  }
  return graph.map((node) => node.id === self ? node : { ...node, isCutPoint: cuts.has(node.id) });
}

/** Prints the census as `/who` does, without this node. True when somebody did not answer. */
async function printWho(room: MeshRoom, { json, io }: LookOptions): Promise<boolean> {
  const census = await room.who();
  for (const { text, more } of censusLines(census)) {
    io.stdout.write(`${json ? eventJson({ type: "reply", text, more }) : text}\n`);
  }
  return census.silent.length > 0;
}
