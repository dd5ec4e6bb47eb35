/** Notifications over the line protocol: `/notify`, `/publish`, `/ack`, receipts, offers; on one server and two. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type LineClient, within } from "../support/line_client.ts";
import { type Answer, ask, askUntil, type MeshServer, startMesh } from "../support/mesh_host.ts";
import { TestServer } from "../support/server.ts";

/** An id of a notification. */
const ID = "[0-9a-f]{16}\\.\\d+\\.\\d+";

/** Publishes; gives the id. */
async function publish(client: LineClient, topic: string, text: string): Promise<string> {
  const { lines, outcome } = await ask(client, `/publish ${topic} ${text}`);
  const [, id = ""] = new RegExp(`^ok (${ID})$`).exec(outcome) ?? [];
  assertMatch(lines.join(), new RegExp(`^Published ${id} to \\d+ subscribers$`));
  return id;
}

function pattern(...parts: string[]): RegExp {
  return new RegExp(`^${parts.join("")}$`);
}

Deno.test("notifications: every line of the contract, as text", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const bob = await server.join("bob"), eve = await server.join("eve");
  await bob.drain();
  await bob.send("/notify hits door/* timeout=30 as=phone");
  await bob.expect("Notifications on for 30 s");
  await eve.send("not for bob", "/publish hits target 3");
  await bob.expect(pattern(`NOTIFY ${ID} hits target 3`));
  await eve.next(pattern(`Published ${ID} to 1 subscribers`));
  const open = await publish(eve, "door/front", "open");
  await publish(eve, "other", "not for bob either");
  await bob.expect(`NOTIFY ${open} door/front open`);
  assertEquals((await ask(eve, `/receipts ${open}`)).lines, [
    `${open}: 1 recipients, 0 acknowledged, 1 delivered, 0 queued, 0 expired`,
    "  phone@kitchen delivered",
  ]);
  const waiting = ask(eve, `/receipts ${open} wait=10`);
  await bob.send(`/ack ${open}`, `@2 /ack ${open}`, "/ack no.such.1");
  await bob.expect(
    `Acknowledged ${open}`,
    `@2 Acknowledged ${open}`,
    `@2 ok ${open}`,
    "No notification no.such.1 was for you",
  );
  assertEquals((await waiting).lines, [
    `${open}: 1 recipients, 1 acknowledged, 0 delivered, 0 queued, 0 expired`,
    "  phone@kitchen acknowledged",
  ]);
  assertEquals((await ask(eve, "/topics")).lines, [
    "There are 3 topics:",
    "  door/front: 1 notifications, 1 subscribers",
    "  hits: 1 notifications, 1 subscribers",
    "  other: 1 notifications, 0 subscribers",
  ]);
  await bob.send("/normal", "/normal");
  await bob.expect("Notifications off", "Notifications off");
  await eve.send("chat again");
  await bob.expect("eve: chat again");

  // Known by name, it keeps its topics, and what was not acknowledged comes again, in order.
  const late = await publish(eve, "hits", "later");
  await bob.send("@3 /notify as=PHONE");
  await bob.expect(
    "@3 Notifications on for 60 s",
    "@3 ok",
    pattern(`NOTIFY ${ID} hits target 3`),
    `NOTIFY ${late} hits later`,
  );
  // On another connection: the older one is told.
  const again = await server.join("again");
  await again.send("/notify as=phone since=never.was.1");
  await again.next("Notifications on for 60 s");
  await again.expect("never.was.1 is not remembered: all that is remembered follows");
  await bob.expect("Notifications off: phone came back on another connection");
  await again.next(`NOTIFY ${late} hits later`);
  assertMatch((await ask(eve, "/receipts a.b.1")).outcome, /^error not-found /);
});

Deno.test("notifications: the server ends the mode in time and says so; /notify goes on", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob"), eve = await server.join("eve");
  await bob.drain();
  await bob.send("/notify hits timeout=1");
  await bob.expect("Notifications on for 1 s", "Notifications off after 1 s: /notify goes on");
  const missed = await publish(eve, "hits", "nobody");
  await eve.send("chat");
  await bob.expect("eve: chat");
  await bob.send(`/format json`);
  await bob.nextJson("welcome");
  await bob.send(`@1 /notify hits timeout=1 since=all`);
  const { pending, timeout, topics } = await bob.nextJson("reply");
  assertEquals([pending, timeout, topics], [1, 1, ["hits"]]);
  await bob.nextJson("ok");
  const pushed = await bob.nextJson("notify");
  assertEquals([pushed["id"], pushed["text"], pushed["nick"]], [missed, "nobody", "eve"]);
  const notice = await bob.nextJson("notice");
  assertEquals(notice["notifications"], false);
});

Deno.test("notifications: chat is missed in the mode, and in the history after it", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob"), eve = await server.join("eve");
  const [, first = ""] = /^ok (.*)$/.exec((await ask(bob, "/say first")).outcome) ?? [];
  await bob.send("/notify");
  await bob.next("Notifications on for 60 s");
  await eve.send("second", "third");
  await eve.next("eve: third");
  await bob.send("/normal");
  await bob.expect("Notifications off");
  const { lines } = await ask(bob, `/history since=${first}`);
  assertEquals(lines.map((line) => line.replace(/^\S+ /, "")), ["eve: second", "eve: third"]);
});

Deno.test("notifications: offers", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const ann = await server.join("ann"), bob = await server.join("bob");
  const watcher = await server.connect();
  await watcher.send("/service", "/notify offers");
  await watcher.expect(/^Welcome/, "Notifications on for 60 s");
  const text = "A bicycle, blue, 28 inches, hardly used, with a new chain and two spare tyres";
  const { lines, outcome } = await ask(ann, `/offer post ${text}`);
  const [, id = ""] = pattern(`ok (${ID})`).exec(outcome) ?? [];
  assertEquals(lines, [`Offer ${id} posted`]);
  const headline = "A bicycle, blue, 28 inches, hardly used, with a new chain…";
  await watcher.expect(`NOTIFY ${id} offers ${headline}`);
  // The fourth seed: leave the mode, fetch the details, go on.
  await watcher.send("@1 /normal", `@2 /offer ${id}`, "@3 /notify offers");
  await watcher.expect(
    "@1 Notifications off",
    "@1 ok",
    pattern(`@2 Offer ${id} by ann@kitchen, \\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z:`),
    `@2   ${text}`,
    "@2 ok",
    "@3 Notifications on for 60 s",
    "@3 ok",
  );
  assertEquals((await ask(bob, "/offers")).lines, ["There are 1 offers:", `  ${id} ${headline}`]);
  assertEquals((await ask(ann, `/offer withdraw ${id}`)).lines, [`Offer ${id} withdrawn`]);
  assertMatch((await ask(bob, `/offer ${id}`)).outcome, /^error not-found /);
});

Deno.test("notifications: a burst of tagged requests, and what is pushed meanwhile, never mix", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob"), eve = await server.join("eve");
  await bob.send("/notify burst");
  await bob.next("Notifications on for 60 s");
  const count = 1_000;
  const requests = Array.from(
    { length: count },
    (_, i) => `@r${i} ${["/ping p", "/help notify", "/topics", "/no-such"][i % 4]}`,
  );
  const notifications = Array.from({ length: count }, (_, i) => `/publish burst @r${i} ok`);
  for (let i = 0; i < count; i += 50) {
    await Promise.all([
      bob.send(...requests.slice(i, i + 50)),
      eve.send(...notifications.slice(i, i + 50)),
    ]);
  }
  await bob.send("@end /ping");
  const lines = (await bob.until("@end ok")).filter((line) => !line.startsWith("@end "));
  let last: string | undefined;
  const isLast = (line: string) => line.endsWith(` @r${count - 1} ok`);
  if (!lines.some(isLast)) lines.push(...await bob.until(isLast));
  const pushes = lines.filter((line) => line.startsWith("NOTIFY "));
  assertEquals(
    pushes.map((line) => line.replace(/^NOTIFY \S+ burst /, "")),
    Array.from({ length: count }, (_, i) => `@r${i} ok`),
  );
  // Every answer is whole: no line of anything else is between its first and its last.
  const ends: string[] = [];
  for (const line of lines) {
    if (line.startsWith("NOTIFY ")) {
      assertEquals(last, undefined, "a push inside an answer");
      continue;
    }
    const [, tag, rest] = /^@(r\d+) (.*)$/.exec(line) ?? [];
    assert(tag !== undefined, line);
    assert(last === undefined || last === tag, `${line} inside the answer to ${last}`);
    last = /^(ok|error)/.test(rest as string) ? undefined : tag;
    if (last === undefined) ends.push(tag as string);
  }
  assertEquals(ends, Array.from({ length: count }, (_, i) => `r${i}`));
});

Deno.test("notifications: what nobody expects breaks nothing", async () => {
  await using server = await TestServer.start(["--framed", "0"]);
  const bob = await server.join("bob"), eve = await server.join("eve");
  const frames = await server.connect({ framed: true });
  await frames.send("/notify");
  await frames.next("Notifications on for 60 s");
  await bob.send("/notify hits");
  await bob.next("Notifications on for 60 s");

  // Chat that looks like a push is chat; a push has no control characters, whatever was published.
  await eve.send("NOTIFY a.b.1 hits fake");
  await eve.raw("/publish hits \u001b[2Jred\u0007 \u2028 end\r\n");
  await bob.expect(pattern(`NOTIFY ${ID} hits \\[2Jred \u2028 end`));
  await frames.expect(pattern(`NOTIFY ${ID} hits \\[2Jred \u2028 end`));
  await bob.send("/ack", "/ack \u00e4", "/notify hits*", "/publish */x y", "/nosuch");
  await bob.expect(
    /^Usage: \/ack/,
    /^Usage: \/ack/,
    /^Usage: \/notify/,
    /^Usage: \/publish/,
    /^Un/,
  );
  const long = `/publish hits ${"x".repeat(8192 - 14)}`;
  await eve.send(long, `${long}x`);
  await eve.next("Line too long");
  await bob.expect(pattern(`NOTIFY ${ID} hits x{8178}`));

  // The mode goes with the connection, also with one that breaks.
  const gone = await server.join("gone", { resets: true });
  await gone.send("/notify hits");
  await gone.next("Notifications on for 60 s");
  gone.reset();
  await askUntil(eve, "/topics", (lines) => lines.join().endsWith(", 2 subscribers"));
  // Its nick changes in the mode; it is in /who, and can be whispered to.
  await bob.send("/nick Bobby");
  await eve.next("bob renames themself as Bobby");
  await eve.send("/tell bobby psst", "/who");
  await bob.expect("bob renames themself as Bobby", "eve whispers: psst");
  await eve.next("    Bobby");
});

async function pair(stack: AsyncDisposableStack): Promise<[MeshServer, MeshServer]> {
  const attic = await startMesh(stack, "attic");
  const kitchen = await startMesh(stack, "kitchen", { peers: [attic.address] });
  for (const server of [attic, kitchen]) await server.reaches("attic", "kitchen");
  return [attic, kitchen];
}

const told = (answer: Answer) => answer.lines;

Deno.test("notifications: published on one server, they reach subscribers on another", async () => {
  await using stack = new AsyncDisposableStack();
  const [attic, kitchen] = await pair(stack);
  const ann = await attic.join("ann") as LineClient, bob = await kitchen.join("bob") as LineClient;
  await bob.send("@n /notify hits as=phone");
  await bob.next("@n ok");
  const one = await publish(ann, "hits", "one");
  await bob.next(`NOTIFY ${one} hits one`);
  const zoe = await kitchen.join("zoe") as LineClient;
  const two = await publish(zoe, "hits", "two");
  await bob.next(`NOTIFY ${two} hits two`);
  assertEquals((await ask(bob, `/ack ${one}`)).outcome, `ok ${one}`);
  await askUntil(
    ann,
    `/receipts ${one} wait=5`,
    (lines) => lines.includes("  phone@kitchen acknowledged"),
  );

  // It goes on at the other server where it was.
  const there = await attic.join("there") as LineClient;
  await askUntil(ann, "/topics", (lines) => lines.some((line) => /^ {2}hits: 2 /.test(line)));
  await there.send("@n /notify as=phone");
  await there.next("@n ok");
  await there.expect(`NOTIFY ${two} hits two`);
  const three = await publish(zoe, "hits", "three");
  await there.expect(`NOTIFY ${three} hits three`);

  const posted = await ask(ann, "/offer post A chair");
  const [, offer = ""] = pattern(`ok (${ID})`).exec(posted.outcome) ?? [];
  await askUntil(bob, "/offers", (lines) => lines[1] === `  ${offer} A chair`);
  assertMatch(told(await ask(bob, `/offer ${offer}`)).join(), / by ann@attic, .*, {2}A chair$/);
  assertEquals((await ask(ann, `/offer withdraw ${offer}`)).outcome, `ok ${offer}`);
  await askUntil(bob, "/offers", (lines) => lines.length === 1);
});

Deno.test("notifications: a subscriber that doesn't read holds up nobody, and gets its own when it reads", async () => {
  await using server = await TestServer.start();
  const stuck = await server.join("stuck"), bob = await server.join("bob");
  const eve = await server.join("eve");
  for (const client of [stuck, bob]) {
    await client.send("/notify x");
    await client.next("Notifications on for 60 s");
  }
  stuck.pause();
  const text = "y".repeat(4_000);
  const count = 900;
  for (let i = 0; i < count; i += 100) {
    await eve.send(...Array.from({ length: 100 }, (_, j) => `/publish x ${i + j} ${text}`));
    await within(bob.next((line) => line.includes(` x ${i + 99} `)), "the other one");
  }
  stuck.resume();
  const got = await stuck.until((line) => line.includes(` x ${count - 1} `));
  assertEquals(
    got.map((line) => Number(/^NOTIFY \S+ x (\d+) /.exec(line)?.[1])),
    Array.from({ length: count }, (_, i) => i),
  );
});
