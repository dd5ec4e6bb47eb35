/** What a third party on the network sees of an encrypted mesh: captured with tcpdump, on real hosts. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { missing, runTalker } from "../support/server.ts";
import { startMesh } from "../support/mesh_host.ts";
import { Network, testOnHosts, whyNoHosts } from "../support/netns.ts";

const PRIVATE = [
  "the tea is ready",
  "kitchen-server",
  "attic-server",
  "ann-of-the-attic",
  "bob-of-the-kitchen",
  "door-topic",
  "somebody rings",
  "which way",
  "left-and-right",
  "blue turntable",
  "notify",
];

/** Runs `tcpdump` on a host until it is disposed of. */
async function capture(under: string[], file: string): Promise<AsyncDisposable> {
  const command = [
    ...under,
    "tcpdump",
    "-i",
    "any",
    "-U",
    "--immediate-mode",
    "-s",
    "0",
    "-w",
    file,
  ];
  const [program = "", ...args] = [...command, "not", "host", "127.0.0.1"];
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  // It says so when it listens.
  const reader = child.stderr.getReader();
  await reader.read();
  reader.releaseLock();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await child.stderr.cancel();
      await child.status;
    },
  };
}

const noHosts = await whyNoHosts();
const reason = noHosts ?? missing("tcpdump", "nc");

async function onHosts(name: string, test: () => Promise<void>): Promise<void> {
  if (reason === undefined) return await testOnHosts(name, test);
  Deno.test({ name: `${name} (skipped: ${reason})`, ignore: true, fn() {} });
}

await onHosts(
  "capture: chat, notifications and questions of an encrypted mesh can't be read",
  async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.writeTextFile(`${folder}/secret`, "blue turntable\n");
    const network = stack.use(await Network.create());
    const [a, b] = [await network.host("a"), await network.host("b")];
    const cable = await network.cable(a, b);
    const sniffer = await capture(a.under, `${folder}/dump`);
    const args = ["--secret-file", `${folder}/secret`];
    const kitchen = await startMesh(stack, "kitchen-server", {
      on: a,
      args: [...args, "--answer", "cat; echo left-and-right"],
    });
    const attic = await startMesh(stack, "attic-server", {
      on: b,
      peers: [`${a.on(cable)}:7000`],
      args,
    });
    await attic.reaches("attic-server", "kitchen-server");
    const bob = await a.join("bob-of-the-kitchen");
    await bob.send("/notify door-topic");
    await bob.next(/^Notifications on/);
    const ann = await b.join("ann-of-the-attic");
    await ann.send("@1 /publish door-topic somebody rings", "@2 /ask @kitchen-server which way");
    await ann.next("@2 left-and-right");
    await bob.next(/^NOTIFY .* door-topic somebody rings/);
    // A client of the other host, with the secret, and one without.
    const target = `${a.on(cable)}:8889`;
    const send = ["client", target, "--send", "the tea is ready"];
    const said = await runTalker([...send, ...args, "--nick", "cy-of-the-attic"], {
      under: b.under,
    });
    assertEquals(said.code, 0, said.stderr);
    await ann.next("cy-of-the-attic: the tea is ready");
    const plain = await runTalker(send, { under: b.under });
    assertEquals(plain.code, 5, plain.stderr);
    assertMatch(plain.stderr, /Encrypted connections only/);
    await kitchen.process.stderr.next(/Refused a client from .*: The other side does not encrypt/);
    await sniffer[Symbol.asyncDispose]();
    const dump = new TextDecoder("latin1").decode(await Deno.readFile(`${folder}/dump`))
      .toLowerCase();
    assert(dump.length > 5_000, `${dump.length} bytes were captured`);
    assert(dump.includes("encrypted connections only"), "what is to be seen is seen");
    assertEquals(PRIVATE.filter((word) => dump.includes(word)), []);
    assert(!dump.includes("cy-of-the-attic"));
  },
);
