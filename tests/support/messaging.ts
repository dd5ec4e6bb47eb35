/** What the tests of messages between programs share. */

import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import { FrameDecoder } from "../../lib/wire/frame_codec.ts";
import { DEADLINE_MS, within } from "./line_client.ts";

export { freePort } from "../../lib/net/tcp_server.ts";

/** Resolves when it holds; looked at again and again, until the deadline. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const due = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > due) throw new Error(`Not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The other side, as a stranger would be: it sends what it likes. Disposing of it ends it. */
export class Stranger implements Disposable {
  /** What came, each the JSON of a frame. */
  readonly all: { kind: string; [member: string]: unknown }[] = [];
  /** Has the connection ended? */
  isOver = false;
  readonly #connection: Deno.Conn;
  #read = 0;
  #woken: (() => void)[] = [];

  private constructor(connection: Deno.Conn, { reads = true } = {}) {
    this.#connection = connection;
    if (reads) void this.#run();
  }

  /** One that says hello and this, gives signs of life, and reads nothing. */
  static async stopped(port: number, message: unknown): Promise<Stranger> {
    const stranger = new Stranger(await Deno.connect({ port }), { reads: false });
    await stranger.say({ kind: "hello", versions: [1, 1], role: "connects" });
    await stranger.say(message);
    stranger.#pulse = setInterval(() => void stranger.say({ kind: "ping" }).catch(() => {}), 1_000);
    return stranger;
  }

  /** Reads from now on. */
  async readOn(): Promise<void> {
    clearInterval(this.#pulse);
    void this.#run();
    await this.say({ kind: "ping" });
  }
  #pulse: ReturnType<typeof setInterval> | undefined;

  /** Connects, and says hello unless told not to. */
  static async connect(address: string, { hello = true } = {}): Promise<Stranger> {
    const colon = address.lastIndexOf(":");
    const [hostname, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
    return await Stranger.over(await Deno.connect({ hostname, port }), hello ? "connects" : null);
  }

  /** At the other end of a connection. */
  static async over(connection: Deno.Conn, role: string | null): Promise<Stranger> {
    const stranger = new Stranger(connection);
    if (role !== null) await stranger.say({ kind: "hello", versions: [1, 1], role });
    return stranger;
  }

  async #run(): Promise<void> {
    const decoder = new FrameDecoder(8 * 1024 * 1024);
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) break;
        decoder.push(buffer.subarray(0, count), (bytes, start, end) => {
          this.all.push(JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))));
        });
        this.#wake();
      }
    } catch {
      // It was reset.
    }
    this.isOver = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#woken.splice(0)) resolve();
  }

  /** Sends a value as a frame. */
  async say(value: unknown): Promise<void> {
    await this.frame(new TextEncoder().encode(JSON.stringify(value)));
  }

  /** Sends a frame with whatever in it. */
  async frame(body: Uint8Array | string): Promise<void> {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    await this.bytes(encodeFrame(bytes, 16 * 1024 * 1024));
  }

  /** Sends bytes. */
  async bytes(bytes: Uint8Array | string): Promise<void> {
    let left = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    while (left.length > 0) left = left.subarray(await this.#connection.write(left));
  }

  /** The next of that kind, others being passed over. */
  async next(kind: string): Promise<{ kind: string; [member: string]: unknown }> {
    return await within(this.#next(kind), `"${kind}" (there was ${JSON.stringify(this.all)})`);
  }

  async #next(kind: string): Promise<{ kind: string; [member: string]: unknown }> {
    for (;;) {
      while (this.#read < this.all.length) {
        const one = this.all[this.#read++]!;
        if (one.kind === kind) return one;
      }
      if (this.isOver) throw new Error(`The connection ended before "${kind}"`);
      await new Promise<void>((resolve) => this.#woken.push(resolve));
    }
  }

  /** Resolves when the other side has ended the connection. */
  async over(): Promise<void> {
    const end = async () => {
      while (!this.isOver) await new Promise<void>((resolve) => this.#woken.push(resolve));
    };
    await within(end(), "the end of the connection");
  }

  /** Ends the connection. */
  close(): void {
    clearInterval(this.#pulse);
    try {
      this.#connection.close();
    } catch {
      // The other side was quicker.
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
