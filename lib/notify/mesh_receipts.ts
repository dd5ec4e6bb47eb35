/**
 * Receipts from the whole mesh. Each server is asked what it knows of a notification's recipients, and, when the
 * asker wants to wait, tells until then that something changed; then it is asked again. So nobody asks without
 * need, nothing is flooded, and a crowd that acknowledges costs no more answers than can be given.
 *
 * @module
 */

import type { DirectMessage, DirectRequest, GatherResult } from "../mesh/context.ts";
import { MAX_RECEIPT_WATCHES } from "../wire/limits.ts";
import type { Board, BoardReceipt } from "./board.ts";
import { NOTIFY_KIND } from "./kinds.ts";
import { decodeJson, encodeJson, isId, isKey } from "./messages.ts";
import { parseNick } from "../wire/nick.ts";
import type { Receipt, Receipts, ReceiptState } from "./notifications.ts";
import { sortReceipts } from "./receipt_desk.ts";
import { isCount, isObject, isServerName } from "./record.ts";
import type { After, NotifyMesh } from "./room_mesh.ts";

/** A question may overtake the notification that it is about by so much, in milliseconds. */
const OVERTAKE_MS = 500;

/** That something changed is told so much later, in milliseconds: for all changes till then. */
const TELL_AFTER_MS = 25;

/** A server is asked again a ms later for so many recipients that it told: that takes it some part of that. */
const RECIPIENTS_PER_MS = 100;

/** Of two servers that know different things of a named recipient the one is right that knows more. */
const RANK: Record<ReceiptState, number> = { queued: 0, expired: 1, delivered: 2, acknowledged: 3 };

/** What one server knows. */
type Known = readonly BoardReceipt[];

interface Watch {
  readonly id: string;
  readonly from: string;
  /** When nobody waits any more, in monotonic ms. */
  readonly until: number;
}

interface Query {
  readonly id: string;
  /** By the ids of the servers. */
  readonly answers: Map<string, Known>;
}

/** How the receipts of a mesh are made. */
export interface MeshReceiptsOptions {
  readonly mesh: NotifyMesh;
  readonly board: Board;
  readonly after: After;
  /** Calls something at the end of the turn. */
  readonly later: (action: () => void) => void;
}

/** Asks for receipts, and answers. */
export class MeshReceipts {
  readonly #options: MeshReceiptsOptions;
  readonly #queries = new Set<Query>();
  /** Servers that are asked again (`ID NODE`), and whether something changed there meanwhile. */
  readonly #asking = new Map<string, boolean>();
  /** Who waits for changes, by id of the notification. */
  readonly #watches = new Map<string, Watch[]>();
  #watching = 0;
  readonly #changed = new Set<string>();
  /** Questions about what has not arrived yet. */
  readonly #held = new Map<string, (() => void)[]>();
  #asked = 0;

  /** Registers with the mesh. */
  constructor(options: MeshReceiptsOptions) {
    this.#options = options;
    options.mesh.node.observe(NOTIFY_KIND.listeners, {
      requested: (request) => this.#requested(request),
      received: (message) => this.#received(message),
    });
  }

  // ---------------------------------------------------------------- asking

  /** Who got it. Undefined: nobody knows such a notification. */
  async ask(id: string, wait: number): Promise<Receipts | undefined> {
    const { mesh, board } = this.#options;
    if (!isId(id)) return undefined;
    if (this.#asked >= MAX_RECEIPT_WATCHES) return this.#collect({ id, answers: new Map() }, []);
    const deadline = board.clock.now() + wait;
    const query: Query = { id, answers: new Map() };
    this.#queries.add(query);
    this.#asked++;
    try {
      const silent = await this.#gather(query, wait);
      const names = silent.map((node) => mesh.node.nameOf(node) ?? node).sort();
      if (board.memory.get(id) === undefined && query.answers.size === 0) return undefined;
      const left = Math.max(0, deadline - board.clock.now());
      let last = this.#collect(query, names);
      // Who is done before everybody was asked may have overlooked somebody: hence not earlier.
      return await board.waitForReceipts(id, left, () => last = this.#collect(query, names, last));
    } finally {
      this.#queries.delete(query);
      this.#asked--;
    }
  }

  /** Asks all others; gives those that did not answer. */
  #gather(query: Query, wait: number): Promise<readonly string[]> {
    const { node } = this.#options.mesh;
    const targets = node.reachable().filter((id) => id !== node.identity.id);
    return new Promise((resolve) => {
      this.#question(query.id, wait, targets, (known, silent) => {
        for (const [from, receipts] of known) {
          // What it was asked for again since then is newer.
          if (!query.answers.has(from)) query.answers.set(from, receipts);
        }
        resolve(silent);
      });
    });
  }

  /** Asks servers what they know; `take` also gets those that did not answer. */
  #question(
    id: string,
    wait: number,
    targets: readonly string[],
    take: (known: ReadonlyMap<string, Known>, silent: readonly string[]) => void,
  ): void {
    const payload = encodeJson({ id, wait: Math.round(wait) });
    const finished = ({ answers, silent }: GatherResult) => {
      const known = new Map<string, Known>();
      for (const [from, answer] of answers) {
        const receipts = parseKnown(decodeJson(answer), id);
        if (receipts !== undefined) known.set(from, receipts);
      }
      take(known, silent);
    };
    try {
      this.#options.mesh.now((node, now) => {
        node.gather({ kind: NOTIFY_KIND.listeners, payload, targets, finished }, now);
      });
    } catch (error) {
      // Too many questions are under way.
      if (!(error instanceof RangeError)) throw error;
      take(new Map(), targets);
    }
  }

  /** `before`: what was known when it was not forgotten yet. */
  #collect(query: Query, silent: readonly string[], before?: Receipts): Receipts {
    const here = this.#options.board.receiptsHere(query.id);
    if (here === undefined && before !== undefined && query.answers.size === 0) return before;
    const receipts: Receipt[] = [];
    const named = new Map<string, BoardReceipt>();
    for (const known of [here ?? [], ...query.answers.values()]) {
      for (const receipt of known) {
        const { recipient, server, state, key } = receipt;
        if (key === undefined) receipts.push({ recipient, server, state });
        else {
          const other = named.get(key);
          // This server's record of it, which comes first, tells where it was last.
          const where = other ?? receipt;
          const knows = other === undefined || RANK[state] > RANK[other.state]
            ? state
            : other.state;
          named.set(key, { ...where, state: knows });
        }
      }
    }
    for (const { recipient, server, state } of named.values()) {
      receipts.push({ recipient, server, state });
    }
    return { receipts: sortReceipts(receipts), silent };
  }

  // Something changed on a server.
  #received({ from, payload }: DirectMessage): void {
    const told = decodeJson(payload);
    if (isObject(told) && isId(told.id)) this.#askAgain(told.id, from);
  }

  // All that it knows: who missed one change has it with the next one. It is asked once at a time.
  #askAgain(id: string, from: string): void {
    if (![...this.#queries].some((query) => query.id === id)) return;
    const key = `${id} ${from}`;
    if (this.#asking.has(key)) return void this.#asking.set(key, true);
    this.#asking.set(key, false);
    this.#question(id, 0, [from], (known) => {
      const receipts = known.get(from);
      if (receipts !== undefined) {
        for (const query of this.#queries) if (query.id === id) query.answers.set(from, receipts);
        this.#options.board.receiptsChanged(id);
      }
      const pause = Math.ceil((receipts?.length ?? 0) / RECIPIENTS_PER_MS);
      this.#options.after(pause, () => {
        const isStale = this.#asking.get(key);
        this.#asking.delete(key);
        if (isStale) this.#askAgain(id, from);
      });
    });
  }

  // ---------------------------------------------------------------- answering

  #requested(request: DirectRequest): void {
    const question = decodeJson(request.payload);
    if (!isObject(question) || !isId(question.id) || !isCount(question.wait)) return;
    const { id, wait } = question;
    const { board, mesh, after } = this.#options;
    if (wait > 0) this.#watch({ id, from: request.from, until: board.clock.now() + wait });
    const answer = () => {
      mesh.now((node, now) => node.answer(request, encodeJson(this.#known(id)), now));
    };
    if (board.memory.get(id) !== undefined || this.#held.size >= MAX_RECEIPT_WATCHES) {
      answer();
      return;
    }
    // It may be on its way.
    const held = this.#held.get(id) ?? [];
    this.#held.set(id, held);
    if (held.length >= MAX_RECEIPT_WATCHES) return answer();
    held.push(answer);
    if (held.length === 1) after(OVERTAKE_MS, () => this.#release(id));
  }

  #release(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    for (const answer of held) answer();
  }

  #known(id: string): Record<string, unknown> {
    const receipts = this.#options.board.receiptsHere(id)?.map((
      { recipient, server, state, key },
    ) => key === undefined ? [recipient, server, state] : [recipient, server, state, key]);
    return { id, receipts };
  }

  #watch(watch: Watch): void {
    const watches = this.#watches.get(watch.id) ?? [];
    const at = watches.findIndex(({ from }) => from === watch.from);
    if (at >= 0) watches[at] = watch;
    else if (this.#watching >= MAX_RECEIPT_WATCHES) {
      this.#sweep();
      if (this.#watching >= MAX_RECEIPT_WATCHES) return;
      watches.push(watch);
      this.#watching++;
    } else {
      watches.push(watch);
      this.#watching++;
    }
    this.#watches.set(watch.id, watches);
  }

  // Forgets who doesn't wait any more.
  #sweep(): void {
    const now = this.#options.board.clock.now();
    this.#watching = 0;
    for (const [id, watches] of this.#watches) {
      const left = watches.filter(({ until }) => until > now);
      if (left.length === 0) this.#watches.delete(id);
      else this.#watches.set(id, left);
      this.#watching += left.length;
    }
  }

  /** Something became of the notification of this id here; or it arrived. */
  changed(id: string): void {
    if (this.#held.has(id)) this.#options.later(() => this.#release(id));
    if (!this.#watches.has(id)) return;
    if (this.#changed.size === 0) this.#options.after(TELL_AFTER_MS, () => this.#tell());
    this.#changed.add(id);
  }

  #tell(): void {
    const { mesh } = this.#options;
    this.#sweep();
    for (const id of this.#changed) {
      const payload = encodeJson({ id });
      for (const { from } of this.#watches.get(id) ?? []) {
        mesh.now((node, now) => {
          node.send({ to: from, kind: NOTIFY_KIND.listeners, payload }, now);
        });
      }
    }
    this.#changed.clear();
  }
}

/** What a server told of the notification of that id, checked; undefined where it knows nothing. */
function parseKnown(value: unknown, id: string): Known | undefined {
  if (!isObject(value) || value.id !== id || !Array.isArray(value.receipts)) return undefined;
  const known: BoardReceipt[] = [];
  for (const receipt of value.receipts as unknown[]) {
    if (!Array.isArray(receipt)) return undefined;
    const [recipient, server, state, key] = receipt as unknown[];
    if (typeof recipient !== "string" || parseNick(recipient) !== recipient) return undefined;
    if (!isServerName(server) || typeof state !== "string" || !Object.hasOwn(RANK, state)) {
      return undefined;
    }
    if (key !== undefined && !isKey(key)) return undefined;
    known.push({ recipient, server, state: state as ReceiptState, key });
  }
  return known;
}
