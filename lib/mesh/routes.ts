/**
 * Messages for one node: sent along a path of the graph that the source writes into the message,
 * acknowledged by the destination, repeated on another path when no acknowledgement comes, failed
 * with a reason when there is no path or the time is over. Only the nodes of the path see them.
 * A node that can't send one on tells the source, which then avoids that edge.
 */
import type { NodeId } from "../wire/mesh_bytes.ts";
import { type Purpose, type Routed, ROUTED_HOP_OFFSET } from "../wire/mesh_message.ts";
import type { DirectRequest, MeshContext, SendOutcome } from "./context.ts";
import { ForgedError } from "./broadcast.ts";
import {
  ANSWER_PART_BYTES,
  MAX_ROUTED_SENDS,
  MAX_ROUTED_SOURCES,
  ROUTE_RETRY,
  ROUTE_TIMEOUT,
  ROUTED_WINDOW,
} from "./limits.ts";
import type { Link } from "./links.ts";
import type { Observers } from "./observers.ts";
import { edgeKey, type Topology } from "./topology.ts";

/** What a message for one node is. */
export interface Outgoing {
  readonly to: NodeId;
  readonly purpose: Extract<Purpose, "message" | "request" | "part" | "answer">;
  readonly kind: number;
  readonly payload: Uint8Array;
  /** The number of the request that it answers. */
  readonly correlation?: number;
  /** Ms until it has failed. @default 5000 */
  readonly timeout?: number | undefined;
  /** Told at the end of an event when it has arrived or failed. */
  readonly finished?: ((outcome: SendOutcome) => void) | undefined;
}

/** A part of an answer, or all of it. */
export interface AnswerPart {
  readonly from: NodeId;
  /** The number of the request. */
  readonly correlation: number;
  readonly payload: Uint8Array;
  /** Nothing of the answer follows. */
  readonly isLast: boolean;
}

/** Takes answers. */
export type AnswerSink = (part: AnswerPart) => void;

interface Pending {
  readonly outgoing: Outgoing;
  readonly deadline: number;
  attempts: number;
  retryAt: number;
  lastPath: readonly NodeId[] | undefined;
  readonly badNodes: Set<NodeId>;
  readonly badEdges: Set<string>;
}

interface Source {
  incarnation: number;
  highest: number;
  readonly numbers: Set<number>;
}

const EMPTY = new Uint8Array(0);

/** The point-to-point messages of one node. */
export class Routes {
  readonly #pending = new Map<number, Pending>();
  readonly #sources = new Map<NodeId, Source>();
  #numbers = 0;
  #due = Infinity;

  constructor(
    private readonly context: MeshContext,
    private readonly topology: Topology,
    private readonly observers: Observers,
    private readonly answered: AnswerSink,
  ) {}

  /** When {@linkcode tick} is due. */
  get due(): number {
    return this.#due;
  }

  /** Messages under way. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Sends a message to one node; returns its number. */
  send(outgoing: Outgoing): number {
    const number = ++this.#numbers;
    const { now, self } = this.context;
    if (outgoing.to === self.id) {
      this.#deliver(self.id, { ...outgoing, number, incarnation: self.incarnation });
      this.#tellFinished(outgoing, { type: "delivered" });
      return number;
    }
    if (this.#pending.size >= MAX_ROUTED_SENDS) {
      const reason = `${MAX_ROUTED_SENDS} messages are under way already`;
      this.#tellFinished(outgoing, { type: "failed", reason });
      return number;
    }
    const pending: Pending = {
      outgoing,
      deadline: now + (outgoing.timeout ?? ROUTE_TIMEOUT),
      attempts: 0,
      retryAt: now,
      lastPath: undefined,
      badNodes: new Set(),
      badEdges: new Set(),
    };
    this.#pending.set(number, pending);
    this.#attempt(number, pending);
    return number;
  }

  /**
   * Answers a request. What is long goes in parts, each of them when the one before has arrived: so they come in
   * their order, and as fast as the way there takes them.
   */
  answer(answer: Pick<Outgoing, "to" | "kind" | "payload" | "correlation">): void {
    const { payload } = answer;
    const send = (start: number) => {
      const end = start + ANSWER_PART_BYTES;
      const part = payload.subarray(start, end);
      if (end >= payload.length) this.send({ ...answer, purpose: "answer", payload: part });
      else {
        const finished = ({ type }: SendOutcome) => type === "delivered" && send(end);
        this.send({ ...answer, purpose: "part", payload: part, finished });
      }
    };
    send(0);
  }

  /** Gives up a message without telling. */
  cancel(number: number): void {
    this.#pending.delete(number);
  }

  #tellFinished({ finished }: Outgoing, outcome: SendOutcome): void {
    if (finished !== undefined) this.context.tell(() => finished(outcome));
  }

  #finish(number: number, outcome: SendOutcome): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    this.#tellFinished(pending.outgoing, outcome);
  }

  #attempt(number: number, pending: Pending): void {
    const { outgoing, lastPath, badNodes } = pending;
    // The nodes of a path that brought no acknowledgement are avoided, as long as there is a way.
    for (const id of lastPath?.slice(1, -1) ?? []) badNodes.add(id);
    const path = pending.attempts === 0
      ? this.topology.path(outgoing.to)
      : this.#detour(pending) ?? this.topology.path(outgoing.to);
    if (path === undefined) {
      this.#finish(number, {
        type: "failed",
        reason: `There is no path to ${this.topology.record(outgoing.to)?.name ?? outgoing.to}`,
      });
      return;
    }
    pending.lastPath = path;
    pending.retryAt = this.context.now + ROUTE_RETRY * 2 ** pending.attempts++;
    this.#due = Math.min(this.#due, pending.retryAt, pending.deadline);
    this.#transmit(path, outgoing.purpose, {
      kind: outgoing.kind,
      number,
      correlation: outgoing.correlation ?? 0,
      payload: outgoing.payload,
    });
  }

  // A path that avoids what is known to be broken.
  #detour({ outgoing: { to }, badNodes, badEdges }: Pending): NodeId[] | undefined {
    return this.topology.path(to, { nodes: badNodes, edges: badEdges }) ??
      this.topology.path(to, { nodes: new Set(), edges: badEdges });
  }

  #transmit(
    path: readonly NodeId[],
    purpose: Purpose,
    fields: Pick<Routed, "kind" | "number" | "correlation" | "payload">,
  ): void {
    const link = this.context.up.get(path[1]!);
    // Not linked any more: the retry takes another path once the topology knows.
    if (link === undefined) return;
    const { incarnation } = this.context.self;
    this.context.send(link, { type: "routed", purpose, hop: 1, path, incarnation, ...fields });
  }

  /**
   * A routed message came on a link: it is for us, or is sent on.
   *
   * @throws {ForgedError} when it did not come from the node before us on its path, or claims to
   * come from us.
   */
  received(link: Link, message: Routed, body: Uint8Array): void {
    const { path, hop } = message;
    const { self } = this.context;
    if (path[hop] !== self.id || path[hop - 1] !== link.peer) {
      throw new ForgedError(`A message for ${path[hop]} came here, by way of ${path[hop - 1]}`);
    }
    if (hop === path.length - 1) this.#arrived(message);
    else this.#forward(message, body);
  }

  #forward(message: Routed, body: Uint8Array): void {
    const { path, hop } = message;
    const next = this.context.up.get(path[hop + 1]!);
    if (next !== undefined) {
      const copy = body.slice();
      copy[ROUTED_HOP_OFFSET] = (hop + 1) >>> 8;
      copy[ROUTED_HOP_OFFSET + 1] = hop + 1;
      this.context.effects.send(next.id, copy);
    } else if (message.purpose !== "failure" && message.purpose !== "ack") {
      this.#sendBack(message, "failure");
    }
  }

  // Sends an acknowledgement or a failure from here to the source, on the way that it came.
  #sendBack(message: Routed, purpose: "ack" | "failure"): void {
    const path = message.path.slice(0, message.hop + 1).reverse();
    this.#transmit(path, purpose, {
      kind: message.kind,
      number: ++this.#numbers,
      correlation: message.number,
      payload: EMPTY,
    });
  }

  #arrived(message: Routed): void {
    const source = message.path[0]!;
    switch (message.purpose) {
      case "ack":
        this.#finishFrom(source, message.correlation);
        return;
      case "failure":
        this.#failed(source, message.correlation);
        return;
      default:
        this.#sendBack(message, "ack");
        if (this.#isRepeat(source, message)) this.context.counters.duplicates++;
        else this.#deliver(source, message);
    }
  }

  #finishFrom(source: NodeId, number: number): void {
    if (this.#pending.get(number)?.outgoing.to === source) {
      this.#finish(number, { type: "delivered" });
    }
  }

  // The node `at` could not send it on: its next edge is broken.
  #failed(at: NodeId, number: number): void {
    const pending = this.#pending.get(number);
    const index = pending?.lastPath?.indexOf(at) ?? -1;
    const next = pending?.lastPath?.[index + 1];
    if (pending === undefined || index < 0 || next === undefined) return;
    pending.badEdges.add(edgeKey(at, next));
    pending.lastPath = undefined;
    // The same way would fail again, as fast as the links are: that is tried when its time has come.
    if (this.#detour(pending) !== undefined) this.#attempt(number, pending);
  }

  #isRepeat(id: NodeId, { incarnation, number }: Routed): boolean {
    let source = this.#sources.get(id);
    if (source === undefined || source.incarnation < incarnation) {
      if (source === undefined && this.#sources.size >= MAX_ROUTED_SOURCES) {
        const [oldest] = this.#sources.keys();
        this.#sources.delete(oldest!);
      }
      source = { incarnation, highest: 0, numbers: new Set() };
      this.#sources.set(id, source);
    }
    if (source.incarnation > incarnation || number <= source.highest - ROUTED_WINDOW) return true;
    if (source.numbers.has(number)) return true;
    source.numbers.add(number);
    source.highest = Math.max(source.highest, number);
    if (source.numbers.size > ROUTED_WINDOW * 2) {
      for (const old of source.numbers) {
        if (old <= source.highest - ROUTED_WINDOW) source.numbers.delete(old);
      }
    }
    return false;
  }

  #deliver(
    from: NodeId,
    message: Pick<Routed, "purpose" | "kind" | "incarnation" | "number" | "payload"> & {
      readonly correlation?: number;
    },
  ): void {
    const { purpose, kind, incarnation, number, correlation } = message;
    const payload = message.payload.slice();
    this.context.tell(() => {
      if (purpose === "answer" || purpose === "part") {
        const isLast = purpose === "answer";
        this.answered({ from, correlation: correlation ?? 0, payload, isLast });
      } else if (purpose === "message") {
        this.observers.tell(kind, (observer) => observer.received?.({ from, kind, payload }));
      } else {
        const request: DirectRequest = { from, kind, payload, incarnation, number };
        this.observers.tell(kind, (observer) => observer.requested?.(request));
      }
    });
  }

  /** These nodes can't be reached any more, or were started again: what is for them fails. */
  lost(nodes: ReadonlySet<NodeId>): void {
    for (const [number, pending] of this.#pending) {
      if (!nodes.has(pending.outgoing.to)) continue;
      const name = this.topology.record(pending.outgoing.to)?.name ?? pending.outgoing.to;
      this.#finish(number, { type: "failed", reason: `${name} can't be reached any more` });
    }
  }

  /** Repeats what was not acknowledged, and fails what is too late. */
  tick(): void {
    const { now } = this.context;
    if (now < this.#due) return;
    this.#due = Infinity;
    for (const [number, pending] of this.#pending) {
      if (now >= pending.deadline) {
        const seconds = (pending.outgoing.timeout ?? ROUTE_TIMEOUT) / 1000;
        this.#finish(number, { type: "failed", reason: `No acknowledgement within ${seconds} s` });
      } else if (now >= pending.retryAt) this.#attempt(number, pending);
      else this.#due = Math.min(this.#due, pending.retryAt, pending.deadline);
    }
  }
}
