/**
 * What the talker wants of a mesh. {@linkcode MeshRoom} gives it; without one the talker is alone.
 *
 * @module
 */

import type { Answer } from "./answerer.ts";
import type { TalkerEvent } from "./event.ts";
import type { Origin } from "./history.ts";

/** The people on one server. */
export interface ServerCensus {
  server: string;
  /** Sorted. */
  nicks: string[];
}

/** Everybody, as far as could be found out. */
export interface Census {
  /** Other servers, sorted by name. */
  servers: ServerCensus[];
  /** Names of those that did not answer, sorted. */
  silent: string[];
}

/** Somebody on another server. */
export interface Found {
  /** The nick as it is written there. */
  nick: string;
  /** Id of the server. */
  node: string;
  server: string;
}

/** How a whisper to another server went: the recipient's nick, or why not. */
export type Whispered = { nick: string } | { error: "not-found" | "busy"; text: string };

/** A direct link. */
export interface PeerInfo {
  name: string;
  /** `host:port` of the other side. */
  address: string;
  direction: "outgoing" | "incoming";
  /** Round-trip time in milliseconds; undefined when it isn't measured yet. */
  roundTrip: number | undefined;
  encrypted: boolean;
}

/** A server in the graph. */
export interface GraphNode {
  id: string;
  name: string;
  /** Ids of those it is linked to. */
  links: readonly string[];
  /** Without it the mesh would fall apart. */
  isCutPoint: boolean;
}

/** The mesh, as the talker and its commands see it. */
export interface Mesh {
  /** Id of this server. */
  readonly id: string;
  /** What the ids of lines said here begin with. */
  readonly origin: Origin;
  /** True while speakers are to wait, because a link can't keep up. */
  readonly congested: boolean;
  /**
   * A line was said here, at `time` (ms since 1970): `prefix` (with the nick) and bytes[start..end).
   * Returns its number.
   */
  said(
    action: boolean,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    time: number,
  ): number;
  /** Something about who is here was announced, or the number of users changed. */
  presence(event: TalkerEvent | undefined): void;
  /** Sends what was said in this turn. */
  flush(): void;
  /** Are other servers reachable? */
  readonly alone: boolean;
  /** Who is on the other servers. */
  who(): Promise<Census>;
  /** Which other servers have somebody of that nick. */
  find(nick: string): Promise<Found[]>;
  /** Reachable servers that are called so (`server_names.ts`), other than this one. */
  serversCalled(name: string): { id: string; name: string }[];
  /** Says something to one person on another server. */
  whisper(from: string, node: string, nick: string, text: string): Promise<Whispered>;
  /** Asks the answerer of one other server. */
  ask(from: string, node: string, text: string): Promise<Answer>;
  /** The direct links, sorted by name. */
  peers(): PeerInfo[];
  /** Names of the servers that can be reached, this one included, sorted. */
  reachable(): string[];
  /** The graph of the servers that can be reached. */
  topology(): GraphNode[];
  /** Accepts links at an address; returns it, with the port that was chosen. Throws when it can't. */
  listen(hostname: string, port: number): string;
  /** Makes a link, once; resolves with nothing when it is up, else with the reason. */
  connect(hostname: string, port: number): Promise<string | undefined>;
  /** Ends links to a name or an address, and what keeps them up; returns how many. */
  kill(which: string | { hostname: string; port: number }): number;
  /** Lines for `/stats`. */
  stats(): string[];
}
