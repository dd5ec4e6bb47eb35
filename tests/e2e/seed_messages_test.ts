/**
 * The exercises of "Introduction to messages and concurrency", with programs of its kind: Python, plain
 * sockets, threads and queues. The server is the time server, the echo server and the chat server.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { within } from "../support/line_client.ts";
import { missing, TestServer, testUnless } from "../support/server.ts";

const noPython = missing("python3");

/** Runs one of the programs to its end. Returns its lines. */
async function python(program: string, ...args: string[]): Promise<string[]> {
  const child = new Deno.Command("python3", {
    args: [`${import.meta.dirname}/python/${program}`, ...args],
    env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const { success, stdout, stderr } = await within(child.output(), `the end of ${program}`);
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).replace(/\n$/, "").split("\n");
  } catch (error) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    throw error;
  }
}

testUnless(noPython, "Part 1: a Python program asks for the time", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.drain();
  const [line, ...more] = await python("time_client.py", `${server.port}`);
  assertEquals(more, []);
  const time = /^Current time is: (\d{4}-\d\d-\d\dT\S+)$/.exec(line!)?.[1];
  assert(Math.abs(Date.parse(time!) - Date.now()) < 60_000, line);
  assertEquals(await ann.drain(), []); // A program that asks is nobody's concern.
});

testUnless(noPython, "Part 1: a Python program gets back what it says", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.drain();
  const message = "hello, wörld: 🦕";
  assertEquals(await python("line_echo_client.py", `${server.port}`, message), [
    `Received > ${message}`,
  ]);
  await ann.next(`guest2: ${message}`);
});

testUnless(noPython, "Part 2: the same with send_message and recv_message, framed", async () => {
  await using server = await TestServer.start(["--framed", "0"]);
  const messages = ["hello", "wörld 🦕", "x".repeat(2000), "a: b: c", " spaces  within "];
  assertEquals(
    await python("message_echo_client.py", `${server.framedPort}`, ...messages),
    messages.map((message) => `Received > ${message}`),
  );
});

testUnless(noPython, "Part 4: three Python programs with threads and queues chat", async () => {
  await using server = await TestServer.start();
  const teacher = await server.join("teacher");
  const nicks = ["ann", "bob", "cid"], lines = 200;
  const programs = nicks.map((nick) =>
    python("chat_client.py", `${server.port}`, nick, `${lines}`, `${nicks.length}`)
  );
  const here = new Set<string>();
  while (here.size < nicks.length) {
    here.add((await teacher.next(/ renames themself as /)).split(" ").at(-1)!);
  }
  await teacher.send("begin");
  const [first, ...others] = await Promise.all(programs);
  assertEquals(first!.length, lines * nicks.length);
  for (const heard of others) assertEquals(heard, first);
  for (const nick of nicks) {
    assertEquals(
      first!.filter((line) => line.startsWith(`${nick}: `)),
      Array.from({ length: lines }, (_, i) => `${nick}: line ${i}`),
    );
  }
  const left = new Set<string>();
  while (left.size < nicks.length) {
    const line = await teacher.next(/ has left$/);
    assertMatch(line, /^(ann|bob|cid) has left$/);
    left.add(line);
  }
});
