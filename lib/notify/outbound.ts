/**
 * What happened on this server and is to be told to the others: collected for a turn, and told in few messages.
 *
 * @module
 */

import { MAX_SYNC_BYTES } from "../wire/limits.ts";
import { encodeText } from "../wire/text.ts";
import { encodeChanges } from "./messages.ts";
import type { SubscriberRecord } from "./record.ts";
import { parseId, type Stamp } from "./stream.ts";

/** Acknowledgements in one message: about 100 KB. */
const MAX_ACKNOWLEDGED = 5_000;

/** Changes that wait. */
export class Outbound {
  #records = new Map<string, SubscriberRecord>();
  #acknowledged = new Map<string, Stamp[]>();
  #count = 0;
  #withdrawn: string[] = [];

  /** Is there nothing to be told? */
  get isEmpty(): boolean {
    return this.#records.size === 0 && this.#count === 0 && this.#withdrawn.length === 0;
  }

  /** Must it be told before more is added? */
  get isFull(): boolean {
    return this.#count >= MAX_ACKNOWLEDGED || this.#records.size >= MAX_ACKNOWLEDGED;
  }

  /** A record changed; the last one of a name is told. */
  subscribed(key: string, record: SubscriberRecord): void {
    this.#records.set(key, record);
  }

  /** A subscriber acknowledged. */
  acknowledged(key: string, id: string): void {
    const stamp = parseId(id);
    if (stamp === undefined) return;
    const stamps = this.#acknowledged.get(key);
    if (stamps === undefined) this.#acknowledged.set(key, [stamp]);
    else stamps.push(stamp);
    this.#count++;
  }

  /** An offer was withdrawn. */
  withdrawn(id: string): void {
    this.#withdrawn.push(id);
  }

  /** The messages; then nothing waits. */
  take(): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    let group: SubscriberRecord[] = [];
    let bytes = 0;
    const tell = (text: string) => payloads.push(encodeText(text));
    for (const record of this.#records.values()) {
      const size = encodeChanges({ subscribers: [record] }).length;
      if (group.length > 0 && bytes + size > MAX_SYNC_BYTES) {
        tell(encodeChanges({ subscribers: group }));
        group = [];
        bytes = 0;
      }
      group.push(record);
      bytes += size;
    }
    if (group.length > 0) tell(encodeChanges({ subscribers: group }));
    const { size: names } = this.#acknowledged;
    if (names > 0 || this.#withdrawn.length > 0) {
      tell(encodeChanges({ acknowledged: this.#acknowledged, withdrawn: this.#withdrawn }));
    }
    this.#records = new Map();
    this.#acknowledged = new Map();
    this.#count = 0;
    this.#withdrawn = [];
    return payloads;
  }
}
