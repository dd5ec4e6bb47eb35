/** What reads single texts: names, topics, addresses, flags, commands, records. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { HelpRequested, UsageError } from "../../../lib/cli/exit.ts";
import { defineCommand, parseCommand } from "../../../lib/cli/flags.ts";
import { KeyDecoder } from "../../../lib/cli/keys.ts";
import { harmless, harmlessJson } from "../../../lib/client/harmless.ts";
import { parseRecord, saidInReply } from "../../../lib/client/record.ts";
import { notificationIn, notificationJson } from "../../../lib/client/notify/notification.ts";
import { Receipts, receiptsJson, receiptsText } from "../../../lib/client/notify/receipts.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../lib/messaging/envelope.ts";
import { decodeJson, encodeJson } from "../../../lib/messaging/json.ts";
import { AddressError, formatAddress, parseListen, parseTarget } from "../../../lib/net/address.ts";
import {
  decodeJson as decodeNotifyJson,
  decodeNotification,
  encodeChanges,
  encodeFetched,
  encodeNotification,
  parseChanges,
  parseFetched,
} from "../../../lib/notify/messages.ts";
import {
  encodeRecord,
  joinRecords,
  parseRecord as parseSubscriber,
} from "../../../lib/notify/record.ts";
import { formatId, parseId } from "../../../lib/notify/stream.ts";
import { matches, parsePattern, parseTopic } from "../../../lib/wire/topic.ts";
import { parseCommandLine } from "../../../lib/talker/command.ts";
import { foldNick, parseNick } from "../../../lib/wire/nick.ts";
import { RemoteFault } from "../../../lib/wire/errors.ts";
import { decodeText } from "../../../lib/wire/text.ts";
import { loadCorpus } from "../corpus.ts";
import { shorten, type Target } from "../fuzzer.ts";
import { cutAnyhow } from "../mutate.ts";
import { expectFault, whole } from "./wire.ts";

const JSON_WORDS = [
  "{}",
  "[]",
  "[",
  "{",
  '"',
  "\\",
  "\\u",
  "\\u005f",
  "\\ud800",
  "null",
  "true",
  "-0",
  "1e999",
  "9007199254740993",
  "__proto__",
  "constructor",
  "prototype",
  '"id":',
  '"kind":',
  '"type":',
  ",",
  ":",
];

const CODES = ["not-json", "too-deep", "bad-member", "unknown-kind", "bad-message"];

const envelopes: Target = {
  name: "envelope",
  seeds: loadCorpus("envelope"),
  dictionary: [...JSON_WORDS, '"body":', '"hello"', '"ask"', '"versions":[1,1]'],
  maxBytes: 1024 * 1024 + 4096,
  run(input) {
    const result = expectFault(() => decodeEnvelope(whole(input)), RemoteFault);
    if ("fault" in result) {
      const { code, message } = result.fault as RemoteFault;
      assert(CODES.includes(code), code);
      assert(message.length < 1000, "A fault that repeats what came");
      return shorten(message);
    }
    const envelope = result.value;
    assertEquals(Object.prototype, Object.getPrototypeOf({}));
    if (!("body" in envelope)) {
      assertEquals(decodeEnvelope(encodeEnvelope(envelope)), envelope);
    } else {
      // What came can be sent on, except where a number is too large to be said.
      const body = expectFault(() => encodeJson(envelope.body), Error);
      if ("fault" in body) return `${envelope.kind}, not to be sent`;
      const again = decodeEnvelope(encodeEnvelope({ ...envelope, body: body.value }));
      assertEquals(JSON.stringify(again), JSON.stringify(envelope));
    }
    return envelope.kind;
  },
};

const json: Target = {
  name: "json",
  seeds: loadCorpus("json"),
  dictionary: JSON_WORDS,
  maxBytes: 1024 * 1024,
  run(input) {
    const result = expectFault(() => decodeJson(whole(input)), RemoteFault);
    if ("fault" in result) return shorten(result.fault.message);
    assert(depthOf(result.value) <= 101);
    noTraps(result.value);
    return typeof result.value;
  },
};

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Object.values(value).reduce((most: number, one) => Math.max(most, depthOf(one)), 0);
}

function noTraps(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  assert(!Object.hasOwn(value, "__proto__"));
  const { constructor } = value as { constructor: unknown };
  if (
    Object.hasOwn(value, "constructor") && typeof constructor === "object" && constructor !== null
  ) {
    assert(!Object.hasOwn(constructor, "prototype"));
  }
  for (const one of Object.values(value)) noTraps(one);
}

const records: Target = {
  name: "client_record",
  seeds: loadCorpus("server_record"),
  dictionary: [
    ...JSON_WORDS,
    '"text":"',
    '"nicks":[',
    '"tag":',
    '"time":"2026-01-02T03:04:05.678Z"',
    "\x1b[2J",
    "\\u001b",
    "\\u202e",
    "\\u2028",
    "\\u0085",
  ],
  maxBytes: 64 * 1024,
  run(input) {
    const event = parseRecord(decodeText(whole(input)));
    if (event === undefined) return "none";
    const { raw, ...rest } = event;
    for (const value of Object.values(rest)) isHarmless(value);
    assertMatch(harmlessJson(raw), HARMLESS_JSON);
    if (event.type === "reply") {
      const said = saidInReply(event);
      if (said !== undefined) {
        const { raw: _, ...texts } = said;
        for (const value of Object.values(texts)) isHarmless(value);
      }
      const receipts = new Receipts("k.1.1");
      receipts.add(event);
      assertEquals(
        harmless(receiptsText(receipts).replaceAll("\n", " ")),
        receiptsText(receipts).replaceAll("\n", " "),
      );
      JSON.parse(receiptsJson(receipts));
    }
    const notification = notificationIn(raw);
    if (notification !== undefined) {
      const { raw: _, ...texts } = notification;
      for (const value of Object.values(texts)) isHarmless(value);
      JSON.parse(notificationJson(notification));
    }
    return `${event.type} ${notification !== undefined}`;
  },
};

// deno-lint-ignore no-control-regex
const HARMLESS_JSON = /^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$/;

function isHarmless(value: unknown): void {
  if (typeof value === "string") assertEquals(harmless(value), value);
  else if (Array.isArray(value)) value.forEach(isHarmless);
}

const topics: Target = {
  name: "topic",
  seeds: loadCorpus("words"),
  dictionary: ["/", "*", "**", "/**", "//", ".", "-", "\u00e9", "\xc3\xa9"],
  maxBytes: 2048,
  run(input) {
    const text = decodeText(whole(input));
    const topic = parseTopic(text), pattern = parsePattern(text);
    if (topic !== undefined) {
      assertEquals(parseTopic(topic), topic);
      assert(matches("**", topic) && matches(topic, topic));
    }
    if (pattern !== undefined) {
      assertEquals(parsePattern(pattern), pattern);
      matches(pattern, "door/front/left");
      matches(pattern, "a/".repeat(15) + "a");
    }
    const id = parseId(text);
    if (id !== undefined) assertEquals(formatId(id), text);
    const nick = parseNick(text);
    if (nick !== undefined) {
      assertEquals(parseNick(nick), nick);
      assertEquals(foldNick(foldNick(nick)), foldNick(nick));
      assert([...nick].length <= 32);
    }
    const command = parseCommandLine(text);
    if (command?.tag !== undefined) assertMatch(command.tag, /^[A-Za-z0-9]{1,32}$/);
    return `${topic !== undefined} ${pattern !== undefined} ${id !== undefined} ` +
      `${nick !== undefined} ${command !== undefined}`;
  },
};

const NODE = "00000000000000aa";

const notifications: Target = {
  name: "notify_messages",
  seeds: loadCorpus("notify_messages"),
  dictionary: [
    ...JSON_WORDS,
    `"${NODE}.1"`,
    `${NODE}.1.7`,
    '"subscribers"',
    '"acknowledged"',
    '"withdrawn"',
  ],
  maxBytes: 128 * 1024,
  run(input, dice) {
    const bytes = whole(input);
    const stamp = { stream: `${NODE}.1`, sequence: dice.int(1, 1000) };
    const notification = decodeNotification(bytes, stamp, dice.int(0, 2e12));
    if (notification !== undefined) {
      const again = decodeNotification(encodeNotification(notification), stamp, notification.time);
      assertEquals(again, notification);
      assertEquals(
        parseFetched(JSON.parse(JSON.stringify(encodeFetched({ notification, age: 1 })))),
        { notification, age: 1 },
      );
      return "notification";
    }
    const value = decodeNotifyJson(bytes);
    const fetched = parseFetched(value);
    if (fetched !== undefined) {
      assertEquals(parseFetched(JSON.parse(JSON.stringify(encodeFetched(fetched)))), fetched);
      return "fetched";
    }
    const record = parseSubscriber(value);
    if (record !== undefined) {
      assertEquals(parseSubscriber(JSON.parse(JSON.stringify(encodeRecord(record)))), record);
      assertEquals(joinRecords(record, record), record);
    }
    const changes = parseChanges(value);
    if (changes === undefined) return `none ${typeof value}`;
    const { refused, ...sound } = changes;
    assertEquals(parseChanges(JSON.parse(encodeChanges(sound))), { ...sound, refused: 0 });
    return `changes ${Math.min(2, sound.subscribers.length)} ${
      Math.min(2, sound.acknowledged.size)
    } ` +
      `${Math.min(2, sound.withdrawn.length)} ${Math.min(2, refused)} ${record !== undefined}`;
  },
};

const addresses: Target = {
  name: "address",
  seeds: loadCorpus("address"),
  dictionary: [
    ":",
    "[",
    "]",
    "::",
    "%eth0",
    "65535",
    "65536",
    "127.0.0.1",
    "fe80::1",
    ".",
    "-",
    "\xc3\xa9",
  ],
  maxBytes: 16 * 1024,
  run(input) {
    const text = decodeText(whole(input));
    const target = expectFault(() => parseTarget(text), AddressError);
    const listen = expectFault(() => parseListen(text, "0.0.0.0"), AddressError);
    if ("value" in listen) {
      const { value } = listen;
      assert(value.port >= 0 && value.port <= 65_535);
      assertEquals(parseListen(formatAddress(value), "0.0.0.0"), value);
    } else assert(listen.fault.message.length < 500);
    return "value" in target ? target.value.kind : shorten(target.fault.message);
  },
};

const COMMAND = defineCommand({
  name: "greet",
  summary: "says hello",
  usage: "talker greet [FLAGS] NAME",
  positionals: { min: 1, max: 2 },
  flags: {
    count: { kind: "integer", min: 1, default: 1, help: "How often." },
    echo: { kind: "boolean", default: true, help: "Say it." },
    level: { kind: "choice", choices: ["debug", "info"], default: "info", help: "How." },
    port: { kind: "port", help: "Where." },
    wait: { kind: "seconds", default: 5, help: "How long." },
    peer: { kind: "strings", placeholder: "HOST:PORT", help: "Whom." },
    name: { kind: "string", placeholder: "NAME", help: "Who." },
  },
  examples: ["talker greet ann", "talker greet --count 3 ann"],
});

const flags: Target = {
  name: "flags",
  seeds: loadCorpus("flags"),
  dictionary: [
    "--",
    "--count",
    "--no-echo",
    "--echo=",
    "--level",
    "=",
    "-",
    "--no-",
    "--__proto__",
    "--constructor",
    "--toString",
    "1e3",
    "-1",
    "0x10",
    "NaN",
    "Infinity",
    "--port=65536",
    "--peer",
    "-h",
  ],
  maxBytes: 512,
  maxPieces: 12,
  run(input) {
    const args = input.map((piece) => decodeText(piece));
    try {
      const { flags, rest } = parseCommand(
        COMMAND,
        args,
        (name) => name === "TALKER_COUNT" ? args[0] : undefined,
      );
      assert(Number.isSafeInteger(flags.count) && flags.count >= 1);
      assert(flags.port === undefined || (flags.port >= 0 && flags.port <= 65_535));
      assert(Number.isFinite(flags.wait) && flags.wait >= 0);
      assert(["debug", "info"].includes(flags.level));
      assertEquals(typeof flags.echo, "boolean");
      assert(rest.length >= 1 && rest.length <= 2);
      return "taken";
    } catch (error) {
      if (error instanceof UsageError) return shorten(error.message);
      if (error instanceof HelpRequested) return "help";
      throw error;
    }
  },
};

const keys: Target = {
  name: "keys",
  seeds: loadCorpus("keys"),
  dictionary: ["\x1b[A", "\x1b[1;5C", "\x1b[200~", "\x1b[201~", "\x1b", "\x7f", "\xc3"],
  maxBytes: 4096,
  run(input, dice) {
    const bytes = whole(input);
    const decoder = new KeyDecoder();
    let count = 0;
    for (const chunk of cutAnyhow(bytes, dice)) count += decoder.push(chunk).length;
    return `${Math.min(9, count)}`;
  },
};

/** All of them. */
export const textTargets: readonly Target[] = [
  envelopes,
  json,
  records,
  topics,
  notifications,
  addresses,
  flags,
  keys,
];
