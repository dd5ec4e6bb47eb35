/**
 * A set of connections that is kept up as a whole.
 *
 * @module
 */

import { endWith } from "../net/signals.ts";
import { warn } from "../net/warn.ts";
import { type EncryptionOptions, SecurityError } from "./encryption.ts";
import { distanceOf } from "../link/backoff.ts";
import { keepUp } from "../link/keep_up.ts";
import { getLogger } from "../log/mod.ts";
import type { Address } from "./address.ts";
import { ConnectionError } from "./ask_error.ts";
import { Connector } from "./connect.ts";
import { listen, type Listener, type ListenOptions } from "./listen.ts";
import { Patience, type WaitOptions } from "./patience.ts";
import type { Handler, Session, SessionMaker } from "./session.ts";
import type { MessageType } from "./message_type.ts";
import { Events } from "./session_event.ts";
import type { Stream } from "./stream.ts";

const log = getLogger(["talker", "messaging"]);

/** A member of a group that is listened for, instead of connected to. */
export interface ListenEntry extends ListenOptions {
  /** Where to listen. */
  listen: Address | null;
}

/** A member of a group: where to connect to, or where to listen. */
export type GroupEntry = Address | null | ListenEntry;

/** What stands for a member when it is there: a connection, or a program that listens. */
export type Member<Entry extends GroupEntry> = Entry extends ListenEntry ? Listener : Session;

/** The members of a group: each its connection, or null while it has none. */
export type Members<Entries extends Record<string, GroupEntry>> = {
  readonly [Name in keyof Entries]: Member<Entries[Name]> | null;
};

/** The members of a group that is ready: all are there. */
export type AllMembers<Entries extends Record<string, GroupEntry>> = {
  readonly [Name in keyof Entries]: Member<Entries[Name]>;
};

/** What happens to a group. */
export type GroupEvent<Name extends string = string> =
  /** A member came (`isUp`), or was lost. */
  | {
    readonly type: "changed";
    readonly name: Name;
    readonly isUp: boolean;
    readonly reason: string;
  }
  /** Now all are there. */
  | { readonly type: "ready" }
  /** Now they are not all there any more. */
  | { readonly type: "notReady" };

/** How {@linkcode connectGroup} connects. */
export interface GroupOptions extends EncryptionOptions {
  /** The types of messages that may come, over any of its connections, and are taken from `messages` of each. */
  messages?: readonly MessageType[];
  /** The types of messages that may come, with who takes them. */
  handlers?: readonly Handler[];
  /** Runs for each connection that comes up. */
  session?: SessionMaker<Session> | undefined;
  /** Told of each event. */
  onEvent?: ((event: GroupEvent) => void) | undefined;
  /** Ends it all. */
  signal?: AbortSignal | undefined;
}

/** A set of connections that is kept up. Disposing of it ends them all. */
export interface Group<Entries extends Record<string, GroupEntry>> extends AsyncDisposable {
  /** Each member by its name; null while it is not there. */
  readonly members: Members<Entries>;
  /** Are all there? */
  readonly isReady: boolean;
  /** `ready`, `notReady`, and each change. */
  readonly events: Stream<GroupEvent<keyof Entries & string>>;
  /**
   * Resolves with the members when all are there: at once, or later. They may be lost again the
   * next moment.
   *
   * @throws {ConnectionError} when they are not within `wait`, with those that are missing; when the
   * group is closed
   * @throws the reason of `signal`
   */
  ready(options?: WaitOptions): Promise<AllMembers<Entries>>;
  /** Ends it, with all its connections. */
  close(): void;
}

/**
 * Keeps a whole set of connections up: each is made, and made again whenever it is lost, at growing,
 * random intervals, for ever. The programs may be started in any order.
 *
 * @throws {AddressError} for what is no address
 *
 * @example
 * ```ts
 * import { connectGroup, defineMessage, handle, listen, text } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const Hello = defineMessage("hello", text, { reply: text });
 * const serve = (name: string) =>
 *   listen("127.0.0.1:0", { handlers: [handle(Hello, (to) => `Welcome, ${to}, says ${name}`)] });
 * await using motor = await serve("motor");
 * await using detector = await serve("detector");
 *
 * await using group = connectGroup({ motor: motor.address, detector: detector.address });
 * const members = await group.ready();
 * assertEquals(await members.motor.ask(Hello, "Tim"), "Welcome, Tim, says motor");
 * ```
 */
export function connectGroup<Entries extends Record<string, GroupEntry>>(
  entries: Entries,
  options: GroupOptions = {},
): Group<Entries> {
  return new KeptGroup(entries, options);
}

class KeptGroup<Entries extends Record<string, GroupEntry>> implements Group<Entries> {
  readonly events: Stream<GroupEvent<keyof Entries & string>>;
  readonly #members: Record<string, Session | Listener | null> = {};
  readonly #events: Events<GroupEvent<keyof Entries & string>>;
  readonly #options: GroupOptions;
  readonly #stop = new AbortController();
  /** Who waits until all are there; each leaves by itself. */
  readonly #whenReady = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
  #isReady = false;

  constructor(entries: Entries, options: GroupOptions) {
    this.#options = options;
    this.#events = new Events(options.onEvent);
    this.events = this.#events.stream;
    const start = Object.entries(entries).map(([name, entry]) => {
      this.#members[name] = null;
      return typeof entry === "object" && entry !== null
        ? this.#listens(name, entry)
        : this.#connects(name, entry);
    });
    endWith(options.signal, () => this.close(), this.#stop.signal);
    for (const each of start) each();
    // Where nobody is to come all are there.
    this.#judge();
  }

  get members(): Members<Entries> {
    return this.#members as Members<Entries>;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Throws for what is no address; then what it gives keeps the connection up. */
  #connects(name: string, address: Address | null): () => void {
    const { messages, handlers, session, encrypted, secret } = this.#options;
    const connector = new Connector(address, {
      ...(messages === undefined ? {} : { messages }),
      ...(handlers === undefined ? {} : { handlers }),
      session,
      encrypted,
      secret,
    });
    return () =>
      this.#keep(name, connector.to.host, async (signal) => {
        const session = await connector.once(signal);
        if (signal.aborted) return session.close();
        this.#changed(name, session, "connected");
        void session.ended.then((event) => {
          const reason = "reason" in event ? event.reason : "";
          this.#changed(name, null, reason);
        });
      });
  }

  #listens(name: string, { listen: address, ...options }: ListenEntry): () => void {
    return () =>
      this.#keep(name, "127.0.0.1", async (signal) => {
        const { encrypted, secret } = this.#options;
        const listener = await listen(address, { encrypted, secret, ...options });
        if (signal.aborted) return listener.close();
        this.#changed(name, listener, "listening");
      });
  }

  #keep(name: string, host: string, open: (signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#stop;
    let warned: string | undefined;
    const insecure = (why: string) => {
      if (why !== warned) warn("messaging", `${name}: ${why}`);
      warned = why;
    };
    void keepUp({
      distance: distanceOf(host),
      random: Math.random,
      signal,
      isUp: () => this.#members[name] !== null,
      attempt: async () => {
        try {
          return void await open(signal);
        } catch (error) {
          // Tried on, too: the other side may be set right. But that is for a person to do.
          if (error instanceof SecurityError) insecure(error.message);
          return error instanceof Error ? error.message : String(error);
        }
      },
      failed: (reason) => log.info("{name}: {reason}; trying on", { name, reason }),
    });
  }

  #changed(name: string, member: Session | Listener | null, reason: string): void {
    if (this.#stop.signal.aborted) return;
    this.#members[name] = member;
    this.#events.tell({ type: "changed", name, isUp: member !== null, reason });
    this.#judge();
  }

  /** Tells whether all are there, when that is news. */
  #judge(): void {
    if (this.#stop.signal.aborted) return;
    const isReady = Object.values(this.#members).every((each) => each !== null);
    if (isReady === this.#isReady) return;
    this.#isReady = isReady;
    this.#events.tell({ type: isReady ? "ready" : "notReady" });
    if (isReady) { for (const { resolve } of [...this.#whenReady]) resolve(); }
  }

  async ready(options: WaitOptions = {}): Promise<AllMembers<Entries>> {
    using patience = new Patience(options);
    if (this.#stop.signal.aborted) throw closedError();
    while (!this.#isReady) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter = { resolve, reject };
      patience.signal.addEventListener("abort", () => {
        reject(patience.isOver ? this.#missing(options.wait) : patience.signal.reason);
      }, { once: true });
      this.#whenReady.add(waiter);
      try {
        await promise;
      } finally {
        this.#whenReady.delete(waiter);
      }
    }
    return { ...this.#members } as AllMembers<Entries>;
  }

  #missing(wait = 0): ConnectionError {
    const names = Object.keys(this.#members).filter((name) => this.#members[name] === null);
    return new ConnectionError(`Not there within ${wait / 1000} s: ${names.join(", ")}`);
  }

  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#isReady = false;
    for (const [name, member] of Object.entries(this.#members)) {
      this.#members[name] = null;
      member?.close();
    }
    for (const { reject } of [...this.#whenReady]) reject(closedError());
    this.events.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const members = Object.values(this.#members);
    this.close();
    await Promise.all(
      members.map((member) => member?.[Symbol.asyncDispose]()),
    );
  }
}

function closedError(): ConnectionError {
  return new ConnectionError("The group is closed");
}
