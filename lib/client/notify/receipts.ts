/**
 * Who got a notification: the answer to `/receipts`, taken apart and judged. Pure.
 *
 * @module
 */

import { MAX_RECEIPTS_TAKEN } from "../../wire/limits.ts";
import { harmless, harmlessJson } from "../harmless.ts";
import type { Reply } from "../record.ts";

/** How far a notification has come on its way to a recipient. */
const RECEIPT_STATES = ["queued", "delivered", "acknowledged", "expired"] as const;
/** One of {@linkcode RECEIPT_STATES}. */
export type ReceiptState = typeof RECEIPT_STATES[number];

/** One recipient. */
export interface Receipt {
  readonly recipient: string;
  /** Where it is, or was last. */
  readonly server: string;
  readonly state: ReceiptState;
}

/** How many acknowledgements are needed. */
export type NeedAck = number | "all";

/** The receipts of one notification. */
export class Receipts {
  readonly id: string;
  /** Each recipient, as far as they were told one by one. */
  readonly receipts: Receipt[] = [];
  /** Servers that did not answer. */
  readonly silent: string[] = [];
  /** How many there are in each state, as the server counts. */
  readonly counts: Record<ReceiptState, number> = {
    queued: 0,
    delivered: 0,
    acknowledged: 0,
    expired: 0,
  };

  readonly #subscribers: number;
  #isCounted = false;

  /** Receipts of which nothing is known yet; `subscribers`: so many there were when it was published. */
  constructor(id: string, subscribers?: number) {
    this.id = id;
    this.#subscribers = countIn(subscribers);
  }

  /** How many recipients there are. */
  get recipients(): number {
    return RECEIPT_STATES.reduce((sum, state) => sum + this.counts[state], 0);
  }

  /** Of so many subscribers nothing is known: they can't have acknowledged. */
  get unknown(): number {
    return Math.max(0, this.#subscribers - this.recipients);
  }

  /** A line of the answer; one that is none is passed over. */
  add({ raw }: Reply): void {
    const { recipient, server, state, silent } = raw;
    if (typeof recipient === "string" && isState(state)) {
      if (this.receipts.length >= MAX_RECEIPTS_TAKEN) return;
      const at = typeof server === "string" ? harmless(server) : "";
      this.receipts.push({ recipient: harmless(recipient), server: at, state });
    } else if (Array.isArray(silent)) {
      const names = silent.filter((name): name is string => typeof name === "string");
      this.silent.push(...names.slice(0, MAX_RECEIPTS_TAKEN - this.silent.length).map(harmless));
    } else if (typeof raw.recipients === "number") {
      this.#isCounted = true;
      for (const state of RECEIPT_STATES) this.counts[state] = countIn(raw[state]);
    }
  }

  /** There are as many acknowledgements as are needed. */
  isEnough(needed: NeedAck): boolean {
    if (needed !== "all") return this.counts.acknowledged >= needed;
    return this.#isCounted && this.silent.length === 0 && this.unknown === 0 &&
      this.counts.acknowledged === this.recipients;
  }

  /** Not all have acknowledged, and nobody will any more. */
  isHopeless(needed: NeedAck): boolean {
    const { queued, delivered, expired } = this.counts;
    return needed === "all" && this.silent.length === 0 && queued + delivered === 0 && expired > 0;
  }
}

/** Receipts as a table for people: the counts, each recipient, who did not answer, and who is missing. */
export function receiptsText(told: Receipts): string {
  const { id, recipients, counts, receipts, silent, unknown } = told;
  const states = (["acknowledged", "delivered", "queued", "expired"] as const)
    .map((state) => `${counts[state]} ${state}`);
  const names = receipts.map(({ recipient, server }) => `${recipient}@${server}`);
  const width = Math.max(0, ...names.map((name) => name.length));
  return [
    `${id}: ${recipients} recipients, ${states.join(", ")}`,
    ...receipts.map(({ state }, index) => `  ${(names[index] ?? "").padEnd(width)}  ${state}`),
    ...(silent.length === 0 ? [] : [`No answer from: ${silent.join(", ")}`]),
    ...(unknown === 0 ? [] : [`Subscribers of whom nothing is known: ${unknown}`]),
  ].join("\n");
}

/** Receipts as one line of JSON. */
export function receiptsJson(told: Receipts): string {
  const { id, recipients, counts, receipts, silent, unknown } = told;
  return harmlessJson({ type: "receipts", id, recipients, ...counts, receipts, silent, unknown });
}

function isState(value: unknown): value is ReceiptState {
  return (RECEIPT_STATES as readonly unknown[]).includes(value);
}

function countIn(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
