/** A server of the line protocol that does what a test tells it to, right or wrong. */

import { frame, Lines, within } from "./line_client.ts";

const encoder = new TextEncoder();

/** One client's connection, as the server sees it. Its lines are those of the client. */
export class FakeSession extends Lines {
  readonly #connection: Deno.TcpConn;
  readonly #framed: boolean;

  constructor(connection: Deno.TcpConn, framed: boolean) {
    super(framed ? "frames" : "crlf");
    this.#connection = connection;
    this.#framed = framed;
    void this.#read();
  }

  /** Sends records: text as it is, objects as JSON. */
  async send(...records: (string | Record<string, unknown>)[]): Promise<void> {
    for (const record of records) {
      const text = typeof record === "string" ? record : JSON.stringify(record);
      await this.raw(this.#framed ? frame(text) : encoder.encode(text + "\r\n"));
    }
  }

  /** Sends bytes. */
  async raw(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await this.#connection.write(rest));
    }
  }

  /** The tag and the command of the next record that has a tag. */
  async command(): Promise<{ tag: string; command: string }> {
    const line = await this.next(/^@\w+ /);
    const [, tag = "", command = ""] = /^@(\w+) (.*)$/s.exec(line) ?? [];
    return { tag, command };
  }

  /** Answers all that a client asks on arrival, until `last` has been asked. */
  async welcome(nick = "guest1", last = /^\/history/): Promise<void> {
    await this.send(`Welcome, ${nick}`);
    for (let asked = ""; !last.test(asked);) {
      const { tag, command } = await this.command();
      asked = command;
      if (command === "/format json") {
        await this.send({ type: "welcome", nick, server: "fake", time: NOW, text: "Welcome" });
      }
      if (/^\/nick /.test(command)) nick = command.slice(6);
      await this.send({ type: "ok", tag });
    }
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // The client was quicker.
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let length; (length = await this.#connection.read(buffer)) !== null;) {
        this.push(buffer.slice(0, length));
      }
      this.end();
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** A moment. */
export const NOW = "2026-01-02T03:04:05.678Z";

/** A record with a member that is nested so deep that a walk through it would not come back. */
export function deep(record: Record<string, unknown>): string {
  return `${JSON.stringify(record).slice(0, -1)},"deep":${"[".repeat(300_000)}${
    "]".repeat(300_000)
  }}`;
}

/** Listens on a free port of 127.0.0.1. */
export class FakeServer implements Disposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #framed: boolean;
  readonly #sessions: FakeSession[] = [];

  constructor(options: { framed?: boolean; port?: number } = {}) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: options.port ?? 0 });
    this.#framed = options.framed ?? false;
    this.port = this.#listener.addr.port;
  }

  /** The next client. */
  async accept(): Promise<FakeSession> {
    const session = new FakeSession(
      await within(this.#listener.accept(), "a client's connection"),
      this.#framed,
    );
    this.#sessions.push(session);
    return session;
  }

  /** No more connections: who tries is refused. */
  stopListening(): void {
    this.#listener.close();
  }

  [Symbol.dispose](): void {
    for (const session of this.#sessions) session.close();
    try {
      this.#listener.close();
    } catch {
      // It was closed by the test.
    }
  }
}
