/** Notifications over real connections: two nodes on the loopback interface. */
import { assert, assertEquals } from "@std/assert";
import { MeshDriver } from "../../lib/mesh/driver.ts";
import { newIncarnation, newNodeId } from "../../lib/mesh/identity.ts";
import { connectTcp } from "../../lib/net/tcp_client.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import { NotifyRoom } from "../../lib/notify/notify_room.ts";
import { Reader } from "./reader.ts";

const DEADLINE_MS = 10_000;

/** Waits for something that is bound to happen. */
async function until(done: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!done()) {
    assert(performance.now() < deadline, `${what} did not happen in ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

class Node implements AsyncDisposable {
  readonly driver: MeshDriver;
  readonly room: NotifyRoom;

  constructor(name: string) {
    const identity = {
      id: newNodeId(Math.random),
      incarnation: newIncarnation(1, Math.random),
      name,
      mesh: "",
    };
    this.driver = new MeshDriver({
      identity,
      random: Math.random,
      connect: ({ hostname: host, port }, signal) => connectTcp({ host, port }, { signal }),
    });
    this.room = new NotifyRoom({ driver: this.driver });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.room.stop();
    await this.driver.stop();
  }
}

Deno.test("notify room: over real links, with receipts", async () => {
  await using kitchen = new Node("kitchen");
  await using attic = new Node("attic");
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  kitchen.driver.listen(listener);
  const bob = new Reader().enter(attic.room, { as: "bob", topics: ["door/*"] });
  const why = await attic.driver.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  assertEquals(why, undefined);
  const anna = new Reader("anna").enter(kitchen.room);
  // What was there before the two met is compared.
  await until(() => kitchen.room.board.countSubscribers("door/x") === 2, "hearing of bob");
  await until(() => attic.room.board.countSubscribers("door/x") === 2, "hearing of anna");
  const { id, subscribers } = kitchen.room.publish({ topic: "door/x", text: "open", nick: "eve" });
  assertEquals(subscribers, 2);
  await until(() => bob.got.length > 0, "the notification");
  const receipts = attic.room.receipts(id, DEADLINE_MS);
  anna.ack();
  bob.ack();
  assertEquals(await receipts, {
    receipts: [
      { recipient: "anna", server: "kitchen", state: "acknowledged" },
      { recipient: "bob", server: "attic", state: "acknowledged" },
    ],
    silent: [],
  });
});
