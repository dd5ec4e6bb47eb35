/**
 * Carries a {@linkcode MeshNode} over connections: accepts links, makes them, keeps them up for ever,
 * and calls the node when its time has come.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { FramedLink, type LinkOwner } from "../link/framed_link.ts";
import type { Connection, Endpoint, Listener } from "../net/transport.ts";
import { MAX_MESH_FRAME } from "../wire/mesh_limits.ts";
import type { Identity, NodeId } from "./identity.ts";
import { Keepers, keyOf } from "./keepers.ts";
import { LINK_QUEUE_BYTES, LINK_STUCK_MS, SPEAKERS_WAIT_BYTES } from "./limits.ts";
import { leadsTo, type LinkEntry, nameOf } from "./link_entry.ts";
import { LinkListeners } from "./link_listeners.ts";
import type { LinkId } from "./links.ts";
import type { Published } from "./broadcast.ts";
import { MeshNode } from "./node.ts";
import { type Connect, failed, type LinkOutcome, tryToConnect } from "./link_outcome.ts";
import { Said } from "./said.ts";
import type { MeshStore } from "./store.ts";
import { type MeshWatcher, Watchers } from "./watchers.ts";
import { notForClients } from "./wrong_port.ts";

/** How often links are looked at, in milliseconds. */
const CHECK_MS = 1_000;
/** How long a link that was asked for once may take until it is up, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Why a link may end without being refused for good: the peer stops, or has too many for now. */
const PASSING: ReadonlySet<string> = new Set(["goodbye", "full", "silent"]);

export type { LinkOutcome, MeshWatcher };

const log = getLogger(["talker", "mesh"]);

/** How a driver is made. */
export interface MeshDriverOptions {
  identity: Identity;
  /** Random numbers from 0 to below 1. */
  random: () => number;
  connect: Connect;
  /** Told of attempts at links that are kept up ({@linkcode MeshDriver.keep}) and failed, once for each reason; true: don't log it. */
  failed?: ((to: Endpoint, reason: string) => boolean) | undefined;
  /** What the node remembers over its restarts. Default: nothing. */
  store?: MeshStore | undefined;
  /** Passes nothing on, see {@linkcode MeshNode}. @default false */
  isLeaf?: boolean | undefined;
}

/** How one link is made. */
export interface DialOptions {
  /** By a joiner, which may drop it. @default false */
  readonly joined?: boolean;
  /** Gives the connecting up. */
  readonly signal?: AbortSignal | undefined;
}

/** A node with its links. */
export class MeshDriver implements LinkOwner {
  /** What is carried. */
  readonly node: MeshNode;
  readonly #options: MeshDriverOptions;
  readonly #links = new Map<LinkId, LinkEntry>();
  readonly #keepers: Keepers;
  /** Refusals that were logged: who is refused tries on, and would fill the log. */
  readonly #said = new Said();
  readonly #listeners: LinkListeners;
  readonly #watchers = new Watchers();
  #nextLink = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;
  #checkDue = Infinity;
  #paused = false;
  #congested = false;
  #stopped = false;
  #collected: () => void = () => {};

  /** A node without links. */
  constructor(options: MeshDriverOptions) {
    this.#options = options;
    this.#listeners = new LinkListeners({
      open: (connection) => void this.#open(connection),
      linksWith: (hostname) => this.#linksWith(hostname),
    });
    this.#keepers = new Keepers({
      random: options.random,
      links: () => this.#links.values(),
      connect: (to, signal) => this.connect(to, signal),
      failed: options.failed,
    });
    this.node = new MeshNode({
      identity: options.identity,
      random: options.random,
      now: performance.now(),
      ...(options.store === undefined ? {} : { store: options.store }),
      isLeaf: options.isLeaf ?? false,
      effects: {
        send: (link, body) => this.#links.get(link)?.framed.send(body),
        drop: (link, code, reason, remote, peer) => this.#dropped(link, code, reason, remote, peer),
        linkUp: (link, peer) => this.#up(link, peer),
        linkDown: (_link, peer) => {
          log.info("Link to {name} is down", { name: peer.name });
          this.#watchers.linksChanged();
        },
        reachable: (id, name) => this.#watchers.reachable(id, name),
        unreachable: (id, name, left) => this.#watchers.unreachable(id, name, left),
        named: (id, name) => this.#watchers.named(id, name),
        gap: (gap) => this.#watchers.gap(gap),
        cloned: (reason) => log.error("{reason}", { reason }),
        note: (level, text) =>
          level === "warning" ? log.warn("{text}", { text }) : log.info("{text}", { text }),
      },
    });
  }

  /** Has `watcher` told from now on, beside those before. */
  watch(watcher: MeshWatcher): void {
    this.#watchers.add(watcher);
  }

  /** Does something with the node now; then its next wake-up is set. */
  now<T>(action: (node: MeshNode, now: number) => T): T {
    const now = performance.now();
    const result = action(this.node, now);
    this.#schedule(now);
    return result;
  }

  /**
   * `flush` publishes what somebody has collected, and numbered already: it is called before
   * {@linkcode publish} gives the next number to something else.
   */
  collects(flush: () => void): void {
    this.#collected = flush;
  }

  /** Publishes messages of a kind to all nodes, said at `time` (ms since 1970), behind what was collected. */
  publish(kind: number, payloads: readonly Uint8Array[], time: number): Published {
    this.#collected();
    const published = this.now((node, now) => node.publish(kind, payloads, { now, time }));
    this.published();
    return published;
  }

  /** True while local speakers are to wait for a link. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Bytes that wait on the links. */
  get queued(): number {
    let bytes = 0;
    for (const { framed } of this.#links.values()) bytes += framed.queued;
    return bytes;
  }

  /** The address of the other side of a link. */
  addressOf(link: LinkId): Endpoint | undefined {
    return this.#links.get(link)?.framed.remote;
  }

  /** Accepts links at `listener` until {@linkcode stop}. */
  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /**
   * Makes a link, once. Resolves with nothing when it is up, else with the reason why it isn't, which is
   * told to nobody else. The signal gives the connecting up.
   */
  async connect(to: Endpoint, signal?: AbortSignal): Promise<string | undefined> {
    const outcome = await this.dial(to, { signal });
    return outcome.type === "failed" ? outcome.reason : undefined;
  }

  /** As {@linkcode connect}, and tells more. A link that is `joined` may be dropped by {@linkcode drop}. */
  async dial(to: Endpoint, options: DialOptions = {}): Promise<LinkOutcome> {
    const { joined = false, signal } = options;
    if (this.#stopped) return failed("this node stops");
    const attempt = await tryToConnect(this.#options.connect, to, signal);
    if ("outcome" in attempt) return attempt.outcome;
    const { connection } = attempt;
    if (this.#stopped) {
      connection.close();
      return failed("this node stops");
    }
    return await new Promise((resolve) => {
      const give = () => {
        const reason = `no I-AM within ${CONNECT_TIMEOUT_MS / 1000} s`;
        this.now((node, now) => node.dropLink(id, "greeting", reason, now));
      };
      const timer = setTimeout(give, CONNECT_TIMEOUT_MS);
      const settle = (outcome: LinkOutcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const id = this.#open(connection, { to: keyOf(to), joined, settle });
    });
  }

  /** Keeps a link to `to` up for ever: tries again and again, at growing, random intervals. */
  keep(to: Endpoint): void {
    if (!this.#stopped) this.#keepers.keep(to);
  }

  /**
   * Tries now what {@linkcode keep} waits for, since the peer is heard: it has one of these addresses,
   * or is the node `id`. At most once a second for each.
   */
  retry(addresses: readonly Endpoint[], id?: NodeId): void {
    this.#keepers.retry(addresses, id);
  }

  /** The direct peers; true for those whose link was made by a joiner, and is kept up by nobody. */
  links(): Map<NodeId, boolean> {
    const links = new Map<NodeId, boolean>();
    for (const entry of this.#links.values()) {
      if (entry.peer === undefined) continue;
      links.set(entry.peer.id, entry.joined && !this.#keepers.keeps(entry));
    }
    return links;
  }

  /** Drops a link that was made by a joiner, and isn't needed. */
  drop(peer: NodeId): void {
    for (const [id, entry] of this.#links) {
      if (entry.peer?.id !== peer || !entry.joined) continue;
      const reason = `${this.node.identity.name} and ${entry.peer.name} are linked by other ways`;
      return this.now((node, now) => node.dropLink(id, "duplicate", reason, now));
    }
  }

  /**
   * Ends the link to the peer of that name, or at that address, and stops keeping up links to that peer,
   * whichever side made the one that is there. Returns how many links (or attempts at one) that ended.
   */
  kill(which: string | Endpoint): number {
    const meant = [...this.#links.values()].filter((entry) => leadsTo(which, entry));
    const nodes = new Set(meant.flatMap(({ peer }) => peer === undefined ? [] : [peer.id]));
    const unkept = this.#keepers.unkeep(which, nodes);
    let ended = 0;
    for (const [id, entry] of [...this.#links]) {
      if (!meant.includes(entry) && !unkept.has(entry.to ?? "")) continue;
      ended++;
      this.now((node, now) => node.dropLink(id, "operator", "an operator ended the link", now));
    }
    return Math.max(ended, unkept.size);
  }

  /** Stops reading from the links, or goes on: local readers can't keep up. */
  pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    for (const { framed } of this.#links.values()) framed.pause(paused);
  }

  /** Says goodbye on all links and closes them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#keepers.stop();
    this.#listeners.close();
    const framed = [...this.#links.values()].map((entry) => entry.framed);
    this.node.leave(performance.now());
    clearTimeout(this.#timer);
    // A moment for the goodbyes to leave; a link that takes longer is closed by itself.
    const deadline = performance.now() + 1_000;
    while (framed.some((link) => link.queued > 0) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  // The links' side.

  frame(link: FramedLink, body: Uint8Array): void {
    this.#watchers.event();
    this.now((node, now) => node.frameReceived(link.id, body, now));
  }

  heard(link: FramedLink): void {
    this.node.linkHeard(link.id, performance.now());
  }

  sent(_link: FramedLink): void {
    if (this.#congested) this.#judgeCongestion();
  }

  broken(link: FramedLink, reason: string): void {
    this.#watchers.event();
    this.now((node, now) => node.dropLink(link.id, "protocol", reason, now));
    link.finish();
  }

  ended(link: FramedLink, reason: string): void {
    const entry = this.#links.get(link.id);
    if (entry === undefined) return;
    // One that never was up is no loss; why it could not be is told by whoever knows.
    const level = entry.peer === undefined ? "debug" : "info";
    log[level]("Link with {peer} ended: {reason}", { peer: nameOf(entry), reason });
    this.#links.delete(link.id);
    this.#watchers.event();
    this.now((node, now) => node.linkClosed(link.id, now));
    entry.settle?.(failed(reason));
    this.#judgeCongestion();
  }

  // The node's side.

  #up(link: LinkId, peer: Identity): void {
    const entry = this.#links.get(link);
    if (entry === undefined) return;
    entry.peer = peer;
    this.#keepers.answered(entry, peer);
    const { name } = peer;
    log.info("Link to {name} ({address}) is up", { name, address: keyOf(entry.framed.remote) });
    entry.settle?.({ type: "up", peer: peer.id });
    entry.settle = undefined;
    this.#watchers.linksChanged();
  }

  #dropped(
    link: LinkId,
    code: string,
    reason: string,
    remote: boolean,
    peer: Identity | undefined,
  ): void {
    const entry = this.#links.get(link);
    if (entry === undefined) return;
    if (peer !== undefined) this.#keepers.answered(entry, peer);
    this.#links.delete(link);
    const quiet = code === "goodbye" || code === "duplicate" || this.#isTold(entry, reason);
    log[quiet ? "debug" : "warn"]("Link with {peer} ended{by}: {reason}", {
      peer: nameOf(entry),
      by: remote ? " by the other side" : "",
      reason,
    });
    entry.framed.finish();
    // The link that stays is the one that was wanted.
    if (code === "duplicate" && peer !== undefined) entry.settle?.({ type: "up", peer: peer.id });
    else entry.settle?.(failed(reason, !PASSING.has(code)));
    queueMicrotask(() => {
      this.#judgeCongestion();
      if (code === "operator") this.#watchers.linksChanged(peer?.id);
    });
  }

  // Why a link never came up: whoever waits for it tells, and the same isn't said again and again.
  #isTold({ settle, peer, framed }: LinkEntry, reason: string): boolean {
    if (settle !== undefined) return true;
    return peer === undefined &&
      this.#said.lately(`${framed.remote.hostname} ${reason}`, performance.now());
  }

  // Making links.

  #open(connection: Connection, made?: Pick<LinkEntry, "to" | "joined" | "settle">): LinkId {
    const id = this.#nextLink++;
    const framed = new FramedLink(id, notForClients(connection), this, MAX_MESH_FRAME);
    const { to, joined = false, settle } = made ?? {};
    this.#links.set(id, { framed, to, joined, settle, peer: undefined });
    if (this.#paused) framed.pause(true);
    framed.start();
    this.now((node, now) => node.linkOpened(id, made !== undefined, now));
    return id;
  }

  #linksWith(hostname: string): number {
    let links = 0;
    for (const { framed } of this.#links.values()) if (framed.remote.hostname === hostname) links++;
    return links;
  }

  // Time.

  #schedule(now: number): void {
    if (this.#stopped) return;
    if (this.#links.size > 0) this.#checkDue = Math.min(this.#checkDue, now + CHECK_MS);
    else this.#checkDue = Infinity;
    const due = Math.min(this.node.nextWake(), this.#checkDue);
    if (due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = setTimeout(this.#tick, Math.max(0, Math.ceil(due - now)));
  }

  readonly #tick = (): void => {
    this.#timerDue = Infinity;
    this.#watchers.event();
    const now = performance.now();
    if (this.#paused) {
      // Silence is of our own making: they may have sent all they could.
      for (const id of this.#links.keys()) this.node.linkHeard(id, now);
    }
    this.node.tick(now);
    if (now >= this.#checkDue) {
      this.#checkDue = Infinity;
      this.#check(now);
    }
    this.#schedule(now);
  };

  /** Links that can't keep up are dropped; sync brings what they missed. */
  #check(now: number): void {
    for (const [id, { framed }] of [...this.#links]) {
      if (framed.queued > LINK_QUEUE_BYTES) {
        this.node.dropLink(id, "slow", `${framed.queued} bytes wait on the link`, now);
      } else if (framed.queued > 0 && now - framed.progressAt > LINK_STUCK_MS) {
        this.node.dropLink(id, "slow", `nothing was taken for ${LINK_STUCK_MS / 1000} s`, now);
      }
    }
    this.#judgeCongestion();
  }

  /** To be called when much was published: speakers wait while a link's queue is long. */
  #judgeCongestion(): void {
    const limit = this.#congested ? SPEAKERS_WAIT_BYTES / 2 : SPEAKERS_WAIT_BYTES;
    let congested = false;
    for (const { framed } of this.#links.values()) if (framed.queued > limit) congested = true;
    if (congested === this.#congested) return;
    this.#congested = congested;
    this.#watchers.congested(congested);
  }

  /** Something was published: looks at the links' queues. */
  published(): void {
    if (this.#links.size > 0) this.#judgeCongestion();
  }
}
