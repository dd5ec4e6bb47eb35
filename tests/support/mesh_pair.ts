/** Nodes of the mesh joined by hand, frame by frame, for tests that look at single messages. */
import type { Gap } from "../../lib/mesh/context.ts";
import type { Identity } from "../../lib/mesh/identity.ts";
import type { MeshLimits } from "../../lib/mesh/limits.ts";
import { MeshNode } from "../../lib/mesh/node.ts";
import type { Delivery } from "../../lib/mesh/observers.ts";
import type { MeshStore } from "../../lib/mesh/store.ts";
import { encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { encodeMeshMessage, type MeshMessage } from "../../lib/wire/mesh_message.ts";
import { seededRandom } from "./random.ts";

/** The kind that {@linkcode HandNode} observes. */
export const SPEECH = 1;

/** A frame that a node sent. */
export interface SentFrame {
  readonly link: number;
  readonly body: Uint8Array;
}

/** A node with everything it did written down. */
export class HandNode {
  readonly node: MeshNode;
  readonly sent: SentFrame[] = [];
  readonly drops: { link: number; code: string; reason: string; remote: boolean }[] = [];
  readonly heard: { word: string; past: boolean; sequence: number }[] = [];
  readonly gaps: Gap[] = [];
  readonly events: string[] = [];
  readonly notes: string[] = [];
  now = 0;

  constructor(
    identity: Partial<Identity> & { name: string },
    limits: Partial<MeshLimits> = {},
    store?: MeshStore,
    isLeaf = false,
  ) {
    const id = [...identity.name].map((c) => c.charCodeAt(0).toString(16)).join("");
    this.node = new MeshNode({
      identity: { id: id.padStart(16, "0"), incarnation: 2 ** 32, mesh: "", ...identity },
      random: seededRandom(id.length + identity.name.charCodeAt(0)),
      now: 0,
      limits,
      ...(store && { store }),
      isLeaf,
      effects: {
        send: (link, body) => void this.sent.push({ link, body }),
        drop: (link, code, reason, remote) => void this.drops.push({ link, code, reason, remote }),
        linkUp: (_link, peer) => void this.events.push(`up ${peer.name}`),
        linkDown: (_link, peer) => void this.events.push(`down ${peer.name}`),
        reachable: (_id, name) => void this.events.push(`reachable ${name}`),
        unreachable: (_id, name, left) =>
          void this.events.push(`${left ? "left" : "unreachable"} ${name}`),
        gap: (gap) => void this.gaps.push(gap),
        cloned: () => void this.events.push("cloned"),
        note: (level, text) => void this.notes.push(`${level}: ${text}`),
      },
    });
    this.node.observe(SPEECH, { delivered: (delivery) => this.#delivered(delivery) });
  }

  get id(): string {
    return this.node.identity.id;
  }

  #delivered({ batch, past }: Delivery): void {
    batch.forEach((payload, sequence) => {
      this.heard.push({ word: new TextDecoder().decode(payload), past, sequence });
    });
  }

  /** The words heard, the past in brackets. */
  get words(): string[] {
    return this.heard.map(({ word, past }) => past ? `[${word}]` : word);
  }

  say(...words: string[]): void {
    const payloads = words.map((word) => new TextEncoder().encode(word));
    this.node.publish(SPEECH, payloads, { now: this.now, time: 0 });
  }

  /** Has a frame arrive. */
  receive(link: number, message: MeshMessage | Uint8Array): void {
    const body = message instanceof Uint8Array ? message : encodeMeshMessage(message);
    this.node.frameReceived(link, body, this.now);
  }

  tick(now: number): void {
    this.now = now;
    this.node.tick(now);
  }
}

/** A link between two {@linkcode HandNode}s: frames wait until they are carried. */
export interface HandLink {
  readonly a: HandNode;
  readonly b: HandNode;
  readonly number: number;
}

/** Carries frames between nodes, and time with it. */
export class HandMesh {
  readonly links = new Map<number, HandLink>();
  #numbers = 0;
  now = 0;

  constructor(readonly nodes: readonly HandNode[]) {}

  /** Opens a link that `a` makes to `b`, and carries the greeting. */
  join(a: HandNode, b: HandNode): HandLink {
    const link = this.open(a, b);
    this.carry();
    return link;
  }

  /** Opens a link; nothing is carried yet. */
  open(a: HandNode, b: HandNode): HandLink {
    const number = ++this.#numbers;
    const link = { a, b, number };
    this.links.set(number, link);
    a.node.linkOpened(number, true, this.now);
    b.node.linkOpened(number, false, this.now);
    return link;
  }

  /** Carries all frames until none is left. */
  carry(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const node of this.nodes) {
        for (const { link, body } of node.sent.splice(0)) {
          const found = this.links.get(link);
          if (found === undefined) continue;
          moved = true;
          (found.a === node ? found.b : found.a).receive(link, body);
        }
      }
    }
  }

  /** Lets time pass, in steps of 10 ms, carrying what is sent. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 10;
      for (const node of this.nodes) node.tick(this.now);
      this.carry();
    }
  }

  /** Cuts a link: both sides are told. */
  cut({ a, b, number }: HandLink): void {
    this.links.delete(number);
    a.node.linkClosed(number, this.now);
    b.node.linkClosed(number, this.now);
  }

  /** Cuts a link: nobody is told. */
  cutSilently({ number }: HandLink): void {
    this.links.delete(number);
  }
}

/** Two nodes that are not linked yet. */
export function pair(): { mesh: HandMesh; kitchen: HandNode; attic: HandNode } {
  const kitchen = new HandNode({ name: "kitchen" });
  const attic = new HandNode({ name: "attic" });
  return { mesh: new HandMesh([kitchen, attic]), kitchen, attic };
}

/** What `origin` would push: words from the sequence `first` on. */
export function push(origin: HandNode, first: number, ...words: string[]): MeshMessage {
  const { id, incarnation } = origin.node.identity;
  const head = { origin: id, incarnation, first, kind: SPEECH, time: 0 };
  return {
    type: "push",
    batch: encodeBatches(head, words.map((word) => new TextEncoder().encode(word)))[0]!,
  };
}
