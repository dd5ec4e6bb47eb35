/**
 * Comparing what two servers remember. What is published floods through the mesh, and the mesh itself
 * brings what was missed for an hour; a server that was off or cut off for longer, or lost its memory, asks a
 * peer when it is linked with it: first whether they know the same (nearly always, and cheap), then who
 * subscribed and what was acknowledged, then what notifications it lacks. Who learned something so tells its
 * other peers, and they ask in turn.
 *
 * @module
 */

import type { DirectRequest } from "../mesh/context.ts";
import type { Board } from "./board.ts";
import { NOTIFY_KIND } from "./kinds.ts";
import {
  type Changes,
  decodeJson,
  encodeJson,
  type Fetched,
  isId,
  isKey,
  parseChanges,
  parseFetched,
  parseStamps,
} from "./messages.ts";
import { isCount, isObject } from "./record.ts";
import type { After, NotifyMesh } from "./room_mesh.ts";
import { formatId, parseId, type Stamp } from "./stream.ts";
import { answer, digest, type Question, subscriberHash } from "./sync_answers.ts";

/** A peer is asked this long after the link came up, in ms: until then the mesh brings what it has itself. */
const ASK_AFTER_MS = 500;
/** A peer that has learned something is asked this long after, in ms. */
const NEWS_AFTER_MS = 100;
/** Every so often a peer is asked though nothing happened, in ms: two small messages. */
const TURN_MS = 30_000;
/** Nodes that are known to have a board, before those are forgotten that are out of reach. */
const MAX_BOARDS = 10_000;
/** Of the nodes that are behind a relay so many are asked. */
const BEHIND_RELAYS = 3;
/** How long an answer may take, in ms. */
const ANSWER_MS = 5_000;
/** Subscribers that are asked for at a time. */
const KEYS_AT_ONCE = 50;
/** Notifications that are asked for at a time. */
const IDS_AT_ONCE = 500;

/** How a comparison is made. */
export interface SyncOptions {
  readonly mesh: NotifyMesh;
  readonly board: Board;
  readonly after: After;
  /** What a peer knows of subscribers is known here now; or it didn't answer. */
  readonly settled: () => void;
  /** Takes changes over; true when something of it was news. */
  readonly learned: (changes: Changes) => boolean;
  /** A peer said what makes no sense. */
  readonly garbage: () => void;
}

/** Asks peers, and answers them. */
export class Sync {
  readonly #options: SyncOptions;
  /** Peers that are to be asked, and what keeps that from happening. */
  readonly #waiting = new Map<string, () => void>();
  readonly #ready = new Set<string>();
  #asking: Comparison | undefined;
  /** Nodes that have a board. */
  readonly #boards = new Set<string>();
  /** Nodes that can be reached since a moment ago. */
  #met = new Set<string>();
  #isTurning = false;
  #turn = 0;

  /** Registers with the mesh. */
  constructor(options: SyncOptions) {
    this.#options = options;
    options.mesh.node.observe(NOTIFY_KIND.sync, {
      requested: (request) => this.#requested(request),
      received: ({ from }) => this.#soon(from, NEWS_AFTER_MS),
    });
  }

  /** Is a peer being asked, or about to be? */
  get isBusy(): boolean {
    return this.#met.size > 0 || this.#waiting.size > 0 || this.#ready.size > 0 ||
      this.#asking !== undefined;
  }

  /** A node has a board, as its state tells. */
  hasBoard(id: string): void {
    this.#boards.add(id);
    if (this.#boards.size <= MAX_BOARDS) return;
    const reachable = new Set(this.#options.mesh.node.reachable());
    for (const known of this.#boards) if (!reachable.has(known)) this.#boards.delete(known);
  }

  /** A node can be reached. */
  reachable(id: string): void {
    this.#met.add(id);
    if (this.#met.size > 1) return;
    this.#options.after(ASK_AFTER_MS, () => {
      const met = this.#met;
      this.#met = new Set();
      for (const partner of this.#partners(met)) this.#soon(partner, 0);
      this.#takeTurns();
    });
  }

  // Those of the nodes to compare with: peers; where a peer has no board and only relays, also some behind it.
  #partners(nodes: Iterable<string>): string[] {
    const { node } = this.#options.mesh;
    const peers = new Set(node.peers().map(({ id }) => id));
    const reachable = new Set(node.reachable());
    const boards = [...nodes].filter((id) => this.#boards.has(id) && reachable.has(id));
    const direct = boards.filter((id) => peers.has(id));
    if ([...peers].every((id) => this.#boards.has(id))) return direct;
    const others = boards.filter((id) => !peers.has(id)).sort();
    const from = others.length === 0 ? 0 : ++this.#turn % others.length;
    const some = [...others.slice(from), ...others.slice(0, from)].slice(0, BEHIND_RELAYS);
    return [...direct, ...some];
  }

  /** The mesh missed something for good: others may remember more. */
  missed(): void {
    for (const id of this.#partners(this.#boards)) this.#soon(id, NEWS_AFTER_MS);
  }

  // While there are others, one after the other is asked: whatever went wrong, it doesn't stay so.
  #takeTurns(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#options.after(TURN_MS, () => {
      this.#isTurning = false;
      if (this.#boards.size === 0) return;
      const partners = this.#partners(this.#boards);
      const next = partners[++this.#turn % partners.length];
      if (next !== undefined) this.#soon(next, 0);
      this.#takeTurns();
    });
  }

  /** A node can't be reached any more. */
  unreachable(id: string): void {
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
    this.#ready.delete(id);
    this.#met.delete(id);
  }

  #soon(id: string, ms: number): void {
    if (this.#waiting.has(id)) return;
    const cancel = this.#options.after(ms, () => {
      this.#waiting.delete(id);
      this.#ready.add(id);
      this.#next();
    });
    this.#waiting.set(id, cancel);
  }

  #next(): void {
    if (this.#asking !== undefined) return;
    for (const peer of this.#ready) {
      this.#ready.delete(peer);
      const comparison = new Comparison(peer, this.#options, (news) => this.#done(peer, news));
      this.#asking = comparison;
      comparison.start();
      return;
    }
  }

  #done(peer: string, news: boolean): void {
    this.#asking = undefined;
    const { mesh, settled } = this.#options;
    settled();
    if (news) {
      const payload = encodeJson({ news: true });
      for (const id of this.#partners(this.#boards)) {
        if (id === peer) continue;
        mesh.now((node, now) => node.send({ to: id, kind: NOTIFY_KIND.sync, payload }, now));
      }
    }
    this.#next();
  }

  #requested(request: DirectRequest): void {
    const { mesh, board, garbage } = this.#options;
    const given = answer(board, decodeJson(request.payload));
    if (given === undefined) return garbage();
    mesh.now((node, now) => node.answer(request, encodeJson(given), now));
  }
}

/** One comparison with one peer. */
class Comparison {
  #news = false;
  #lacking: Stamp[] = [];
  #lackingOffers: string[] = [];
  #keys: string[] = [];
  #differs = { notifications: false, subscribers: false, offers: false };

  constructor(
    private readonly peer: string,
    private readonly options: SyncOptions,
    private readonly done: (news: boolean) => void,
  ) {}

  start(): void {
    this.#ask({ ask: "digest" }, (there) => {
      const here = digest(this.options.board);
      this.#differs = {
        notifications: there.notifications !== here.notifications,
        subscribers: there.subscribers !== here.subscribers,
        offers: there.offers !== here.offers,
      };
      this.#subscribers();
    });
  }

  // `take` gets the answer, and throws when it makes no sense.
  #ask(question: Question, take: (answer: Record<string, unknown>) => void): void {
    const { mesh, garbage } = this.options;
    const gather = () =>
      mesh.now((node, now) =>
        node.gather({
          kind: NOTIFY_KIND.sync,
          payload: encodeJson(question),
          targets: [this.peer],
          timeout: ANSWER_MS,
          finished: ({ answers }) => {
            const payload = answers.get(this.peer);
            if (payload === undefined) return this.done(this.#news);
            const value = decodeJson(payload);
            try {
              if (!isObject(value)) throw new NonsenseError();
              take(value);
            } catch (error) {
              if (!(error instanceof NonsenseError)) throw error;
              garbage();
              this.done(this.#news);
            }
          },
        }, now)
      );
    try {
      gather();
    } catch (error) {
      // Too many questions are under way.
      if (!(error instanceof RangeError)) throw error;
      this.done(this.#news);
    }
  }

  #subscribers(): void {
    if (!this.#differs.subscribers) return this.#offers();
    this.#ask({ ask: "subscribers" }, ({ subscribers }) => {
      if (!isObject(subscribers)) throw new NonsenseError();
      for (const [key, hash] of Object.entries(subscribers)) {
        if (!isKey(key) || !isCount(hash)) throw new NonsenseError();
        const named = this.options.board.subscribers.get(key);
        if (named === undefined || subscriberHash(named) !== hash) this.#keys.push(key);
      }
      this.#records();
    });
  }

  #records(): void {
    if (this.#keys.length === 0) return this.#offers();
    this.#ask({ ask: "records", keys: this.#keys.slice(0, KEYS_AT_ONCE) }, (there) => {
      const changes = parseChanges(there);
      if (changes === undefined || !isCount(there.count) || there.count === 0) {
        throw new NonsenseError();
      }
      if (changes.refused > 0) this.options.garbage();
      this.#keys = this.#keys.slice(there.count);
      this.#learn(changes);
      this.#records();
    });
  }

  #learn(changes: Changes): void {
    if (this.options.learned(changes)) this.#news = true;
  }

  #offers(): void {
    if (!this.#differs.offers) return this.#settle();
    this.#ask({ ask: "offers" }, ({ offers, withdrawn }) => {
      if (!Array.isArray(offers) || !offers.every(isId)) throw new NonsenseError();
      if (!Array.isArray(withdrawn) || !withdrawn.every(isId)) throw new NonsenseError();
      this.#learn({ subscribers: [], acknowledged: new Map(), withdrawn });
      const { posted } = this.options.board;
      this.#lackingOffers = offers.filter((id) =>
        posted.get(id) === undefined && !posted.withdrawn.has(id)
      );
      this.#fetchOffers();
    });
  }

  #fetchOffers(): void {
    const ids = this.#lackingOffers;
    if (ids.length === 0) return this.#settle();
    this.#ask({ ask: "offer", ids: ids.slice(0, IDS_AT_ONCE) }, (there) => {
      for (const { notification } of this.#parseAll(there)) {
        if (this.options.board.posted.add(notification)) this.#news = true;
      }
      this.#lackingOffers = ids.slice(countOf(there));
      this.#fetchOffers();
    });
  }

  #settle(): void {
    this.options.settled();
    if (this.#differs.notifications) this.#inventory(0);
    else this.done(this.#news);
  }

  #inventory(after: number): void {
    this.#ask({ ask: "inventory", after }, ({ stamps, next }) => {
      const list = parseStamps(stamps);
      if (list === undefined || !isCount(next)) throw new NonsenseError();
      const { memory } = this.options.board;
      for (const stamp of list) {
        const isKnown = memory.get(formatId(stamp)) !== undefined || memory.isForgotten(stamp);
        if (!isKnown) this.#lacking.push(stamp);
      }
      this.#fetch(next > after ? next : 0);
    });
  }

  // What makes no sense is passed over: the rest may be sound.
  #parseAll({ notifications }: Record<string, unknown>): Fetched[] {
    if (!Array.isArray(notifications)) throw new NonsenseError();
    const all: Fetched[] = [];
    for (const one of notifications) {
      const fetched = parseFetched(one);
      if (fetched === undefined) this.options.garbage();
      else all.push(fetched);
    }
    return all;
  }

  // `next`: where the inventory goes on.
  #fetch(next: number): void {
    const stamps = this.#lacking;
    if (stamps.length === 0) {
      if (next > 0) this.#inventory(next);
      else this.done(this.#news);
      return;
    }
    const ids = stamps.slice(0, IDS_AT_ONCE).map(formatId);
    this.#ask({ ask: "notification", ids }, (there) => {
      for (const { notification, age } of this.#parseAll(there)) {
        const stamp = parseId(notification.id)!;
        const isNews = this.options.board.take(notification, stamp, { age, isLate: true });
        if (isNews) this.#news = true;
      }
      this.#lacking = stamps.slice(countOf(there));
      this.#fetch(next);
    });
  }
}

/** The peer said what makes no sense as a whole: the comparison ends. */
class NonsenseError extends Error {}

/** How many of what was asked for the answer is about. */
function countOf({ count }: Record<string, unknown>): number {
  if (!isCount(count) || count === 0) throw new NonsenseError();
  return count;
}
