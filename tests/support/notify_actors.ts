/** Publishers and named subscribers that go on over whatever happens to servers, and keep a ledger of it. */

import type { Host } from "./netns.ts";
import type { Ledger, Stay } from "./notify_ledger.ts";
import { Gone, NotifyWire, type Pushed, type WireRecord } from "./notify_wire.ts";
import type { Dice } from "./random.ts";

/** A server, as clients know it: it may be there or not. */
export class Place {
  #port: number | undefined;
  #up = Promise.withResolvers<void>();
  readonly #wires = new Set<NotifyWire>();

  /** `on`: the host of the server, where it isn't this machine. */
  constructor(readonly name: string, readonly on?: Host) {}

  /** Where it takes clients; undefined: it is dead. */
  set port(port: number | undefined) {
    if (this.#port === undefined && port !== undefined) this.#up.resolve();
    if (this.#port !== undefined && port === undefined) this.#up = Promise.withResolvers();
    this.#port = port;
    if (port !== undefined || this.on === undefined) return;
    // nc stays when the server goes, until it is to send something.
    for (const wire of this.#wires) wire.close();
    this.#wires.clear();
  }

  /** Connects as soon as it is there. */
  async connect(options: { service?: boolean } = {}): Promise<NotifyWire> {
    for (;;) {
      await this.#up.promise;
      const port = this.#port;
      try {
        if (port === undefined) continue;
        const wire = await NotifyWire.open(port, { on: this.on, ...options });
        this.#wires.add(wire);
        void wire.closed.then(() => this.#wires.delete(wire));
        if (port !== this.#port) wire.close();
        return wire;
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        // It dies just now, and nobody has said so yet.
        await pause(5);
      }
    }
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** How far a test is: first everything goes on, then nobody publishes any more, then all leave. */
export class Stage {
  isFinishing = false;
  isOver = false;
  readonly #finish = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();

  constructor(readonly ledger: Ledger) {}

  /** From now on nobody publishes, and subscribers acknowledge all that comes. */
  finish(): void {
    this.isFinishing = true;
    this.#finish.resolve();
  }

  /** From now on everybody leaves. */
  end(): void {
    this.finish();
    this.isOver = true;
    this.#end.resolve();
  }

  /** Waits for one of these, or for the next change of the stage. */
  async any(...signs: Promise<unknown>[]): Promise<void> {
    await Promise.race([...signs, this.isFinishing ? this.#end.promise : this.#finish.promise]);
  }

  /** Connects; undefined when all is over before the server is there. */
  async connect(
    place: Place,
    options: { service?: boolean } = {},
  ): Promise<NotifyWire | undefined> {
    const connecting = place.connect(options);
    const wire = await Promise.race([connecting, this.#end.promise]);
    if (wire !== undefined) return wire;
    void connecting.then((late) => late.close());
    return undefined;
  }

  /** Does something over and over, each time with a new connection, until it is done or all is over. */
  async persist(
    place: () => Place,
    work: (wire: NotifyWire, place: Place) => Promise<"done" | "again">,
    options: { service?: boolean } = {},
  ): Promise<void> {
    while (!this.isOver) {
      const there = place();
      const wire = await this.connect(there, options);
      if (wire === undefined) return;
      try {
        if (await work(wire, there) === "done") return;
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
      } finally {
        wire.close();
      }
    }
  }
}

/** How somebody publishes. */
export interface PublisherOptions {
  dice: Dice;
  topics: readonly string[];
  place: Place;
  /** Longest pause between two, in ms. @default 6 */
  pause?: number;
}

/** Publishes until the stage finishes; what was not confirmed is not tried again. */
export function publisher(stage: Stage, name: string, options: PublisherOptions): Promise<void> {
  const { dice, topics, place } = options;
  const { ledger } = stage;
  let number = 0;
  return stage.persist(() => place, async (wire) => {
    await wire.ok(`/nick ${name}`);
    const underWay = new Set<Promise<void>>();
    let failure: unknown;
    while (!stage.isFinishing && failure === undefined) {
      const topic = dice.pick(topics);
      const text = ledger.publishing(name, ++number, topic);
      const sent = wire.ok(`/publish ${topic} ${text}`)
        .then((id) => ledger.publishedAs(text, id))
        .catch((error) => failure = error)
        .finally(() => underWay.delete(sent));
      underWay.add(sent);
      if (underWay.size >= dice.int(1, 8)) await Promise.race(underWay);
      if (dice.chance(0.5)) await pause(dice.int(0, options.pause ?? 6));
    }
    await Promise.all(underWay);
    if (failure !== undefined) throw failure;
    return "done";
  });
}

/** A named subscriber on a connection of its own. */
export class Named implements Disposable {
  /** It acknowledges with this probability what is pushed. */
  acks: number;
  /** What was pushed in its last stay, and it did not acknowledge. */
  readonly left = new Set<string>();
  readonly #ledger: Ledger;
  readonly #underWay = new Set<Promise<void>>();
  readonly #dice: Dice;
  #isKnown = false;
  #isHolding = false;
  #wire: NotifyWire | undefined;
  #stay: Stay | undefined;
  #lastStay: Stay | undefined;
  #place = "";
  #news = Promise.withResolvers<void>();

  constructor(
    ledger: Ledger,
    readonly name: string,
    readonly options: { patterns: readonly string[]; acks: number; dice: Dice },
  ) {
    this.#ledger = ledger;
    this.acks = options.acks;
    this.#dice = options.dice;
    ledger.subscriber(name, options.patterns);
  }

  /** It is on this connection now. Only {@linkcode enter} after it enters the mode. */
  use(wire: NotifyWire, place: string): void {
    this.#wire = wire;
    this.#place = place;
    this.#stay = this.#lastStay = undefined;
    this.left.clear();
  }

  /** Connects there, and enters the mode. Gives how many notifications waited. */
  async come(place: Place): Promise<number> {
    this.use(await place.connect(), place.name);
    return await this.enter();
  }

  /** Asks for notification mode, or for more of it. Gives how many notifications waited. */
  async enter(): Promise<number> {
    const wire = this.#wire!;
    // In the mode already: it is the same stay.
    const stay = this.#stay ??= this.#begin(wire);
    const topics = this.#isKnown && this.#dice.chance(0.7) ? [] : this.options.patterns;
    const words = ["/notify", ...topics, `as=${this.name}`, "timeout=600"];
    const { replies, end } = await wire.request(words.join(" "));
    if (end.type !== "ok") throw new Error(`${this.name}: ${JSON.stringify(end)}`);
    this.#isKnown = true;
    this.#ledger.entered(stay);
    return Number(replies[0]?.["pending"]);
  }

  #begin(wire: NotifyWire): Stay {
    const stay = this.#ledger.enter(this.name, this.#place);
    this.left.clear();
    wire.onPush = (pushed) => this.#pushed(wire, stay, pushed);
    wire.onRecord = (record) => this.#noticed(wire, record);
    return stay;
  }

  #pushed(wire: NotifyWire, stay: Stay, pushed: Pushed): void {
    this.#ledger.pushed(stay, pushed);
    if (!this.#isHolding && this.#dice.chance(this.acks)) this.#acknowledge(wire, stay, pushed.id);
    else this.left.add(pushed.id);
    const news = this.#news;
    this.#news = Promise.withResolvers();
    news.resolve();
  }

  #noticed(wire: NotifyWire, { type, text, dropped, notifications }: WireRecord): void {
    if (dropped !== undefined) this.#ledger.fault(`${this.name}: ${type} ${text}`);
    // Of one that was taken over that is expected.
    if (notifications !== false || wire !== this.#wire) return;
    this.#ledger.expelled(`${this.name}: ${type} ${text}`);
    this.#lastStay = this.#stay;
    this.#stay = undefined;
    // As a client does that wants to go on.
    void this.enter().catch(() => {});
  }

  #acknowledge(wire: NotifyWire, stay: Stay, id: string): void {
    const asked = wire.request(`/ack ${id}`).then(({ end }) => {
      if (end.type === "ok") this.#ledger.acknowledgedBy(stay, id);
      else this.#ledger.fault(`${this.name}: /ack ${id} at ${stay.place}: ${JSON.stringify(end)}`);
    }, () => {}).finally(() => this.#underWay.delete(asked));
    this.#underWay.add(asked);
  }

  /** Acknowledges what it left in this stay, each with this probability; in the mode or after it. */
  acknowledgeLeft(probability = 1): void {
    const stay = this.#stay ?? this.#lastStay;
    if (stay === undefined) return;
    for (const id of this.left) {
      if (!this.#dice.chance(probability)) continue;
      this.left.delete(id);
      this.#acknowledge(this.#wire!, stay, id);
    }
  }

  /** Leaves the mode; it stays connected. */
  async normal(): Promise<void> {
    await this.#wire!.ok("/normal");
    this.#lastStay = this.#stay;
    this.#stay = undefined;
  }

  /** Waits until all that it acknowledged is confirmed, or never will be. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** The next push. */
  get next(): Promise<void> {
    return this.#news.promise;
  }

  /** The same name comes on another connection, while this one is in the mode. */
  async takeOver(wire: NotifyWire, place: string): Promise<void> {
    const before = this.#wire!;
    // What is acknowledged on one connection while the other enters might be pushed there before that.
    this.#isHolding = true;
    try {
      await this.settled();
      this.use(wire, place);
      await this.enter();
    } finally {
      this.#isHolding = false;
      before.close();
    }
  }

  /** Its connection ends, as it stands. */
  leave(): void {
    this.#wire?.close();
    this.#stay = undefined;
  }

  [Symbol.dispose](): void {
    this.leave();
  }
}

/** How a subscriber wanders about. */
export interface WandererOptions {
  dice: Dice;
  patterns: readonly string[];
  /** It acknowledges with this probability what is pushed. */
  acks: number;
  /** Where it comes. */
  places: readonly Place[];
  /** It first comes after so many events. @default 0 */
  late?: number;
  /** So many events it may be away. @default 0 */
  away?: number;
}

/** A named subscriber that comes, leaves and comes back in all ways; it ends in the mode, having acknowledged all. */
export async function wanderer(
  stage: Stage,
  name: string,
  options: WandererOptions,
): Promise<void> {
  const { dice, places, late = 0, away = 0 } = options;
  const { ledger } = stage;
  using named = new Named(ledger, name, options);
  if (late > 0) await stage.any(ledger.after(late));
  await stage.persist(() => dice.pick(places), async (first, place) => {
    let wire = first;
    named.use(wire, place.name);
    try {
      while (!stage.isOver) {
        if (stage.isFinishing) named.acks = 1;
        await named.enter();
        if (stage.isFinishing) named.acknowledgeLeft();
        const pushes = stage.isFinishing ? Infinity : dice.int(0, 40);
        for (let i = 0; i < pushes && wire.isOpen && !stage.isOver; i++) {
          await stage.any(named.next, wire.closed);
          // What is left comes again, as it enters once more.
          if (stage.isFinishing && (named.acks < 1 || named.left.size > 0)) break;
        }
        if (stage.isOver || !wire.isOpen) return "again";
        switch (stage.isFinishing ? 0 : dice.int(0, 4)) {
          case 0: // Out of the mode and back.
            await named.normal();
            named.acknowledgeLeft(dice.random());
            break;
          case 1: // Gone for a while.
            named.leave();
            await stage.any(ledger.after(dice.int(0, away)));
            return "again";
          case 2: { // From another connection, the older one being open.
            const other = await stage.connect(place);
            if (other === undefined) return "done";
            wire = other;
            await named.takeOver(other, place.name);
            break;
          }
          default: // It asks for more of the mode.
        }
      }
      return "done";
    } finally {
      wire.close();
    }
  });
}
