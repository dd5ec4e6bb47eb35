/**
 * The load of encrypted clients, as a process of its own: `secure_load.ts PORT SECRET|- LISTENERS
 * SECONDS`. One speaker says 64-byte lines, at most 1,024 under way, and all the listeners read them.
 * Prints what was delivered as JSON. Without a secret the connections are plain.
 */

import { stretchSecret } from "../lib/link/secure/secret.ts";
import { secureOutgoing } from "../lib/link/secure/security.ts";
import { connectTcp } from "../lib/net/tcp_client.ts";
import type { Connection } from "../lib/net/transport.ts";
import { print } from "./output.ts";

const WINDOW = 1024;
const LINE = 64;
const [port, secretText, listeners, seconds] = Deno.args as [string, string, string, string];
const secret = secretText === "-" ? undefined : await stretchSecret(secretText);

async function connect(): Promise<Connection> {
  const connection = await connectTcp({ host: "127.0.0.1", port: Number(port) });
  if (secret === undefined) return connection;
  return await secureOutgoing(connection, { purpose: "client", secrets: () => [secret] });
}

/** Counts the line ends that come; `each` is told of them. */
async function count(connection: Connection, each: (lines: number) => void): Promise<void> {
  const buffer = new Uint8Array(256 * 1024);
  try {
    for (;;) {
      const length = await connection.read(buffer);
      if (length === null) return;
      let lines = 0;
      for (let i = 0; i < length; i++) if (buffer[i] === 10) lines++;
      each(lines);
    }
  } catch {
    // The measurement is over.
  }
}

async function send(connection: Connection, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

let delivered = 0;
const readers: Connection[] = [];
for (let i = 0; i < Number(listeners); i++) {
  const reader = await connect();
  readers.push(reader);
  void count(reader, (lines) => delivered += lines);
}
const speaker = await connect();
let under = 0;
let room = Promise.withResolvers<void>();
void count(speaker, (lines) => {
  under -= lines;
  room.resolve();
});
// Those who arrived are announced within half a second; what is counted begins after that.
await new Promise((resolve) => setTimeout(resolve, 1_200));
under = 0;
const line = "x".repeat(LINE) + "\n";
const batch = WINDOW / 4;
const text = line.repeat(batch);
let started = 0, before = 0;
const begin = performance.now();
const warm = 300;
for (;;) {
  const now = performance.now();
  if (started === 0 && now - begin > warm) {
    started = now;
    before = delivered;
  }
  if (started > 0 && now - started > Number(seconds) * 1000) break;
  if (under > WINDOW - batch) {
    await room.promise;
    room = Promise.withResolvers();
    continue;
  }
  under += batch;
  await send(speaker, text);
}
const took = (performance.now() - started) / 1000;
print(JSON.stringify({ perSecond: (delivered - before) / took }));
Deno.exit(0);
