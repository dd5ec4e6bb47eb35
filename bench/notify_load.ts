/**
 * The load of `bench notify`: one publisher and some subscribers, that acknowledge each notification, with so
 * many under way at a time; the same for every kind of server.
 */

import { setImmediate } from "node:timers";

/** Bytes of each notification's text. */
export const TEXT_BYTES = 64;

/** A connection on which what is written in one turn goes out together. */
export class Pipe {
  readonly #connection: Deno.TcpConn;
  #queue: Uint8Array[] = [];
  #writing = false;

  constructor(connection: Deno.TcpConn, take: (bytes: Uint8Array) => void) {
    this.#connection = connection;
    connection.setNoDelay(true);
    void this.#read(take);
  }

  send(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    if (this.#writing) return;
    this.#writing = true;
    setImmediate(() => void this.#write());
  }

  close(): void {
    this.#connection.close();
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        let bytes = join(this.#queue);
        this.#queue = [];
        while (bytes.length > 0) bytes = bytes.subarray(await this.#connection.write(bytes));
      }
    } catch {
      // Closed.
    }
    this.#writing = false;
  }

  async #read(take: (bytes: Uint8Array) => void): Promise<void> {
    const buffer = new Uint8Array(256 * 1024);
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) return;
        take(buffer.subarray(0, count));
      }
    } catch {
      // Closed.
    }
  }
}

/** One piece of all of them. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Publishes; numbers are whole and grow by one. */
export interface Publishes {
  publish(number: number, text: string): void;
  close(): void;
}

/** Subscribes, and acknowledges all that comes. */
export interface Subscribes {
  close(): void;
}

/** How a kind of server is spoken with. */
export interface Speaker {
  /** `confirmed` is called with the number. */
  publisher(port: number, confirmed: (number: number) => void): Promise<Publishes>;
  /** `pushed` is called with each text, `acknowledged` when the acknowledgement is confirmed, or sent where it never is. */
  subscriber(
    port: number,
    name: string,
    calls: { pushed: (text: string) => void; acknowledged: (text: string) => void },
  ): Promise<Subscribes>;
}

/** What was measured. Times in ms, sorted. */
export interface Flow {
  /** Notifications per second, from publishing to the last acknowledgement. */
  perSecond: number;
  /** From publishing to its confirmation. */
  confirmed: number[];
  /** From publishing to the last push. */
  pushed: number[];
  /** From publishing to the last acknowledgement. */
  done: number[];
}

/** How a load is. */
export interface FlowOptions {
  speaker: Speaker;
  port: number;
  subscribers: number;
  /** Notifications under way at a time. */
  window: number;
  seconds: number;
  /** Before it is measured. */
  warmupSeconds: number;
}

interface UnderWay {
  at: number;
  confirmed: boolean;
  pushes: number;
  acknowledgements: number;
}

/** Longest silence, in ms. */
const SILENCE_MS = 20_000;

/** Runs a load. Throws when something comes twice, or never. */
export async function measureFlow(options: FlowOptions): Promise<Flow> {
  const { speaker, port, subscribers, window, seconds, warmupSeconds } = options;
  const underWay = new Map<number, UnderWay>();
  const flow: Flow = { perSecond: 0, confirmed: [], pushed: [], done: [] };
  const finished = Promise.withResolvers<void>();
  let next = 1, done = 0, last = performance.now();
  let isMeasured = false, isStopped = false;
  const numberOf = (text: string) => Number(text.slice(0, 12));
  const find = (number: number, what: string) => {
    const one = underWay.get(number);
    if (one === undefined) finished.reject(new Error(`${number} ${what}, and is not under way`));
    return one;
  };
  const finish = (number: number, one: UnderWay) => {
    if (!one.confirmed || one.acknowledgements < subscribers) return;
    last = performance.now();
    if (isMeasured) {
      done++;
      flow.done.push(last - one.at);
    }
    underWay.delete(number);
    if (!isStopped) fill();
    else if (underWay.size === 0) finished.resolve();
  };
  const confirmed = (number: number) => {
    const one = find(number, "was confirmed");
    if (one === undefined || one.confirmed) return;
    one.confirmed = true;
    if (isMeasured) flow.confirmed.push(performance.now() - one.at);
    finish(number, one);
  };
  const calls = {
    pushed: (text: string) => {
      const one = find(numberOf(text), "was pushed");
      if (one !== undefined && ++one.pushes === subscribers && isMeasured) {
        flow.pushed.push(performance.now() - one.at);
      }
    },
    acknowledged: (text: string) => {
      const number = numberOf(text);
      const one = find(number, "was acknowledged");
      if (one === undefined) return;
      one.acknowledgements++;
      finish(number, one);
    },
  };
  const everybody: Subscribes[] = [];
  for (let i = 0; i < subscribers; i++) {
    everybody.push(await speaker.subscriber(port, `bench${i}`, calls));
  }
  const publisher = await speaker.publisher(port, confirmed);
  const filler = "x".repeat(TEXT_BYTES - 13);
  const fill = () => {
    while (underWay.size < window) {
      const number = next++;
      underWay.set(number, {
        at: performance.now(),
        confirmed: false,
        pushes: 0,
        acknowledgements: 0,
      });
      publisher.publish(number, `${`${number}`.padStart(12, "0")} ${filler}`);
    }
  };
  const watch = setInterval(() => {
    if (performance.now() - last < SILENCE_MS) return;
    finished.reject(new Error(`${underWay.size} of ${next - 1} are under way, and nothing comes`));
  }, 1_000);
  try {
    fill();
    await Promise.race([finished.promise, pause(warmupSeconds * 1_000)]);
    isMeasured = true;
    const from = performance.now();
    await Promise.race([finished.promise, pause(seconds * 1_000)]);
    isMeasured = false;
    flow.perSecond = done / ((performance.now() - from) / 1_000);
    isStopped = true;
    await finished.promise;
  } finally {
    clearInterval(watch);
    publisher.close();
    for (const one of everybody) one.close();
  }
  for (const times of [flow.confirmed, flow.pushed, flow.done]) times.sort((a, b) => a - b);
  return flow;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
