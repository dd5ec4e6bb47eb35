/**
 * Questions across the mesh: a request to one server, along a path, answered with what its answerer
 * says.
 *
 * The question is JSON, `{"from", "text"}`; the answer is JSON, `{"text"}` or `{"error", "text"}`.
 *
 * @module
 */

import type { GatherResult } from "../../mesh/context.ts";
import type { MeshDriver } from "../../mesh/driver.ts";
import {
  MAX_ANSWER_BYTES,
  MAX_ANSWER_MS,
  MAX_LINE_BYTES,
  MAX_NICK_CHARACTERS,
} from "../../wire/limits.ts";
import { encodeText, visible } from "../../wire/text.ts";
import type { Answer } from "../answerer.ts";
import { parseNick } from "../../wire/nick.ts";
import type { Talker } from "../talker.ts";
import { parseObject } from "./json.ts";
import { KIND } from "./kinds.ts";

/** How much longer than an answer may take the asker waits for it to arrive, in milliseconds. */
const ON_ITS_WAY_MS = 5_000;
const ERRORS = ["failed", "timeout", "busy", "not-found"] as const;

/** Asks, and answers. */
export class AskObserver {
  readonly #driver: MeshDriver;

  /** Answers in the mesh of `driver` for `talker`. */
  constructor(driver: MeshDriver, talker: () => Talker) {
    this.#driver = driver;
    driver.node.observe(KIND.ask, {
      requested: async (request) => {
        const server = driver.node.nameOf(request.from) ?? request.from;
        const answer = await answered(talker(), server, request.payload);
        driver.now((node, now) => node.answer(request, encodeText(JSON.stringify(answer)), now));
      },
    });
  }

  /** Asks the server with id `to`. */
  async ask(from: string, to: string, text: string): Promise<Answer> {
    const server = this.#driver.node.nameOf(to) ?? to;
    const payload = encodeText(JSON.stringify({ from, text }));
    const { answers, lost } = await new Promise<GatherResult>((resolve) =>
      this.#driver.now((node, now) =>
        node.gather({
          kind: KIND.ask,
          payload,
          targets: [to],
          timeout: MAX_ANSWER_MS + ON_ITS_WAY_MS,
          finished: resolve,
        }, now)
      )
    );
    const answer = answers.get(to);
    if (answer === undefined) {
      return lost.has(to)
        ? { error: "failed", text: `No answer from ${server}: it is lost` }
        : { error: "timeout", text: `No answer from ${server}` };
    }
    return checked(parseObject(answer)) ??
      { error: "failed", text: `${server} answered something that is no answer` };
  }
}

/** What this server answers. Never rejects. */
async function answered(talker: Talker, server: string, payload: Uint8Array): Promise<Answer> {
  const { from, text } = parseObject(payload) ?? {};
  if (
    typeof from !== "string" || from.length > 2 * MAX_NICK_CHARACTERS || parseNick(from) !== from ||
    typeof text !== "string" || text.length > MAX_LINE_BYTES
  ) {
    return { error: "failed", text: "Not a question" };
  }
  return await talker.answer({ nick: from, server, text: visible(text) });
}

function checked(answer: Record<string, unknown> | undefined): Answer | undefined {
  const { error, text } = answer ?? {};
  if (typeof text !== "string" || text.length > MAX_ANSWER_BYTES) return undefined;
  if (error === undefined) return { text };
  const known = ERRORS.find((code) => code === error);
  return known === undefined ? undefined : { error: known, text: visible(text) };
}
