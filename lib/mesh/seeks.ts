/**
 * News that a peer misses and this node has forgotten is sought from all other peers, and theirs:
 * so a message is found as long as any reachable node remembers it. When nobody has it the peer
 * is told, and declares the gap.
 *
 * The search is an echo algorithm (Chang 1982): with its first question a search makes the asker
 * the parent, and goes on to all other links; questions of the same search that come later are
 * answered at once, empty. When all links have answered, the parent is told what was not found.
 * What is found goes back from parent to parent.
 */
import { type Batch, TYPE_REPLY } from "../wire/mesh_batch.ts";
import type { Lack, StreamRange, WantedRange } from "../wire/mesh_message.ts";
import type { MeshContext } from "./context.ts";
import { MAX_SEEKS, SEEK_FOR } from "./limits.ts";
import type { Link } from "./links.ts";

interface Seek {
  readonly token: number;
  readonly parent: Link;
  /** What is sought; undefined when nothing is. */
  range: StreamRange | undefined;
  /** Who has not answered yet. */
  readonly waiting: Set<Link>;
  /** The lowest sequence that was found, and by whom. */
  found: number;
  finder: Link | undefined;
  /** The highest sequence of what was sent back to the parent. */
  sent: number;
  readonly until: number;
}

/** Tokens of searches are this or more; the requests of the sync are less. */
export const FIRST_TOKEN = 0x8000_0000;

/** How a question that belongs to a search is answered. */
export type SeekRole = "first" | "again" | "crossing";

/** The searches that come through this node. */
export class Seeks {
  readonly #seeks = new Map<number, Seek>();
  #due = Infinity;

  constructor(private readonly context: MeshContext) {}

  /** A token for a new search. */
  static token(random: () => number): number {
    return FIRST_TOKEN + Math.floor(random() * FIRST_TOKEN);
  }

  /** When {@linkcode tick} is due. */
  get due(): number {
    return this.#due;
  }

  /** Searches remembered. */
  get size(): number {
    return this.#seeks.size;
  }

  /** Whether the search is known here. */
  has(token: number): boolean {
    return this.#seeks.has(token);
  }

  /**
   * A peer asks in the course of a search: `first` is answered and goes on, `again` is answered (it
   * is the parent), `crossing` is answered empty: the search came here another way.
   */
  role(asker: Link, token: number): SeekRole {
    const seek = this.#seeks.get(token);
    if (seek?.parent.phase.name === "up") return seek.parent === asker ? "again" : "crossing";
    const until = this.context.now + SEEK_FOR;
    if (this.#seeks.size >= MAX_SEEKS) return "crossing";
    this.#seeks.set(token, {
      token,
      parent: asker,
      range: undefined,
      waiting: new Set(),
      found: Infinity,
      finder: undefined,
      sent: 0,
      until,
    });
    this.#due = Math.min(this.#due, until);
    return "first";
  }

  /** We lack a range that is sought: asks all other peers. True when there are any. */
  goOn(token: number, { origin, incarnation, from, to }: StreamRange): boolean {
    if (this.context.isLeaf) return false;
    const seek = this.#seeks.get(token)!;
    seek.range = { origin, incarnation, from, to };
    seek.found = Infinity;
    seek.finder = undefined;
    const ranges: WantedRange[] = [{ ...seek.range, token }];
    for (const link of this.context.up.values()) {
      if (link === seek.parent) continue;
      seek.waiting.add(link);
      this.context.send(link, { type: "want", request: token, ranges });
    }
    return seek.waiting.size > 0;
  }

  /** Whether the answer to a search is still open. */
  isOpen(token: number): boolean {
    return (this.#seeks.get(token)?.waiting.size ?? 0) > 0;
  }

  /** Messages that were asked for came: sent on to those who seek them. */
  received(batch: Batch, source: Link): void {
    for (const seek of this.#seeks.values()) {
      const { range, parent, waiting } = seek;
      if (range === undefined || !waiting.has(source) || parent.phase.name !== "up") continue;
      const isSought = range.origin === batch.origin && range.incarnation === batch.incarnation &&
        batch.first <= range.to && batch.last >= range.from;
      if (!isSought) continue;
      if (batch.first < seek.found) {
        seek.found = batch.first;
        seek.finder = source;
        seek.sent = batch.first - 1;
      }
      if (seek.finder !== source) continue; // The same from somebody else.
      // Where links came and went, parents may form a ring: what went round it goes no further.
      if (batch.last <= seek.sent) continue;
      seek.sent = batch.last;
      this.context.sendBatch(parent, batch, batch.bodyAs(TYPE_REPLY).slice());
    }
  }

  /** A peer answered in the course of a search: what it has came before. */
  ended(link: Link, token: number, lacks: readonly Lack[]): void {
    const seek = this.#seeks.get(token);
    if (seek !== undefined && !lacks.some(({ later }) => later)) this.#answered(seek, link);
  }

  #answered(seek: Seek, link: Link): void {
    if (!seek.waiting.delete(link) || seek.waiting.size > 0) return;
    const { token, parent, range } = seek;
    if (range === undefined || parent.phase.name !== "up") return;
    const to = Math.min(range.to, seek.found - 1);
    const lacks = to < range.from ? [] : [{ ...range, to, later: false }];
    this.context.send(parent, { type: "end", request: token, lacks });
  }

  /** A link is gone: it will not answer. */
  linkDown(link: Link): void {
    for (const seek of this.#seeks.values()) this.#answered(seek, link);
  }

  /** Forgets old searches. */
  tick(): void {
    const { now } = this.context;
    if (now < this.#due) return;
    this.#due = Infinity;
    for (const { token, until } of this.#seeks.values()) {
      if (now >= until) this.#seeks.delete(token);
      else this.#due = Math.min(this.#due, until);
    }
  }
}
