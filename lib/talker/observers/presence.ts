/**
 * Presence in the mesh. It is state, not history: each server tells how many users it has and what it
 * announced lately; the others tell their clients what is new in that. What was announced during a
 * partition is never replayed.
 *
 * The state is JSON: `{"users": 3, "last": 17, "events": [...]}`, events being the last ones up to
 * number `last`. `"quiet": true` is the state of a node that only has a look (`talker peer --map`): it
 * comes and goes without a word.
 *
 * @module
 */

import type { MeshDriver } from "../../mesh/driver.ts";
import type { StateChange } from "../../mesh/observers.ts";
import { decodeText, encodeText, visible } from "../../wire/text.ts";
import type { TalkerEvent } from "../event.ts";
import { parseNick } from "../../wire/nick.ts";
import type { Talker } from "../talker.ts";
import { KIND } from "./kinds.ts";

/** Announcements that are told again with the newest. */
const EVENTS = 32;
/** The same where they are young, and so not yet told to all: a crowd that comes back at once. */
const YOUNG_EVENTS = 1_024, YOUNG_MS = 2_000;

/** An announcement as it is sent. */
type SharedEvent =
  | { type: "joined" | "left"; time: number; count: number; nicks: string[] }
  | { type: "renamed"; time: number; old: string; nick: string };

interface SharedPresence {
  users: number;
  last: number;
  events: SharedEvent[];
  quiet?: true;
}

interface Remote {
  name: string;
  users: number;
  /** The last announcement that was passed on; undefined before its first state came. */
  last: number | undefined;
  reachable: boolean;
  quiet: boolean;
  /** It has the name of one that was lost: its clients are told so once it is clear that it doesn't only have a look. */
  replaces?: true;
}

/** Servers that are out of reach and remembered: so that it is said when they are back. */
const MAX_REMEMBERED = 1_000;

/** Tells and hears who comes and goes. */
export class PresenceObserver {
  readonly #driver: MeshDriver;
  readonly #talker: () => Talker;
  readonly #quiet: boolean;
  readonly #remotes = new Map<string, Remote>();
  #events: SharedEvent[] = [];
  #last = 0;
  #dirty = true;
  /** There are announcements that were not sent. */
  #hasNews = false;
  #frozen = false;

  /** Observes presence in the mesh of `driver`; `quiet`: others are not to say when this node goes. */
  constructor(driver: MeshDriver, talker: () => Talker, quiet = false) {
    this.#driver = driver;
    this.#talker = talker;
    this.#quiet = quiet;
    driver.node.observe(KIND.presence, { stateChanged: (change) => this.#changed(change) });
  }

  /** Something was announced here, or the number of users changed. */
  happened(event: TalkerEvent | undefined): void {
    if (this.#frozen) return;
    this.#dirty = true;
    if (event === undefined) return;
    if (event.type === "renamed") {
      const { type, time, old, nick } = event;
      this.#events.push({ type, time, old, nick });
    } else if (event.type === "joined" || event.type === "left") {
      const { type, time, count, nicks } = event;
      this.#events.push({ type, time, count, nicks });
    } else return;
    this.#hasNews = true;
    this.#last++;
    while (this.#events.length > EVENTS) {
      const [oldest] = this.#events as [SharedEvent];
      const young = event.time - oldest.time < YOUNG_MS;
      if (young && this.#events.length <= YOUNG_EVENTS) break;
      this.#events.shift();
    }
  }

  /**
   * Are announcements told in their order with what is said? Not in a storm of them: each would be a
   * long state of its own.
   */
  get keepsOrder(): boolean {
    return this.#events.length <= EVENTS;
  }

  /** Something that was said is about to be sent: what was announced before goes before it. */
  flushNews(): void {
    if (this.#hasNews && this.keepsOrder) this.flush();
  }

  /** The server stops: its clients are not told to leave, one after the other. */
  freeze(): void {
    this.flush();
    this.#frozen = true;
  }

  /** Sends what happened. */
  flush(): void {
    if (!this.#dirty) return;
    const isUrgent = this.#hasNews && this.keepsOrder;
    this.#dirty = this.#hasNews = false;
    const users = this.#talker().roster.size;
    const state: SharedPresence = { users, last: this.#last, events: this.#events };
    if (this.#quiet) state.quiet = true;
    const payload = encodeText(JSON.stringify(state));
    this.#driver.now((node, now) => node.setState(KIND.presence, payload, now, isUrgent));
  }

  /** A server can be reached. */
  reachable(id: string, name: string): void {
    const known = this.#remotes.get(id);
    if (known !== undefined && !known.reachable) this.#talker().notice(`${name} is back`);
    this.#remotes.delete(id);
    const users = known?.users ?? 0;
    const remote: Remote = { name, users, last: undefined, reachable: true, quiet: false };
    if (known === undefined && this.#lostCalled(name) !== undefined) remote.replaces = true;
    this.#remotes.set(id, remote);
  }

  /** The id of a server of that name that can't be reached. */
  #lostCalled(name: string): string | undefined {
    for (const [id, remote] of this.#remotes) {
      if (!remote.reachable && remote.name === name) return id;
    }
    return undefined;
  }

  /** Without `--data` a server that is started again has another id: people know it by its name. */
  #isBack(remote: Remote): void {
    delete remote.replaces;
    const lost = this.#lostCalled(remote.name);
    if (lost === undefined) return;
    this.#remotes.delete(lost);
    this.#talker().notice(`${remote.name} is back`);
  }

  /** A server can't be reached any more. */
  unreachable(id: string, name: string, left: boolean): void {
    const remote = this.#remotes.get(id);
    if (remote?.quiet === true) {
      this.#remotes.delete(id);
      return;
    }
    const users = remote?.users ?? 0;
    this.#talker().notice(`${name} ${left ? "has stopped" : "is unreachable"} (${users} users)`);
    this.#remotes.set(id, { name, users, last: undefined, reachable: false, quiet: false });
    if (this.#remotes.size <= MAX_REMEMBERED) return;
    for (const [other, { reachable }] of this.#remotes) {
      if (reachable) continue;
      this.#remotes.delete(other);
      break;
    }
  }

  #changed({ origin, payload }: StateChange): void {
    if (origin === this.#driver.node.identity.id) return;
    const state = parsePresence(payload);
    const remote = this.#remotes.get(origin);
    if (state === undefined || remote === undefined) return;
    remote.users = state.users;
    remote.quiet = state.quiet === true;
    if (remote.replaces && !remote.quiet) this.#isBack(remote);
    const before = remote.last;
    remote.last = state.last;
    if (before === undefined || state.last <= before) return;
    const news = Math.min(state.last - before, state.events.length);
    for (const event of state.events.slice(state.events.length - news)) {
      this.#talker().broadcast({ ...event, server: remote.name });
    }
  }
}

/** The state, checked; undefined when it is none. */
function parsePresence(payload: Uint8Array): SharedPresence | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(payload));
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { users, last, events, quiet } = value;
  if (
    !isCount(users) || !isCount(last) || !Array.isArray(events) || events.length > YOUNG_EVENTS + 1
  ) {
    return undefined;
  }
  const checked = events.map(parseEvent);
  if (checked.includes(undefined)) return undefined;
  const state: SharedPresence = { users, last, events: checked as SharedEvent[] };
  if (quiet === true) state.quiet = true;
  return state;
}

function parseEvent(value: unknown): SharedEvent | undefined {
  if (!isObject(value)) return undefined;
  const { type, time, count, nicks, old, nick } = value;
  if (!isCount(time)) return undefined;
  if (type === "renamed") {
    return isNick(old) && isNick(nick) ? { type, time, old, nick } : undefined;
  }
  if (type !== "joined" && type !== "left") return undefined;
  const valid = isCount(count) && count > 0 && Array.isArray(nicks) && nicks.length > 0 &&
    nicks.length <= 3 && nicks.every(isNick);
  return valid ? { type, time, count, nicks } : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Also for times: dates have this many milliseconds at the most. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 8.64e15;
}

function isNick(value: unknown): value is string {
  return typeof value === "string" && parseNick(value) === value && visible(value) === value;
}
