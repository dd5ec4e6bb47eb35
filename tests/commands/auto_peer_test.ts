import { assert, assertEquals } from "@std/assert";
import { advertisedNode, joinMesh } from "../../commands/auto_peer.ts";
import { newNode } from "../../commands/mesh_join.ts";
import type { Service, ServiceEvent } from "../../lib/discovery/service.ts";
import type { MeshDriver } from "../../lib/mesh/driver.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import { within } from "../support/line_client.ts";

const NODE = "00000000000000aa";

function service(more: Partial<Service> = {}): Service {
  return {
    name: "attic",
    kind: "talker",
    id: "1111111111111111",
    addresses: ["192.0.2.7:8889", "[fe80::7%eth0]:8889"],
    properties: { mesh: "club", node: NODE, peers: "7000" },
    age: 0,
    since: 0,
    source: "192.0.2.7",
    interface: undefined,
    host: "",
    ...more,
  };
}

Deno.test("auto peer: what an advert tells of a node of the mesh", () => {
  assertEquals(advertisedNode(service()), {
    id: NODE,
    mesh: "club",
    addresses: [
      { hostname: "192.0.2.7", port: 7000 },
      { hostname: "fe80::7%eth0", port: 7000 },
    ],
  });
  const unnamed = service({ properties: { node: NODE, peers: "1" } });
  assertEquals(advertisedNode(unnamed)?.mesh, "");
  const peer = service({ kind: "peer", properties: { mesh: "club", node: NODE } });
  assertEquals(advertisedNode(peer)?.addresses[0], { hostname: "192.0.2.7", port: 8889 });
});

Deno.test("auto peer: what is no node of the mesh, or nonsense, is passed over", () => {
  const wrong: Record<string, string>[] = [
    {},
    { node: NODE },
    { peers: "7000" },
    { node: "AA", peers: "7000" },
    { node: `${NODE}0`, peers: "7000" },
    { node: "00000000000000ag", peers: "7000" },
    ...["0", "65536", "-1", "7e3", "", " 7000", "70000", "0x10"].map((peers) => ({
      node: NODE,
      peers,
    })),
  ];
  for (const properties of wrong) {
    assertEquals(advertisedNode(service({ properties })), undefined, JSON.stringify(properties));
  }
  const odd = service({ addresses: ["x", "", ":1", "300.1.1.1:2", "[::1", "192.0.2.8:1"] });
  const hosts = advertisedNode(odd)?.addresses.map(({ hostname }) => hostname);
  assertEquals(hosts, ["192.0.2.8"]);
});

/** Discovery, as the test plays it. */
class Stub {
  readonly #events: ServiceEvent[] = [];
  #news = Promise.withResolvers<void>();

  tell(type: ServiceEvent["type"], service: Service): void {
    this.#events.push({ type, service });
    this.#news.resolve();
  }

  async *watch({ signal }: { signal: AbortSignal }): AsyncGenerator<ServiceEvent> {
    const over = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    while (!signal.aborted) {
      yield* this.#events.splice(0);
      await Promise.race([this.#news.promise, over]);
      this.#news = Promise.withResolvers();
    }
  }
}

/** A node that takes links on the loopback interface. */
function node(stack: AsyncDisposableStack, name: string, mesh: string) {
  const driver = newNode({ name, mesh });
  stack.defer(() => driver.stop());
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  driver.listen(listener);
  const { id } = driver.node.identity;
  const properties = { mesh, node: id, peers: `${listener.addr.port}` };
  const advert = (more: Partial<Service> = {}) =>
    service({ name, addresses: ["127.0.0.1:1"], properties, ...more });
  return { driver, advert };
}

/** Waits until the node has a link to each of these. */
async function linked(driver: MeshDriver, ...names: string[]): Promise<void> {
  const isSo = () => driver.node.peers().map(({ name }) => name).join() === names.sort().join();
  if (isSo()) return;
  const done = Promise.withResolvers<void>();
  driver.watch({ linksChanged: () => isSo() && done.resolve() });
  await within(done.promise, `links to ${names}`);
}

Deno.test("auto peer: those of the same mesh are linked, once they are seen", async () => {
  await using stack = new AsyncDisposableStack();
  const a = node(stack, "a", "club");
  const b = node(stack, "b", "club");
  const school = node(stack, "school", "school");
  const stub = new Stub();
  const stop = new AbortController();
  const joined = joinMesh({ beacon: stub, driver: a.driver, join: true, signal: stop.signal });
  stub.tell("found", a.advert());
  stub.tell("found", school.advert());
  stub.tell("found", b.advert());
  await linked(a.driver, "b");
  await linked(b.driver, "a");
  // Its first advert is withdrawn when its program is started again; the second one still holds.
  stub.tell("found", b.advert({ id: "2222222222222222" }));
  stub.tell("lost", b.advert());
  b.driver.drop(a.driver.node.identity.id);
  await linked(a.driver, "b");
  stop.abort();
  await joined;
});

Deno.test("auto peer: without joining, those of --peer are tried when they are heard", async () => {
  await using stack = new AsyncDisposableStack();
  const retried: string[] = [];
  const { driver } = node(stack, "a", "");
  driver.retry = (addresses, id) =>
    void retried.push(...addresses.map(({ hostname, port }) => `${hostname} ${port}`), `${id}`);
  const stub = new Stub();
  const stop = new AbortController();
  const joined = joinMesh({ beacon: stub, driver, join: false, signal: stop.signal });
  stub.tell("found", service({ host: "box" }));
  stub.tell("lost", service());
  stub.tell("found", service({ properties: {} }));
  const b = node(stack, "b", "");
  stub.tell("found", b.advert({ addresses: [] }));
  stub.tell("changed", service({ addresses: ["192.0.2.9:1"] }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  stop.abort();
  await joined;
  const first = ["192.0.2.7", "fe80::7%eth0", "attic", "attic.local", "box", "box.local"];
  const expected = [...first.map((hostname) => `${hostname} 7000`), "attic 0", NODE];
  assertEquals(retried.slice(0, expected.length), expected);
  assertEquals(retried.slice(expected.length)[0], "192.0.2.9 7000");
  assertEquals(driver.node.peers(), []);
});

Deno.test("auto peer: it ends quietly when discovery fails", async () => {
  await using stack = new AsyncDisposableStack();
  const { driver } = node(stack, "a", "club");
  const beacon = {
    // deno-lint-ignore require-yield
    async *watch(): AsyncGenerator<ServiceEvent> {
      await Promise.resolve();
      throw new Error("no network");
    },
  };
  await joinMesh({ beacon, driver, join: true, signal: new AbortController().signal });
  assert(driver.node.reachable().length === 1);
});
