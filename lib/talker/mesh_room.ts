/**
 * The talker's part in the mesh: its observers, and what its commands ask of it.
 *
 * @module
 */

import type { MeshDriver } from "../mesh/driver.ts";
import { formatAddress } from "../net/address.ts";
import type { Endpoint, Listener } from "../net/transport.ts";
import type { Answer } from "./answerer.ts";
import type { TalkerEvent } from "./event.ts";
import type { Origin } from "./history.ts";
import type { Census, Found, GraphNode, Mesh, PeerInfo, Whispered } from "./mesh.ts";
import { AskObserver } from "./observers/ask.ts";
import { PresenceObserver } from "./observers/presence.ts";
import { SpeechObserver } from "./observers/speech.ts";
import { WhisperObserver } from "./observers/whisper.ts";
import { WhoObserver } from "./observers/who.ts";
import { isCalled } from "./server_names.ts";
import type { Talker } from "./talker.ts";

/** How a room is made. */
export interface MeshRoomOptions {
  driver: MeshDriver;
  /** The talker, which is made after the room. */
  talker: () => Talker;
  /** Listens at an address. */
  listen: (at: Endpoint) => Listener;
  /** Are links encrypted? Default false. */
  encrypted?: boolean;
  /** Must speakers wait for something else than the links: the disk? Default never. */
  congested?: () => boolean;
  /** The others are not to say when this node goes: it only has a look. Default false. */
  quiet?: boolean;
}

/** {@linkcode Mesh} over a {@linkcode MeshDriver}. */
export class MeshRoom implements Mesh {
  readonly id: string;
  readonly origin: Origin;
  readonly #options: MeshRoomOptions;
  readonly #driver: MeshDriver;
  readonly #speech: SpeechObserver;
  readonly #presence: PresenceObserver;
  readonly #who: WhoObserver;
  readonly #whisper: WhisperObserver;
  readonly #ask: AskObserver;

  /** Registers the observers. */
  constructor(options: MeshRoomOptions) {
    const { driver, talker } = options;
    this.#options = options;
    this.#driver = driver;
    this.id = driver.node.identity.id;
    this.#presence = new PresenceObserver(driver, talker, options.quiet);
    this.#speech = new SpeechObserver(driver, talker, () => this.#presence.flushNews());
    this.#who = new WhoObserver(driver, talker);
    this.#whisper = new WhisperObserver(driver, talker);
    this.#ask = new AskObserver(driver, talker);
    this.origin = this.#speech.origin;
    driver.watch({
      reachable: (id, name) => {
        this.#speech.named(id, name);
        this.#presence.reachable(id, name);
      },
      unreachable: (id, name, left) => this.#presence.unreachable(id, name, left),
      named: (id, name) => this.#speech.named(id, name),
      gap: (gap) => this.#speech.gap(gap),
    });
  }

  /**
   * Fills the talker's history with what the node remembers from before its start. To be called once,
   * when the talker is there and before the first link. Returns the number of lines.
   */
  restore(): number {
    return this.#speech.restore();
  }

  get congested(): boolean {
    return this.#driver.congested || this.#options.congested?.() === true;
  }

  said(
    action: boolean,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    time: number,
  ): number {
    return this.#speech.said(action, prefix, bytes, start, end, time);
  }

  presence(event: TalkerEvent | undefined): void {
    // What was said before is heard before.
    if (event !== undefined && this.#presence.keepsOrder) this.#speech.flush();
    this.#presence.happened(event);
  }

  flush(): void {
    this.#speech.flush();
    this.#presence.flush();
  }

  /** The server stops: what was said and announced is sent, and from now on nobody comes and goes. */
  stop(): void {
    this.flush();
    this.#presence.freeze();
  }

  get alone(): boolean {
    return this.#driver.node.reachable().length <= 1;
  }

  who(): Promise<Census> {
    return this.#who.who();
  }

  find(nick: string): Promise<Found[]> {
    return this.#who.find(nick);
  }

  serversCalled(name: string): { id: string; name: string }[] {
    return this.#driver.node.topology()
      .filter((node) => node.id !== this.id && isCalled(node, name))
      .map(({ id, name }) => ({ id, name }));
  }

  whisper(from: string, node: string, nick: string, text: string): Promise<Whispered> {
    return this.#whisper.whisper(from, node, nick, text);
  }

  ask(from: string, node: string, text: string): Promise<Answer> {
    return this.#ask.ask(from, node, text);
  }

  peers(): PeerInfo[] {
    return this.#driver.node.peers().map(({ link, name, initiator, roundTrip }) => {
      const remote = this.#driver.addressOf(link);
      const address = remote === undefined
        ? "?"
        : formatAddress({ host: remote.hostname, port: remote.port });
      const direction = initiator ? "outgoing" : "incoming";
      return { name, address, direction, roundTrip, encrypted: this.#options.encrypted === true };
    });
  }

  reachable(): string[] {
    const { node } = this.#driver;
    return node.reachable().map((id) => node.nameOf(id) ?? id).sort();
  }

  topology(): GraphNode[] {
    return this.#driver.node.topology();
  }

  listen(hostname: string, port: number): string {
    const listener = this.#options.listen({ hostname, port });
    this.#driver.listen(listener);
    return formatAddress({ host: listener.addr.hostname, port: listener.addr.port });
  }

  connect(hostname: string, port: number): Promise<string | undefined> {
    return this.#driver.connect({ hostname, port });
  }

  kill(which: string | Endpoint): number {
    return this.#driver.kill(which);
  }

  stats(): string[] {
    const stats = this.#driver.node.stats();
    return [
      `mesh: ${stats.links} links, ${stats.reachable} servers reachable, ${this.#driver.queued} bytes waiting`,
      `mesh messages: ${stats.published} published, ${stats.delivered} delivered, ` +
      `${stats.duplicates} duplicates, ${stats.missed} missed, ${stats.refused} frames refused`,
      `mesh log: ${stats.retainedMessages} messages, ${stats.retainedBytes} bytes, ${stats.origins} origins`,
    ];
  }
}
