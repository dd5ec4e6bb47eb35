/**
 * `talker notify TARGET --publish TOPIC TEXT`: publishes, and asks who has acknowledged.
 *
 * @module
 */

import { CommandError, EXIT, UsageError } from "../lib/cli/exit.ts";
import type { Io } from "../lib/cli/io.ts";
import { reason } from "../lib/cli/reason.ts";
import { harmlessJson } from "../lib/client/harmless.ts";
import { type NeedAck, receiptsJson, receiptsText } from "../lib/client/notify/receipts.ts";
import { Publishing } from "../lib/messaging/notifications.ts";
import { parseTopic } from "../lib/wire/topic.ts";
import { MAX_LINE_BYTES, MIB } from "../lib/wire/limits.ts";
import { LineDecoder } from "../lib/wire/line_codec.ts";
import { decodeText, encodeText, visible } from "../lib/wire/text.ts";
import type { FindServer, NotifyFlags } from "./notify.ts";
import { exitCode } from "./notify_listen.ts";

/** How long acknowledgements are waited for unless it is told otherwise, in seconds. */
const NEED_ACK_TIMEOUT_S = 30;
/** What stands before the topic on the line that publishes, in bytes at the most: a tag and the command. */
const BEFORE_TOPIC_BYTES = 44;

/** Publishes; the number is the exit code. */
export async function publish(flags: NotifyFlags, find: FindServer, io: Io): Promise<number> {
  const { topic, text } = parsePublish(flags.publish ?? "");
  const needAck = parseNeedAck(flags.needAck);
  const { json, timeout = needAck === undefined ? undefined : NEED_ACK_TIMEOUT_S } = flags;
  const server = await find();
  if (server === undefined || io.signal.aborted) {
    throw new CommandError("Nothing is published: it was stopped before");
  }
  let isTooLong = false;
  const publishing: Publishing = new Publishing({
    ...server,
    nick: flags.nick,
    reconnect: flags.reconnect,
    needAck,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    signal: io.signal,
    status: (line) => io.stderr.write(`talker: ${line}\n`),
    reason,
    published: ({ id, subscribers }) => {
      const line = json ? harmlessJson({ type: "published", id, topic, subscribers }) : id;
      io.stdout.write(`${line}\n`);
    },
    receipts: (receipts) => {
      io.stdout.write(`${json ? receiptsJson(receipts) : receiptsText(receipts)}\n`);
    },
  });
  const tooLong = () => {
    isTooLong = true;
    io.stderr.write(`talker: Not published: a line of more than ${roomFor(topic)} bytes\n`);
  };
  const texts = text === undefined
    ? linesOf(io.stdin.chunks(), roomFor(topic), tooLong)
    : each(text);
  const ended = publishing.run();
  // A stdin that stays open does not keep it.
  await Promise.race([ended, publishing.feed(topic, texts)]);
  const code = exitCode(await ended, io);
  if (code !== EXIT.ok) return code;
  return isTooLong ? EXIT.failed : publishing.isMissing ? EXIT.partly : EXIT.ok;
}

/** The topic, and the text; undefined where it is on stdin. */
function parsePublish(value: string): { topic: string; text: string | undefined } {
  const [, word = "", text = ""] = /^(\S*) ?(.*)$/s.exec(value) ?? [];
  const topic = parseTopic(word);
  if (topic === undefined) {
    throw new UsageError(
      `--publish: "${
        visible(word)
      }" is no topic: it must be letters, digits, - _ and . in levels such ` +
        "as door/front",
    );
  }
  if (text === "-") return { topic, text: undefined };
  if (text.trim() === "") throw new UsageError("--publish: the text is empty");
  if (/[\r\n]/.test(text)) {
    throw new UsageError(
      "--publish: the text has several lines; with - as the text each line of stdin is published",
    );
  }
  const { length } = encodeText(text);
  if (length > roomFor(topic)) {
    throw new UsageError(`--publish: the text has ${length} bytes; ${roomFor(topic)} are the most`);
  }
  return { topic, text };
}

function parseNeedAck(text: string | undefined): NeedAck | undefined {
  if (text === undefined || text === "all") return text;
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new UsageError(
    `--need-ack is "${visible(text)}"; it must be all, or a whole number, 1 or more`,
  );
}

/** How long a text on this topic may be, in bytes. */
function roomFor(topic: string): number {
  return MAX_LINE_BYTES - BEFORE_TOPIC_BYTES - encodeText(topic).length - 1;
}

async function* each(text: string): AsyncGenerator<string> {
  yield text;
}

/** The lines of stdin that are not empty; the last one may lack its end. */
async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  tooLong: () => void,
): AsyncGenerator<string> {
  const decoder = new LineDecoder(Math.min(limit, MIB), { telnet: false });
  let lines: string[] = [];
  const sink = {
    line: (bytes: Uint8Array, start: number, end: number) => {
      const text = visible(decodeText(bytes, start, end));
      if (text.trim() !== "") lines.push(text);
    },
    tooLong,
  };
  for await (const chunk of chunks) {
    decoder.push(chunk, sink);
    yield* lines;
    lines = [];
  }
  decoder.push(new Uint8Array([0x0a]), sink);
  yield* lines;
}
