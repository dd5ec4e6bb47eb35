/** Chat clients that go on over whatever happens to the server, and what must be in the history after it. */

import type { Place, Stage } from "./notify_actors.ts";
import type { NotifyWire } from "./notify_wire.ts";
import type { Dice } from "./random.ts";

/** A line that was said. */
interface Said {
  speaker: string;
  number: number;
  /** When it was sent, and when it was confirmed; counted in lines and confirmations. */
  sent: number;
  confirmed: number | undefined;
  id: string | undefined;
}

/** Lines of speech, and which of them were confirmed. */
export class Chat {
  readonly #stage: Stage;
  readonly #said = new Map<string, Said>();
  readonly #idOf = new Map<string, string>();
  #clock = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Lines that were confirmed. */
  get confirmed(): number {
    return [...this.#said.values()].filter(({ id }) => id !== undefined).length;
  }

  /** Says a line now and then, until the stage finishes; hears the others. */
  speaker(name: string, { dice, place }: { dice: Dice; place: Place }): Promise<void> {
    const stage = this.#stage;
    let number = 0;
    return stage.persist(() => place, async (wire) => {
      const heard = new Set<string>();
      wire.onRecord = ({ type, id, said, text }) => {
        if (type === "speech") this.#heard(name, heard, `${id}`, `${said ?? text}`);
      };
      await wire.ok(`/nick ${name}`);
      while (!stage.isFinishing) {
        const text = `${name}-${++number}`;
        const said: Said = {
          speaker: name,
          number,
          sent: ++this.#clock,
          confirmed: undefined,
          id: undefined,
        };
        this.#said.set(text, said);
        const id = await wire.ok(`/say ${text}`);
        stage.ledger.event();
        said.confirmed = ++this.#clock;
        said.id = id;
        this.#identify(text, id);
        await new Promise((resolve) => setTimeout(resolve, dice.int(0, 20)));
      }
      return "done";
    }, { service: false });
  }

  #heard(name: string, heard: Set<string>, id: string, text: string): void {
    if (heard.has(id)) this.#stage.ledger.fault(`${name} heard ${text} (${id}) twice`);
    heard.add(id);
    this.#identify(text.replace(/^.*: /, ""), id);
  }

  #identify(text: string, id: string): void {
    const known = this.#idOf.get(text);
    if (known === undefined) this.#idOf.set(text, id);
    else if (known !== id) this.#stage.ledger.fault(`${text} has the ids ${known} and ${id}`);
  }

  /**
   * Looks at the history behind a line that was confirmed `back` lines ago: what was said after that and
   * confirmed is there, once, with its id, each speaker's in order.
   */
  async checkHistory(wire: NotifyWire, back: number): Promise<void> {
    const { ledger } = this.#stage;
    const confirmed = [...this.#said.values()].filter(({ id }) => id !== undefined)
      .sort((a, b) => a.confirmed! - b.confirmed!);
    const mark = confirmed.at(-back) ?? confirmed[0];
    if (mark === undefined) return;
    // What was not confirmed when this is asked need not be there yet.
    const wanted = [...this.#said].filter(([, { id, sent }]) =>
      id !== undefined && sent > mark.confirmed!
    );
    const { replies, end } = await wire.request(`/history since=${mark.id}`);
    const lines = replies.filter(({ said }) => said !== undefined);
    if (end.type !== "ok" || lines.length < replies.length) {
      ledger.fault(`The history behind ${mark.id}: ${JSON.stringify(replies[0] ?? end)}`);
    }
    const found = new Map<string, number>();
    const last = new Map<string, number>();
    const ids = new Set<string>();
    for (const { id, said } of lines) {
      const text = `${said}`;
      this.#identify(text, `${id}`);
      if (ids.has(`${id}`)) ledger.fault(`The history has ${id} twice`);
      ids.add(`${id}`);
      found.set(text, (found.get(text) ?? 0) + 1);
      const { speaker, number } = this.#said.get(text) ?? { speaker: "?", number: 0 };
      if (number <= (last.get(speaker) ?? 0)) ledger.fault(`The history has ${text} too late`);
      last.set(speaker, number);
    }
    for (const [text, { id }] of wanted) {
      if (found.get(text) !== 1) {
        ledger.fault(`The history has ${text} (${id}) ${found.get(text) ?? 0} times`);
      }
    }
  }
}
