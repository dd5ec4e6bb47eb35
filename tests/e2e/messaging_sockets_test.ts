/** The servers of examples/sockets with the exercise's own clients: Python, plain sockets. */

import { assert, assertEquals } from "@std/assert";
import { Example } from "../support/example.ts";
import { Lines, within } from "../support/line_client.ts";
import { freePort } from "../support/messaging.ts";
import { missing, pump, testUnless } from "../support/server.ts";

const noPython = missing("python3");

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("python3", {
    args: [`${import.meta.dirname}/python/socket_clients.py`, ...args],
    env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Runs a client to its end. Returns its lines. */
async function run(...args: string[]): Promise<string[]> {
  const child = start(args);
  await child.stdin.close();
  const { success, stdout } = await within(child.output(), `the end of ${args[0]}`);
  assert(success);
  return new TextDecoder().decode(stdout).replace(/\n$/, "").split("\n");
}

async function serve(program: string): Promise<Example & { port: string }> {
  const port = `${freePort()}`;
  const server = Example.start(`examples/${program}.ts`, [`127.0.0.1:${port}`]);
  await server.next(/^Listening/);
  return Object.assign(server, { port });
}

testUnless(noPython, "sockets: the time server", async () => {
  await using server = await serve("sockets/time_server");
  const [line] = await run("time", server.port);
  const time = /^Current time is: (.+)$/.exec(line!)?.[1];
  assert(Math.abs(Date.parse(time!) - Date.now()) < 60_000, line);
  for (const event of ["accepted", "closed"]) await server.next(event);
});

testUnless(noPython, "sockets: the echo server, plain and with sizes in front", async () => {
  await using plain = await serve("sockets/echo_server");
  const text = "hello, wörld 🦕".repeat(10_000);
  assertEquals(await run("echo", plain.port, text.slice(0, 100_000)), [
    `Received > ${text.slice(0, 100_000)}`,
  ]);
  await using framed = await serve("sockets/echo_message_server");
  const texts = ["hello", "", "wörld 🦕", "x".repeat(100_000), " spaces "];
  assertEquals(
    await run("messages", framed.port, ...texts),
    texts.map((text) => `Received > ${text}`),
  );
});

testUnless(noPython, "sockets: chat to all others", async () => {
  await using server = await serve("sockets/chat_server");
  const clients = [["ann", "bob"], ["bob", "ann"]].map(([say, hear]) => {
    const child = start(["chat", server.port, say!, hear!]);
    const lines = new Lines("lf");
    void pump(child.stdout, lines);
    const stdin = child.stdin.getWriter();
    const enter = () => stdin.write(new TextEncoder().encode("\n"));
    return { child, lines, enter, hear, stdin };
  });
  for (const { lines } of clients) await lines.next("ready");
  for (let i = 0; i < 2; i++) await server.next("accepted");
  for (const { enter } of clients) await enter();
  for (const { lines, hear } of clients) await lines.next(`heard ${hear}`);
  for (const { enter, child, stdin } of clients) {
    await enter();
    await child.status;
    await stdin.abort().catch(() => {});
  }
});

testUnless(noPython, "sockets: a Python program asks a question of the library's", async () => {
  await using server = await serve("welcome/listen");
  assertEquals(await run("ask", server.port, "Guido"), [
    '{"body": {"myName": "Buster", "yourName": "Guido"}, "id": 1, "kind": "answer"}',
  ]);
});
