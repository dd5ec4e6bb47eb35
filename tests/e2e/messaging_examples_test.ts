/** The programs of examples/, each as its own process, started in any order. */

import { assert, assertEquals } from "@std/assert";
import { Example } from "../support/example.ts";
import { freePort } from "../support/messaging.ts";

/** A name that nobody else uses. */
const name = () => `test-${crypto.randomUUID().slice(0, 8)}`;
const address = () => `127.0.0.1:${freePort()}`;

for (const order of ["the server first", "the client first"]) {
  Deno.test(`examples: networkzero's hello, ${order}`, async () => {
    const hello = name();
    const start = (program: string) => Example.start(`examples/hello/${program}.ts`, [hello]);
    await using stack = new AsyncDisposableStack();
    const first = stack.use(start(order.includes("server") ? "server" : "client"));
    if (order.includes("server")) await first.next(/^Waiting at /);
    else await new Promise((resolve) => setTimeout(resolve, 500)); // It looks for the server meanwhile.
    const second = stack.use(start(order.includes("server") ? "client" : "server"));
    const client = order.includes("server") ? second : first;
    const { code, out, err } = await client.ended();
    assertEquals([code, out, err], [0, ["Hello, World", "Hello, Tim"], []]);
  });
}

const ORDERS = [
  ["turntable", "detector", "controller"],
  ["controller", "detector", "turntable"],
];
for (const order of ORDERS) {
  Deno.test(`examples: the turntable, ${order.join(", ")}`, async () => {
    const club = name();
    await using stack = new AsyncDisposableStack();
    const programs: Record<string, Example> = {};
    for (const each of order) {
      programs[each] = stack.use(Example.start(`examples/turntable/${each}.ts`, [club]));
    }
    const { turntable, detector, controller } = programs as Record<string, Example>;
    await turntable!.next("The motor turns at 0.5");
    for (const target of [3, 1, 4]) await detector!.type(`${target}`);
    await turntable!.next("The motor stops");
    const { code, out } = await controller!.ended();
    assertEquals([code, out], [0, [
      "Target 3 was hit: 3 points",
      "Target 1 was hit: 4 points",
      "Target 4 was hit: 8 points",
    ]]);
  });
}

const SERVERS = ["listen", "listen_sessions", "listen_machine"];
const CLIENTS = {
  connect: ['Hello "Gladys", my name is "Buster"'],
  connect_session: ['{ yourName: "Gladys", myName: "Buster" }'],
  connect_machine: ['Hello "Gladys", my name is "Buster"', "done"],
};
for (const [i, server] of SERVERS.entries()) {
  Deno.test(`examples: welcome, ${server} with each client`, async () => {
    const at = address();
    await using stack = new AsyncDisposableStack();
    const startServer = async () => {
      const program = stack.use(Example.start(`examples/welcome/${server}.ts`, [at]));
      await program.next(`Listening at ${at}`);
      return program;
    };
    // With one of them, the clients are there before the server is.
    let program = i === 1 ? undefined : await startServer();
    const clients = Object.keys(CLIENTS).map((client) =>
      stack.use(Example.start(`examples/welcome/${client}.ts`, [at]))
    );
    if (program === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      program = await startServer();
    }
    for (const [j, expected] of Object.values(CLIENTS).entries()) {
      const { code, out, err } = await clients[j]!.ended();
      assertEquals([code, out, err], [0, expected, []]);
    }
    const lines = program.stdout;
    if (server === "listen") { for (let j = 0; j < 3; j++) await lines.next("abandoned"); }
    if (server === "listen_sessions") {
      for (let j = 0; j < 3; j++) await lines.next("Gladys has gone");
    }
    if (server === "listen_machine") {
      await lines.next("abandoned: visited → empty");
      assert(!lines.all.some((line) => line.includes("not now")), lines.all.join("\n"));
    }
  });
}

Deno.test("examples: a group of two servers, of which one starts late", async () => {
  const [first, second] = [address(), address()];
  await using one = Example.start("examples/welcome/listen.ts", [first]);
  await one.next(/^Listening/);
  await using client = Example.start("examples/welcome/connect_group.ts", [first, second]);
  await client.next("first: connected");
  await using two = Example.start("examples/welcome/listen_sessions.ts", [second]);
  await two.next(/^Listening/);
  const { code, out } = await client.ended();
  assertEquals([code, out], [0, [
    "first: connected",
    "second: connected",
    "ready",
    'Hello "Gladys", my name is "Buster"',
    'Hello "Gladys", my name is "Buster"',
  ]]);
});

Deno.test("examples: chat to all others", async () => {
  const at = address();
  await using stack = new AsyncDisposableStack();
  const start = () => stack.use(Example.start("examples/sockets/chat_client.ts", [at]));
  const ann = start();
  const server = stack.use(Example.start("examples/sockets/chat_server.ts", [at]));
  await server.next(/^Listening/);
  await server.next("accepted");
  const [bob, cid] = [start(), start()];
  for (let i = 0; i < 2; i++) await server.next("accepted");
  await ann.type("Hello, everybody");
  for (const other of [bob, cid]) await other.next("Hello, everybody");
  await bob.type("Hello, Ann");
  for (const other of [ann, cid]) await other.next("Hello, Ann");
  await cid.endInput();
  assertEquals((await cid.ended()).out, ["Hello, everybody", "Hello, Ann"]);
  assertEquals(ann.stdout.all, ["Hello, Ann"]);
});
