/** Peers that break the protocol between servers: refused or dropped with a reason, and nothing else changes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LineClient } from "../support/line_client.ts";
import { fields, iAm, MeshServer, RawPeer, speech, startMesh } from "../support/mesh_host.ts";

/** Codes of refusals (docs/PROTOCOL.md). */
const SELF = 1, MESH = 2, VERSION = 3, PROTOCOL = 6, FORGED = 7, GREETING = 9;

const RAW = { id: "00000000000000aa", incarnation: 2 ** 32 + 7 };

/** A server with a good peer, and clients who must notice nothing. */
async function meshOfTwo(stack: AsyncDisposableStack) {
  const good = await startMesh(stack, "good");
  const server = await startMesh(stack, "server");
  // Before they are linked: so neither is told of the other's arrival at some time later.
  const ann = await server.join("ann") as LineClient;
  const bob = await good.join("bob") as LineClient;
  assertEquals((await server.ask(`/peer-connect 127.0.0.1 ${good.peerPort}`)).outcome, "ok");
  await server.reaches("good", "server");
  await good.reaches("good", "server");
  await ann.send("hello");
  await bob.next("ann: hello");
  await ann.next("ann: hello");
  /** Clients have seen nothing, and all goes on. */
  const unharmed = async (what: string) => {
    await bob.send(`after ${what}`);
    assertEquals(await ann.until(`bob: after ${what}`), [`bob: after ${what}`], what);
    assertEquals(await bob.until(`bob: after ${what}`), [`bob: after ${what}`], what);
    assertEquals((await server.ask("/peers")).lines[0], "There are 1 peers directly connected");
  };
  return { server, good, ann, bob, unharmed };
}

interface Case {
  name: string;
  /** Is sent, before or after the greeting. */
  greets: boolean;
  act(peer: RawPeer, server: { id: string; incarnation: number }): void;
  /** What the other side is told; undefined where bytes are no frames: then it may be told nothing. */
  code?: number;
  /** In the log, and in the refusal if there is one. */
  reason: RegExp;
}

const garbage = new Uint8Array(4096).map((_, index) => (index * 7919 + 13) % 251);

const CASES: Case[] = [
  {
    name: "bytes that are no frames",
    greets: false,
    act: (peer) => peer.raw(garbage),
    reason: /header .* is not a length/i,
  },
  {
    name: "a browser",
    greets: false,
    act: (peer) => peer.raw("GET / HTTP/1.1\r\nHost: server\r\n\r\n"),
    reason: /header "GET \/ HTTP" is not a length/i,
  },
  {
    name: "a header over the limit",
    greets: false,
    act: (peer) => peer.raw("9999999999"),
    reason: /9999999999 bytes is over the limit/,
  },
  {
    name: "a header over the limit from a linked peer",
    greets: true,
    act: (peer) => peer.raw("   9999999"),
    reason: /9999999 bytes is over the limit/,
  },
  {
    name: "a later version",
    greets: false,
    act: (peer) => peer.send(iAm({ minVersion: 98, maxVersion: 99 })),
    code: VERSION,
    reason: /raw speaks version 98 to 99 .* server version 1/,
  },
  {
    name: "another mesh",
    greets: false,
    act: (peer) => peer.send(iAm({ mesh: "club" })),
    code: MESH,
    reason: /raw belongs to the mesh "club" and server to the unnamed mesh/,
  },
  {
    name: "frames before I-AM",
    greets: false,
    act: (peer) => peer.send(speech({ ...RAW, first: 1 }, "boo"), iAm()),
    code: PROTOCOL,
    reason: /first message is push instead of I-AM/,
  },
  {
    name: "an I-AM that is cut off",
    greets: false,
    act: (peer) => peer.send(iAm().subarray(0, 20)),
    code: PROTOCOL,
    reason: /Frame ends at byte 20/,
  },
  {
    name: "a second I-AM",
    greets: true,
    act: (peer) => peer.send(iAm()),
    code: PROTOCOL,
    reason: /second I-AM/,
  },
  {
    name: "an unknown type of message",
    greets: true,
    act: (peer) => peer.send(new Uint8Array([0xee, 1, 2, 3])),
    code: PROTOCOL,
    reason: /Unknown type of message 0xee/,
  },
  {
    name: "an empty frame",
    greets: true,
    act: (peer) => peer.send(new Uint8Array(0)),
    code: PROTOCOL,
    reason: /Empty frame/,
  },
  {
    name: "a batch whose lengths are wrong",
    greets: true,
    act: (peer) => peer.send(speech({ ...RAW, first: 1 }, "boo").subarray(0, 50)),
    code: PROTOCOL,
    reason: /Batch of 50 bytes/,
  },
  {
    name: "a batch that is counted from nowhere",
    greets: true,
    act: (peer) => peer.send(speech({ ...RAW, first: 0 }, "boo")),
    code: PROTOCOL,
    reason: /Sequences begin with 1/,
  },
  {
    name: "lines that claim to be the server's own",
    greets: true,
    act: (peer, server) => peer.send(speech({ ...server, first: 1_000 }, "boo")),
    code: FORGED,
    reason: /Messages 1000 to 1000 claim to be ours/,
  },
  {
    name: "lines that claim to be answers, and the server's own",
    greets: true,
    act: (peer, server) => peer.send(speech({ ...server, first: 1, type: 0x11 }, "boo", "hoo")),
    code: FORGED,
    reason: /claim to be ours/,
  },
  {
    name: "lines that claim to be of a later life of the server",
    greets: true,
    act: (peer, { id, incarnation }) =>
      peer.send(speech({ id, incarnation: incarnation + 1, first: 1 }, "boo")),
    code: FORGED,
    reason: /claim to be ours/,
  },
  {
    name: "a state that claims to be the server's own",
    greets: true,
    act: (peer, { id, incarnation }) =>
      peer.send(
        fields({ u8: 0x18 }, { id }, { u64: incarnation }, { u8: 2 }, { u64: 1_000_000 }, {
          u32: 2,
        }, new Uint8Array([123, 125])),
      ),
    code: FORGED,
    reason: /state of kind 2 claims to be ours/,
  },
  {
    name: "a routed message from a path that visits a node twice",
    greets: true,
    act: (peer, { id }) =>
      peer.send(
        fields(
          { u8: 0x20 },
          { u8: 1 },
          { u8: 3 },
          { u16: 1 },
          { u16: 3 },
          { u64: 7 },
          { u64: 1 },
          {
            u64: 0,
          },
          { id: RAW.id },
          { id },
          { id: RAW.id },
        ),
      ),
    code: PROTOCOL,
    reason: /visits a node twice/,
  },
];

Deno.test("a peer that breaks the protocol is dropped, with a reason", async (t) => {
  await using stack = new AsyncDisposableStack();
  const { server, ann, unharmed } = await meshOfTwo(stack);
  for (const { name, greets, act, code, reason } of CASES) {
    await t.step(name, async () => {
      using peer = await RawPeer.connect(server.peerPort);
      act(peer, greets ? await peer.greet(RAW) : { id: "", incarnation: 0 });
      const refusal = await peer.refused();
      await server.logged(reason);
      if (code !== undefined) {
        assertEquals(refusal?.code, code);
        assertMatch(refusal!.reason, reason);
      }
      await unharmed(name);
    });
  }
  assertEquals(ann.all.filter((line) => line.includes("boo")), []);
  const logged = server.process.stderr.all.filter((line) => /^\s+at |Error:/.test(line));
  assertEquals(logged, [], "no stack trace");
});

Deno.test("who sends bytes that are no frames is told why the link ends", async () => {
  await using stack = new AsyncDisposableStack();
  const server = await startMesh(stack, "server");
  for (const bytes of [garbage, "GET / HTTP/1.1\r\n\r\n", "9999999999"]) {
    using peer = await RawPeer.connect(server.peerPort);
    peer.raw(bytes);
    assertEquals((await peer.refused())?.code, PROTOCOL);
  }
});

Deno.test("a frame that is cut in the middle", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, unharmed } = await meshOfTwo(stack);
  for (const greets of [false, true]) {
    using peer = await RawPeer.connect(server.peerPort);
    if (greets) await peer.greet(RAW);
    peer.raw("       500half of it");
    peer.end();
    assertEquals(await peer.refused(), undefined);
    // One that never said who it is was no link.
    if (greets) await server.logged(/Link with raw ended: .*closed/);
    await unharmed(`a cut frame, ${greets}`);
  }
});

Deno.test("a peer that says nothing, or never all of its I-AM, is dropped after 5 s", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, unharmed } = await meshOfTwo(stack);
  using silent = await RawPeer.connect(server.peerPort);
  using slow = await RawPeer.connect(server.peerPort);
  const before = performance.now();
  slow.raw("       500");
  const trickle = setInterval(() => slow.raw("x"), 500);
  try {
    for (const peer of [silent, slow]) {
      const refusal = await peer.refused(8_000);
      assertEquals(refusal?.code, GREETING);
      assertMatch(refusal!.reason, /I-AM within 5 s/);
    }
    await server.logged(/I-AM within 5 s/);
  } finally {
    clearInterval(trickle);
  }
  const time = performance.now() - before;
  assert(time > 4_000 && time < 7_000, `${time} ms`);
  await unharmed("silence");
});

Deno.test("a linked peer that falls silent is dropped within 5 s", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, unharmed } = await meshOfTwo(stack);
  using peer = await RawPeer.connect(server.peerPort);
  await peer.greet(RAW);
  const before = performance.now();
  const refusal = await peer.refused(8_000);
  const time = performance.now() - before;
  assertMatch(refusal!.reason, /raw was silent for 4 s/);
  assert(time > 3_000 && time < 6_000, `${time} ms`);
  await unharmed("silence");
});

Deno.test("recorded frames that are sent again change nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, good, ann, bob, unharmed } = await meshOfTwo(stack);
  const lines = [1, 2, 3].map((first) => speech({ ...RAW, first }, `line ${first}`));
  let recorded: Uint8Array[];
  {
    using peer = await RawPeer.connect(server.peerPort);
    await peer.greet(RAW);
    peer.send(...lines);
    for (const client of [ann, bob]) await client.next("mallory: line 3");
    await bob.send("bob's own");
    await ann.send("ann's own");
    await ann.next("ann: ann's own");
    await bob.next("ann: ann's own");
    await peer.find("both lines", () => peer.frames.filter(([type]) => type === 0x10)[1]);
    recorded = peer.frames.filter((body) => body[0] !== 1);
  }
  await bob.drain();
  await ann.drain();
  // To the same server and to its neighbour: what a peer sent, and what the server itself sent.
  for (const target of [server, good]) {
    for (const id of [RAW.id, "00000000000000ab"]) {
      using peer = await RawPeer.connect(target.peerPort);
      await peer.greet({ ...RAW, id });
      for (let i = 0; i < 3; i++) peer.send(...lines.toReversed(), ...lines, ...recorded);
      // Its answer to a ping tells that all of that was read.
      peer.send(fields({ u8: 4 }, { u64: 77 }));
      await Promise.race([peer.frame(5), peer.refused()]);
    }
    await unharmed(`a replay to ${target.name}`);
  }
  for (const client of [ann, bob]) {
    const said = client.all.filter((line) => /mallory: |'s own$/.test(line));
    assertEquals(said.length, new Set(said).size, said.join());
  }
});

Deno.test("a server is not linked to itself, by whatever address", async () => {
  await using stack = new AsyncDisposableStack();
  const server = await MeshServer.start("server", { peers: [] });
  stack.use(server);
  const ann = await server.join("ann") as LineClient;
  for (const host of ["0.0.0.0", "127.0.0.1", "localhost"]) {
    const { outcome } = await server.ask(`/peer-connect ${host} ${server.peerPort}`);
    assertMatch(outcome, /^error failed .*server would be linked to itself/, host);
  }
  using peer = await RawPeer.connect(server.peerPort);
  const { id, incarnation } = await peer.greet().catch(() => ({ id: "", incarnation: 0 }));
  peer[Symbol.dispose]();
  using mirror = await RawPeer.connect(server.peerPort);
  mirror.send(iAm({ id, incarnation }));
  assertEquals((await mirror.refused())?.code, SELF);
  assertEquals(await ann.drain(), []);
  assertEquals((await server.ask("/reachable")).lines.length, 2);
});

Deno.test("a thousand strangers at the port for peers", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, unharmed } = await meshOfTwo(stack);
  const peers: RawPeer[] = [];
  try {
    for (let i = 0; i < 1_100; i++) peers.push(await RawPeer.connect(server.peerPort));
    const last = await peers.at(-1)!.refused();
    assertMatch(last?.reason ?? "", /links already/);
    await unharmed("a thousand strangers");
  } finally {
    for (const peer of peers) peer[Symbol.dispose]();
  }
});

Deno.test("a --peer that names a port for clients is told so on both sides, and heard by nobody", async () => {
  await using stack = new AsyncDisposableStack();
  const kitchen = await startMesh(stack, "kitchen", { args: ["--framed", "0"] });
  const ann = await kitchen.process.connect();
  await ann.expect(/^Welcome/, / has joined$/);
  const { port, framedPort } = kitchen.process;
  for (const wrong of [port, framedPort]) {
    const attic = await startMesh(stack, "attic", { peers: [`127.0.0.1:${wrong}`] });
    const why = "That is a port for line clients: a link needs the port of --peer-listen";
    await attic.logged((line) => line.includes(`Cannot link to 127.0.0.1:${wrong}: ${why}`));
    assertEquals(
      (await attic.ask(`/peer-connect 127.0.0.1 ${wrong}`)).outcome,
      `error failed Cannot connect to 127.0.0.1 ${wrong}: ${why}`,
    );
    await kitchen.logged((line) =>
      line.endsWith(
        "It is a server that wants a link: its --peer must name the port of --peer-listen",
      )
    );
  }
  const told = kitchen.process.stderr.all.filter((line) => line.includes("wants a link"));
  assertEquals(told.length, 2, "not at each attempt");
  await ann.send("/ping");
  await ann.expect("pong");
});
