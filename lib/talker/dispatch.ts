/**
 * What becomes of a line that isn't plain speech: a command is found, run and answered.
 *
 * @module
 */

import { visible } from "../wire/text.ts";
import { type CommandLine, type Done, type Outcome, parseCommandLine } from "./command.ts";
import { findCommand, nearestCommand } from "./commands/mod.ts";
import { usage } from "./commands/usage.ts";
import type { Session } from "./session.ts";
import type { Talker } from "./talker.ts";

/** Takes a line, without its control characters: speech, or a command. */
export function dispatch(talker: Talker, session: Session, text: string): void {
  if (text === "") return;
  const line = parseCommandLine(text);
  if (session.state === "arriving" && line?.name !== "service") talker.settle(session);
  if (line === undefined) {
    talker.say(session, "speech", text.startsWith("//") ? text.slice(1) : text);
    return;
  }
  talker.counters.commands++;
  const outcome = run(talker, session, line);
  if (outcome instanceof Promise) void finishLater(talker, session, outcome, line.tag);
  else finish(talker, session, outcome, line.tag);
}

function run(talker: Talker, session: Session, line: CommandLine): Outcome | Promise<Outcome> {
  const { name, typed, rest, raw, tag } = line;
  const command = findCommand(name);
  if (command === undefined) {
    const text = `Unknown command: /${typed}; did you mean /${nearestCommand(name)}?`;
    return { error: "unknown-command", text };
  }
  if (command.operator === true && !session.operator) {
    const text = `Not allowed: /${command.name} is for operators (talker server --admin)`;
    return { error: "denied", text };
  }
  if (command.parameters === "" && rest !== "" && command.takesAnything !== true) {
    return usage(command);
  }
  if (command.work !== undefined) talker.rates.worked(session, command.work, talker.now);
  return command.run({
    talker,
    session,
    tag,
    rest,
    raw,
    reply: (text, more) => session.send({ type: "reply", tag, text, more }),
  });
}

/** The answer comes later; the session goes on meanwhile. */
async function finishLater(
  talker: Talker,
  session: Session,
  outcome: Promise<Outcome>,
  tag: string | undefined,
): Promise<void> {
  session.pending++;
  // What it waits for may be due soon.
  talker.endOfTurn();
  const ended = await outcome.catch((error): Outcome => {
    const text = `That failed: ${error instanceof Error ? error.message : String(error)}`;
    return { error: "failed", text };
  });
  talker.clock();
  finish(talker, session, ended, tag);
  session.pending--;
  session.wake();
  talker.answered(session);
}

function finish(talker: Talker, session: Session, outcome: Outcome, tag: string | undefined): void {
  if ("error" in outcome) {
    session.send({ type: "error", code: outcome.error, text: outcome.text, tag });
    return;
  }
  if (outcome.last === true) {
    talker.quit(session, () => answer(talker, session, outcome, tag));
    return;
  }
  const { kept, inOrder = false } = outcome;
  const waits = kept !== undefined && (!inOrder || session.unconfirmed > 0);
  if (!waits || talker.confirmations === undefined) {
    answer(talker, session, outcome, tag);
    return;
  }
  session.unconfirmed++;
  talker.confirmations.wait((reason) => {
    talker.clock();
    session.unconfirmed--;
    if (reason === undefined || inOrder) answer(talker, session, outcome, tag);
    else {
      session.send({ type: "error", code: "failed", text: visible(reason), tag });
      outcome.after?.(false);
    }
    session.wake();
    talker.answered(session);
  });
}

function answer(talker: Talker, session: Session, done: Done, tag: string | undefined): void {
  for (const { text, more } of done.kept ?? []) session.send({ type: "reply", tag, text, more });
  if (tag !== undefined) session.send({ type: "ok", tag, id: done.id });
  done.after?.(true);
  if (done.end !== undefined) talker.dismiss(done.end);
}
