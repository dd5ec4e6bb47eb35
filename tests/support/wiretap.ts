/** A stranger in the path of connections: records what passes, and may change it. */

import { connectTcp } from "../../lib/net/tcp_client.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import type { Connection, Listener } from "../../lib/net/transport.ts";

/** What passes on one connection, from its maker and to it. */
export interface Passed {
  readonly there: Uint8Array[];
  readonly back: Uint8Array[];
}

/** What becomes of a chunk: the chunks that are sent on instead. */
export type Change = (chunk: Uint8Array, direction: keyof Passed) => readonly Uint8Array[];

/** Sends connections on to a port of this machine. */
export class Wiretap implements Disposable {
  /** Each connection that passed. */
  readonly connections: Passed[] = [];
  /** Changes what passes. */
  change: Change = (chunk) => [chunk];
  readonly #listener: Listener;
  readonly #open = new Set<Connection>();

  /** Sends on to `port`. */
  constructor(readonly port: number) {
    this.#listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
    void this.#accept();
  }

  /** Where it listens. */
  get at(): number {
    return this.#listener.addr.port;
  }

  /** All that passed. */
  get bytes(): Uint8Array {
    const all = this.connections.flatMap(({ there, back }) => [...there, ...back]);
    const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of all) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#open) close(connection);
  }

  async #accept(): Promise<void> {
    try {
      for (;;) void this.#carry(await this.#listener.accept());
    } catch {
      // It is closed.
    }
  }

  async #carry(from: Connection): Promise<void> {
    const to = await connectTcp({ host: "127.0.0.1", port: this.port });
    const passed: Passed = { there: [], back: [] };
    this.connections.push(passed);
    this.#open.add(from).add(to);
    await Promise.all([
      this.#pump(from, to, passed, "there"),
      this.#pump(to, from, passed, "back"),
    ]);
    this.#open.delete(from);
    this.#open.delete(to);
    close(from);
    close(to);
  }

  async #pump(
    from: Connection,
    to: Connection,
    passed: Passed,
    direction: keyof Passed,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        const chunk = buffer.slice(0, count);
        passed[direction].push(chunk);
        for (const bytes of this.change(chunk, direction)) {
          for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
        }
      }
      await to.closeWrite();
    } catch {
      close(from);
      close(to);
    }
  }
}

function close(connection: Connection): void {
  try {
    connection.close();
  } catch {
    // It was.
  }
}
