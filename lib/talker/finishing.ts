/**
 * Clients whose session is over: they get the rest of what is queued, and only so much time for it.
 *
 * @module
 */

/** How long a client may take nothing of the rest when its session is over, in milliseconds. */
const FINISH_IDLE_MS = 10_000;
/** How long clients have to take the rest when the server stops, in milliseconds. */
const STOP_MS = 5_000;
/** How long a client that got everything may stay connected, in milliseconds: half a second when the server stops. */
const LINGER_MS = 5_000, STOP_LINGER_MS = 500;

/** A client that may be closed when its time is over. */
export interface Finisher {
  /** When it is closed at the latest, in monotonic milliseconds; undefined while its session goes on. */
  deadline: number | undefined;
  close(): void;
}

/** Those whose session is over, and when they are closed at the latest. */
export class Finishing<C extends Finisher> {
  readonly #clients = new Set<C>();
  /** When {@linkcode tick} is to be called, in monotonic milliseconds; Infinity when it needn't. */
  due = Infinity;
  /** The server stops: there is less time. */
  isStopping = false;

  /** The session of `client` is over. */
  add(client: C, now: number): void {
    this.#clients.add(client);
    this.#set(client, now + (this.isStopping ? STOP_MS : FINISH_IDLE_MS));
  }

  /** `client` took something: there is time for the rest. */
  took(client: C, now: number): void {
    if (client.deadline !== undefined && !this.isStopping) client.deadline = now + FINISH_IDLE_MS;
  }

  /** `client` got everything, and knows that nothing will follow. */
  drained(client: C, now: number): void {
    this.#set(client, now + (this.isStopping ? STOP_LINGER_MS : LINGER_MS));
  }

  /** `client` is closed. */
  delete(client: C): void {
    this.#clients.delete(client);
  }

  /** Closes those whose time is over. */
  tick(now: number): void {
    if (now < this.due) return;
    this.due = Infinity;
    for (const client of [...this.#clients]) {
      const { deadline = now } = client;
      if (deadline <= now) client.close();
      else this.due = Math.min(this.due, deadline);
    }
  }

  #set(client: C, deadline: number): void {
    client.deadline = deadline;
    this.due = Math.min(this.due, deadline);
  }
}
