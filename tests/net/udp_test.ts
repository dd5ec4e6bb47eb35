import { assert, assertEquals } from "@std/assert";
import { type Datagram, openUdp, type UdpOptions, type UdpPort } from "../../lib/net/udp.ts";

const clean = { sanitizeOps: true, sanitizeResources: true };
const GROUPS = { v4: "239.255.84.75", v6: "ff12::7461:6c6b" };

/** A UDP port that nobody uses now. */
function freePort(): number {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  conn.close();
  return (conn.addr as Deno.NetAddr).port;
}

/** Ports on the loopback interface, and what each of them heard. */
class Rig implements AsyncDisposable {
  readonly port = freePort();
  readonly #ports: UdpPort[] = [];
  #wake = () => {};

  open(options: Partial<UdpOptions> = {}): { udp: UdpPort; heard: string[]; from: Datagram[] } {
    const heard: string[] = [];
    const from: Datagram[] = [];
    const received = (datagram: Datagram) => {
      heard.push(new TextDecoder().decode(datagram.bytes));
      from.push({ ...datagram, bytes: datagram.bytes.slice() });
      this.#wake();
    };
    const udp = openUdp({
      port: this.port,
      groups: GROUPS,
      only: ["lo"],
      maxBytes: 100,
      received,
      ...options,
    });
    this.#ports.push(udp);
    return { udp, heard, from };
  }

  async until(check: () => boolean): Promise<void> {
    const deadline = setTimeout(() => this.#wake(), 10_000);
    const start = performance.now();
    while (!check()) {
      assert(performance.now() - start < 10_000, "It did not happen within 10 s");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    clearTimeout(deadline);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const udp of this.#ports) await udp.close();
  }
}

const text = (text: string) => new TextEncoder().encode(text);

Deno.test({
  name: "udp: what is cast comes to all at the port, by each way, the sender included",
  ...clean,
  async fn() {
    await using rig = new Rig();
    const [a, b] = [rig.open(), rig.open()];
    a.udp.cast(text("x hello"), (bytes, how) => bytes[0] = how.charCodeAt(0));
    for (const { heard, from } of [a, b]) {
      await rig.until(() => heard.length >= 2);
      assertEquals(heard.toSorted(), ["b hello", "m hello"]);
      assertEquals(from[0]?.interface, "lo");
      assertEquals(from[0]?.local, true);
      assertEquals(from[0]?.source.hostname, "127.0.0.1");
    }
    assertEquals(a.udp.stats.sent, 2);
    assertEquals(a.udp.stats.sendErrors, 0);
  },
});

Deno.test({
  name: "udp: an answer comes to the asker alone",
  ...clean,
  async fn() {
    await using rig = new Rig();
    const [a, b, c] = [rig.open(), rig.open(), rig.open()];
    a.udp.cast(text("who?"));
    await rig.until(() => b.heard.length === 2 && c.heard.length === 2);
    b.udp.send(text("me"), b.from[0]!.source);
    await rig.until(() => a.heard.includes("me"));
    // What comes after it shows that the others didn't get it.
    a.udp.cast(text("end"));
    await rig.until(() => c.heard.includes("end"));
    assertEquals([b.heard.includes("me"), c.heard.includes("me")], [false, false]);
  },
});

Deno.test({
  name: "udp: a datagram over the limit comes longer than the limit, never cut to look right",
  ...clean,
  async fn() {
    await using rig = new Rig();
    const { udp, from } = rig.open();
    udp.cast(text("x".repeat(100)));
    udp.cast(text("y".repeat(5_000)));
    await rig.until(() => from.length === 4);
    assertEquals(from.map(({ bytes }) => bytes.length).sort(), [100, 100, 101, 101]);
  },
});

Deno.test({
  name: "udp: without interfaces nothing is sent, and nothing is thrown",
  ...clean,
  async fn() {
    await using rig = new Rig();
    const { udp } = rig.open({ only: ["nothing0"] });
    udp.cast(text("hello"));
    udp.send(text("hello"), { hostname: "127.0.0.1", port: 9 });
    assertEquals(udp.interfaces, []);
    assertEquals(udp.refresh(), false);
    await udp.close();
    udp.cast(text("late"));
    assertEquals(udp.stats.sent, 0);
  },
});

Deno.test({
  name: "udp: sends that fail are counted",
  ...clean,
  async fn() {
    await using rig = new Rig();
    const { udp } = rig.open();
    // From an address of the loopback there is no way out.
    udp.send(text("hello"), { hostname: "192.0.2.1", port: 9 });
    await udp.close();
    assertEquals(udp.stats.sendErrors, 1);
  },
});

Deno.test({
  name: "udp: a port that is held by one who doesn't share is told, and tried again",
  ...clean,
  async fn() {
    await using rig = new Rig();
    const { port } = rig;
    const selfish = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
    const { udp, heard } = rig.open();
    assert(udp.blocked !== undefined);
    selfish.close();
    udp.refresh();
    assertEquals(udp.blocked, undefined);
    udp.cast(text("hello"));
    await rig.until(() => heard.length > 0);
  },
});
