/** Limits of a running server, gone over by strangers, while somebody else goes on talking. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import { MAX_HALF_OPEN, MAX_HISTORY_LINES, MAX_SERVER_NAME } from "../../lib/wire/limits.ts";
import { encodeMeshMessage } from "../../lib/wire/mesh_message.ts";
import { LINK_STUCK_MS, SPEAKERS_WAIT_BYTES } from "../../lib/mesh/limits.ts";
import { meshServer } from "../support/peer.ts";
import { runToEnd } from "../support/process.ts";
import { runTalker, TestServer } from "../support/server.ts";

Deno.test("limit: the name of a server", async () => {
  const { code, stderr } = await runTalker([
    "server",
    "--port",
    "0",
    "--name",
    "x".repeat(MAX_SERVER_NAME + 1),
  ]);
  assertEquals(code, 2);
  assertMatch(stderr, new RegExp(`\\b${MAX_SERVER_NAME}\\b`));
});

Deno.test("limit: one client's burst of expensive commands keeps nobody else waiting", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.send("/echo off", ...Array.from({ length: MAX_HISTORY_LINES }, () => "x".repeat(50)));
  await ann.drain();
  const bob = await server.join("bob");
  // Empty lines make the server read in large pieces; then thousands of commands are read at once, and the
  // answer to each has some 800 KB.
  bob.pause();
  await bob.raw("\n".repeat(4_000) + `/history ${MAX_HISTORY_LINES}\n`.repeat(4_000));
  for (let i = 0; i < 5; i++) await ann.drain();
  bob[Symbol.dispose]();
});

Deno.test("limit: a link that takes nothing makes speakers wait, is dropped, and they go on", async () => {
  const { server, links } = await meshServer("kitchen");
  await using _server = server;
  const port = Number(links.slice(links.lastIndexOf(":") + 1));
  const peer = await Deno.connect({ hostname: "127.0.0.1", port });
  const send = async (body: Uint8Array) => {
    const frame = encodeFrame(body);
    for (let at = 0; at < frame.length;) at += await peer.write(frame.subarray(at));
  };
  const incarnation = 2 ** 32;
  await send(encodeMeshMessage({
    type: "iAm",
    minVersion: 1,
    maxVersion: 1,
    id: "00000000000000ee",
    incarnation,
    nonce: 1,
    name: "deaf",
    mesh: "",
  }));
  // It is alive, and reads nothing.
  const pulse = setInterval(
    () => void send(encodeMeshMessage({ type: "ping", token: 1 })).catch(() => {}),
    1_000,
  );
  try {
    await server.stderr.next(/Link to deaf .* is up/);
    const ann = await server.join("ann");
    await ann.send("/echo off");
    const line = "x".repeat(8_000);
    const lines = Math.ceil(4 * SPEAKERS_WAIT_BYTES / line.length);
    const start = performance.now();
    let isTaken = false;
    const said = (async () => {
      for (let i = 0; i < lines; i += 100) {
        await ann.send(...Array.from({ length: Math.min(100, lines - i) }, () => line));
      }
      await ann.drain();
      isTaken = true;
    })();
    await server.stderr.next(/deaf.*nothing was taken for \d+ s/, 3 * LINK_STUCK_MS);
    assert(!isTaken, "The speaker did not have to wait");
    assert(performance.now() - start > LINK_STUCK_MS / 2);
    await said;
  } finally {
    clearInterval(pulse);
    peer.close();
  }
});

Deno.test("limit: more half-open key exchanges than are kept, and a client still gets in", async () => {
  await using server = await TestServer.start(["--encrypted"]);
  const bob = await server.join("bob");
  const open: Deno.Conn[] = [];
  try {
    for (let i = 0; i < MAX_HALF_OPEN + 200; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      // The beginning of an opening.
      await connection.write(new Uint8Array([0, 0x54, 0x41, 0x4c, 0x4b]));
      open.push(connection);
    }
    const end = await runToEnd(["client", `:${server.port}`, "--encrypted", "--send", "/ping in"]);
    assertEquals([end.code, end.out], [0, ["pong in"]]);
    await bob.drain();
  } finally {
    for (const connection of open) connection.close();
  }
});
