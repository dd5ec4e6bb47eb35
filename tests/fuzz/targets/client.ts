/** Clients, told anything by a server. */

import { assert } from "@std/assert";
import { ClientRig } from "../../support/client_rig.ts";
import { PublisherRig, SubscriberRig } from "../../client/notify/rig.ts";
import { decodeText } from "../../../lib/wire/text.ts";
import { loadCorpus } from "../corpus.ts";
import { shorten, type Target } from "../fuzzer.ts";
import type { Dice } from "../../support/random.ts";

const WORDS = [
  '{"type":"ok","tag":"TAG"}',
  '{"type":"error","tag":"TAG","code":"failed","text":"no"}',
  '{"type":"reply","tag":"TAG","text":"x"}',
  '"tag":"TAG"',
  '"id":"k.1.',
  "99",
  "-1",
  "1e999",
  "null",
  '"timeout":',
  '"last":',
  '"recipients":',
  '"acknowledged":',
  "Welcome, guest1",
  "\x1b[2J",
];

/** The record, with `TAG` replaced by the tag of something that was asked: most often the last. */
function tagged(record: string, sent: readonly string[], dice: Dice): string {
  if (!record.includes("TAG")) return record;
  const from = dice.chance(0.8) ? sent.slice(-4) : sent;
  const tag = from.length === 0 ? "n1" : /^@(\w+) /.exec(dice.pick(from))?.[1] ?? "n1";
  return record.replaceAll("TAG", tag);
}

interface Rig {
  readonly sent: string[];
  readonly now: number;
  receive(record: string): void;
  pass(ms: number): void;
}

/** Feeds it the records, with time between them. Gives how many it sent. */
function feed(rig: Rig, records: readonly string[], dice: Dice, more: () => void): number {
  let sent = rig.sent.length;
  for (const record of records) {
    rig.receive(tagged(record, rig.sent, dice));
    more();
    if (dice.chance(0.2)) rig.pass(dice.pick([1, 500, 3_000, 12_000, 61_000]));
    sent = Math.max(sent, rig.sent.length);
  }
  return sent;
}

/** Whatever a server says, a client sends some lines for each of its lines at the most. */
function isModest(sent: number, records: number, extra = 0): void {
  assert(sent <= 200 + 40 * records + extra, `${sent} records for ${records}`);
}

const subscriber: Target = {
  name: "notify_subscriber",
  seeds: loadCorpus("server_session"),
  dictionary: WORDS,
  maxBytes: 16 * 1024,
  maxPieces: 80,
  run(input, dice) {
    const rig = new SubscriberRig({
      topics: dice.pick([[], ["hits"]]),
      details: dice.chance(0.5),
      as: dice.pick([undefined, "phone"]),
      since: dice.pick([undefined, "all", "k.1.3"]),
      count: dice.pick([undefined, 3]),
      timeoutMs: dice.pick([undefined, 100_000]),
    });
    if (dice.chance(0.5)) rig.listen();
    else rig.caller.connected(rig.now);
    const records = input.map((piece) => decodeText(piece));
    const sent = feed(rig, records, dice, () => {
      if (rig.handling.length > 0 && dice.chance(0.7)) rig.done(dice.chance(0.8));
      if (dice.chance(0.03)) rig.lose();
      if (rig.connecting && rig.caller.state.is === "connecting") rig.caller.connected(rig.now);
    });
    isModest(sent, records.length);
    const { is } = rig.caller.state;
    rig.subscriber.stop(rig.now);
    rig.pass(5_000);
    assert(rig.outcome !== undefined, "It does not end");
    return `${is} ${rig.outcome?.is} ${Math.min(4, rig.given.length)} ${
      shorten(rig.logged.at(-1) ?? "")
    }`;
  },
};

const publisher: Target = {
  name: "notify_publisher",
  seeds: loadCorpus("server_session"),
  dictionary: WORDS,
  maxBytes: 16 * 1024,
  maxPieces: 80,
  run(input, dice) {
    const rig = new PublisherRig({ needAck: dice.pick([undefined, "all" as const, 2]) } as object);
    rig.publish("one", "two", "three");
    if (dice.chance(0.5)) rig.greet();
    else rig.caller.connected(rig.now);
    const records = input.map((piece) => decodeText(piece));
    const sent = feed(rig, records, dice, () => {
      if (dice.chance(0.1)) rig.publish("more");
      if (dice.chance(0.02)) rig.endInput();
      if (dice.chance(0.03)) rig.lose();
      if (rig.connecting && rig.caller.state.is === "connecting") rig.caller.connected(rig.now);
    });
    // While it waits for acknowledgements it asks again and again, once in a second.
    isModest(sent, records.length, rig.now / 100);
    const { is } = rig.caller.state;
    rig.publisher.stop(rig.now);
    rig.pass(5_000);
    assert(rig.outcome !== undefined, "It does not end");
    return `${is} ${rig.outcome?.is} ${rig.published.length} ${rig.receipts.length} ` +
      shorten(rig.logged.at(-1) ?? "");
  },
};

const client: Target = {
  name: "client",
  seeds: loadCorpus("server_session"),
  dictionary: WORDS,
  maxBytes: 16 * 1024,
  maxPieces: 80,
  run(input, dice) {
    const rig = new ClientRig(
      { interactive: dice.chance(0.5), nick: dice.pick([undefined, "ann"]) } as object,
    );
    if (dice.chance(0.6)) rig.ready();
    else rig.connected();
    const records = input.map((piece) => decodeText(piece));
    const sent = feed(rig, records, dice, () => {
      if (dice.chance(0.2)) {
        rig.line(dice.pick(["hello", "/who", "/me x", "/tell bob x", "/nick bob", "//x", "/quit"]));
      }
      if (dice.chance(0.03)) rig.lose();
      if (rig.connecting && rig.client.state === "connecting") rig.connected();
    });
    isModest(sent, records.length);
    return `${rig.client.state} ${rig.outcome?.is} ${Math.min(5, rig.shown.length)} ${
      shorten(rig.debugged.at(-1) ?? "")
    }`;
  },
};

/** All of them. */
export const clientTargets: readonly Target[] = [subscriber, publisher, client];
