/** Programs of people who have a checkout, and write beside it. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { LIBRARY } from "../support/example.ts";
import { TEST_ENV } from "../support/server.ts";

/** What it prints to stdout, and to stderr. */
async function run(source: string, flags: readonly string[]): Promise<[string, string]> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/own.ts`, source);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", ...flags, "own.ts"],
      cwd: directory,
      env: TEST_ENV,
    }).output();
    return [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)];
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("outside: a program beside the checkout imports the library, and talks", async () => {
  const source = `
    import * as t from ${LIBRARY};
    const Hello = t.defineMessage("hello", t.text, { reply: t.text });
    const handlers = [t.handle(Hello, (name) => "Hello, " + name)];
    const secret = { secret: "four blue turntables" };
    await using server = await t.listen("127.0.0.1:0", { handlers, ...secret });
    await using session = await t.connect(server.address, secret);
    console.log(await session.ask(Hello, "World"));
    const own = "own" + crypto.randomUUID();
    console.log(await t.advertise(own, 12345).then((at) => at.endsWith(":12345"), (e) => e.message));
    console.log(await t.discover(own).then((at) => at.endsWith(":12345"), (e) => e.message));
    await t.unadvertise();`;
  assertEquals(await run(source, ["--unstable-net"]), ["Hello, World\ntrue\ntrue\n", ""]);
  const [said, wrong] = await run(source, []);
  const [hello, advertised, discovered] = said.split("\n");
  assertEquals([hello, wrong], ["Hello, World", ""]);
  assertStringIncludes(advertised!, "start the program with --unstable-net");
  assertEquals(discovered, advertised);
});

Deno.test("outside: what the library names with a version is what deno.json names", async () => {
  const { imports } = denoJson;
  const named: string[] = [];
  for (const file of ["log/mod.ts", "link/secure/sodium.ts"]) {
    const text = await Deno.readTextFile(new URL(`../../lib/${file}`, import.meta.url));
    named.push(...text.match(/npm:[^"]+/g) ?? []);
  }
  assert(named.length > 0);
  const known = [imports["@logtape/logtape"], imports["libsodium-wrappers-sumo"]];
  assertEquals([...new Set(named)].sort(), known.sort());
});
