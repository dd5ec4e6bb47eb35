import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AdvertError,
  advertise,
  discover,
  discoverAll,
  NameTakenError,
  unadvertise,
  watch,
} from "../../lib/discovery/mod.ts";

const clean = { sanitizeOps: true, sanitizeResources: true };
const interfaces = ["lo"];

/** These share the one port of all beacons: names of this process only. */
function own(name: string): string {
  return `mod-${Deno.pid}/${name}`;
}

Deno.test({
  name: "discovery: advertise, discover, unadvertise; nothing stays behind",
  ...clean,
  async fn() {
    const address = await advertise(own("hello"), undefined, { interfaces });
    assert(/^127\.0\.0\.1:\d+$/.test(address), address);
    assertEquals(await discover(own("HELLO"), { interfaces }), address);
    const [first, ...rest] = await discoverAll(own("*"), { interfaces, wait: 200 });
    assertEquals([first?.name, first?.kind, first?.addresses, rest], [own("hello"), "service", [
      address,
    ], []]);
    await assertRejects(() => advertise(own("hello"), 4567, { interfaces }), NameTakenError);
    await unadvertise(own("hello"));
    await unadvertise(own("hello"));
    assertEquals(await discover(own("hello"), { interfaces, wait: 100 }), null);
  },
});

Deno.test({
  name: "discovery: a signal withdraws an advert",
  ...clean,
  async fn() {
    const stop = new AbortController();
    const { signal } = stop;
    const address = await advertise(own("a"), "127.0.0.1:4567", {
      interfaces,
      signal,
      kind: "robot",
    });
    assertEquals(address, "127.0.0.1:4567");
    const events = watch(own("*"), { interfaces });
    const { value: found } = await events.next();
    assertEquals([found?.type, found?.service.kind], ["found", "robot"]);
    stop.abort();
    const { value: lost } = await events.next();
    assertEquals([lost?.type, lost?.service.name], ["lost", own("a")]);
    await events.return();
    await unadvertise(own("a"));
  },
});

Deno.test({
  name: "discovery: what is wrong is said at once, what isn't there is null",
  ...clean,
  async fn() {
    await assertRejects(() => advertise("two words", 80, { interfaces }), AdvertError);
    await assertRejects(() => advertise(own("b"), "kitchen", { interfaces }), AdvertError);
    await assertRejects(() => discover("a*", { interfaces }), AdvertError);
    const signal = AbortSignal.abort();
    assertEquals(await discover(own("nobody"), { interfaces, signal }), null);
    await assertRejects(() => advertise(own("b"), 80, { interfaces, signal }));
  },
});
