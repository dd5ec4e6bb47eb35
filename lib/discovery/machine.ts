/**
 * A beacon without sockets and clock: datagrams and time go in, datagrams and events come out. It keeps
 * the directory, claims and defends names, asks, answers, and says goodbye. The protocol is described
 * in docs/PROTOCOL.md.
 *
 * @module
 */

import {
  type Advert,
  type BeaconMessage,
  type BeaconRecord,
  decodeBeacon,
  decodeBeaconHeader,
  whyNoAdvert,
} from "../wire/beacon_codec.ts";
import { matchesBeaconName } from "../wire/beacon_name.ts";
import { RemoteFault } from "../wire/errors.ts";
import { MAX_BEACON_ADVERTS } from "../wire/limits.ts";
import { type Answer, Answers } from "./answers.ts";
import { Composer, type Datagrams } from "./composer.ts";
import { Directory, type Heard, isNewer } from "./directory.ts";
import type {
  BeaconEffects,
  From,
  MachineOptions,
  MachineStats,
  NewAdvert,
  Received,
} from "./machine_types.ts";
import { hasBetterRight, type Own, OwnAdverts } from "./own_adverts.ts";
import { type Peer, Peers } from "./peers.ts";
import { type Question, Questions } from "./questions.ts";
import { AdvertError } from "./service.ts";
import { GOODBYE_MS, TTL_MS } from "./times.ts";

/** The beacon. All times are milliseconds of one clock that never goes back. */
export class BeaconMachine {
  readonly id: string;
  readonly directory: Directory;
  readonly peers = new Peers();
  readonly stats: MachineStats = { received: 0, own: 0, copies: 0, malformed: 0, otherVersion: 0 };
  readonly #host: string;
  readonly #effects: BeaconEffects;
  readonly #own: OwnAdverts;
  readonly #questions = new Questions();
  readonly #answers: Answers;
  readonly #composer: Composer;
  #goodbyes: { name: string; due: number[] }[] = [];
  /** Since when this beacon asks without a longer break, and when it did last. */
  #askingSince = -Infinity;
  #askedAt = -Infinity;

  /** A beacon that has nothing to say yet. */
  constructor({ id, host, random, effects }: MachineOptions) {
    this.id = id;
    this.#host = host;
    this.#effects = effects;
    this.#own = new OwnAdverts(random);
    this.#answers = new Answers(random);
    this.directory = new Directory((change, entry) => effects.changed(change, entry));
    const { directory, peers } = this;
    this.#composer = new Composer({ id, host, own: this.#own, peers, directory });
  }

  // What the program wants.

  /**
   * Claims a name; `held` or `taken` tells the outcome. `time` is that of the wall clock, in
   * milliseconds since 1970.
   *
   * @throws {AdvertError} when it can't be sent, when the name is this beacon's already, or there are too many
   */
  advertise(advert: NewAdvert, { now, time }: { now: number; time: number }): void {
    const full = this.#complete(advert, Math.max(0, Math.floor(time)));
    if (this.#own.get(advert.name) !== undefined) {
      throw new AdvertError(`"${advert.name}" is advertised by this program already`);
    }
    if (this.#own.size >= MAX_BEACON_ADVERTS) {
      throw new AdvertError(
        `Cannot advertise "${advert.name}": one program advertises ${MAX_BEACON_ADVERTS} services at the most`,
      );
    }
    this.#goodbyes = this.#goodbyes.filter(({ name }) => name !== advert.name);
    this.#own.claim(full, now);
  }

  /**
   * Tells other addresses or properties of a service; harmless when nothing of it is new.
   *
   * @throws {AdvertError} when it can't be sent
   */
  update(name: string, change: Partial<NewAdvert>, now: number): void {
    const own = this.#own.get(name);
    if (own === undefined) return;
    const advert = this.#complete({ ...own.advert, ...change, name }, own.advert.since);
    if (
      JSON.stringify({ ...advert, claiming: own.advert.claiming }) === JSON.stringify(own.advert)
    ) {
      return;
    }
    this.#own.change(own, advert, now);
    if (!own.advert.claiming) this.#list(own, now);
  }

  /** Doesn't advertise that name any more, and says so to all. */
  withdraw(name: string, now: number): void {
    const own = this.#own.get(name);
    if (own === undefined) return;
    this.#drop(own);
    if (own.advert.claiming) return;
    this.#goodbyes.push({ name: own.advert.name, due: GOODBYE_MS.map((delay) => now + delay) });
  }

  /** Begins to ask. Returns what ends it, see {@linkcode unask}. */
  ask(question: Question, now: number): number {
    return this.#questions.begin(question, now);
  }

  /** Ends a question. */
  unask(id: number): void {
    this.#questions.end(id);
  }

  /** The interfaces are others: everything is told and asked again. */
  networkChanged(now: number): void {
    this.#own.again(now);
    this.#questions.again(now);
  }

  /** Withdraws everything. The goodbyes are out when {@linkcode leaving} is false. */
  leave(now: number): void {
    for (const { advert } of [...this.#own.values()]) this.withdraw(advert.name, now);
  }

  /** Whether goodbyes are still to be said. */
  get leaving(): boolean {
    return this.#goodbyes.length > 0;
  }

  /** Whether it has something to advertise or to ask, or goodbyes to say. */
  get busy(): boolean {
    return this.#own.size > 0 || this.#questions.size > 0 || this.leaving;
  }

  /** Answers that were not sent. */
  get suppressed(): number {
    return this.#answers.suppressed;
  }

  /** The advert of that name, as it is told now. */
  advert(name: string): Advert | undefined {
    return this.#own.get(name)?.advert;
  }

  // Time.

  /** When {@linkcode tick} has something to do; Infinity for never. */
  get nextWake(): number {
    let next = Math.min(
      this.directory.nextExpiry,
      this.#own.nextWake,
      this.#questions.nextWake,
      this.#answers.nextWake,
    );
    for (const { due } of this.#goodbyes) next = Math.min(next, due[0] as number);
    return next;
  }

  /** Does what is due. */
  tick(now: number): void {
    this.directory.expire(now);
    this.peers.expire(now);
    for (const own of this.#own.ripen(now)) {
      this.#list(own, now);
      this.#effects.held(own.advert.name);
    }
    this.#sayGoodbye(now);
    this.#ask(now);
    const due = this.#own.collect(now);
    this.#cast(this.#composer.adverts(due, now));
    const answer = this.#answers.collect(now);
    if (answer !== undefined) this.#answer(answer, now);
  }

  // What comes in.

  /** A datagram came. Whatever is in it, this doesn't throw; undefined where it is none of a beacon. */
  receive(bytes: Uint8Array, from: From, now: number): Received | undefined {
    this.stats.received++;
    try {
      const { id, method, sequence } = decodeBeaconHeader(bytes);
      const own = id === this.id;
      if (own) this.stats.own++;
      else {
        const where = { sequence, address: from.hostname, interface: from.interface };
        // What breaks the format says nothing about anybody, so it is decoded first.
        const message = this.#isKnownCopy(id, where) ? undefined : decodeBeacon(bytes);
        const { peer, copy } = this.peers.note(id, where, now);
        if (copy || message === undefined) this.stats.copies++;
        else this.#take(message, { peer, from }, now);
      }
      return { id, method, own };
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
      if (error.code === "version") this.stats.otherVersion++;
      else this.stats.malformed++;
      return undefined;
    }
  }

  #isKnownCopy(id: string, where: { sequence: number; address: string }): boolean {
    const source = this.peers.get(id)?.sources.find(({ address }) => address === where.address);
    return source?.highest === where.sequence;
  }

  #take(message: BeaconMessage, { peer, from }: { peer: Peer; from: From }, now: number): void {
    const { id, sequence, records } = message;
    for (const record of records) {
      if (record.type !== "beacon") continue;
      if (peer.revision >= 0 && isNewer(peer.revision, record.revision)) continue;
      peer.revision = record.revision;
      peer.adverts = record.adverts;
      peer.host = record.host;
    }
    const heard: Heard = {
      id,
      host: peer.host,
      sequence,
      revision: peer.revision,
      source: from.hostname,
      interface: from.interface,
      local: from.local,
    };
    for (const record of records) {
      switch (record.type) {
        case "advert":
          if (record.advert.claiming) this.#claimed(record.advert, { heard, from }, now);
          else this.#advertised(record.advert, heard, now);
          break;
        case "goodbye":
          this.directory.goodbye(record.name, heard, now);
          break;
        case "query":
          peer.askedAt = now;
          this.#asked(record, { records, from }, now);
          break;
        case "heard": {
          const lists = record.ids.includes(this.id);
          const asking = now - this.#askedAt < 2_500 ? this.#askingSince : undefined;
          this.peers.told(peer, { lists, complete: record.complete, asking }, now);
          break;
        }
      }
    }
  }

  /** Somebody claims a name: whoever has a better right to it says so. */
  #claimed(advert: Advert, { heard, from }: { heard: Heard; from: From }, now: number): void {
    const own = this.#own.get(advert.name);
    if (own === undefined) return;
    const theirs = { since: advert.since, id: heard.id };
    if (own.advert.claiming && !hasBetterRight({ ...own.advert, id: this.id }, theirs)) {
      this.#drop(own);
      this.#effects.taken(own.advert.name, { advert, heard });
      return;
    }
    this.#own.defend(own, now);
    if (from.interface !== undefined && this.#answers.allows(now)) {
      for (const datagram of this.#composer.adverts([own], now)) this.#effects.send(datagram, from);
    }
  }

  /** Somebody holds a name. */
  #advertised(advert: Advert, heard: Heard, now: number): void {
    const hearing = this.directory.hear(advert, heard, now);
    if (hearing === "old" || hearing === "foreign") return;
    const own = this.#own.get(advert.name);
    if (own === undefined) return;
    const theirs = { since: advert.since, id: heard.id };
    if (own.advert.claiming) {
      this.#drop(own);
      this.#effects.taken(own.advert.name, { advert, heard });
    } else if (hasBetterRight(theirs, { ...own.advert, id: this.id })) {
      this.withdraw(own.advert.name, now);
      this.#effects.lost(own.advert.name, { advert, heard });
    } else this.#own.defend(own, now);
  }

  /** Somebody asks. */
  #asked(
    query: Extract<BeaconRecord, { type: "query" }>,
    { records, from }: { records: readonly BeaconRecord[]; from: From },
    now: number,
  ): void {
    const { pattern, kind, toAll } = query;
    const adverts = [...this.#own.values()].filter(({ advert }) =>
      !advert.claiming && (kind === "" || kind === advert.kind) &&
      matchesBeaconName(pattern, advert.name)
    );
    if (adverts.length === 0) return;
    const { revision } = this.#own;
    const isKnown = records.some((record) =>
      record.type === "known" &&
      record.beacons.some((known) => known.id === this.id && known.revision === revision)
    );
    if (isKnown) {
      this.#answers.suppressed++;
      return;
    }
    // Who isn't on a network of this machine can't be answered alone, and shouldn't be: the sender's
    // address of a datagram may be a lie.
    const alone = !toAll && from.interface !== undefined;
    this.#answers.add(adverts, {
      asker: alone ? { hostname: from.hostname, port: from.port } : undefined,
      alone: !pattern.includes("*"),
    }, now);
  }

  // What goes out.

  #cast(datagrams: Datagrams): void {
    for (const datagram of datagrams) this.#effects.cast(datagram);
  }

  #answer({ adverts, askers }: Answer, now: number): void {
    if (askers.length === 0) {
      if (!this.#answers.allows(now)) return;
      for (const own of adverts) own.castAt = now;
      this.#cast(this.#composer.adverts(adverts, now));
      return;
    }
    for (const asker of askers) {
      for (const datagram of this.#composer.adverts(adverts, now)) {
        if (this.#answers.allows(now)) this.#effects.send(datagram, asker);
      }
    }
  }

  #ask(now: number): void {
    const due = this.#questions.collect(now);
    if (due.length === 0) return;
    this.#noteAsking(now);
    this.#cast(this.#composer.questions(due, now));
  }

  #sayGoodbye(now: number): void {
    const due = this.#goodbyes.filter(({ due }) => (due[0] as number) <= now);
    for (const goodbye of due) while ((goodbye.due[0] ?? Infinity) <= now) goodbye.due.shift();
    this.#goodbyes = this.#goodbyes.filter(({ due }) => due.length > 0);
    this.#cast(this.#composer.goodbyes(due.map(({ name }) => name)));
  }

  #noteAsking(now: number): void {
    // Listed as asking for 4 s, by everybody: a shorter break is none.
    if (now - this.#askedAt > 3_000) this.#askingSince = now;
    this.#askedAt = now;
  }

  // Own adverts.

  #complete(advert: NewAdvert, since: number): Advert {
    const { name, kind, addresses, properties } = advert;
    const full = { name, kind, addresses, properties, since, ttl: TTL_MS, claiming: false };
    const why = whyNoAdvert(full);
    if (why !== undefined) throw new AdvertError(`Cannot advertise "${name.slice(0, 80)}": ${why}`);
    return full;
  }

  /** What this beacon advertises is in its own directory, too. */
  #list(own: Own, now: number): void {
    this.directory.own(own.advert, {
      id: this.id,
      host: this.#host,
      sequence: this.#composer.sequence,
      revision: this.#own.revision,
      source: "",
      interface: undefined,
      local: true,
    }, now);
  }

  #drop(own: Own): void {
    this.#own.remove(own);
    this.#answers.forget(own);
    this.directory.remove(own.advert.name, this.id);
  }
}
