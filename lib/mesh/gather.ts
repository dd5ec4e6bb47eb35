/**
 * Scatter-gather: a request goes to some nodes or to all that can be reached, each on its path, and
 * the answers are collated. It ends as soon as nobody is left who could still answer, at the
 * latest at the timeout, and names those who did not. When too many are under way, the next ones
 * wait for their turn; their time runs from then on.
 */
import type { GatherResult, MeshContext } from "./context.ts";
import type { NodeId } from "./identity.ts";
import { GATHER_TIMEOUT, MAX_GATHERS, MAX_GATHERS_WAITING, MAX_ROUTED_SENDS } from "./limits.ts";
import type { AnswerPart, Routes } from "./routes.ts";
import { MAX_MESH_ANSWER } from "../wire/mesh_limits.ts";
import { Queue } from "../wire/queue.ts";

interface Pending {
  readonly deadline: number;
  readonly answers: Map<NodeId, Uint8Array>;
  /** What came of answers that are not whole yet. */
  readonly parts: Map<NodeId, Uint8Array[]>;
  /** Asked, neither answered nor lost. */
  readonly waiting: Set<NodeId>;
  readonly silent: Set<NodeId>;
  readonly lost: Set<NodeId>;
  /** Numbers of the routed requests. */
  readonly requests: number[];
  readonly finished: (result: GatherResult) => void;
}

/** A question to several nodes. */
export interface Question {
  readonly kind: number;
  readonly payload: Uint8Array;
  /** This node may be one of them. */
  readonly targets: Iterable<NodeId>;
  /** In ms. @default 2000 */
  readonly timeout?: number | undefined;
  /** Told once, at the end of an event. */
  readonly finished: (result: GatherResult) => void;
}

/** The gathers of one node. */
export class Gathers {
  readonly #pending = new Map<number, Pending>();
  /** Which gather, and which node, a routed request belongs to. */
  readonly #byRequest = new Map<number, { readonly gather: number; readonly node: NodeId }>();
  /** Questions whose turn has not come. */
  readonly #queue = new Queue<Question>();
  #numbers = 0;
  #due = Infinity;
  #starting = false;

  constructor(private readonly context: MeshContext, private readonly routes: Routes) {}

  /** When {@linkcode tick} is due. */
  get due(): number {
    return this.#due;
  }

  /** Gathers under way, and waiting for their turn. */
  get pending(): number {
    return this.#pending.size + this.#queue.size;
  }

  /**
   * Asks, when it is its turn.
   *
   * @throws {RangeError} when too many questions wait.
   */
  start(question: Question): void {
    if (this.#queue.size >= MAX_GATHERS_WAITING) {
      throw new RangeError(`Cannot ask: ${MAX_GATHERS_WAITING} questions wait already`);
    }
    this.#queue.push({ ...question, targets: new Set(question.targets) });
    this.#startNext();
  }

  // Starts those whose turn it is.
  #startNext(): void {
    // A question that ends at once, having nobody to ask, comes back here.
    if (this.#starting) return;
    this.#starting = true;
    for (;;) {
      const next = this.#queue.first;
      if (next === undefined || !this.#hasRoom(next)) break;
      this.#queue.shift();
      this.#ask(next);
    }
    this.#starting = false;
  }

  // A request that is one too many would fail: its node would seem silent.
  #hasRoom({ targets }: Question): boolean {
    const { size } = targets as Set<NodeId>;
    return this.#pending.size === 0 ||
      (this.#pending.size < MAX_GATHERS && this.routes.pending + size <= MAX_ROUTED_SENDS);
  }

  #ask({ kind, payload, targets, timeout = GATHER_TIMEOUT, finished }: Question): void {
    const number = ++this.#numbers;
    const pending: Pending = {
      deadline: this.context.now + timeout,
      answers: new Map(),
      parts: new Map(),
      waiting: new Set(targets),
      silent: new Set(),
      lost: new Set(),
      requests: [],
      finished,
    };
    this.#pending.set(number, pending);
    this.#due = Math.min(this.#due, pending.deadline);
    for (const node of pending.waiting) {
      const request: number = this.routes.send({
        to: node,
        purpose: "request",
        kind,
        payload,
        timeout,
        finished: ({ type }) => type === "failed" && this.#failed(request),
      });
      pending.requests.push(request);
      this.#byRequest.set(request, { gather: number, node });
    }
    this.#settle(number, pending);
  }

  /** An answer came, or a part of it. */
  answered({ from, correlation, payload, isLast }: AnswerPart): void {
    const asked = this.#byRequest.get(correlation);
    if (asked === undefined || asked.node !== from) return;
    const pending = this.#pending.get(asked.gather)!;
    if (!pending.waiting.has(from)) return;
    const parts = pending.parts.get(from) ?? [];
    parts.push(payload);
    const isTooLong = parts.reduce((sum, { length }) => sum + length, 0) > MAX_MESH_ANSWER;
    if (!isLast && !isTooLong) return void pending.parts.set(from, parts);
    pending.parts.delete(from);
    pending.waiting.delete(from);
    if (isTooLong) pending.silent.add(from);
    else pending.answers.set(from, parts.length === 1 ? payload : joined(parts));
    this.#settle(asked.gather, pending);
  }

  // A request could not be delivered: nobody waits for its answer any more.
  #failed(request: number): void {
    const asked = this.#byRequest.get(request);
    if (asked === undefined) return;
    const pending = this.#pending.get(asked.gather)!;
    if (!pending.waiting.delete(asked.node)) return;
    pending.silent.add(asked.node);
    if (this.context.now < pending.deadline) pending.lost.add(asked.node);
    this.#settle(asked.gather, pending);
  }

  /** These nodes can't be reached any more, or were started again. */
  lost(nodes: ReadonlySet<NodeId>): void {
    for (const [number, pending] of this.#pending) {
      for (const node of nodes) {
        if (!pending.waiting.delete(node)) continue;
        pending.silent.add(node);
        pending.lost.add(node);
      }
      this.#settle(number, pending);
    }
  }

  #settle(number: number, pending: Pending): void {
    if (pending.waiting.size > 0) return;
    this.#pending.delete(number);
    for (const request of pending.requests) {
      this.#byRequest.delete(request);
      this.routes.cancel(request);
    }
    const result: GatherResult = {
      answers: pending.answers,
      silent: [...pending.silent].sort(),
      lost: pending.lost,
    };
    this.context.tell(() => pending.finished(result));
    this.#startNext();
  }

  /** Ends what is too late. */
  tick(): void {
    if (this.context.now < this.#due) return;
    this.#due = Infinity;
    for (const [number, pending] of this.#pending) {
      if (this.context.now >= pending.deadline) {
        for (const node of pending.waiting) pending.silent.add(node);
        pending.waiting.clear();
        this.#settle(number, pending);
      } else this.#due = Math.min(this.#due, pending.deadline);
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
