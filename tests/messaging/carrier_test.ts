import { assertEquals, assertStrictEquals } from "@std/assert";
import { Carrier, type CarrierOptions, type Core } from "../../lib/messaging/carrier.ts";
import { FakeConnection } from "../support/fake_connection.ts";
import { within } from "../support/line_client.ts";

/** A core that tells what happens to it, and is due at `due`. */
function rig(more: Partial<Core> = {}, dial?: CarrierOptions["dial"]) {
  const told: string[] = [];
  const failed = Promise.withResolvers<unknown>();
  const connection = new FakeConnection();
  const core: Core = {
    due: Infinity,
    tick: () => void told.push("tick"),
    connected: () => void told.push("connected"),
    received: (record) => void told.push(record),
    disconnected: (reason) => void told.push(`disconnected: ${reason}`),
    unauthorised: (why) => void told.push(`unauthorised: ${why}`),
    ...more,
  };
  const carrier = new Carrier(() => core, {
    dial: dial ?? (() => Promise.resolve(connection)),
    reason: (error) => error instanceof Error ? error.message : String(error),
    tooLong: () => {},
    failed: failed.resolve,
  });
  return { told, connection, carrier, failed: failed.promise };
}

const MISTAKE = new TypeError("A mistake");
const mistake = () => {
  throw MISTAKE;
};

Deno.test("carrier: a mistake of the core is told as such, and as no lost connection", async () => {
  for (const more of [{ received: mistake }, { connected: mistake }]) {
    const { told, connection, carrier, failed } = rig(more);
    carrier.connect();
    connection.arrives("hello\r\n");
    assertStrictEquals(await within(failed, "the mistake"), MISTAKE);
    assertEquals(told.filter((one) => one !== "connected"), []);
    assertEquals(connection.closed, true);
  }
  const { carrier, failed } = rig({ due: 0, tick: mistake });
  carrier.act(() => {});
  assertStrictEquals(await within(failed, "the mistake"), MISTAKE);
});

Deno.test("carrier: a connection that fails is lost, one that can't be made as well", async () => {
  const ended = Promise.withResolvers<void>();
  const broken = rig({
    disconnected(reason) {
      broken.told.push(reason);
      ended.resolve();
    },
  });
  broken.carrier.connect();
  broken.connection.arrives("hello\r\n");
  broken.connection.arrives(new Error("Broken"));
  await within(ended.promise, "the loss");
  assertEquals(broken.told, ["connected", "hello", "Broken"]);

  const again = Promise.withResolvers<string>();
  const refused = rig({ disconnected: again.resolve }, () => Promise.reject(new Error("Refused")));
  refused.carrier.connect();
  assertEquals(await within(again.promise, "the refusal"), "Refused");
});
