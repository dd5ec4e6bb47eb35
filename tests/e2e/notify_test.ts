/** `talker notify` with servers: publishing, waiting, coming back, in a mesh and across a crash. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runToEnd, talker, type TalkerProcess } from "../support/process.ts";
import { TestServer } from "../support/server.ts";

/** Starts one that waits, and resolves when the server has taken it in. */
async function waiting(server: TestServer, ...args: string[]): Promise<TalkerProcess> {
  const child = talker(["notify", `:${server.port}`, "--log-level", "info", ...args]);
  await child.stderr.next(/Waiting for notifications/);
  return child;
}

function publish(server: TestServer, topic: string, text: string, ...args: string[]) {
  return runToEnd(["notify", `:${server.port}`, "--publish", topic, text, ...args]);
}

/** Publishes these, one after another, as they stand in lines. */
function publishAll(server: TestServer, topic: string, texts: string[], ...args: string[]) {
  const input = texts.join("\n");
  return runToEnd(["notify", `:${server.port}`, "--publish", topic, "-", ...args], {
    input,
    deadline: 60_000,
  });
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `number ${from + i}`);
const printed = (texts: string[], topic = "hits") => texts.map((text) => `${topic}: ${text}`);

Deno.test("notify: what is published is printed where its topic is waited for, and acknowledged", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  await using hits = await waiting(server, "hits", "--count", "1", "--as", "ann");
  await using doors = await waiting(server, "door/*", "door", "--count", "2");
  assertEquals((await publish(server, "door/front", "bell")).code, 0);
  const { code, out, err } = await publish(server, "hits", "three", "--need-ack", "all");
  assertEquals([code, err], [0, []]);
  assertEquals(out.slice(1), [
    `${out[0]}: 1 recipients, 1 acknowledged, 0 delivered, 0 queued, 0 expired`,
    "  ann@kitchen  acknowledged",
  ]);
  await publish(server, "door/front/lock", "turned");
  await publish(server, "door", "open");
  assertEquals((await hits.ended()).out, ["hits: three"]);
  assertEquals((await doors.ended()).out, ["door/front: bell", "door: open"]);
});

Deno.test("notify --need-ack: a wait that is stopped says how it stands, and exits with 4", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const args = ["notify", `:${server.port}`, "--publish", "hits", "three", "--timeout", "60"];
  for (const [need, signal] of [["1", "SIGTERM"], ["all", "SIGINT"]] as const) {
    // It takes in what is published, and acknowledges nothing.
    const deaf = await server.connect();
    await deaf.send("/notify hits");
    await deaf.next(/Notifications on/);
    await using child = talker([...args, "--need-ack", need]);
    const id = await child.waitFor(/./);
    await deaf.next(/^NOTIFY /);
    child.signal(signal);
    const { code, out } = await child.ended();
    assertEquals(code, 4);
    assertEquals(out[1], `${id}: 1 recipients, 0 acknowledged, 1 delivered, 0 queued, 0 expired`);
    await deaf.send("/quit");
    await deaf.closed();
  }
});

Deno.test("notify --publish: stopped while its server is looked for, nothing is published: 1", async () => {
  const args = ["notify", `nowhere-${Deno.pid}`, "--publish", "hits", "three"];
  await using child = talker([...args, "--log-level", "debug"]);
  await child.stderr.next(/Beacon [0-9a-f]{16} is open$/);
  child.signal("SIGINT");
  const { code, out, err } = await child.ended();
  assertEquals([code, out], [1, []]);
  assert(err.includes("talker: Nothing is published: it was stopped before"), err.join("\n"));
});

Deno.test("notify: offers with --details, the whole of the fourth seed at work", async () => {
  await using server = await TestServer.start();
  await using child = await waiting(server, "offers", "--details", "--count", "2");
  const long = "A bicycle, hardly used, with a lamp, a bell and two wheels, to be had in the attic";
  const poster = await server.join("bob");
  await poster.send(`/offer post ${long}`);
  await child.waitFor(/^offers: A bicycle/);
  assertEquals(await child.waitFor(/^ /), `  ${long}`);
  await child.stderr.next(/Waiting for notifications/);
  await poster.send("/offer post Plums");
  const { code, out } = await child.ended();
  assertEquals([code, out.slice(2)], [0, ["offers: Plums", "  Plums"]]);
});

Deno.test("notify: a named subscriber finds what came while it was away, and nothing twice", async () => {
  await using server = await TestServer.start();
  const wait = () => runToEnd(["notify", `:${server.port}`, "hits", "--as", "ann", "--count", "2"]);
  await using first = await waiting(server, "hits", "--as", "ann", "--count", "1");
  await publish(server, "hits", "one");
  assertEquals((await first.ended()).out, ["hits: one"]);
  const away = await publish(server, "hits", "two", "--need-ack", "all", "--timeout", "0.2");
  assertEquals(away.code, 4);
  assertMatch(away.out.at(-1) ?? "", /^ {2}ann@\S+ {2}queued$/);
  await publish(server, "hits", "three");
  assertEquals((await wait()).out, ["hits: two", "hits: three"]);
  const none = await runToEnd([
    ...["notify", `:${server.port}`, "hits", "--as", "ann", "--timeout", "0.5"],
  ]);
  assertEquals([none.code, none.out], [3, []]);
});

Deno.test("notify: what a handler could not do comes again when it enters the mode again", async () => {
  await using server = await TestServer.start();
  const dir = await Deno.makeTempDir();
  // It fails the first time.
  const handler = `if mkdir ${dir}/$TALKER_TEXT; then exit 1; fi; echo $TALKER_TEXT`;
  await using child = await waiting(
    server,
    ...["hits", "--as", "ann", "--exec", handler, "--mode-timeout", "1", "--count", "2"],
  );
  await publishAll(server, "hits", ["one", "two"]);
  const { code, out } = await child.ended();
  assertEquals([code, out], [0, ["one", "two"]]);
  await Deno.remove(dir, { recursive: true });
});

for (const name of [["--as", "ann"], []]) {
  const who = name.length > 0 ? "with a name" : "without a name";
  Deno.test(`notify: nothing is lost nor repeated where the mode is entered again and again, ${who}`, async () => {
    await using server = await TestServer.start();
    await using child = await waiting(server, "hits", ...name, "--mode-timeout", "1");
    await using publisher = talker(["notify", `:${server.port}`, "--publish", "hits", "-"]);
    // One after the other, until it has entered the mode a few times more.
    let count = 0;
    let entered = 0;
    for (const lines = child.stderr.all; entered < 4;) {
      await publisher.type(`number ${++count}\n`);
      await publisher.waitFor(/./);
      entered = lines.filter((line) => line.includes("Waiting for notifications")).length;
    }
    await child.waitFor(`hits: number ${count}`);
    child.signal("SIGINT");
    const { code, out } = await child.ended();
    assertEquals([code, out], [0, printed(numbers(1, count))]);
  });
}

Deno.test("notify: a burst arrives whole and in order, and is acknowledged", async () => {
  await using server = await TestServer.start();
  const all = numbers(1, 900);
  await using named = await waiting(server, "hits", "--as", "ann", "--count", "900");
  await using other = await waiting(server, "hits", "--count", "900");
  const { code, out } = await publishAll(server, "hits", all, "--need-ack", "all");
  assertEquals([code, out.filter((line) => /^\S+$/.test(line)).length], [0, 900]);
  assertEquals((await named.ended()).out, printed(all));
  assertEquals((await other.ended()).out, printed(all));
});

Deno.test("notify: all that is remembered, or what came after an id", async () => {
  await using server = await TestServer.start();
  const { out: [, second = ""] } = await publishAll(server, "hits", ["one", "two", "three"]);
  const all = await runToEnd(["notify", `:${server.port}`, "--since", "all", "--count", "3"]);
  assertEquals(all.out, printed(["one", "two", "three"]));
  const after = await runToEnd(["notify", `:${server.port}`, "--since", second, "--count", "1"]);
  assertEquals(after.out, printed(["three"]));
  const unknown = await runToEnd(["notify", `:${server.port}`, "--since", "x.1", "--count", "3"]);
  assertEquals(unknown.out, printed(["one", "two", "three"]));
  assertEquals(unknown.err, [
    "talker: x.1 is not remembered: all that is remembered follows",
  ]);
});

Deno.test("notify: who comes under the name of another ends that one", async () => {
  await using server = await TestServer.start();
  await using first = await waiting(server, "--as", "ann");
  await using second = await waiting(server, "--as", "ANN", "--count", "1");
  const { code, err } = await first.ended();
  assertEquals(code, 1);
  assertMatch(err.at(-1) ?? "", /came back on another connection/i);
  await publish(server, "hits", "one");
  assertEquals((await second.ended()).out, ["hits: one"]);
});

Deno.test("notify: encrypted, with a secret; a wrong one is told and exits with 5", async () => {
  const env = { TALKER_SECRET: "open sesame 42" };
  await using server = await TestServer.start([], { env });
  const args = ["notify", `:${server.port}`, "--publish", "hits", "one"];
  const { code, err } = await runToEnd(args, { env });
  assertEquals([code, err], [0, []]);
  const wrong = await runToEnd(args, { env: { TALKER_SECRET: "open barley 42" } });
  assertEquals([wrong.code, wrong.out, wrong.err.length], [5, [], 1]);
  // Its handler does not get the secret.
  const handler = 'echo "[$TALKER_TEXT|$TALKER_SECRET]"; env | grep -c sesame';
  const exec = ["--since", "all", "--timeout", "1", "--exec", handler];
  const waiter = await runToEnd(["notify", `:${server.port}`, ...exec], { env });
  assertEquals([waiter.code, waiter.out], [3, ["[one|]", "0"]]);
});

Deno.test("notify: across servers; a name goes on where it was on another one", async () => {
  await using kitchen = await TestServer.start(["--name", "kitchen", "--peer-listen", "0"]);
  const port = /:(\d+)$/.exec(await kitchen.stdout.next(/for peers/))?.[1];
  await using attic = await TestServer.start(["--name", "attic", "--peer", `127.0.0.1:${port}`]);
  const bob = await attic.join("bob");
  for (let line = ""; line !== "There are 2 reachable peers:";) {
    await bob.send("/reachable");
    line = await bob.next(/reachable peers:$/);
  }
  await using first = await waiting(kitchen, "hits", "--as", "ann", "--count", "2");
  await using anybody = await waiting(attic, "hits", "--count", "4");
  const { code } = await publishAll(attic, "hits", ["one", "two"], "--need-ack", "all");
  assertEquals(code, 0);
  assertEquals((await first.ended()).out, printed(["one", "two"]));
  await publish(kitchen, "hits", "three");
  await publish(attic, "hits", "four", "--need-ack", "1");
  await using second = await waiting(attic, "hits", "--as", "ann", "--count", "2");
  assertEquals((await second.ended()).out.toSorted(), printed(["four", "three"]));
  assertEquals((await anybody.ended()).out.toSorted(), printed(["four", "one", "three", "two"]));
});

Deno.test("notify: a server that is killed and comes back loses nothing that it had confirmed", async () => {
  const data = await Deno.makeTempDir();
  let server = await TestServer.start(["--data", data]);
  const { port } = server;
  const target = `:${port}`;
  await using child = await waiting(server, "hits", "--as", "ann");
  await using publisher = talker(["notify", target, "--publish", "hits", "-"]);
  const ids = publisher.stdout;
  const all = numbers(1, 600);
  const feed = async () => {
    for (const [index, text] of all.entries()) {
      await publisher.type(`${text}\n`);
      // Some are always on their way.
      await ids.next(() => ids.all.length >= index - 20).catch(() => {});
    }
    await publisher.endInput();
  };
  try {
    const feeding = feed();
    for (const count of [150, 350]) {
      while (ids.all.length < count) await child.waitFor(/./);
      server.signal("SIGKILL");
      await server.ended();
      server = await TestServer.start(["--data", data], { port });
    }
    await feeding;
    assertEquals((await publisher.ended(60_000)).code, 0);
    await child.waitFor(/ 600$/, 60_000);
    child.signal("SIGINT");
    const { code, out } = await child.ended();
    assertEquals(code, 0);
    // What a publisher had sent and not seen confirmed it may have published twice. Not one is missing
    // or out of order.
    assertEquals([...new Set(out)], printed(all));
    assert(out.length <= 600 + 2 * 25, `${out.length} lines`);
  } finally {
    await server.stop();
    await Deno.remove(data, { recursive: true });
  }
});
