import { assert, assertEquals, assertMatch } from "@std/assert";
import { LineClient } from "../support/line_client.ts";
import { missing, Program, TestServer, testUnless } from "../support/server.ts";

Deno.test("--max-clients: who is too many is told so, until somebody leaves", async () => {
  await using server = await TestServer.start(["--max-clients", "3", "--framed", "0"]);
  const clients = await Promise.all(["ann", "bob", "cid"].map((nick) => server.join(nick)));
  for (const framed of [false, true]) {
    const fourth = await server.connect({ framed });
    const lines = await fourth.closed();
    assertEquals(lines.length, 1, lines.join("|"));
    assertMatch(lines[0]!, /\b3\b/);
  }
  clients[2]!.close();
  await clients[0]!.next("cid has left");
  const fourth = await server.connect();
  await fourth.next(/^Welcome, guest\d+$/);
  await clients[1]!.send("hi");
  await fourth.next("bob: hi");
});

Deno.test("Who speaks before it is refused still gets the reason, as text and framed", async () => {
  await using server = await TestServer.start(["--max-clients", "1", "--framed", "0"]);
  await server.join("ann");
  for (let i = 0; i < 20; i++) {
    const framed = i % 2 === 1;
    const late = await LineClient.connect(framed ? server.framedPort : server.port, { framed });
    // What is not read before the close makes a reset of it; the reason must have come by then.
    late.send("hello", "/who").catch(() => {});
    const [reason, ...more] = await late.closed();
    assertMatch(reason!, /\b1\b/);
    assertEquals(more, []);
  }
});

Deno.test("Connections of this machine are not counted by address", async () => {
  await using server = await TestServer.start(["--max-per-address", "2"]);
  const clients = await Promise.all(Array.from({ length: 10 }, () => server.connect()));
  for (const client of clients) await client.next(/^Welcome, guest\d+$/);
});

testUnless(
  missing("bash"),
  "Too many open files: the server survives, and serves again",
  async () => {
    await using server = await TestServer.start([], {
      under: ["bash", "-c", 'ulimit -n 64; exec "$0" "$@"'],
    });
    const ann = await server.join("ann");
    // More than may be accepted, and perhaps more than the system lets wait for it.
    const crowd = Array.from({ length: 200 }, () => server.connect());
    await server.stderr.next(/too many open files/i);
    await ann.send("still there?");
    await ann.next("ann: still there?");
    // As those who are in leave, the others get in.
    let welcomed = 0;
    await Promise.all(crowd.map(async (connecting) => {
      const client = await connecting;
      await client.next(/^Welcome, guest\d+$/);
      welcomed++;
      client.close();
    }));
    assertEquals(welcomed, 200);
    const last = await server.join("last");
    await last.send("hello");
    await ann.next("last: hello");
    assert(server.running);
    // It is said, but not again and again.
    const complaints = server.stderr.all.filter((line) => /too many open files/i.test(line));
    assert(complaints.length <= 2, complaints.join("\n"));
  },
);

/** Two hosts, joined by a cable: network namespaces. */
class TwoHosts implements AsyncDisposable {
  readonly a: string;
  readonly b: string;
  /** The address of the first. */
  readonly address = "10.99.0.1";

  private constructor() {
    const id = `${Deno.pid % 100_000}`;
    this.a = `tk${id}a`;
    this.b = `tk${id}b`;
  }

  static async create(): Promise<TwoHosts> {
    const hosts = new TwoHosts();
    const { a, b, address } = hosts;
    try {
      await ip("netns", "add", a);
      await ip("netns", "add", b);
      await ip(
        "-n",
        a,
        "link",
        "add",
        "veth0",
        "type",
        "veth",
        "peer",
        "name",
        "veth0",
        "netns",
        b,
      );
      for (const [host, its] of [[a, address], [b, "10.99.0.2"]] as const) {
        await ip("-n", host, "link", "set", "lo", "up");
        await ip("-n", host, "address", "add", `${its}/24`, "dev", "veth0");
        await ip("-n", host, "link", "set", "veth0", "up");
      }
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
    return hosts;
  }

  /** A line client on one of the hosts. */
  connect(host: string, port: number): Program {
    const script = `exec 3<>/dev/tcp/${this.address}/${port}; cat <&3 & cat >&3; wait`;
    return new Program(["ip", "netns", "exec", host, "bash", "-c", script]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of [this.a, this.b]) await ip("netns", "delete", host).catch(() => {});
  }
}

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

function noNamespaces(): string | undefined {
  const reason = missing("ip", "bash", "unshare");
  if (reason !== undefined) return reason;
  const { success } = new Deno.Command("unshare", { args: ["--net", "--mount", "true"] })
    .outputSync();
  return success ? undefined : "no right to make network namespaces";
}

testUnless(
  noNamespaces(),
  "Another machine: at most --max-per-address connections, and no operator",
  async () => {
    await using hosts = await TwoHosts.create();
    await using server = await TestServer.start(["--max-per-address", "2"], {
      host: "0.0.0.0",
      under: ["ip", "netns", "exec", hosts.a],
    });
    const open = (host: string) => hosts.connect(host, server.port);
    await using one = open(hosts.b);
    await using two = open(hosts.b);
    for (const client of [one, two]) await client.stdout.next(/^Welcome, guest\d+$/);
    await using three = open(hosts.b);
    assertMatch(await three.stdout.next(), /10\.99\.0\.2.*\b2\b/);

    // The server's own machine is exempt, by whichever of its addresses.
    await using own1 = open(hosts.a);
    await using own2 = open(hosts.a);
    await using own3 = open(hosts.a);
    for (const client of [own1, own2, own3]) await client.stdout.next(/^Welcome, guest\d+$/);

    await own1.type("/nick local\n");
    await one.type("/nick away\n@k /kill local\n@s /stats\n");
    assertMatch(await one.stdout.next(/^@k /), /^@k error denied \S/);
    assertMatch(await one.stdout.next(/^@s /), /^@s error denied \S/);
    await own1.stdout.next(/renames themself as away$/);
    await own1.type("@k /kill away\n");
    await own1.stdout.next("@k ok");
    await own1.stdout.next("away has left");

    // There is room for one again, as soon as that connection is closed.
    await one.endOfInput();
    await one.ended();
    for (let welcome = ""; !welcome.startsWith("Welcome, ");) {
      await using another = open(hosts.b);
      welcome = await another.stdout.next();
    }
  },
);
