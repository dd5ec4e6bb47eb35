/** What notifications were confirmed, pushed and acknowledged in a test, and what is wrong with it. */

import type { Pushed } from "./notify_wire.ts";

/** Something that somebody published; each text is published once. */
interface Publication {
  topic: string;
  publisher: string;
  /** Counts what its publisher publishes. */
  number: number;
  /** When it was sent, on the ledger's own clock. */
  sent: number;
  /** Undefined: it was never confirmed. */
  id: string | undefined;
}

/** A named subscriber's stay in notification mode. */
export interface Stay {
  readonly name: string;
  /** The server. */
  readonly place: string;
  /** What was pushed, in this order. */
  readonly texts: string[];
  readonly ids: Set<string>;
}

interface Subscriber {
  readonly patterns: readonly string[];
  /** When it was confirmed first, on the ledger's own clock. */
  since: number;
  readonly stays: Stay[];
  readonly got: Set<string>;
  /** Confirmed acknowledgements, and the servers that confirmed. */
  readonly acknowledged: Map<string, Set<string>>;
}

/** Topics and patterns as the tests use them. */
export function matchesPattern(pattern: string, topic: string): boolean {
  const expression = pattern.replace(/\/?\*\*$/, "(/.*)?").replaceAll(
    /(?<=^|\/)\*(?=$|\/)/g,
    "[^/]+",
  );
  return pattern === "**" || new RegExp(`^${expression}$`).test(topic);
}

/** The facts. */
export class Ledger {
  /** What is wrong. */
  readonly faults: string[] = [];
  /** What was published, by its text. */
  readonly published = new Map<string, Publication>();
  /** Confirmations of all kinds, and pushes. */
  events = 0;
  /** Pushes of what this subscriber had got before, of which another server confirmed its acknowledgement. */
  repeatsElsewhere = 0;
  /** Pushes of what this subscriber had got before. */
  repeats = 0;
  /** Times that something of a former life of a server came behind something of a later one. */
  lateLives = 0;
  /** Times that somebody lost the mode to its own name, used at another server while that was out of reach. */
  expulsions = 0;
  /** All servers know everything: nothing acknowledged may come again, wherever. */
  isSettled = false;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #idOf = new Map<string, string>();
  readonly #killed: boolean;
  readonly #mayExpel: boolean;
  #clock = 0;
  #watchers: { at: number; resolve: () => void }[] = [];

  /**
   * `killed`: servers of a mesh are killed. What one of them had published in a life, and told nobody, comes
   * to the others when it is back, perhaps behind what it published since: order holds within each life.
   * `mayExpel`: a name that was used on two servers that did not know of each other goes on at one of them.
   */
  constructor({ killed = false, mayExpel = false } = {}) {
    this.#killed = killed;
    this.#mayExpel = mayExpel;
  }

  /** Notifications whose publication was confirmed. */
  get confirmed(): number {
    return [...this.published.values()].filter(({ id }) => id !== undefined).length;
  }

  /** Acknowledgements that were confirmed. */
  get acknowledged(): number {
    return [...this.#subscribers.values()].reduce(
      (sum, { acknowledged }) => sum + acknowledged.size,
      0,
    );
  }

  /** Resolves when there were `count` more events. */
  after(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watchers.push({ at: this.events + count, resolve });
    return promise;
  }

  /** As {@linkcode after}, or when so many ms have passed. */
  async soon(count: number, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([this.after(count), promise]);
    clearTimeout(timer);
  }

  /** Something happened. */
  event(): void {
    this.events++;
    this.#clock++;
    this.#watchers = this.#watchers.filter(({ at, resolve }) => {
      if (this.events < at) return true;
      resolve();
      return false;
    });
  }

  /** Something is wrong. */
  fault(what: string): void {
    if (this.faults.length < 50) this.faults.push(what);
  }

  /** Somebody was put out of notification mode, and did not ask for it. */
  expelled(what: string): void {
    this.expulsions++;
    if (!this.#mayExpel || this.isSettled) this.fault(what);
  }

  // ---------------------------------------------------------------- publishers

  /** Is about to publish this. */
  publishing(publisher: string, number: number, topic: string): string {
    const text = `${publisher}-${number}`;
    this.published.set(text, { topic, publisher, number, sent: ++this.#clock, id: undefined });
    return text;
  }

  /** It was confirmed. */
  publishedAs(text: string, id: string): void {
    this.event();
    this.published.get(text)!.id = id;
    this.#identify(text, id);
  }

  #identify(text: string, id: string): void {
    const known = this.#idOf.get(text);
    if (known === undefined) this.#idOf.set(text, id);
    else if (known !== id) this.fault(`${text} has the ids ${known} and ${id}`);
  }

  // ---------------------------------------------------------------- subscribers

  /** A named subscriber, that is not confirmed yet. */
  subscriber(name: string, patterns: readonly string[]): void {
    this.#subscribers.set(name, {
      patterns,
      since: Infinity,
      stays: [],
      got: new Set(),
      acknowledged: new Map(),
    });
  }

  /** It asks for notification mode. */
  enter(name: string, place: string): Stay {
    const stay: Stay = { name, place, texts: [], ids: new Set() };
    this.#subscribers.get(name)!.stays.push(stay);
    return stay;
  }

  /** That was confirmed. */
  entered(stay: Stay): void {
    this.event();
    const subscriber = this.#subscribers.get(stay.name)!;
    subscriber.since = Math.min(subscriber.since, this.#clock);
  }

  /** It was notified. */
  pushed(stay: Stay, { id, topic, text }: Pushed): void {
    this.event();
    const { name, place } = stay;
    const { patterns, got, acknowledged } = this.#subscribers.get(name)!;
    const publication = this.published.get(text);
    if (publication === undefined) return this.fault(`${name} got ${text}, which nobody published`);
    if (publication.topic !== topic) this.fault(`${name} got ${text} on ${topic}`);
    if (!patterns.some((pattern) => matchesPattern(pattern, topic))) {
      this.fault(`${name} wants ${patterns}, and got ${text} on ${topic}`);
    }
    this.#identify(text, id);
    if (stay.ids.has(id)) this.fault(`${name} got ${text} (${id}) twice in one stay at ${place}`);
    stay.ids.add(id);
    stay.texts.push(text);
    if (got.has(text)) this.repeats++;
    got.add(text);
    const confirmedBy = acknowledged.get(id);
    if (confirmedBy === undefined) return;
    if (confirmedBy.has(place) || this.isSettled) {
      const by = [...confirmedBy].join(" and ");
      this.fault(`${name} got ${text} (${id}) again at ${place}: ${by} had confirmed its ack`);
    } else this.repeatsElsewhere++;
  }

  /** Its acknowledgement was confirmed. */
  acknowledgedBy({ name, place }: Stay, id: string): void {
    this.event();
    const { acknowledged } = this.#subscribers.get(name)!;
    acknowledged.set(id, (acknowledged.get(id) ?? new Set()).add(place));
  }

  // ---------------------------------------------------------------- the end

  /** What this subscriber must get, and has not got yet. */
  missing(name: string): string[] {
    const { since, patterns, got } = this.#subscribers.get(name)!;
    const missing: string[] = [];
    for (const [text, { topic, sent, id }] of this.published) {
      if (id === undefined || sent <= since || got.has(text)) continue;
      if (patterns.some((pattern) => matchesPattern(pattern, topic))) missing.push(text);
    }
    return missing;
  }

  /** How many notifications this subscriber has got. */
  countGot(name: string): number {
    return this.#subscribers.get(name)!.got.size;
  }

  /** Looks at the order of all that was pushed, and at what never was. Gives all that is wrong. */
  judge(): string[] {
    for (const [name, { stays }] of this.#subscribers) {
      const missing = this.missing(name);
      if (missing.length > 0) {
        this.fault(
          `${name} never got ${missing.length} that were confirmed: ${missing.slice(0, 20)}`,
        );
      }
      const first = new Map<string, string>(), seen = new Set<string>();
      for (const stay of stays) {
        const last = new Map<string, string>();
        for (const text of stay.texts) {
          this.#inOrder(last, text, `${name}, one stay at ${stay.place}`);
          if (seen.has(text)) continue;
          seen.add(text);
          this.#inOrder(first, text, `${name}, over all its stays`);
        }
      }
    }
    return this.faults;
  }

  /** `last`: the last text of each publisher and topic. */
  #inOrder(last: Map<string, string>, text: string, where: string): void {
    const { publisher, topic, number } = this.published.get(text)!;
    const key = `${publisher} ${topic}`;
    const before = last.get(key);
    last.set(key, text);
    if (before === undefined || this.published.get(before)!.number < number) return;
    const life = (text: string) => this.#idOf.get(text)!.replace(/[^.]*$/, "");
    if (this.#killed && life(before) !== life(text)) this.lateLives++;
    else this.fault(`${where}: ${text} came behind ${before}`);
  }
}
