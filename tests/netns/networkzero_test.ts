/**
 * With Python's networkzero itself, on hosts of their own. TALKER_TEST_NETWORKZERO names the folder from which
 * `networkzero` can be imported (with the `zmq` and `netifaces` that it needs); without it these tests
 * are skipped.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  advertise,
  discover,
  examine,
  finish,
  type FoundRecord,
  Spawned,
  start,
} from "../support/discovery.ts";
import { type Host, Network, testOnHosts } from "../support/netns.ts";
import { testUnless } from "../support/server.ts";

const FOLDER = Deno.env.get("TALKER_TEST_NETWORKZERO") ?? "";

/** A Python that has networkzero; or why there is none. */
async function findPython(): Promise<{ python: string } | { reason: string }> {
  if (FOLDER === "") return { reason: "TALKER_TEST_NETWORKZERO names no folder with networkzero" };
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const { success } = await new Deno.Command(python, {
        args: ["-c", "import networkzero"],
        env: { PYTHONPATH: FOLDER },
        stderr: "null",
      }).output();
      if (success) return { python };
    } catch {
      // There is no such program.
    }
  }
  return { reason: `networkzero can't be imported from ${FOLDER}` };
}

const found = await findPython();

async function testWithPython(name: string, test: (python: string) => Promise<void>) {
  if ("reason" in found) testUnless(found.reason, name, () => {});
  else await testOnHosts(name, () => test(found.python));
}

/** Runs a Python program in which `nw0` is networkzero, and `say` prints a line. */
function run(python: string, on: Host, code: string): Spawned {
  const head = "import time, networkzero as nw0\ndef say(*what): print(*what, flush=True)\n";
  return new Spawned([python, "-W", "ignore", "-c", head + code], {
    on,
    env: { PYTHONPATH: FOLDER, PYTHONIOENCODING: "utf-8" },
  });
}

/** Hosts a, b and c on one network; networkzero needs a default route. */
async function threeHosts(stack: AsyncDisposableStack) {
  const network = stack.use(await Network.create());
  const lan = await network.segment();
  const hosts: Host[] = [];
  for (const name of ["a", "b", "c"]) {
    const host = await network.host(name);
    await lan.attach(host, "left");
    await using route = new Spawned(["ip", "route", "add", "default", "dev", "eth1"], { on: host });
    assertEquals((await route.ended()).code, 0);
    hosts.push(host);
  }
  const [a, b, c] = hosts as [Host, Host, Host];
  return { lan, a, b, c };
}

await testWithPython(
  "networkzero: a Python program finds what talker advertises",
  async (python) => {
    await using stack = new AsyncDisposableStack();
    const { lan, a, b } = await threeHosts(stack);
    const program = stack.use(run(
      python,
      a,
      "for name in ('hello', 'gr\\u00fc\\u00dfe/arm'): say(nw0.discover(name, wait_for_s=20))\n" +
        "say(dict(nw0.discover_all()))",
    ));
    for (const name of ["hello", "grüße/arm"]) {
      stack.use(await advertise(name, "4567", { on: b, args: ["--networkzero"] }));
      assertEquals(await program.next(), `${b.on(lan)}:4567`);
    }
    assertEquals(
      await program.next(),
      `{'hello': '${b.on(lan)}:4567', 'grüße/arm': '${b.on(lan)}:4567'}`,
    );
  },
);

await testWithPython(
  "networkzero: talker finds what a Python program advertises",
  async (python) => {
    await using stack = new AsyncDisposableStack();
    const { a, b, c, lan } = await threeHosts(stack);
    const watcher = stack.use(start(["discover", "--watch", "--json"], { on: c }));
    const program = stack.use(run(
      python,
      a,
      "say(nw0.advertise('turn table'))\nsay(nw0.advertise('h\\u00e9', 4567))\ntime.sleep(60)",
    ));
    const address = await program.next();
    assertMatch(address, new RegExp(`^${a.on(lan)}:\\d+$`));
    const { took = Infinity, via, kind, address: at } = await discover("turn table", { on: b });
    assertEquals([via, kind, at], ["networkzero", "networkzero", address]);
    assert(took < 5_000);
    assertEquals((await discover("hé", { on: b })).address, `${a.on(lan)}:4567`);
    for (const name of ["turn table", "hé"]) {
      const line = await watcher.next((line) => (JSON.parse(line) as FoundRecord).name === name);
      assertEquals((JSON.parse(line) as FoundRecord).type, "found");
    }
    // Beside what beacons tell, each once.
    stack.use(await advertise("hello", "80", { on: b, args: ["--networkzero"] }));
    const { out } = await finish(["discover", "--all", "--json", "--wait", "4"], { on: c });
    assertEquals(
      out.map((line) => JSON.parse(line) as FoundRecord).map(({ name, via }) => `${name} ${via}`),
      ["hello talker", "hé networkzero", "turn table networkzero"],
    );
    const doctor = await examine("turn table".slice(0, 4), { on: c });
    assertEquals(doctor.causes, ["not-advertised"]);
  },
);

await testWithPython(
  "networkzero: where a Python program has the port, it is coped with and told",
  async (python) => {
    await using stack = new AsyncDisposableStack();
    const { lan, a, b } = await threeHosts(stack);
    const local = stack.use(run(
      python,
      a,
      "say(nw0.advertise('local', 4567))\nsay(nw0.discover('hello', wait_for_s=30))\ntime.sleep(60)",
    ));
    assertEquals(await local.next(), `${a.on(lan)}:4567`);
    // A talker beside it advertises to networkzero programs, the local one among them.
    const hello = stack.use(await advertise("hello", "4568", { on: a, args: ["--networkzero"] }));
    assertStringIncludes(
      await hello.stderr.next(),
      "UDP port 9999 can't be had (Address already in use",
    );
    assertEquals(await local.next(), `${a.on(lan)}:4568`);
    const other = stack.use(run(python, b, "say(nw0.discover('hello', wait_for_s=30))"));
    assertEquals(await other.next(), `${a.on(lan)}:4568`);
    await other.ended();
    // Finding talkers is as ever; and what isn't found is told with the reason.
    assertEquals((await discover("hello", { on: a })).address, `${a.on(lan)}:4568`);
    const { code, err } = await finish(["discover", "local", "--wait", "1"], { on: a });
    assertEquals(code, 1);
    assertMatch(
      err.join("\n"),
      /"local" was not found .* most likely a networkzero program on this/,
    );
    const doctor = await examine(undefined, { on: a });
    assertEquals([doctor.causes, doctor.code], [["networkzero-port-taken", "healthy"], 0]);
    // When it is free again a talker that waits for it takes it.
    const watcher = stack.use(start(["discover", "--watch", "far"], { on: a }));
    await watcher.stderr.next(/UDP port 9999 can't be had/);
    local.signal("SIGKILL");
    stack.use(run(python, b, "say(nw0.advertise('far', 4569))\ntime.sleep(60)"));
    assertEquals(await watcher.next(), `+ far ${b.on(lan)}:4569`);
  },
);

await testWithPython(
  "networkzero: nothing but adverts is ever sent to its port",
  async (python) => {
    await using stack = new AsyncDisposableStack();
    const { a, b, c, lan } = await threeHosts(stack);
    const ears = stack.use(run(
      python,
      c,
      "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 9999))\n" +
        "say('ready')\nwhile True: say(ascii(s.recvfrom(2048)[0]))",
    ));
    await ears.next("ready");
    const zero = stack.use(run(
      python,
      b,
      "nw0.advertise('python')\nsay('ready')\ntime.sleep(120)",
    ));
    await zero.next("ready");
    stack.use(await advertise("talker", "4567", { on: a, args: ["--networkzero"] }));
    stack.use(await advertise("plain", "4567", { on: a }));
    await Promise.all([
      finish(["discover", "nobody", "--wait", "2"], { on: a }),
      finish(["discover", "--all"], { on: a }),
      finish(["discover", "--watch", "--wait", "3"], { on: a }),
      finish(["discover", "--doctor"], { on: a }),
    ]);
    await ears.next(/talker/);
    const seen = new Set(ears.stdout.all.slice(1));
    for (const line of seen) {
      assertMatch(
        line,
        /^b'\["(talker|python)", "10\.77\.1\.\d:\d+", 20\]'$/,
      );
    }
    assert(seen.size >= 2, [...seen].join("\n"));
    // Its beacon is alive after all that: other programs on that box ask it.
    await using asker = run(python, b, "say(nw0.discover('talker', wait_for_s=20))");
    assertEquals(await asker.next(), `${a.on(lan)}:4567`);
  },
);

await testOnHosts(
  "networkzero: a server that can't hear the others says so, and serves",
  async () => {
    await using network = await Network.create();
    const host = await network.host("a");
    await using holder = new Spawned([
      Deno.execPath(),
      "eval",
      "--unstable-net",
      'Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 9999 }).receive(); ' +
      'console.log("held");',
    ], { on: host });
    assertEquals(await holder.next(), "held");
    const flags = ["--name", "kitchen", "--host", "127.0.0.1", "--port", "0", "--networkzero"];
    await using server = start(["server", ...flags], { on: host });
    assertStringIncludes(
      await server.stderr.next(),
      "talker: The adverts of Python's networkzero can't be heard: UDP port 9999 can't be had",
    );
    assertMatch(await server.next(), /^talker server kitchen listening on /);
  },
);
