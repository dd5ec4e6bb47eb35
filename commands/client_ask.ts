/**
 * `talker client --ask TEXT`: one question to a server, and its answer.
 *
 * @module
 */

import { CommandError, EXIT } from "../lib/cli/exit.ts";
import type { Io } from "../lib/cli/io.ts";
import { reason } from "../lib/cli/reason.ts";
import { harmless, harmlessJson } from "../lib/client/harmless.ts";
import { parseRecord, type ServerEvent } from "../lib/client/record.ts";
import { isRefusal, lossKind, troubleText } from "../lib/client/trouble.ts";
import { anySignal } from "../lib/net/signals.ts";
import { RecordStream } from "../lib/net/tcp_client.ts";
import type { Connection } from "../lib/net/transport.ts";
import { MIB } from "../lib/wire/limits.ts";
import type { ClientTarget } from "./client_target.ts";
import { dial } from "./dial.ts";
import type { Secrets } from "./security.ts";
import { ENCRYPTED_ONLY } from "./security_flags.ts";

/** How long an answer may take, in seconds. */
export const ASK_TIMEOUT_S = 10;
/** Longest record that is taken in, in bytes. */
const MAX_RECORD_BYTES = 1 * MIB;
/** While so much waits to be printed nothing more is read, in bytes. */
const MAX_PRINTED_BYTES = 1 * MIB;
const TAG = "ask";

/** What is asked, of whom, and how the answer is wanted. */
export interface Asking {
  readonly server: Pick<ClientTarget, "address" | "shown">;
  readonly framed: boolean;
  /** `[@SERVER] TEXT`, one line that was checked. */
  readonly text: string;
  readonly timeoutMs: number;
  readonly json: boolean;
  /** With which the connection is encrypted; undefined: it isn't. */
  readonly secrets: Secrets | undefined;
}

/** Asks, prints the answer, and gives the exit code. */
export async function ask(asking: Asking, io: Io): Promise<number> {
  const { server: { address, shown }, text, timeoutMs } = asking;
  const command = `@${TAG} /ask ${text}`;
  const late = AbortSignal.timeout(timeoutMs);
  const signal = anySignal(late, io.signal);
  const stopped = () => {
    // Whoever asked has no answer: that isn't done.
    if (!late.aborted) return fail(`No answer from ${shown}: stopped`, EXIT.failed, io);
    io.stderr.write(`talker: No answer from ${shown} within ${timeoutMs / 1000} s (--timeout)\n`);
    return EXIT.timeout;
  };
  let connection: Connection;
  try {
    connection = await dial(address, { secrets: asking.secrets, signal });
  } catch (error) {
    if (signal.aborted) return stopped();
    const why = reason(error);
    if (error instanceof Error && lossKind(error, why) === "unauthorised") {
      return fail(`${shown}: ${error.message}`, EXIT.unauthorised, io);
    }
    const loss = { target: shown, reason: why, wasReady: false, strangeLine: "" };
    throw new CommandError(troubleText({ ...loss, reached: "connecting" }), { cause: error });
  }
  const stream = new RecordStream(connection, { framed: asking.framed, limit: MAX_RECORD_BYTES });
  signal.addEventListener("abort", () => stream.close(), { once: true });
  for (const record of ["/service", "/format json", command]) stream.send(record);
  const outcome = await answer(
    { stream, output: io.stdout },
    (event) => print(event, asking.json, io),
    (text, code) => fail(`${shown}: ${text}`, code, io),
  );
  if (outcome !== undefined) return outcome;
  if (signal.aborted) return stopped();
  throw new CommandError(`${shown} closed the connection without an answer`);
}

/** Reads up to the end of the answer: its exit code, or undefined when the connection ended before. */
async function answer(
  { stream, output }: { stream: RecordStream; output: Io["stdout"] },
  print: (event: ServerEvent) => number | undefined,
  refused: (text: string, code: number) => number,
): Promise<number | undefined> {
  let outcome: number | undefined;
  await stream.run({
    record: (text) => {
      const event = parseRecord(text);
      if (text === ENCRYPTED_ONLY) outcome = refused(text, EXIT.unauthorised);
      else if (isRefusal(text)) outcome = refused(harmless(text), EXIT.failed);
      if (outcome !== undefined || event === undefined) return;
      outcome = print(event);
      if (outcome !== undefined) stream.close();
    },
    tooLong: () => {},
    pause: () => output.queued > MAX_PRINTED_BYTES ? output.flush() : undefined,
  });
  return outcome;
}

/** Prints what belongs to the answer. Gives the exit code where it ends. */
function print(event: ServerEvent, json: boolean, io: Io): number | undefined {
  // An error without a tag belongs to no command: the server is full, say.
  if (event.type === "error" && event.tag === undefined) return fail(event.text, EXIT.failed, io);
  if (!("tag" in event) || event.tag !== TAG) return undefined;
  switch (event.type) {
    case "reply": {
      // The tag is this client's own.
      const { tag: _, ...raw } = event.raw;
      io.stdout.write(`${json ? harmlessJson(raw) : event.text}\n`);
      return undefined;
    }
    case "ok":
      return EXIT.ok;
    case "error":
      return fail(event.text, event.code === "timeout" ? EXIT.timeout : EXIT.failed, io);
  }
}

function fail(text: string, code: number, io: Io): number {
  io.stderr.write(`talker: ${text}\n`);
  return code;
}
