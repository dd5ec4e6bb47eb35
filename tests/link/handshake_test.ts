import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type Handshake,
  type HandshakeOptions,
  type HandshakeStep,
  Initiator,
  Responder,
} from "../../lib/link/secure/handshake.ts";
import { loadSodium } from "../../lib/link/secure/sodium.ts";

const sodium = await loadSodium();
const secret = (text: string) => sodium.crypto_generichash(32, text, null);
const BLUE = secret("blue"), RED = secret("red"), GREEN = secret("green");

/** The same bytes each time. */
function drawn(seed: number): (bytes: number) => Uint8Array {
  let draws = 0;
  return (bytes) => {
    const key = sodium.crypto_generichash(32, `${seed}/${draws++}`, null);
    return sodium.randombytes_buf_deterministic(bytes, key);
  };
}

type Side = Partial<Omit<HandshakeOptions, "sodium" | "random">> & { seed?: number };

function options({ seed = 1, ...rest }: Side): HandshakeOptions {
  return { sodium, purpose: "client", secrets: [], random: drawn(seed), ...rest };
}

interface Run {
  initiator: HandshakeStep;
  responder: HandshakeStep;
  messages: Uint8Array[];
}

/** Both sides to the end, each message passing through `wire`, by its number. */
function run(a: Side, b: Side, wire = (_n: number, message: Uint8Array) => [message]): Run {
  const initiator = new Initiator(options({ seed: 1, ...a }));
  const responder = new Responder(options({ seed: 2, ...b }));
  const steps: { a: HandshakeStep; b: HandshakeStep } = { a: { is: "more" }, b: { is: "more" } };
  const messages: Uint8Array[] = [];
  let toB = [initiator.opening];
  for (let number = 0, side: "a" | "b" = "b"; toB.length > 0; number++) {
    const next: Uint8Array[] = [];
    for (const sent of toB) {
      messages.push(sent);
      for (const message of wire(number, sent)) {
        if (steps[side].is !== "more") break;
        const machine: Handshake = side === "b" ? responder : initiator;
        const step = steps[side] = machine.push(message);
        if (step.send !== undefined) next.push(step.send);
      }
    }
    toB = next;
    side = side === "a" ? "b" : "a";
  }
  return { initiator: steps.a, responder: steps.b, messages };
}

function keysOf(step: HandshakeStep) {
  if (step.is !== "done") throw new Error(`It is ${JSON.stringify(step)}`);
  return step.keys;
}

function codes({ initiator, responder }: Run): string {
  const code = (step: HandshakeStep) => step.is === "failed" ? step.failure.code : step.is;
  return `${code(initiator)} ${code(responder)}`;
}

function assertAgreed(result: Run): void {
  const ours = keysOf(result.initiator), theirs = keysOf(result.responder);
  assertEquals(ours.sending, theirs.receiving);
  assertEquals(ours.receiving, theirs.sending);
  assertNotEquals(ours.sending, ours.receiving);
}

Deno.test("handshake: without secrets, and with", () => {
  assertAgreed(run({}, {}));
  assertAgreed(run({ secrets: [BLUE] }, { secrets: [BLUE] }));
  assertAgreed(run({ purpose: "peer", mesh: "club" }, { purpose: "peer", mesh: "club" }));
});

Deno.test("handshake: a secret that is being changed: the present one or the one before", () => {
  for (const ours of [[BLUE], [BLUE, RED], [RED, BLUE], [BLUE, GREEN]]) {
    for (const theirs of [[BLUE], [BLUE, RED], [RED, BLUE], [RED, BLUE]]) {
      assertAgreed(run({ secrets: ours }, { secrets: theirs }));
    }
  }
  assertEquals(codes(run({ secrets: [GREEN, RED] }, { secrets: [BLUE] })), "refused refused");
});

Deno.test("handshake: what does not fit is refused, and both sides know why", () => {
  assertEquals(codes(run({ secrets: [RED] }, { secrets: [BLUE] })), "refused refused");
  assertEquals(codes(run({}, { secrets: [BLUE] })), "secret-needed secret-needed");
  assertEquals(codes(run({ secrets: [BLUE] }, {})), "no-secret no-secret");
  assertEquals(codes(run({ purpose: "peer" }, {})), "purpose purpose");
  const meshes = run({ purpose: "peer", mesh: "club" }, { purpose: "peer", mesh: "klub" });
  assertEquals(codes(meshes), "refused refused");
});

Deno.test("handshake: a wrong secret is answered like a right one, but for the proof", () => {
  const right = run({ secrets: [BLUE] }, { secrets: [BLUE] }).messages[1]!;
  const wrong = run({ secrets: [RED] }, { secrets: [BLUE] }).messages[1]!;
  assertEquals(wrong.length, right.length);
  assertEquals([...wrong.subarray(0, 11)], [...right.subarray(0, 11)]);
});

Deno.test("handshake: the messages of version 1, as they were", () => {
  const { messages, initiator } = run({ secrets: [BLUE] }, { secrets: [BLUE] });
  const digest = messages.map((m) => sodium.to_hex(sodium.crypto_generichash(16, m, null)));
  assertEquals(messages.map(({ length }) => length), [92, 107, 34]);
  assertEquals(digest, VECTOR.messages);
  assertEquals(sodium.to_hex(keysOf(initiator).sending), VECTOR.sending);
  assertEquals(sodium.to_hex(keysOf(initiator).receiving), VECTOR.receiving);
});

const VECTOR = {
  messages: [
    "8be451544d0e2e892af300cd9f3e0487",
    "fd380cffe31d0992c8b4ae829175b304",
    "9756b7aecbd68e0874a1299b4079f092",
  ],
  sending: "f568b34c6e241c78d5d4a7f1649935a639a080ee40d17b950580dea743ac925d",
  receiving: "1734a0623d898eb194daebdce24bdc9a230a089008318b1ef7725c0f91fe2d31",
};

Deno.test("handshake: each bit of each message that is altered ends it, on the side that sees it", () => {
  const { messages } = run({ secrets: [BLUE] }, { secrets: [BLUE] });
  messages.forEach((message, number) => {
    for (let bit = 0; bit < 8 * message.length; bit += 1) {
      const result = run({ secrets: [BLUE] }, { secrets: [BLUE] }, (n, sent) => {
        if (n !== number) return [sent];
        const altered = sent.slice();
        altered[bit >> 3]! ^= 1 << (bit & 7);
        return [altered];
      });
      // The initiator is done before its conclusion is altered; the responder never is.
      assertNotEquals(result.responder.is, "done", `bit ${bit} of message ${number}`);
      if (number < 2) assertNotEquals(result.initiator.is, "done", `bit ${bit} of ${number}`);
    }
  });
});

Deno.test("handshake: dropped, repeated, swapped and reflected messages give no connection", () => {
  const both = { secrets: [BLUE] };
  const opening = new Initiator(options(both)).opening;
  const other = run({ ...both, seed: 7 }, { ...both, seed: 8 }).messages;
  const wires: ((n: number, message: Uint8Array) => Uint8Array[])[] = [
    ...[0, 1, 2].map((number) => (n: number, m: Uint8Array) => n === number ? [] : [m]),
    (n, m) => n === 0 ? [m, m] : [m],
    // Another session's messages instead.
    ...[0, 1, 2].map((number) => (n: number, m: Uint8Array) => n === number ? [other[n]!] : [m]),
    // The initiator gets its own opening back, and its own conclusion.
    (n, m) => n === 1 ? [opening] : [m],
    (n, m) => n === 1 ? [other[2]!] : [m],
  ];
  wires.forEach((wire, i) => {
    const { initiator, responder } = run(both, both, wire);
    assert(!(initiator.is === "done" && responder.is === "done"), `wire ${i}`);
    assert(responder.is !== "done", `wire ${i}: the responder is done`);
  });
  // A message that is repeated behind the handshake is no part of it: the stream refuses it.
  const twice = run(both, both, (n, m) => n === 1 ? [m, m] : [m]);
  assertAgreed(twice);
});

Deno.test("handshake: a recorded session, played to the server again, gets nowhere", () => {
  const both = { secrets: [BLUE] };
  const { messages } = run(both, both);
  const responder = new Responder(options({ ...both, seed: 99 }));
  assertEquals(responder.push(messages[0]!).is, "more");
  const step = responder.push(messages[2]!);
  assertEquals(step.is === "failed" && step.failure.code, "refused");
});

Deno.test("handshake: keys of small order and shares that are no elements are refused", () => {
  const both = { secrets: [BLUE] };
  for (const wrong of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
    for (const [number, at] of [[0, 28], [0, 60], [1, 11], [1, 43]] as const) {
      const result = run(both, both, (n, message) => {
        if (n !== number) return [message];
        const altered = message.slice();
        altered.set(wrong, at);
        return [altered];
      });
      assertNotEquals(result.responder.is, "done");
      assertNotEquals(result.initiator.is, "done");
    }
  }
});

Deno.test("handshake: however it is cut, and what comes behind it is kept", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (cuts) => {
      const cut = (message: Uint8Array) => {
        const parts: Uint8Array[] = [];
        for (let at = 0; at < message.length;) {
          const length = cuts.next().value as number;
          parts.push(message.subarray(at, at += length));
        }
        return parts;
      };
      assertAgreed(run({ secrets: [BLUE] }, { secrets: [BLUE] }, (_n, message) => cut(message)));
    }),
    { numRuns: 30 },
  );
  const behind = run({}, {}, (n, m) => n === 2 ? [Uint8Array.of(...m, 7, 8, 9)] : [m]).responder;
  assertEquals(behind.is === "done" && [...behind.rest], [7, 8, 9]);
});

Deno.test("handshake: what is no opening is known by its first wrong byte; garbage never throws", () => {
  const text = new Responder(options({})).push(new TextEncoder().encode("/"));
  assertEquals(text.is === "failed" && text.failure.code, "plain");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, magic) => {
    const head = magic ? Uint8Array.of(0, ...new TextEncoder().encode("TALKENC")) : [];
    const responder = new Responder(options({ secrets: [BLUE] }));
    assertNotEquals(responder.push(Uint8Array.of(...head, ...bytes)).is, "done");
    const initiator = new Initiator(options({ secrets: [BLUE] }));
    assertNotEquals(initiator.push(Uint8Array.of(...head, ...bytes)).is, "done");
  }));
});

Deno.test("handshake: when it is over it takes nothing more", () => {
  const responder = new Responder(options({}));
  responder.push(Uint8Array.of(1));
  assertThrows(() => responder.push(Uint8Array.of(1)), Error, "The handshake is over");
});

Deno.test("handshake: fresh keys for each connection", () => {
  const both = { secrets: [BLUE] };
  const first = keysOf(run({ ...both, seed: 1 }, { ...both, seed: 2 }).initiator);
  const again = keysOf(run({ ...both, seed: 1 }, { ...both, seed: 3 }).initiator);
  assertNotEquals(first.sending, again.sending);
  assertNotEquals(first.receiving, again.receiving);
});
