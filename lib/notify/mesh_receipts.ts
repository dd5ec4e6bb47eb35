/**
 * Receipts from the whole mesh. Each server is asked what it knows of a notification's recipients, and, when the
 * asker wants to wait, tells until then that something changed; then it is asked again. So nobody asks without
 * need, nothing is flooded, and a crowd that acknowledges costs no more answers than can be given. Servers on which
 * somebody was counted when it was published here, and those that told of recipients, are not forgotten when they
 * are lost: they are named until they come back.
 *
 * @module
 */

import type { DirectMessage, DirectRequest, GatherResult } from "../mesh/context.ts";
import { MAX_RECEIPT_WATCHES } from "../wire/limits.ts";
import { type Audience, Audiences, type Known, type Life } from "./audience.ts";
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

/** A server that did not answer is asked again after this, in ms. */
const RETRY_MS = 1_000;

/** A server is asked again a ms later for so many recipients that it told: that takes it some part of that. */
const RECIPIENTS_PER_MS = 100;

/** Of two servers that know different things of a named recipient the one is right that knows more. */
const RANK: Record<ReceiptState, number> = { queued: 0, expired: 1, delivered: 2, acknowledged: 3 };

interface Watch {
  readonly id: string;
  readonly from: string;
  /** When nobody waits any more, in monotonic ms. */
  readonly until: number;
}

interface Query {
  readonly id: string;
  /** When its asker waits no more, in monotonic ms. */
  readonly until: number;
  readonly audience: Audience;
  /** Servers (their ids) that have not answered. */
  readonly silent: Set<string>;
  /** Some other server knows the notification. */
  isKnown: boolean;
  /** Those that are silent will be asked again. */
  isRetrying: boolean;
}

/** What became of asking servers: what they know, undefined where one doesn't know the notification. */
type Answers = ReadonlyMap<Life, Known | undefined>;

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
  readonly #audiences = new Audiences();
  /** Questions of this server's clients, by id of the notification. */
  readonly #queries = new Map<string, Set<Query>>();
  #asked = 0;
  /** Servers that are asked again (`ID NODE`), and whether something changed there meanwhile. */
  readonly #asking = new Map<string, boolean>();
  /** Who waits for changes, by id of the notification. */
  readonly #watches = new Map<string, Watch[]>();
  #watching = 0;
  readonly #changed = new Set<string>();
  /** Questions about what has not arrived yet. */
  readonly #held = new Map<string, (() => void)[]>();

  /** Registers with the mesh. */
  constructor(options: MeshReceiptsOptions) {
    this.#options = options;
    options.mesh.node.observe(NOTIFY_KIND.listeners, {
      requested: (request) => this.#requested(request),
      received: (message) => this.#received(message),
    });
  }

  // ---------------------------------------------------------------- asking

  /** A notification was published here, and somebody was counted on these servers (their ids). */
  published(id: string, servers: Iterable<string>): void {
    const { node } = this.#options.mesh;
    const lives: Life[] = [];
    for (const server of servers) if (server !== node.identity.id) lives.push(this.#lifeOf(server));
    this.#audiences.published(id, lives);
  }

  /** Who got it. Undefined: nobody knows such a notification. */
  async ask(id: string, wait: number): Promise<Receipts | undefined> {
    const { mesh: { node }, board } = this.#options;
    if (!isId(id)) return undefined;
    const query: Query = {
      id,
      until: board.clock.now() + wait,
      audience: this.#audiences.use(id),
      silent: new Set(node.reachable().filter((other) => other !== node.identity.id)),
      isKnown: false,
      isRetrying: false,
    };
    const queries = this.#queries.get(id) ?? new Set();
    try {
      if (this.#asked >= MAX_RECEIPT_WATCHES) return this.#collect(query);
      this.#queries.set(id, queries.add(query));
      this.#asked++;
      await this.#gather(query, wait);
      if (board.memory.get(id) === undefined && !query.isKnown) return undefined;
      if (wait > 0) this.#retry(query);
      const left = Math.max(0, query.until - board.clock.now());
      let last = this.#collect(query);
      // Who is done before everybody was asked may have overlooked somebody: hence not earlier.
      return await board.waitForReceipts(id, left, () => last = this.#collect(query, last));
    } finally {
      if (queries.delete(query)) this.#asked--;
      if (queries.size === 0 && this.#queries.get(id) === queries) this.#queries.delete(id);
      this.#audiences.release(id);
    }
  }

  #lifeOf(id: string): Life {
    const { node } = this.#options.mesh;
    // None has the number 0: it is lost.
    return { node: id, incarnation: node.incarnationOf(id) ?? 0, name: node.nameOf(id) ?? id };
  }

  /** Asks all others. */
  #gather({ id, silent, audience: { answered } }: Query, wait: number): Promise<void> {
    return new Promise((resolve) => {
      this.#question(id, wait, [...silent], (answers) => {
        // What a server was asked for again since then is newer.
        this.#heard(id, answers, answered);
        resolve();
      });
    });
  }

  /** Asks servers what they know; `take` gets it from those that answered. */
  #question(
    id: string,
    wait: number,
    targets: readonly string[],
    take: (answers: Answers) => void,
  ): void {
    const payload = encodeJson({ id, wait: Math.round(wait) });
    const lives = targets.map((target) => this.#lifeOf(target));
    const finished = ({ answers }: GatherResult) => {
      const heard = new Map<Life, Known | undefined>();
      for (const life of lives) {
        const answer = answers.get(life.node);
        if (answer !== undefined) heard.set(life, parseKnown(decodeJson(answer), id));
      }
      take(heard);
    };
    try {
      this.#options.mesh.now((node, now) => {
        node.gather({ kind: NOTIFY_KIND.listeners, payload, targets, finished }, now);
      });
    } catch (error) {
      // Too many questions are under way.
      if (!(error instanceof RangeError)) throw error;
      take(new Map());
    }
  }

  #heard(id: string, answers: Answers, after?: number): void {
    for (const query of this.#queries.get(id) ?? []) {
      for (const [{ node }, known] of answers) {
        query.silent.delete(node);
        if (known !== undefined) query.isKnown = true;
      }
    }
    this.#audiences.change(id, (audience) => {
      for (const [life, known] of answers) {
        if (known !== undefined) audience.answer(life, known, after);
      }
    });
  }

  // Who did not answer may have been busy, or stopped for a moment.
  #retry(query: Query): void {
    if (query.isRetrying || query.silent.size === 0) return;
    query.isRetrying = true;
    const { after, mesh: { node } } = this.#options;
    after(RETRY_MS, () => {
      query.isRetrying = false;
      if (this.#queries.get(query.id)?.has(query) !== true) return;
      for (const silent of query.silent) {
        if (node.incarnationOf(silent) !== undefined) this.#askAgain(query.id, silent);
      }
      this.#retry(query);
    });
  }

  /** `before`: what was known when it was not forgotten yet. */
  #collect({ id, audience, silent }: Query, before?: Receipts): Receipts {
    const here = this.#options.board.receiptsHere(id);
    if (here === undefined && before !== undefined && audience.answered === 0) return before;
    const receipts: Receipt[] = [];
    const named = new Map<string, BoardReceipt>();
    for (const known of [here ?? [], ...audience.known()]) {
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
    return { receipts: sortReceipts(receipts), silent: this.#silent(audience, silent) };
  }

  // Those that can be reached and don't answer, and those on whose word it depends.
  #silent(audience: Audience, silent: ReadonlySet<string>): string[] {
    const { node } = this.#options.mesh;
    const names = new Map<string, string>();
    for (const id of silent) {
      if (node.incarnationOf(id) !== undefined) names.set(id, node.nameOf(id) ?? id);
    }
    const isThere = (life: Life) => node.incarnationOf(life.node) === life.incarnation;
    for (const { node: id, name } of audience.missing(isThere)) names.set(id, name);
    return [...names.values()].sort();
  }

  /** A server (its id) can be reached again, perhaps in another life: who waits asks it. */
  reachable(node: string): void {
    for (const [id, queries] of this.#queries) {
      for (const query of queries) {
        query.silent.add(node);
        this.#retry(query);
      }
      this.#askAgain(id, node);
    }
  }

  /** A server can't be reached any more. */
  unreachable(): void {
    for (const id of this.#queries.keys()) this.#options.board.receiptsChanged(id);
  }

  // Something changed on a server.
  #received({ from, payload }: DirectMessage): void {
    const told = decodeJson(payload);
    if (isObject(told) && isId(told.id)) this.#askAgain(told.id, from);
  }

  // All that it knows: who missed one change has it with the next one. It is asked once at a time.
  #askAgain(id: string, from: string): void {
    const queries = this.#queries.get(id);
    if (queries === undefined) return;
    const key = `${id} ${from}`;
    if (this.#asking.has(key)) return void this.#asking.set(key, true);
    this.#asking.set(key, false);
    const { board, after } = this.#options;
    const until = Math.max(...[...queries].map((query) => query.until));
    this.#question(id, Math.max(0, until - board.clock.now()), [from], (answers) => {
      this.#heard(id, answers);
      board.receiptsChanged(id);
      const [known] = answers.values();
      after(Math.ceil((known?.length ?? 0) / RECIPIENTS_PER_MS), () => {
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
    if (at >= 0) watches[at] = { ...watch, until: Math.max(watch.until, watches[at]!.until) };
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
