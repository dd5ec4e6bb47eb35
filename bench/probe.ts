/** Looks at a talker from outside, while it is treated roughly and afterwards. */

import type { ServerProcess } from "./server_process.ts";

/** A server that needs longer for an answer to `/ping` counts as dead. */
const PING_TIMEOUT_MS = 15_000;
const WATCH_INTERVAL_MS = 200;

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function readUntil(connection: Deno.Conn, wanted: string): Promise<boolean> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(16 * 1024);
  let text = "";
  for (;;) {
    const n = await connection.read(chunk);
    if (n === null) return false;
    text += decoder.decode(chunk.subarray(0, n), { stream: true });
    if (text.includes(wanted)) return true;
    text = text.slice(-wanted.length);
  }
}

/**
 * Connects, sends `/ping`, waits for the answer: milliseconds, or null where none came. A
 * `/service` session, because such a one is not announced and hears no chat.
 */
export async function ping(port: number): Promise<number | null> {
  const start = performance.now();
  let connection: Deno.Conn | undefined;
  const timer = setTimeout(() => connection?.close(), PING_TIMEOUT_MS);
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const token = crypto.randomUUID();
    await connection.write(new TextEncoder().encode(`/service\r\n/ping ${token}\r\n`));
    return await readUntil(connection, `pong ${token}`) ? performance.now() - start : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    try {
      connection?.close();
    } catch {
      // The timer did.
    }
  }
}

/** What a watch saw. */
export interface Sighting {
  /** The slowest answer to `/ping` in ms; null where one never came. */
  slowestPing: number | null;
  mostRssKiB: number;
}

/** Pings the server and looks at its memory, over and over, until it is stopped. */
export function watch(server: ServerProcess): { stop: () => Promise<Sighting> } {
  const seen: Sighting = { slowestPing: 0, mostRssKiB: 0 };
  let over = false;
  const look = async () => {
    while (!over) {
      seen.mostRssKiB = Math.max(seen.mostRssKiB, server.rssKiB());
      const answered = await ping(server.ports.clients!);
      seen.slowestPing = answered === null || seen.slowestPing === null
        ? null
        : Math.max(seen.slowestPing, answered);
      await pause(WATCH_INTERVAL_MS);
    }
    return seen;
  };
  const watching = look();
  return {
    stop: () => {
      over = true;
      return watching;
    },
  };
}

/** Waits until the server's memory is near `kib` again, or for `maxMs`; how much it is then. */
export async function settledRss(
  server: ServerProcess,
  options: { kib: number; maxMs: number },
): Promise<number> {
  const deadline = Date.now() + options.maxMs;
  while (server.rssKiB() > options.kib * 1.1 && Date.now() < deadline) await pause(200);
  return server.rssKiB();
}

const ESTABLISHED = "01";

/**
 * The server's end of a connection, as the kernel has it: the bytes in its send queue, or null
 * when it is not there any more. The client's own end can't tell: while it does not read it never
 * gets to the end of the stream.
 */
export function sendQueue(serverPort: number, clientPort: number): number | null {
  const hex = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of Deno.readTextFileSync("/proc/net/tcp").split("\n")) {
    const [, local, remote, state, queues] = line.trim().split(/\s+/);
    if (local !== hex(serverPort) || remote !== hex(clientPort)) continue;
    return state === ESTABLISHED ? parseInt(queues ?? "0", 16) : null;
  }
  return null;
}
