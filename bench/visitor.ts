/** A client that stays connected and asks. */

/** A line of an answer, or of anything else that the server says, as JSON has it. */
export type Told = Record<string, unknown>;

/** Who does not get an answer in this time won't get one. */
const ANSWER_TIMEOUT_MS = 15_000;

interface Question {
  lines: Told[];
  done: (lines: Told[]) => void;
  failed: (error: Error) => void;
}

export class Visitor {
  readonly #connection: Deno.Conn;
  readonly #asked = new Map<string, Question>();
  #nextTag = 1;
  #over: Error | undefined;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
    this.#listen();
  }

  /** Connects to a server on this machine, as `nick`. */
  static async arrive(port: number, nick: string): Promise<Visitor> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const visitor = new Visitor(connection);
    await visitor.#say(`/nick ${nick}\r\n/format json\r\n`);
    return visitor;
  }

  /** Gives a command; the lines of its answer. Throws when it is refused or not answered. */
  async ask(command: string): Promise<Told[]> {
    const tag = String(this.#nextTag++);
    const { promise, resolve, reject } = Promise.withResolvers<Told[]>();
    this.#asked.set(tag, { lines: [], done: resolve, failed: reject });
    const timer = setTimeout(
      () => reject(new Error(`${command}: no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)),
      ANSWER_TIMEOUT_MS,
    );
    try {
      if (this.#over) throw this.#over;
      await this.#say(`@${tag} ${command}\r\n`);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#asked.delete(tag);
    }
  }

  leave(): void {
    this.#over ??= new Error("the visitor has left");
    try {
      this.#connection.close();
    } catch {
      // It is closed.
    }
  }

  async #say(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async #listen(): Promise<void> {
    let rest = "";
    try {
      for await (const text of this.#connection.readable.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\r\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#heard(line);
      }
      this.#over ??= new Error("the server closed the connection");
    } catch (error) {
      this.#over ??= error instanceof Error ? error : new Error(String(error));
    }
    for (const { failed } of this.#asked.values()) failed(this.#over);
  }

  #heard(line: string): void {
    // What comes before the server has taken note of the format is text.
    if (!line.startsWith("{")) return;
    const told = JSON.parse(line) as Told;
    const question = this.#asked.get(String(told.tag));
    if (question === undefined) return;
    if (told.type === "reply") question.lines.push(told);
    else if (told.type === "error") question.failed(new Error(`${told.code}: ${told.text}`));
    else question.done(question.lines);
  }
}

/** The names of the servers that can be reached, as a visitor is told. */
export async function reachable(visitor: Visitor): Promise<string[]> {
  return (await visitor.ask("/reachable")).flatMap(({ server }) =>
    typeof server === "string" ? [server] : []
  );
}
