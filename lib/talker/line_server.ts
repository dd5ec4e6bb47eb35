/**
 * Carries a {@linkcode Talker} over connections: accepts clients, and serves them in rounds. What was
 * read in one turn of the event loop goes out in one round at its end: each client gets one write.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { acceptAll } from "../net/accept.ts";
import type { Connection, Listener } from "../net/transport.ts";
import { endOfTurn } from "../net/turn.ts";
import type { RemoteFault } from "../wire/errors.ts";
import { Admission } from "./admission.ts";
import { ClientConnection } from "./client_connection.ts";
import { Finishing } from "./finishing.ts";
import { Flow } from "./flow.ts";
import { refuse } from "./refuse.ts";
import { Talker } from "./talker.ts";
import type { TalkerOptions } from "./talker_options.ts";

/** How often watched clients are looked at, in milliseconds. */
const FLOW_CHECK_MS = 100;
/**
 * Bytes that are read in one round at the most: then reading waits until they have gone out, or a busy
 * machine would take in more and more.
 */
const READ_PER_ROUND = 1024 * 1024;

/** As far as that is read where speakers are to wait soon for a slow reader: or they would stop for seconds. */
const LEAST_PER_ROUND = 64 * 1024;

/**
 * Clients that are served in one turn of the event loop: writes of more at once would cost memory (each is
 * a promise), and readers at the end of a wide room would wait longer while nothing is read.
 */
const SWEEP_CLIENTS = 256;

const log = getLogger(["talker", "server"]);

/** How a server is made. */
export interface LineServerOptions extends Omit<TalkerOptions, "wakeAll" | "endOfTurn" | "clock"> {
  /** Connections in all. Default 20,000. */
  maxClients?: number;
  /** Connections of one address, this machine's own exempt. Default 256. */
  maxClientsPerAddress?: number;
  /** Where a connection comes from, as text. */
  addressOf: (connection: Connection) => string;
  /** Is it of this machine? */
  isLocal: (connection: Connection) => boolean;
  /** May its client give operator commands? Default: when it is of this machine. */
  isOperator?: (local: boolean) => boolean;
  /** Has the links to other servers read no further, or go on: the readers here can't keep up. */
  pauseMesh?: (paused: boolean) => void;
}

/** A talker, with its clients' connections. */
export class LineServer {
  /** What is carried. */
  readonly talker: Talker;
  /** Number of the present round. While nothing happens, looks at slow readers count as rounds, too. */
  turn = 0;
  readonly #options: LineServerOptions;
  readonly #clients = new Set<ClientConnection>();
  readonly #admission: Admission;
  readonly #listeners = new Set<Listener>();
  readonly #flow = new Flow<ClientConnection>((client) => client.local);
  readonly #held = new Set<ClientConnection>();
  readonly #finishing = new Finishing<ClientConnection>();
  #waiting: ClientConnection[] = [];
  /** Everybody is to be served. */
  #everybody = false;
  /** Where the sweep over everybody is. */
  #sweep: SetIterator<ClientConnection> | undefined;
  #armed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;
  #stopped: (() => void) | undefined;
  #isOver = false;
  /** The round at the last look at slow readers. */
  #checkedTurn = 0;
  /** Bytes read since the last round. */
  #read = 0;
  #refused = 0;
  #lost = 0;
  #cut = 0;

  /** A server without a port: {@linkcode listen} adds them. */
  constructor(options: LineServerOptions) {
    this.#options = options;
    this.#admission = new Admission(options.maxClients, options.maxClientsPerAddress);
    this.talker = new Talker({
      ...options,
      wakeAll: () => this.#serveAll(),
      endOfTurn: () => this.#arm(),
      clock: () => this.setTime(),
    });
    this.talker.stats = () => [
      ...options.mesh?.stats() ?? [],
      ...options.notifications?.stats() ?? [],
      `connections: ${this.#clients.size} now, ${this.#refused} refused, ${this.#cut} cut for not reading`,
      `queues: ${this.queued} bytes wait for clients`,
      `slow readers: ${this.#flow.size} now; queues cut back ${this.#lost} times, ` +
      `${this.talker.counters.dropped} lines dropped`,
    ];
    this.setTime();
  }

  /** Connections now. */
  get size(): number {
    return this.#clients.size;
  }

  /** Bytes that wait for clients. */
  get queued(): number {
    let bytes = 0;
    for (const client of this.#clients) bytes += client.queued;
    return bytes;
  }

  /** Clients with growing queues. */
  get slowReaders(): number {
    return this.#flow.size;
  }

  /** True while speakers are to wait for slow readers. */
  get congested(): boolean {
    return this.#flow.congested || this.#read > this.#readPerRound ||
      this.talker.mesh?.congested === true;
  }

  /** Speakers that waited may go on, if nothing else holds them up. */
  release(): void {
    this.#options.pauseMesh?.(this.#flow.congested);
    if (!this.congested && this.#held.size > 0) this.#release();
  }

  /** What is due next ({@linkcode Talker.due}) may have come nearer. */
  dueChanged(): void {
    this.#schedule(performance.now());
  }

  /** Accepts clients at `listener` until {@linkcode stop}. */
  listen(listener: Listener, framed: boolean): void {
    this.#listeners.add(listener);
    void acceptAll(listener, {
      isOpen: () => this.#listeners.has(listener),
      arrived: (connection) => this.#arrive(connection, framed),
      complain: (error) =>
        log.warn(
          "Cannot accept a connection with {open} open: {reason}; going on as soon as some are closed",
          { open: this.#clients.size, reason: String(error) },
        ),
    });
  }

  /** `count` bytes of a client are about to be looked at. */
  reading(count: number): void {
    this.#read += count;
    if (this.#read > this.#readPerRound) this.#arm();
  }

  /** Tells the talker what time it is. Returns the monotonic time in milliseconds. */
  setTime(): number {
    const now = performance.now();
    this.talker.setTime(now, Date.now());
    return now;
  }

  /**
   * Stops accepting, says goodbye, and gives everybody up to 5 s to take what is queued. Resolves when
   * all connections are closed.
   */
  stop(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    const now = this.setTime();
    const text = `The server ${this.talker.name} is shutting down. Goodbye`;
    for (const client of this.#clients) {
      client.session.send({ type: "notice", time: this.talker.wall, text });
    }
    const stopped = new Promise<void>((resolve) => this.#stopped = resolve);
    this.#finishing.isStopping = true;
    for (const client of this.#clients) {
      this.talker.dismiss(client.session);
      this.#finishing.add(client, now);
    }
    this.#schedule(now);
    this.#checkStopped();
    return stopped;
  }

  // The connections' side.

  /** `client` has something to write, or is to be closed. */
  serve(client: ClientConnection): void {
    if (client.waiting) return;
    client.waiting = true;
    this.#waiting.push(client);
    this.#arm();
  }

  /** `client` took `count` bytes; `prompt`: all that it was given, before the next turn. */
  took(client: ClientConnection, count: number, prompt: boolean): void {
    const now = performance.now();
    client.tookAt = now;
    const { mode } = client.session;
    if (mode?.isFull === true) {
      this.setTime();
      mode.took();
    }
    this.#finishing.took(client, now);
    if (this.#flow.size === 0) return;
    const { queued, busy } = client;
    const taking = { bytes: count, queued, full: client.session.unread, prompt, busy };
    if (this.#flow.took(client, taking, now)) this.#release();
  }

  /** `client` has read something, but speakers are to wait. */
  hold(client: ClientConnection): void {
    this.#held.add(client);
  }

  /** `client`'s session is over. */
  finishing(client: ClientConnection): void {
    const now = performance.now();
    this.#finishing.add(client, now);
    this.serve(client);
    this.#schedule(now);
  }

  /** `client` got everything, and knows that nothing will follow: it may close. */
  drained(client: ClientConnection): void {
    const now = performance.now();
    this.#finishing.drained(client, now);
    this.#schedule(now);
  }

  /** What `client` sent could not be dealt with: a fault of ours, which ends its connection and no other. */
  failed(client: ClientConnection, error: unknown): void {
    log.error("A line of {nick} from {address} could not be dealt with: {reason}", {
      nick: client.session.nick,
      address: client.address,
      reason: reasonOf(error),
    });
    client.close();
  }

  /** `client`'s connection ends, since what came is not what was sent there: altered, or (as when a cable is pulled) cut off. */
  broken(client: ClientConnection, { code, message }: RemoteFault): void {
    const { address, session: { nick } } = client;
    const level = code === "cut" ? "info" : "warn";
    log[level]("Disconnected {nick} from {address}: {message}", { nick, address, message });
  }

  /** `client`'s connection is closed. */
  closed(client: ClientConnection): void {
    this.#clients.delete(client);
    this.#held.delete(client);
    this.#finishing.delete(client);
    this.#admission.leave(client.address);
    const now = this.setTime();
    this.talker.leave(client.session);
    if (this.#flow.forget(client, now)) this.#release();
    this.#schedule(now);
    this.#checkStopped();
  }

  // Accepting.

  #arrive(connection: Connection, framed: boolean): void {
    const address = this.#options.addressOf(connection);
    const local = this.#options.isLocal(connection);
    const refusal = this.#admission.refusal(address, local);
    if (refusal !== undefined) {
      this.#refused++;
      log.debug("Refused a connection from {address}: {text}", { address, text: refusal });
      refuse(connection, refusal, framed);
      return;
    }
    const now = this.setTime();
    const client = new ClientConnection(this, connection, address, local, framed);
    this.#clients.add(client);
    this.#admission.enter(address);
    const operator = this.#options.isOperator?.(local) ?? local;
    const source = local ? undefined : address;
    client.session = this.talker.arrive({ operator, framed, source, host: client });
    client.start();
    this.#schedule(now);
  }

  // Rounds.

  get #readPerRound(): number {
    return Math.min(READ_PER_ROUND, Math.max(LEAST_PER_ROUND, this.#flow.room));
  }

  #serveAll(): void {
    this.#everybody = true;
    if (!this.#armed) this.#arm();
  }

  #arm(): void {
    if (this.#armed || this.#isOver) return;
    this.#armed = true;
    endOfTurn(this.#round);
  }

  readonly #round = (): void => {
    this.#armed = false;
    this.turn++;
    this.#read = 0;
    this.talker.turnEnds().catch((error) =>
      log.error("A turn could not be finished: {reason}", { reason: reasonOf(error) })
    );
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const client of waiting) client.waiting = false;
    const now = performance.now();
    for (const client of waiting) this.#serveNow(client, now);
    if (this.#sweep === undefined && this.#everybody) {
      this.#everybody = false;
      this.#sweep = this.#clients.values();
    }
    if (this.#sweep !== undefined) this.#serveSome(this.#sweep, now);
    if (this.#sweep !== undefined || this.#everybody) this.#arm();
    if (this.#held.size > 0) this.release();
    else this.#options.pauseMesh?.(this.#flow.congested);
    this.#schedule(now);
    this.#checkStopped();
  };

  /** Goes on with the sweep over everybody. What comes meanwhile waits for the next sweep, or none would be finished. */
  #serveSome(sweep: SetIterator<ClientConnection>, now: number): void {
    for (let i = 0; i < SWEEP_CLIENTS; i++) {
      const { done, value } = sweep.next();
      if (done === true) {
        this.#sweep = undefined;
        return;
      }
      this.#serveNow(value, now);
    }
  }

  #serveNow(client: ClientConnection, now: number): void {
    if (client.busy) {
      this.#flow.queued(client, client.queued, client.session.unread, client.tookAt, now);
    } else {
      client.flush(now);
      if (this.#flow.size > 0 && client.busy) this.#flow.gave(client, now);
    }
  }

  #release(): void {
    this.#options.pauseMesh?.(this.#flow.congested);
    const held = [...this.#held];
    this.#held.clear();
    for (const client of held) {
      if (this.congested) this.#held.add(client);
      else client.resume();
    }
  }

  // Time.

  /** Sets the timer for what is due next. */
  #schedule(now: number): void {
    if (this.#stopped !== undefined && this.#clients.size === 0) return;
    let due = this.talker.due;
    if (this.#flow.size > 0) due = Math.min(due, now + FLOW_CHECK_MS);
    due = Math.min(due, this.#finishing.due);
    if (due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = due === Infinity
      ? undefined
      : setTimeout(this.#tick, Math.max(0, Math.ceil(due - now)));
  }

  readonly #tick = (): void => {
    this.#timerDue = Infinity;
    const now = this.setTime();
    this.talker.tick();
    if (this.#flow.size > 0) this.#checkFlow(now);
    this.#finishing.tick(now);
    this.#schedule(now);
  };

  #checkFlow(now: number): void {
    if (this.turn === this.#checkedTurn) this.turn++;
    this.#checkedTurn = this.turn;
    const { drop, keep, cut } = this.#flow.check(now);
    for (const client of drop) {
      this.#lost++;
      client.session.outbox.dropOldest(keep);
      this.#flow.queued(client, client.queued, client.session.unread, client.tookAt, now);
    }
    for (const { client, idle } of cut) {
      this.#cut++;
      log.info(
        "Disconnected {nick} from {address}: it took nothing for {seconds} s with {queued} bytes waiting",
        {
          nick: client.session.nick,
          address: client.address,
          seconds: Math.floor(idle / 1000),
          queued: client.queued,
        },
      );
      client.close();
    }
    this.release();
  }

  /** It has stopped when all have gone, and what the last of them did has gone out in a round. */
  #checkStopped(): void {
    if (this.#stopped === undefined || this.#clients.size > 0 || this.#armed) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#stopped();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
