/**
 * What origins are called that said something: for the history, which has what they said longer than
 * their topology records are known. A new peer is told the names of those who can't be reached: who
 * can be tells its name itself, some milliseconds later.
 */
import type { NamedNode } from "../wire/mesh_message.ts";
import type { MeshContext } from "./context.ts";
import type { NodeId } from "./identity.ts";
import { LIST_CHUNK } from "./limits.ts";
import type { Link } from "./links.ts";
import type { Seen } from "./seen.ts";
import type { MeshStore } from "./store.ts";

/** The names of origins, as many as there are origins at the most. */
export class Names {
  readonly #names = new Map<NodeId, string>();

  constructor(
    private readonly context: MeshContext,
    private readonly seen: Seen,
    private readonly store?: MeshStore,
  ) {}

  /** It was written down before the start. */
  restore(id: NodeId, name: string): void {
    this.#names.set(id, name);
  }

  /** What an origin is called, as far as it was kept. */
  of(id: NodeId): string | undefined {
    return this.#names.get(id);
  }

  /** Keeps what an origin is called. */
  keep(id: NodeId, name: string): void {
    if (this.seen.origin(id) === undefined || this.#names.get(id) === name) return;
    this.#names.set(id, name);
    this.store?.name(id, name);
  }

  /** An origin was forgotten. */
  forget(id: NodeId): void {
    this.#names.delete(id);
  }

  /** Tells a new peer the names of those who aren't there to tell them, and whose messages are. */
  sendAll(link: Link, isPresent: (id: NodeId) => boolean): void {
    const nodes: NamedNode[] = [];
    for (const [id, name] of this.#names) {
      if (!isPresent(id) && this.#isRemembered(id)) nodes.push({ id, name });
    }
    this.#send(link, nodes);
  }

  #isRemembered(id: NodeId): boolean {
    for (const { segments } of this.seen.origin(id)?.streams.values() ?? []) {
      if (segments.length > 0) return true;
    }
    return false;
  }

  #send(link: Link, nodes: readonly NamedNode[]): void {
    if (this.context.isLeaf) return;
    for (let at = 0; at < nodes.length; at += LIST_CHUNK) {
      this.context.send(link, { type: "names", nodes: nodes.slice(at, at + LIST_CHUNK) });
    }
  }

  /** A peer told names: those that are new here are kept and told to the others, before any message. */
  received(link: Link, nodes: readonly NamedNode[]): void {
    const { self, up, effects } = this.context;
    const news = nodes.filter(({ id }) => id !== self.id && !this.#names.has(id));
    const known = news.filter(({ id }) => this.seen.origin(id) !== undefined);
    for (const { id, name } of known) {
      this.keep(id, name);
      this.context.tell(() => effects.named?.(id, name));
    }
    for (const other of up.values()) if (other !== link) this.#send(other, known);
  }
}
