/**
 * Whispers across the mesh: a request to one server, along a path, answered with how it went.
 *
 * The question is JSON, `{"from", "to", "text"}`; the answer is JSON, `{"nick"}` or `{"error", "text"}`.
 *
 * @module
 */

import type { MeshDriver } from "../../mesh/driver.ts";
import { MAX_LINE_BYTES } from "../../wire/limits.ts";
import { encodeText, visible } from "../../wire/text.ts";
import type { Whispered } from "../mesh.ts";
import { parseNick } from "../../wire/nick.ts";
import type { Talker } from "../talker.ts";
import { parseObject } from "./json.ts";
import { KIND } from "./kinds.ts";

/** Longest whisper that is taken from another server, in characters. */
const MAX_TEXT = MAX_LINE_BYTES;

/** Sends whispers, and delivers those that come. */
export class WhisperObserver {
  readonly #driver: MeshDriver;

  /** Delivers in the mesh of `driver` to the clients of `talker`. */
  constructor(driver: MeshDriver, talker: () => Talker) {
    this.#driver = driver;
    driver.node.observe(KIND.whisper, {
      requested: (request) => {
        const server = driver.node.nameOf(request.from) ?? request.from;
        const outcome = deliver(talker(), server, request.payload);
        driver.now((node, now) => node.answer(request, encodeText(JSON.stringify(outcome)), now));
      },
    });
  }

  /** Whispers to `nick` on the server with id `to`. */
  async whisper(from: string, to: string, nick: string, text: string): Promise<Whispered> {
    const payload = encodeText(JSON.stringify({ from, to: nick, text }));
    const server = this.#driver.node.nameOf(to) ?? to;
    const answer = await new Promise<Uint8Array | undefined>((resolve) =>
      this.#driver.now((node, now) =>
        node.gather({
          kind: KIND.whisper,
          payload,
          targets: [to],
          finished: ({ answers }) => resolve(answers.get(to)),
        }, now)
      )
    );
    if (answer === undefined) return { error: "not-found", text: `No answer from ${server}` };
    const outcome = parseObject(answer);
    const there = typeof outcome?.nick === "string" ? parseNick(outcome.nick) : undefined;
    if (there !== undefined) return { nick: there };
    const busy = outcome?.error === "busy";
    return busy
      ? { error: "busy", text: `${nick} on ${server} does not read what is sent` }
      : { error: "not-found", text: `Nobody called ${nick}@${server}` };
  }
}

function deliver(talker: Talker, server: string, payload: Uint8Array): Whispered {
  const question = parseObject(payload);
  const { from, to, text } = question ?? {};
  if (
    typeof from !== "string" || parseNick(from) !== from ||
    typeof to !== "string" || parseNick(to) === undefined ||
    typeof text !== "string"
  ) {
    return { error: "not-found", text: "Not a whisper" };
  }
  const recipient = talker.roster.find(to);
  if (recipient === undefined) return { error: "not-found", text: `Nobody called ${to}` };
  if (!recipient.takesWhispers) return { error: "busy", text: `${to} does not read` };
  recipient.send({
    type: "whisper",
    time: talker.wall,
    nick: from,
    server,
    text: visible(text.slice(0, MAX_TEXT)),
  });
  return { nick: recipient.nick };
}
