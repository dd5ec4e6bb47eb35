/**
 * Who wants to know of a node's mesh, beside the observers of kinds.
 *
 * @module
 */

import type { Gap } from "./context.ts";
import type { NodeId } from "./identity.ts";

/** Wants to know of the mesh. */
export interface MeshWatcher {
  /** Something comes from a link, or is due: what the others are told of it, they are told after this. */
  event?(): void;
  /** A node can be reached; not told of this one. */
  reachable?(id: string, name: string): void;
  /** A node can't be reached any more; `left`: it said goodbye. */
  unreachable?(id: string, name: string, left: boolean): void;
  /** A peer told what a node is called that can't be reached. */
  named?(id: string, name: string): void;
  /** Messages were missed for good. */
  gap?(gap: Gap): void;
  /** Local speakers are to wait, or may go on. */
  congested?(congested: boolean): void;
  /** A link is up or down; `killed` is the peer whose link an operator ended, here or there. */
  linksChanged?(killed?: NodeId): void;
}

/** Several watchers, told in the order in which they came. */
export class Watchers implements Required<MeshWatcher> {
  readonly #all: MeshWatcher[] = [];

  /** Tells this one, too, from now on. */
  add(watcher: MeshWatcher): void {
    this.#all.push(watcher);
  }

  event(): void {
    for (const each of this.#all) each.event?.();
  }

  reachable(id: string, name: string): void {
    for (const each of this.#all) each.reachable?.(id, name);
  }

  unreachable(id: string, name: string, left: boolean): void {
    for (const each of this.#all) each.unreachable?.(id, name, left);
  }

  named(id: string, name: string): void {
    for (const each of this.#all) each.named?.(id, name);
  }

  gap(gap: Gap): void {
    for (const each of this.#all) each.gap?.(gap);
  }

  congested(congested: boolean): void {
    for (const each of this.#all) each.congested?.(congested);
  }

  linksChanged(killed?: NodeId): void {
    for (const each of this.#all) each.linksChanged?.(killed);
  }
}
