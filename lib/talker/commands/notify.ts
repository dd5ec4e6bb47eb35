/**
 * Commands about notifications.
 *
 * @module
 */

import type { Notifications, Receipts, SubscribeOptions } from "../../notify/notifications.ts";
import { parsePattern, parseTopic } from "../../wire/topic.ts";
import { KEEPSAKES, MAX_NOTIFY_S, MAX_PATTERNS, MAX_RECEIPT_WAITS } from "../../wire/limits.ts";
import type { Command, CommandContext, Outcome } from "../command.ts";
import { parseNick } from "../../wire/nick.ts";
import { NotifyMode } from "../notify_mode.ts";
import { usage, words } from "./usage.ts";

/** Seconds that the mode lasts when it isn't told. */
const DEFAULT_TIMEOUT_S = 60;

/** An id, as a client may send it. */
const ID = /^[A-Za-z0-9._-]{1,64}$/;

/** There is nothing to subscribe to: a node without line clients. */
export const NO_NOTIFICATIONS: Outcome = {
  error: "failed",
  text: "This server has no notifications",
};

/** What all servers keep came from one address too often. */
export const TOO_MANY_KEPT: Outcome = {
  error: "busy",
  text: `Too many new names and offers come from your address: try again in ` +
    `${KEEPSAKES.everyMs / 1000} s`,
};

const publish: Command = {
  name: "publish",
  parameters: "TOPIC TEXT",
  summary: "notify everybody who subscribed to TOPIC",
  work: "publication",
  details: [
    "A topic is a name, or several levels: hits, door/front. The answer tells its id.",
  ],
  run({ talker, session, rest }) {
    const { notifications } = talker;
    if (notifications === undefined) return NO_NOTIFICATIONS;
    const match = /^(\S+)\s+(.+)$/s.exec(rest);
    if (match === null) return usage(publish);
    const [, word, text] = match as unknown as [string, string, string];
    const topic = parseTopic(word);
    if (topic === undefined) return usage(publish, `${word}: not a topic`);
    const { id, subscribers } = notifications.publish({ topic, text, nick: session.nick });
    const reply = `Published ${id} to ${subscribers} subscribers`;
    return { id, kept: [{ text: reply, more: { id, topic, subscribers } }] };
  },
};

const notify: Command = {
  name: "notify",
  parameters: "[TOPIC…] [since=ID|all] [timeout=S] [as=NAME]",
  summary: `get notifications and no chat, for ${DEFAULT_TIMEOUT_S} s`,
  details: [
    "TOPIC may be a pattern: door/* is one level, door/** any. Without one: all topics.",
    "since=ID: also those after ID; since=all: all that are remembered.",
    `timeout=S: for S seconds, 1 to ${MAX_NOTIFY_S}. /notify again goes on.`,
    "as=NAME: what is published while NAME is away waits, until it is acknowledged (/ack).",
    "NOTIFY ID TOPIC TEXT is answered with /ack ID. /normal ends it.",
  ],
  run(context) {
    const { talker, session, reply } = context;
    const { notifications } = talker;
    if (notifications === undefined) return NO_NOTIFICATIONS;
    const options = parseNotify(context.rest);
    if (typeof options === "string") return usage(notify, options);
    const isNew = options.as !== undefined && !notifications.hasSubscriber(options.as);
    if (isNew && !talker.rates.leaves(session, talker.now)) return TOO_MANY_KEPT;
    const mode = session.mode ??= new NotifyMode(talker, session);
    let subscription;
    try {
      subscription = mode.begin(notifications, options);
    } catch (error) {
      return { error: "busy", text: error instanceof Error ? error.message : String(error) };
    }
    const { topics, as, pending, unknownSince } = subscription;
    const timeout = options.timeout / 1000;
    const { last } = notifications;
    const lines = [{
      text: `Notifications on for ${timeout} s`,
      more: { timeout, topics, ...(as === undefined ? {} : { as }), pending, last },
    }];
    const unknown = unknownSince && options.since !== undefined
      ? [{
        text: `${options.since} is not remembered: all that is remembered follows`,
        more: { unknown: options.since },
      }]
      : [];
    const after = (isKept: boolean) => {
      if (mode.subscription !== subscription) return;
      if (isKept) mode.resume();
      else mode.leave();
    };
    if (as !== undefined) return { kept: [...lines, ...unknown], after };
    for (const { text, more } of [...lines, ...unknown]) reply(text, more);
    return { after };
  },
};

/** What `/notify` asks for, or what is wrong with it. */
function parseNotify(rest: string): SubscribeOptions | string {
  const topics = new Set<string>();
  const given = new Map<string, string>();
  for (const word of words(rest)) {
    const [, name, value] = /^(since|timeout|as)=(.*)$/s.exec(word) ?? [];
    if (name === undefined) {
      const topic = parsePattern(word);
      if (topic === undefined) return `${word}: not a topic`;
      topics.add(topic);
    } else if (given.has(name)) return `${name} twice`;
    else given.set(name, value as string);
  }
  if (topics.size > MAX_PATTERNS) return `${topics.size} topics: not more than ${MAX_PATTERNS}`;
  const since = given.get("since"), as = given.get("as");
  const seconds = parseSeconds(given.get("timeout") ?? String(DEFAULT_TIMEOUT_S), 1);
  if (seconds === undefined) {
    return `timeout=${given.get("timeout")}: not 1 to ${MAX_NOTIFY_S} seconds`;
  }
  if (since !== undefined && !ID.test(since)) return `since=${since}: neither an id nor all`;
  const name = as === undefined ? undefined : parseNick(as);
  if (as !== undefined && name === undefined) {
    return `as=${as}: not 1 to 32 letters, digits, - and _`;
  }
  return { topics: [...topics], timeout: seconds * 1000, since, as: name };
}

const ack: Command = {
  name: "ack",
  parameters: "ID",
  summary: "acknowledge a notification: it does not come again",
  run({ session, rest }) {
    if (!ID.test(rest)) return usage(ack, rest === "" ? "" : `${rest}: not an id`);
    if (session.mode?.acknowledge(rest) !== true) {
      return { error: "not-found", text: `No notification ${rest} was for you` };
    }
    return { id: rest, kept: [{ text: `Acknowledged ${rest}`, more: { id: rest } }] };
  },
};

const normal: Command = {
  name: "normal",
  parameters: "",
  summary: "no more notifications: chat again",
  run({ session }) {
    session.mode?.leave();
    // A /notify that is confirmed behind it would mislead.
    return { kept: [{ text: "Notifications off" }], inOrder: true };
  },
};

const topics: Command = {
  name: "topics",
  parameters: "",
  summary: "the topics, with their notifications and subscribers",
  run({ talker, reply }) {
    const counts = talker.notifications?.topics() ?? [];
    reply(`There are ${counts.length} topics:`, { topics: counts.length });
    for (const { topic, notifications, subscribers } of counts) {
      const text = `  ${topic}: ${notifications} notifications, ${subscribers} subscribers`;
      reply(text, { topic, notifications, subscribers });
    }
    return {};
  },
};

const receipts: Command = {
  name: "receipts",
  parameters: "ID [wait=S]",
  summary: "who got a notification, and who acknowledged it",
  details: ["wait=S: answered when all have acknowledged or can't, after S seconds at the latest."],
  work: "question",
  run(context) {
    const { notifications } = context.talker;
    if (notifications === undefined) return NO_NOTIFICATIONS;
    const [id, option, more] = words(context.rest);
    if (id === undefined) return usage(receipts);
    if (!ID.test(id)) return usage(receipts, `${id}: not an id`);
    if (more !== undefined) return usage(receipts, `${more}: nothing stands there`);
    const [, digits = "0"] = /^wait=(.*)$/s.exec(option ?? "wait=0") ?? [];
    const wait = parseSeconds(digits, 0);
    if ((option !== undefined && !option.startsWith("wait=")) || wait === undefined) {
      return usage(receipts, `${option}: not wait=0 to ${MAX_NOTIFY_S} seconds`);
    }
    const { session } = context;
    if (wait > 0 && session.receiptWaits >= MAX_RECEIPT_WAITS) {
      const text = `${session.receiptWaits} questions for receipts wait already: read those first`;
      return { error: "busy", text };
    }
    return showReceipts(context, notifications, id, wait * 1000);
  },
};

async function showReceipts(
  { session, reply }: CommandContext,
  notifications: Notifications,
  id: string,
  wait: number,
): Promise<Outcome> {
  const found = await (wait > 0 ? awaited() : notifications.receipts(id, 0));
  if (found === undefined) {
    return { error: "not-found", text: `No notification ${id} is remembered` };
  }
  const { silent } = found;
  const counts = countStates(found);
  const { recipients, acknowledged, delivered, queued, expired } = counts;
  reply(
    `${id}: ${recipients} recipients, ${acknowledged} acknowledged, ${delivered} delivered, ` +
      `${queued} queued, ${expired} expired`,
    { id, ...counts },
  );
  for (const { recipient, server, state } of found.receipts) {
    reply(`  ${recipient}@${server} ${state}`, { recipient, server, state });
  }
  if (silent.length > 0) reply(`No answer from: ${silent.join(", ")}`, { silent });
  return {};

  /** As soon as nothing can change any more. Who leaves doesn't wait for others: it is told how it stands. */
  async function awaited(): Promise<Receipts | undefined> {
    const leaves = Promise.withResolvers<void>();
    const forget = session.whenQuitting(leaves.resolve);
    session.receiptWaits++;
    try {
      return await Promise.race([
        notifications.receipts(id, wait),
        leaves.promise.then(() => notifications.receipts(id, 0)),
      ]);
    } finally {
      session.receiptWaits--;
      forget();
    }
  }
}

function countStates({ receipts }: Receipts) {
  const counts = { recipients: 0, acknowledged: 0, delivered: 0, queued: 0, expired: 0 };
  for (const { state } of receipts) {
    counts.recipients++;
    counts[state]++;
  }
  return counts;
}

/** Seconds from `min` on; parts of them are allowed. */
function parseSeconds(text: string, min: number): number | undefined {
  if (!/^[0-9]{1,6}(\.[0-9]{1,3})?$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds >= min && seconds <= MAX_NOTIFY_S ? seconds : undefined;
}

/** `/publish`, `/notify` and what belongs to them. */
export const notifyCommands: readonly Command[] = [publish, notify, ack, normal, topics, receipts];
