import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LineClient } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

/** One announcement: how many, and who is named. */
interface Announced {
  count: number;
  named: string[];
}

/** Reads a line about one or about a crowd. */
function announcement(line: string, verb: "joined" | "left"): Announced {
  const one = new RegExp(`^(\\S+) has ${verb}$`).exec(line);
  if (one !== null) return { count: 1, named: [one[1]!] };
  const crowd = new RegExp(`^(\\d+) have ${verb}: (\\S+(?:, \\S+)*)(?: and (\\d+) more)?$`)
    .exec(line);
  assert(crowd !== null, `no announcement: ${line}`);
  const named = crowd![2]!.split(", ");
  const count = Number(crowd![1]);
  assert(named.length <= 3, line);
  assertEquals(named.length + Number(crowd![3] ?? 0), count, line);
  return { count, named };
}

/** Takes announcements until they add up to `count`. */
async function announced(
  client: LineClient,
  verb: "joined" | "left",
  count: number,
): Promise<{ lines: string[]; named: string[] }> {
  const lines: string[] = [], named: string[] = [];
  for (let sum = 0; sum < count;) {
    const line = await client.next();
    const one = announcement(line, verb);
    lines.push(line);
    named.push(...one.named);
    sum += one.count;
    assert(sum <= count, `more than ${count}: ${lines.join(" | ")}`);
  }
  return { lines, named };
}

Deno.test("A crowd of 37 arrives and leaves in a line or two, not in 37", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.drain();
  const before = performance.now();
  const crowd = await Promise.all(Array.from({ length: 37 }, () => server.connect()));
  const took = performance.now() - before;
  await Promise.all(crowd.map((client) => client.next(/^Welcome, /)));
  const { lines, named } = await announced(ann, "joined", 37);
  if (took < 300) { // Else they were not within a second.
    assertEquals(lines.length, 1);
    assertMatch(lines[0]!, /^37 have joined: guest\d+, guest\d+, guest\d+ and 34 more$/);
  }
  assertEquals(new Set(named).size, named.length);
  assertEquals((await ann.drain()).length, 0);

  const leaving = performance.now();
  for (const client of crowd) client.close();
  const gone = await announced(ann, "left", 37);
  if (performance.now() - leaving < 1500) {
    assertEquals(gone.lines.length, 1);
    assertMatch(gone.lines[0]!, /^37 have left: guest\d+, guest\d+, guest\d+ and 34 more$/);
  }
  await ann.send("/who");
  await ann.expect("There are 1 users online on 1 servers:");
});

Deno.test("A crowd whose members speak at once: its lines are few, nobody is left out", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.drain();
  const before = performance.now();
  const crowd = await Promise.all(Array.from({ length: 30 }, async () => {
    const client = await server.connect();
    await client.send("/ping");
    await client.next("pong");
    return client;
  }));
  const took = performance.now() - before;
  const { lines, named } = await announced(ann, "joined", 30);
  assertEquals(new Set(named).size, named.length);
  // Ten may be announced before it is known that there is a crowd.
  if (took < 900) assert(lines.length <= 12, lines.join(" | "));
  for (const client of crowd.slice(0, 5)) client.close();
  const few = await announced(ann, "left", 5);
  assertEquals(few.lines.length, 5);
});

Deno.test("Ten that arrive together are announced one by one", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann", {});
  await ann.drain();
  // With ann they are ten within the second.
  await Promise.all(Array.from({ length: 9 }, () => server.connect()));
  const { lines } = await announced(ann, "joined", 9);
  assertEquals(lines.length, 9);
  for (const line of lines) assertMatch(line, /^guest\d+ has joined$/);
});

Deno.test("A crowd in JSON has its count and at most three nicks", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.send("/format json");
  await ann.drain();
  const crowd = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
  for (const verb of ["joined", "left"] as const) {
    for (let sum = 0; sum < 20;) {
      const { count, nicks, nick, text } = await ann.nextJson(verb);
      const said = announcement(text as string, verb);
      assertEquals(said, { count: count as number, named: nicks as string[] });
      assertEquals(nick, count === 1 ? (nicks as string[])[0] : undefined);
      sum += said.count;
    }
    for (const client of crowd) client.close();
  }
});
