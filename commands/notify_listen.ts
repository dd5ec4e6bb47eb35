/**
 * `talker notify TARGET [TOPIC…]`: each notification is printed, or given to a handler.
 *
 * @module
 */

import { EXIT } from "../lib/cli/exit.ts";
import type { Io } from "../lib/cli/io.ts";
import { reason } from "../lib/cli/reason.ts";
import { notificationJson, notificationText } from "../lib/client/notify/notification.ts";
import {
  type Handler,
  type Notified,
  type Outcome,
  subscribe,
} from "../lib/messaging/notifications.ts";
import { childFailure, runChild } from "./child.ts";
import type { FindServer, NotifyFlags } from "./notify.ts";

/** What is waited for. */
interface Wanted {
  readonly flags: NotifyFlags;
  readonly topics: readonly string[];
}

/** Waits; the number is the exit code. */
export async function listen({ flags, topics }: Wanted, find: FindServer, io: Io): Promise<number> {
  const { exec, timeout } = flags;
  const handler = exec === undefined ? printer(flags, io) : runner(exec, flags, io);
  const server = await find();
  if (server === undefined) return EXIT.ok;
  const outcome = await subscribe(handler, {
    ...server,
    topics,
    as: flags.as,
    since: flags.since,
    nick: flags.nick,
    count: flags.count,
    details: flags.details,
    reconnect: flags.reconnect,
    modeSeconds: flags.modeTimeout,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    signal: io.signal,
    status: (text) => io.stderr.write(`talker: ${text}\n`),
    reason,
  });
  return exitCode(outcome, io);
}

/** How it ended, and the exit code. */
const EXITS: Readonly<Record<Outcome["is"], number>> = {
  done: EXIT.ok,
  partly: EXIT.partly,
  failed: EXIT.failed,
  timeout: EXIT.timeout,
  unauthorised: EXIT.unauthorised,
};

/** Tells how it ended; the number is the exit code. */
export function exitCode({ is, message }: Outcome, io: Io): number {
  if (message !== undefined) io.stderr.write(`talker: ${message}\n`);
  return EXITS[is];
}

function print(notification: Notified, json: boolean, io: Io): void {
  const line = json ? notificationJson(notification) : notificationText(notification);
  io.stdout.write(`${line}\n`);
}

/** What is acknowledged is printed, whatever happens then. A reader that is stuck does not keep it. */
function printer({ json }: NotifyFlags, io: Io): Handler {
  return async (notification, signal) => {
    print(notification, json, io);
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const isStopped = () => stop();
    signal.addEventListener("abort", isStopped, { once: true });
    await Promise.race([io.stdout.flush(), stopped]);
    signal.removeEventListener("abort", isStopped);
    return io.stdout.queued === 0 && !io.stdout.closed;
  };
}

/** The handler's output is the output; with --json stdout is kept for JSON. */
function runner(command: string, { json, execTimeout, as }: NotifyFlags, io: Io): Handler {
  const timeoutMs = execTimeout * 1000;
  return async (notification, signal) => {
    const { id, topic, text } = notification;
    const end = await runChild(command, {
      input: `${text}\n`,
      env: environment(notification),
      timeoutMs,
      signal,
      output: json ? "stderr" : "stdout",
    });
    const failure = childFailure(end, timeoutMs);
    if (failure === undefined) {
      if (json) print(notification, json, io);
      return true;
    }
    if (end.is === "stopped") return false;
    const later = as === undefined ? "" : ", and comes again later";
    io.stderr.write(
      `talker: The handler failed for ${id} (${topic}): ${failure}; it is not acknowledged${later}\n`,
    );
    return false;
  };
}

/** None of these may be the variable of a flag (TALKER_NICK is): a handler may run `talker` itself. */
function environment(notification: Notified): Record<string, string> {
  const { id, topic, text, nick, server, time, details } = notification;
  return {
    TALKER_ID: id,
    TALKER_TOPIC: topic,
    TALKER_TEXT: text,
    TALKER_FROM: nick,
    TALKER_SERVER: server,
    TALKER_TIME: time,
    ...(details === undefined ? {} : { TALKER_DETAILS: details }),
  };
}
