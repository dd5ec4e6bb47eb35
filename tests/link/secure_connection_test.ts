import { setImmediate } from "node:timers";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { concat } from "../../lib/link/secure/bytes.ts";
import {
  MAX_PLAIN_BYTES,
  RecordOpener,
  RecordSealer,
  STREAM_HEADER_BYTES,
} from "../../lib/link/secure/record_cipher.ts";
import { SecureConnection } from "../../lib/link/secure/secure_connection.ts";
import { parseSecrets, SecretError, stretchSecret } from "../../lib/link/secure/secret.ts";
import { plainListener, SecureListener } from "../../lib/link/secure/secure_listener.ts";
import { Initiator } from "../../lib/link/secure/handshake.ts";
import {
  connectSecurely,
  random,
  secureOutgoing,
  type Security,
  SecurityError,
} from "../../lib/link/secure/security.ts";
import { loadSodium } from "../../lib/link/secure/sodium.ts";
import { connectTcp } from "../../lib/net/tcp_client.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import type { Connection } from "../../lib/net/transport.ts";
import { RemoteFault } from "../../lib/wire/errors.ts";
import { MAX_HALF_OPEN_PER_ADDRESS, RECORD_MS, WRONG_SECRETS } from "../../lib/wire/limits.ts";
import { decodeText, encodeText } from "../../lib/wire/text.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeConnection } from "../support/fake_connection.ts";

const sodium = await loadSodium();
const KEY = new Uint8Array(32).fill(7);
const BLUE = await stretchSecret("blue turntable"), RED = new Uint8Array(32).fill(9);

/** A stream's header and records, and what is in them. */
function stream(texts: readonly string[], { rekeyBytes = Infinity } = {}) {
  const sealer = new RecordSealer(sodium, KEY.slice(), { rekeyBytes });
  const records = texts.map((text) => sealer.seal(encodeText(text)));
  const all = [sealer.header, ...records, sealer.end()];
  sealer.free();
  return all;
}

/** What comes out, and whether the end was seen. */
function opened(pieces: readonly Uint8Array[]): { texts: string[]; ended: boolean } {
  const opener = new RecordOpener(sodium, KEY.slice());
  const texts: string[] = [];
  try {
    for (const piece of pieces) opener.push(piece, (plain) => texts.push(decodeText(plain)));
    return { texts, ended: opener.ended };
  } finally {
    opener.free();
  }
}

Deno.test("records: whatever the cuts", () => {
  fc.assert(fc.property(
    fc.array(fc.string({ minLength: 1, maxLength: 300 }), { maxLength: 8 }),
    fc.array(fc.nat({ max: 400 })),
    (texts, cuts) => {
      const all = Uint8Array.of(...stream(texts, { rekeyBytes: 500 }).flatMap((r) => [...r]));
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) pieces.push(all.subarray(at, at += cut));
      pieces.push(all.subarray(at));
      assertEquals(opened(pieces), {
        texts: texts.map((text) => decodeText(encodeText(text))),
        ended: true,
      });
    },
  ));
});

Deno.test("records: altered at any bit, repeated, left out, swapped, cut: nothing of it comes out", () => {
  const [header, a, b, end] = stream(["a", "b"]) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const wrong: Uint8Array[][] = [
    [header, a, a, b, end],
    [header, b, end],
    [header, b, a, end],
    [header, a, end],
    [header, a, b, end, end],
    [header, a, b, end, a],
    [a, b, end],
  ];
  for (let bit = 0; bit < 8 * a.length; bit++) {
    const altered = a.slice();
    altered[bit >> 3]! ^= 1 << (bit & 7);
    wrong.push([header, altered, b, end]);
  }
  for (const pieces of wrong) {
    let texts: string[] = [];
    try {
      const result = opened(pieces);
      texts = result.texts;
      // A length that has grown waits for more, and never comes to an end.
      assertEquals(result.ended, false);
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
    }
    assertNotEquals(texts.join(""), "ab");
  }
  assertEquals(opened([header, a]).ended, false, "cut off, and known as that");
});

Deno.test("records: no more than fits, and nothing behind the end", () => {
  const sealer = new RecordSealer(sodium, KEY.slice());
  assertThrows(() => sealer.seal(new Uint8Array(MAX_PLAIN_BYTES + 1)));
  assertEquals(sealer.seal(new Uint8Array(MAX_PLAIN_BYTES)).length, MAX_PLAIN_BYTES + 19);
  sealer.end();
  assertThrows(() => sealer.seal(new Uint8Array(1)));
  sealer.free();
  const opener = new RecordOpener(sodium, KEY.slice());
  opener.push(new Uint8Array(STREAM_HEADER_BYTES), () => {});
  for (const length of [0, 16, MAX_PLAIN_BYTES + 18, 65535]) {
    const head = Uint8Array.of(length >> 8, length & 255);
    const other = new RecordOpener(sodium, KEY.slice());
    other.push(new Uint8Array(STREAM_HEADER_BYTES), () => {});
    assertThrows(() => other.push(head, () => {}), RemoteFault, "", `${length}`);
    other.free();
  }
  opener.free();
});

interface Ends {
  server: Connection;
  client: Connection;
  close(): void;
}

const CLIENT: Security = { purpose: "client", secrets: () => [BLUE] };

function listener({ plain = false, exempt = true } = {}) {
  const refused: string[] = [];
  const secure = new SecureListener(listenTcp({ hostname: "127.0.0.1", port: 0 }), {
    ...CLIENT,
    allowsPlain: () => plain,
    exempt: () => exempt,
    plainRefusal: encodeText("Encrypted connections only\r\n"),
    refused: (_remote, reason) => refused.push(reason),
  });
  const connect = () => connectTcp({ host: "127.0.0.1", port: secure.addr.port });
  return { secure, refused, connect };
}

Deno.test("secure: nobody connects before the secret is stretched", async () => {
  const { secure, connect } = listener({ plain: true });
  const happened: string[] = [];
  const security: Security = {
    purpose: "client",
    secrets: async () => {
      // Longer than any connection takes.
      await new Promise((resolve) => setTimeout(resolve, 20));
      happened.push("stretched");
      return [BLUE];
    },
  };
  const connecting = connectSecurely(() => {
    happened.push("connects");
    return connect();
  }, security);
  const [server, client] = await Promise.all([secure.accept(), connecting]);
  assertEquals(happened.slice(0, 2), ["stretched", "connects"]);
  server.close();
  client.close();
  secure.close();
});

async function ends(): Promise<Ends> {
  const { secure, connect } = listener();
  const [server, client] = await Promise.all([
    secure.accept(),
    connect().then((connection) => secureOutgoing(connection, CLIENT)),
  ]);
  const close = () => {
    client.close();
    server.close();
    secure.close();
  };
  return { server, client, close };
}

async function readAll(connection: Connection, size = 1000): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const buffer = new Uint8Array(size);
    const count = await connection.read(buffer);
    if (count === null) return chunks;
    chunks.push(buffer.subarray(0, count));
  }
}

Deno.test("secure connection: both ways, large and small, and the end is an end", async () => {
  const { server, client, close } = await ends();
  const large = new Uint8Array(300_000).map((_, i) => i % 251);
  const reading = readAll(server, 777);
  for (let at = 0; at < large.length;) at += await client.write(large.subarray(at));
  await client.closeWrite();
  const chunks = await reading;
  assertEquals(concat(...chunks), large);
  await server.write(encodeText("thanks"));
  server.close();
  assertEquals((await readAll(client)).map((chunk) => decodeText(chunk)), ["thanks"]);
  close();
});

Deno.test("secure connection: cut off is not ended", async () => {
  const under = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const { secure, connect } = listener();
  const [server, raw] = await Promise.all([
    secure.accept(),
    connect().then(async (connection) => {
      await secureOutgoing(connection, CLIENT);
      return connection;
    }),
  ]);
  raw.close();
  await assertRejects(() => readAll(server), RemoteFault, "cut off");
  server.close();
  secure.close();
  under.close();
});

Deno.test("secure connection: to close what is closed already is harmless", async () => {
  for (const end of [true, false]) {
    const under = new FakeConnection();
    const keys = { sending: KEY.slice(), receiving: KEY.slice() };
    const connection = new SecureConnection(under, { sodium, keys, rest: new Uint8Array(0) });
    if (end) await connection.closeWrite();
    under.close();
    connection.close();
    connection.close();
  }
});

Deno.test("secure listener: a wrong secret, none, and plain text: said on both sides", async () => {
  const { secure, refused, connect } = listener();
  const accepted = secure.accept();
  accepted.catch(() => {});
  const attempt = async (security: Security) => {
    const error = await assertRejects(async () => {
      await secureOutgoing(await connect(), security);
    }, SecurityError);
    return (error as unknown as SecurityError).code;
  };
  assertEquals(await attempt({ ...CLIENT, secrets: () => [RED] }), "refused");
  assertEquals(await attempt({ ...CLIENT, secrets: () => [] }), "secret-needed");
  assertEquals(await attempt({ ...CLIENT, purpose: "peer" }), "purpose");
  const plain = await connect();
  await plain.write(encodeText("hello\r\n"));
  const said = (await readAll(plain)).map((chunk) => decodeText(chunk));
  assertEquals(said, ["Encrypted connections only\r\n"]);
  plain.close();
  assertEquals(refused.map((reason) => reason.split(":")[0]), [
    "Refused",
    "The other side has no secret",
    "The other side wants something else than is served at this port",
    "The other side does not encrypt",
  ]);
  secure.close();
});

Deno.test("secure listener: plain where it is allowed, at once when it speaks, else after a moment", async () => {
  const { secure, connect } = listener({ plain: true });
  const speaking = await connect();
  await speaking.write(encodeText("hello"));
  const first = await secure.accept();
  const buffer = new Uint8Array(3);
  assertEquals(await first.read(buffer), 3);
  assertEquals(decodeText(buffer), "hel");
  assertEquals(await first.read(buffer), 2);
  const silent = await connect();
  const second = await secure.accept();
  await second.write(encodeText("Welcome"));
  await silent.write(encodeText("later"));
  const later = new Uint8Array(9);
  assertEquals(await second.read(later), 5);
  const encrypted = secureOutgoing(await connect(), CLIENT);
  const third = await secure.accept();
  await third.write(encodeText("x"));
  assertEquals(await (await encrypted).read(later), 1);
  for (const connection of [speaking, silent, first, second, third, await encrypted]) {
    connection.close();
  }
  secure.close();
});

Deno.test("plain listener: an encrypted opening is told of, and answered by an end", async () => {
  const told: string[] = [];
  const plain = plainListener(
    listenTcp({ hostname: "127.0.0.1", port: 0 }),
    (_remote, reason) => told.push(reason),
  );
  const outgoing = connectTcp({ host: "127.0.0.1", port: plain.addr.port })
    .then((connection) => secureOutgoing(connection, CLIENT));
  const failed = assertRejects(() => outgoing, SecurityError, "does not encrypt");
  const connection = await plain.accept();
  await connection.write(encodeText("Welcome, guest1\r\n"));
  assertEquals(await connection.read(new Uint8Array(512)), null);
  connection.close();
  await failed;
  assertEquals(told, ["It encrypts, and this side does not: start it with --encrypted"]);
  plain.close();
});

Deno.test("plain listener: who encrypts is told so also where nothing was written yet", async () => {
  const plain = plainListener(listenTcp({ hostname: "127.0.0.1", port: 0 }), () => {});
  for (let i = 0; i < 20; i++) {
    const outgoing = connectTcp({ host: "127.0.0.1", port: plain.addr.port })
      .then((connection) => secureOutgoing(connection, CLIENT));
    const failed = assertRejects(() => outgoing, SecurityError, "does not encrypt");
    const connection = await plain.accept();
    assertEquals(await connection.read(new Uint8Array(512)), null);
    connection.close();
    await failed;
  }
  plain.close();
});

Deno.test("encrypted connection: a record whose rest does not come ends it", async () => {
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const [from, to] = await Promise.all([
    connectTcp({ host: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  const keys = { sending: KEY.slice(), receiving: KEY.slice() };
  const reader = new SecureConnection(to, { sodium, keys, rest: new Uint8Array(0) });
  const [header, record] = stream(["hello"]) as [Uint8Array, Uint8Array];
  // The length says more than was sent.
  record[0] = 0x7f;
  await from.write(header);
  await from.write(record);
  const { setTimeout } = globalThis;
  let waited = 0;
  globalThis.setTimeout = ((action: () => void, ms: number) => {
    if (ms !== RECORD_MS) return setTimeout(action, ms);
    waited++;
    return setTimeout(action);
  }) as typeof setTimeout;
  try {
    const fault = await assertRejects(() => reader.read(new Uint8Array(64)), RemoteFault);
    assertStringIncludes(fault.message, "did not come within 15 s");
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert(waited > 0);
  reader.close();
  from.close();
});

Deno.test("secure listener: who is wrong too often must wait, and half-open ones of an address are bounded", async () => {
  // With time one of them would be forgiven.
  using _clock = new FakeClock();
  const { secure, connect } = listener({ exempt: false });
  const codes: string[] = [];
  for (let i = 0; i <= WRONG_SECRETS.burst; i++) {
    const error = await assertRejects(async () => {
      await secureOutgoing(await connect(), { ...CLIENT, secrets: () => [RED] });
    }, SecurityError);
    codes.push((error as unknown as SecurityError).code);
  }
  assertEquals(codes.at(-2), "refused");
  assertEquals(codes.at(-1), "busy");
  const silent = [];
  for (let i = 0; i < MAX_HALF_OPEN_PER_ADDRESS; i++) silent.push(await connect());
  const one = await connect();
  assertEquals(await one.read(new Uint8Array(1)), null, "closed at once");
  for (const connection of [one, ...silent]) connection.close();
  secure.close();
});

Deno.test("secrets: as people write them", async () => {
  assertEquals(parseSecrets("  blue turntable \r\n"), ["blue turntable"]);
  for (
    const text of ["", "\n# nothing\n", "x".repeat(1025), "a secret\nanother one\nand a third"]
  ) {
    assertThrows(() => parseSecrets(text), SecretError);
  }
  assertNotEquals(await stretchSecret("blue turntable "), BLUE);
  assertEquals(await stretchSecret("blue turntable"), BLUE);
});

Deno.test("secrets: while one is stretched, everything else goes on", async () => {
  let isOver = false;
  const stretched = stretchSecret("red turntable").finally(() => isOver = true);
  let turns = 0;
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  assertEquals((await stretched).length, 32);
  assert(turns > 100, `${turns} turns of the event loop`);
});

Deno.test("secure listener: who sees the answer to a guess and hangs up has guessed, too", async () => {
  using _clock = new FakeClock();
  const { secure, refused, connect } = listener();
  const guess = async () => {
    const connection = await connect();
    const { opening } = new Initiator({ sodium, purpose: "client", secrets: [RED], random });
    await connection.write(opening);
    const reply = new Uint8Array(512);
    const count = await connection.read(reply);
    connection.close();
    return count;
  };
  const told = () => (refused.length > 0);
  for (let i = 0; i < WRONG_SECRETS.burst; i++) assertNotEquals(await guess(), null);
  // The last ones may still be on their way to being counted.
  while (await guess() !== BUSY_BYTES) assertEquals(told(), true);
  secure.close();
});

/** The magic, and why there is no connection. */
const BUSY_BYTES = 9;

Deno.test("secure listener: a silent client that must encrypt is told why it gets no greeting", async () => {
  const { secure, refused, connect } = listener();
  const silent = await connect();
  assertEquals((await readAll(silent)).map((chunk) => decodeText(chunk)), [
    "Encrypted connections only\r\n",
  ]);
  silent.close();
  assertEquals(refused.length, 1);
  secure.close();
});
