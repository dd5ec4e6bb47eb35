/**
 * Who is where: questions to all servers, collated (`/who`), and to all about one nick.
 *
 * @module
 */

import type { GatherResult } from "../../mesh/context.ts";
import type { MeshDriver } from "../../mesh/driver.ts";
import { decodeText, encodeText } from "../../wire/text.ts";
import type { Census, Found, ServerCensus } from "../mesh.ts";
import { parseNick } from "../../wire/nick.ts";
import type { Talker } from "../talker.ts";
import { KIND } from "./kinds.ts";

/** Asks, and answers. */
export class WhoObserver {
  readonly #driver: MeshDriver;

  /** Answers in the mesh of `driver` for `talker`. */
  constructor(driver: MeshDriver, talker: () => Talker) {
    this.#driver = driver;
    driver.node.observe(KIND.who, {
      requested: (request) => {
        const answer = encodeText(talker().roster.nicks().join("\n"));
        driver.now((node, now) => node.answer(request, answer, now));
      },
    });
    driver.node.observe(KIND.find, {
      requested: (request) => {
        const found = talker().roster.find(decodeText(request.payload));
        const answer = encodeText(found?.nick ?? "");
        driver.now((node, now) => node.answer(request, answer, now));
      },
    });
  }

  /** Who is on the other servers. */
  async who(): Promise<Census> {
    const { answers, silent } = await this.#ask(KIND.who, "");
    const servers: ServerCensus[] = [];
    for (const [id, payload] of answers) {
      const nicks = decodeText(payload).split("\n").filter((nick) => parseNick(nick) === nick);
      servers.push({ server: this.#name(id), nicks: nicks.sort() });
    }
    servers.sort((a, b) => a.server < b.server ? -1 : a.server > b.server ? 1 : 0);
    return { servers, silent: silent.map((id) => this.#name(id)).sort() };
  }

  /** Which other servers have somebody of that nick. */
  async find(nick: string): Promise<Found[]> {
    const { answers } = await this.#ask(KIND.find, nick);
    const found: Found[] = [];
    for (const [node, payload] of answers) {
      const there = parseNick(decodeText(payload));
      if (there !== undefined) found.push({ nick: there, node, server: this.#name(node) });
    }
    return found.sort((a, b) => a.server < b.server ? -1 : 1);
  }

  #ask(kind: number, question: string): Promise<GatherResult> {
    return new Promise((resolve) => {
      this.#driver.now((node, now) => {
        const targets = node.reachable().filter((id) => id !== node.identity.id);
        node.gather({ kind, payload: encodeText(question), targets, finished: resolve }, now);
      });
    });
  }

  #name(id: string): string {
    return this.#driver.node.nameOf(id) ?? id;
  }
}
