/** Names that networkzero programs have, and what a talker with `--networkzero` makes of it; over loopback. */

import { assertEquals, assertMatch } from "@std/assert";
import { Networkzero } from "../../lib/discovery/networkzero.ts";
import { finish } from "../support/discovery.ts";
import { TestServer } from "../support/server.ts";

/** With a networkzero program (the same datagrams) that has a name; skipped where the port can't be had. */
function testBeside(what: string, test: (name: string) => Promise<void>): void {
  Deno.test(`networkzero: ${what}`, async () => {
    using other = Networkzero.open({ interfaces: ["lo"] });
    if (other.blocked !== undefined) return;
    const name = `Kitchen-${crypto.randomUUID().slice(0, 8)}`;
    other.advertise(name, ["127.0.0.1:4567"]);
    await test(name.toLowerCase());
  });
}

for (const flags of [["--advertise"], ["--no-advertise"]]) {
  testBeside(`a server takes another name, ${flags}`, async (name) => {
    const server = await TestServer.start([
      "--name",
      name,
      "--networkzero",
      ...flags.filter((flag) => flag !== "--advertise"),
    ]);
    const { stdout, stderr } = await server.stop();
    assertMatch(stdout, new RegExp(`^talker server ${name}-2 listening on `));
    assertMatch(stderr, new RegExp(`The name "?${name}"? is taken by "?127\\.0\\.0\\.1:4567`));
    assertMatch(stderr, new RegExp(`This server is found as "?${name}-2`));
  });
}

testBeside("advertising a name that it has fails, with its address", async (name) => {
  const { code, out, err } = await finish([
    "discover",
    name,
    "--advertise",
    "7",
    "--networkzero",
  ]);
  assertEquals([code, out, err], [1, [], [
    `talker: The name "${name}" is taken by 127.0.0.1:4567; choose another name, or stop that program`,
  ]]);
});
