/** Joining and retrying over real connections, on the loopback interface. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { JoinerDriver } from "../../lib/mesh/joiner_driver.ts";
import { MeshDriver } from "../../lib/mesh/driver.ts";
import { connectTcp } from "../../lib/net/tcp_client.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import type { Endpoint } from "../../lib/net/transport.ts";

const DEADLINE_MS = 10_000;

/** A node that takes links. Disposing of it stops it. */
class Node implements AsyncDisposable {
  readonly driver: MeshDriver;
  readonly address: Endpoint;
  #changed = Promise.withResolvers<void>();

  constructor(readonly name: string, { mesh = "club", port = 0 } = {}) {
    const id = [...name].map((c) => c.charCodeAt(0).toString(16)).join("").padStart(16, "0");
    this.driver = new MeshDriver({
      identity: { id, incarnation: 2 ** 32 + 1, name, mesh },
      random: Math.random,
      connect: ({ hostname: host, port }, signal) => connectTcp({ host, port }, { signal }),
    });
    const news = () => {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    this.driver.watch({ reachable: news, unreachable: news, linksChanged: news });
    const listener = listenTcp({ hostname: "127.0.0.1", port });
    this.driver.listen(listener);
    this.address = { hostname: "127.0.0.1", port: listener.addr.port };
  }

  get id(): string {
    return this.driver.node.identity.id;
  }

  get peers(): string[] {
    return this.driver.node.peers().map(({ name }) => name);
  }

  /** Waits until it is so; looked at whenever something changes. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const due = performance.now() + DEADLINE_MS;
    while (!isSo()) {
      const left = due - performance.now();
      if (left <= 0) throw new Error(`Not in time: ${what}; ${this.name} has ${this.peers}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, left));
      await Promise.race([this.#changed.promise, late]);
      clearTimeout(timer);
    }
  }

  joins(): JoinerDriver {
    return new JoinerDriver({ driver: this.driver, random: Math.random });
  }

  candidate(): Parameters<JoinerDriver["seen"]>[0] {
    const { id, name, address, driver } = this;
    return { id, name, mesh: driver.node.identity.mesh, addresses: [address] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.stop();
  }
}

Deno.test("joiner driver: nodes that see each other become one mesh, and heal", async () => {
  await using stack = new AsyncDisposableStack();
  const nodes = ["a", "b", "c", "d", "e", "f", "g"].map((name) => stack.use(new Node(name)));
  const joiners = nodes.map((node) => stack.use(node.joins()));
  for (const joiner of joiners) for (const node of nodes) joiner.seen(node.candidate());
  for (const node of nodes) {
    await node.until("all are reachable", () => node.driver.node.reachable().length === 7);
  }
  const [gone, ...left] = nodes as [Node, ...Node[]];
  joiners[0]![Symbol.dispose]();
  await gone.driver.stop();
  for (const node of left) {
    await node.until("all that are left", () => node.driver.node.reachable().length === 6);
  }
});

Deno.test("joiner driver: another mesh refuses the link, and is left alone", async () => {
  await using a = new Node("a");
  await using b = new Node("b", { mesh: "school" });
  using joiner = a.joins();
  const outcome = await a.driver.dial(b.address, { joined: true });
  assert(outcome.type === "failed" && outcome.refused, JSON.stringify(outcome));
  const nobody = await a.driver.dial({ hostname: "127.0.0.1", port: 1 });
  assert(nobody.type === "failed" && !nobody.refused, JSON.stringify(nobody));
  // It claims to be of ours.
  joiner.seen({ ...b.candidate(), mesh: "club" });
  await using c = new Node("c");
  joiner.seen(c.candidate());
  await a.until("the one that can be linked is", () => a.peers.join() === "c");
});

Deno.test("joiner driver: only links that are joined, and not kept up, may be dropped", async () => {
  await using a = new Node("a");
  await using b = new Node("b");
  await using c = new Node("c");
  assertEquals(await a.driver.dial(b.address, { joined: true }), { type: "up", peer: b.id });
  assertEquals(await a.driver.connect(c.address), undefined);
  assertEquals(a.driver.links(), new Map([[b.id, true], [c.id, false]]));
  assertEquals(b.driver.links(), new Map([[a.id, false]]));
  a.driver.drop(c.id);
  assertEquals(a.peers, ["b", "c"]);
  a.driver.keep(b.address);
  assertEquals(a.driver.links().get(b.id), false);
  a.driver.kill(b.address);
  await a.until("the link has ended", () => a.peers.join() === "c");
  await a.driver.dial(b.address, { joined: true });
  a.driver.drop(b.id);
  assertEquals(a.peers, ["c"]);
  await b.until("the other side is told", () => b.peers.length === 0);
});

Deno.test("joiner driver: a link that an operator ended stays ended for a while", async () => {
  await using a = new Node("a");
  await using b = new Node("b");
  using seer = a.joins();
  using seen = b.joins();
  seer.seen(b.candidate());
  seen.seen(a.candidate());
  await a.until("they are linked", () => a.peers.length === 1);
  await b.until("they are linked", () => b.peers.length === 1);
  a.driver.kill("b");
  await b.until("the link has ended", () => b.peers.length === 0);
  // Who comes later is linked later: by then the two would have been.
  await using c = new Node("c");
  seer.seen(c.candidate());
  await a.until("c is linked", () => a.peers.length > 0);
  assertEquals(a.peers, ["c"]);
});

Deno.test("driver: retry makes the attempt of --peer now", async () => {
  await using a = new Node("a");
  // An address of TEST-NET-1, which nobody has, counts as the Internet: the delays are of seconds.
  const far = { hostname: "192.0.2.1", port: 7000 };
  const attempts: number[] = [];
  const attempted = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using driver = new AsyncDisposableStack();
  const keeper = new MeshDriver({
    identity: { ...a.driver.node.identity, id: "00000000000000ff", name: "keeper" },
    random: () => 0.999,
    connect: () => {
      attempts.push(performance.now());
      attempted[attempts.length - 1]?.resolve();
      return Promise.reject(new Error("nobody there"));
    },
  });
  driver.defer(() => keeper.stop());
  keeper.keep(far);
  await attempted[0]!.promise;
  await new Promise((resolve) => setTimeout(resolve, 0));
  keeper.retry([{ hostname: "192.0.2.1", port: 7001 }], "00000000000000aa");
  assertEquals(attempts.length, 1, "another address, another node");
  const from = performance.now();
  keeper.retry([{ hostname: "192.0.2.9", port: 7000 }, far]);
  await attempted[1]!.promise;
  assertLess(performance.now() - from, 500);
  await new Promise((resolve) => setTimeout(resolve, 0));
  keeper.retry([far]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(attempts.length, 2, "once a second");
});

Deno.test("driver: retry knows who answered at an address", async () => {
  let port: number;
  await using a = new Node("a");
  {
    await using b = new Node("b");
    port = b.address.port;
    a.driver.keep(b.address);
    await a.until("they are linked", () => a.peers.length === 1);
  }
  await a.until("the link has ended", () => a.peers.length === 0);
  await using again = new Node("b", { port });
  a.driver.retry([], again.id);
  await a.until("they are linked again", () => a.peers.length === 1);
});

Deno.test("driver: kill ends the attempts at a peer whose own link is the one that is there", async () => {
  for (const by of ["name", "address"]) {
    await using a = new Node("a");
    await using b = new Node("b");
    b.driver.keep(a.address);
    await b.until("they are linked", () => b.peers.length === 1);
    // Of two links the one that the lower id made stays.
    assertEquals(await a.driver.connect(b.address), undefined);
    const incoming = () => b.driver.node.peers().find(({ initiator }) => !initiator);
    await b.until("that of the other side stays", () => incoming() !== undefined);
    const address = b.driver.addressOf(incoming()!.link)!;
    assertEquals(b.driver.kill(by === "name" ? "a" : address), 1, by);
    assertEquals(b.driver.kill(a.address), 0, "nothing is tried any more");
  }
});

Deno.test("driver: kill by name ends the attempts at who answered, and is away", async () => {
  await using a = new Node("a");
  {
    await using b = new Node("b");
    a.driver.keep(b.address);
    await a.until("they are linked", () => a.peers.length === 1);
  }
  await a.until("the link has ended", () => a.peers.length === 0);
  assertEquals(a.driver.kill("c"), 0);
  assertEquals(a.driver.kill("b"), 1);
  assertEquals(a.driver.kill("b"), 0);
});

Deno.test("driver: kill ends the attempt that is under way", async () => {
  const far = { hostname: "192.0.2.1", port: 7000 };
  const begun = Promise.withResolvers<AbortSignal>();
  await using a = new Node("a");
  const keeper = new MeshDriver({
    identity: a.driver.node.identity,
    random: Math.random,
    connect: (_to, signal) => {
      begun.resolve(signal);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
  });
  keeper.keep(far);
  const signal = await begun.promise;
  assertEquals(keeper.kill(far), 1);
  assert(signal.aborted);
  await keeper.stop();
});
