/**
 * `talker server --answer CMD`: a command of the operator's answers what is asked.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type Answer,
  type Answerer,
  AnswerQueue,
  type AskedQuestion,
} from "../lib/talker/answerer.ts";
import { MAX_ANSWER_BYTES } from "../lib/wire/limits.ts";
import { childFailure, runChild } from "./child.ts";

const log = getLogger(["talker", "answer"]);

/**
 * Runs `command` for each question: the text is its stdin, who asks is in TALKER_FROM and
 * TALKER_SERVER, and what it prints is the answer.
 */
export function commandAnswerer(
  command: string,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Answerer {
  const answer = async ({ nick, server, text }: AskedQuestion): Promise<Answer> => {
    const end = await runChild(command, {
      input: `${text}\n`,
      env: { TALKER_FROM: nick, TALKER_SERVER: server },
      timeoutMs,
      signal,
      output: { limit: MAX_ANSWER_BYTES },
    });
    const failure = childFailure(end, timeoutMs);
    if (failure === undefined) return { text: end.is === "exited" ? end.stdout : "" };
    log.warn("The command of --answer failed for {nick}: {failure}", { nick, failure });
    return {
      error: end.is === "timeout" ? "timeout" : "failed",
      text: `The answering command failed: ${failure}`,
    };
  };
  return new AnswerQueue(answer);
}
