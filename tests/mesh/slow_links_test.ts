/** Links over connections in memory that take nothing: how much may wait on them, and for how long. */

import { assert, assertEquals } from "@std/assert";
import { MeshDriver } from "../../lib/mesh/driver.ts";
import { LINK_QUEUE_BYTES, LINK_STUCK_MS } from "../../lib/mesh/limits.ts";
import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import { MAX_MESH_FRAME, MAX_MESH_PAYLOAD } from "../../lib/wire/mesh_limits.ts";
import { encodeMeshMessage } from "../../lib/wire/mesh_message.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeConnection, FakeListener } from "../support/fake_connection.ts";
import { within } from "../support/line_client.ts";

/** How often a driver looks at its links, in milliseconds. */
const CHECK_MS = 1_000;

/** A node, with links in memory to peers that are up. */
async function meshOf(...names: string[]) {
  const listener = new FakeListener();
  const driver = new MeshDriver({
    identity: { id: "00000000000000aa", incarnation: 2 ** 32 + 1, name: "kitchen", mesh: "" },
    random: () => 0.5,
    connect: () => Promise.reject(new Error("nobody")),
  });
  driver.listen(listener);
  const connections: FakeConnection[] = [];
  for (const [i, name] of names.entries()) {
    const connection = new FakeConnection(`198.51.100.${i + 1}`);
    listener.arrives(connection);
    const iAm = encodeMeshMessage({
      type: "iAm",
      minVersion: 1,
      maxVersion: 1,
      id: `00000000000000e${i}`,
      incarnation: 2 ** 32 + 1,
      nonce: i + 1,
      name,
      mesh: "",
    });
    connection.arrives(encodeFrame(iAm, MAX_MESH_FRAME));
    connections.push(connection);
  }
  const peers = () => driver.node.peers().map(({ name }) => name);
  const changed = async (left: string[]) => {
    while (peers().join() !== left.join()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await within(changed(names), "the links");
  /** Nothing is left that would be waited for. */
  const leave = async () => {
    for (const connection of connections) {
      if (!connection.closed) connection.arrives(new Error("Reset"));
    }
    await within(changed([]), "the end of all links");
    await driver.stop();
  };
  return { driver, connections, peers, changed, leave };
}

Deno.test("limit: so many bytes wait on a link, then it is dropped", async () => {
  const { driver, connections, peers, changed, leave } = await meshOf("ann", "bob");
  const [ann, bob] = connections as [FakeConnection, FakeConnection];
  using clock = new FakeClock();
  const payload = new Uint8Array(MAX_MESH_PAYLOAD);
  const publish = (times: number) => {
    for (let i = 0; i < times; i++) driver.publish(1, [payload], 0);
  };
  // Bob takes some before it takes nothing any more, as ann does from the start.
  ann.takes = 0;
  publish(4);
  await bob.until(() => bob.written.length > 4 * MAX_MESH_PAYLOAD);
  bob.takes = 0;
  publish(LINK_QUEUE_BYTES / MAX_MESH_PAYLOAD - 4);
  assertEquals(peers(), ["ann", "bob"]);
  clock.now += CHECK_MS;
  await within(changed(["bob"]), "the end of the link that takes least");
  assert(driver.queued > LINK_QUEUE_BYTES - 5 * MAX_MESH_PAYLOAD);
  await leave();
});

Deno.test("limit: a link that takes nothing for so long is dropped", async () => {
  const { driver, connections, peers, changed, leave } = await meshOf("ann", "bob");
  using clock = new FakeClock();
  for (const connection of connections) connection.takes = 0;
  driver.publish(1, [new Uint8Array(1_000)], 0);
  for (const each of connections) await each.until(() => each.pending > 0);
  // Bob takes a little, and a little later than ann.
  clock.now += 1;
  connections[1]?.take(10);
  await connections[1]?.until(() => connections[1]?.pending! > 0);
  clock.now += LINK_STUCK_MS;
  // Both are alive.
  const ping = encodeFrame(encodeMeshMessage({ type: "ping", token: 1 }));
  for (const connection of connections) connection.arrives(ping);
  assertEquals(peers(), ["ann", "bob"]);
  await within(changed(["bob"]), "the end of the link that took nothing");
  await leave();
});
