/** `talker discover` as a program, on the loopback interface. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  advertise,
  discover,
  examine,
  finish,
  type FoundRecord,
  start,
} from "../support/discovery.ts";

/** A name that no other test has: all tests on this machine hear each other. */
function unique(what: string): string {
  return `${what}-${Deno.pid}-${Math.floor(Math.random() * 1e9)}`;
}

/** What the log says, at debug level, when a program has begun to look. */
const IS_OPEN = /Beacon [0-9a-f]{16} is open$/;

Deno.test("discover: help names all flags, their defaults, and examples", async () => {
  const { code, out, err } = await finish(["discover", "--help"]);
  const help = out.join("\n");
  assertEquals([code, err], [0, []]);
  const flags = ["wait S", "all", "watch", "advertise ADDRESS", "doctor", "networkzero", "json"];
  for (const flag of flags) assertStringIncludes(help, `--${flag}`);
  assertStringIncludes(help, "--interface NAME|ADDRESS");
  assertStringIncludes(help, "TALKER_");
  assert(out.filter((line) => line.startsWith("  talker discover ")).length >= 2);
});

Deno.test("discover: a search that is stopped has found nothing: exit code 1", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const name = unique("nowhere");
    await using child = start(["discover", name, "--wait", "60", "--log-level", "debug"]);
    await child.stderr.next(IS_OPEN);
    child.signal(signal);
    const { code, out, err } = await child.ended();
    assertEquals([code, out], [1, []]);
    assertStringIncludes(err.join("\n"), `\ntalker: "${name}" was not found: stopped\n`);
  }
});

Deno.test("discover: wrong usage is one clear line", async () => {
  const table: [string[], number, RegExp][] = [
    [[], 2, /^talker: What is to be found\? Give a NAME, or --all, --watch or --doctor$/],
    [["a", "b"], 2, /^talker: Unexpected argument "b"/],
    [["--wait", "soon", "a"], 2, /^talker: --wait is "soon"; it must be a number of seconds/],
    [["--bogus"], 2, /^talker: Unknown flag --bogus; the nearest is --/],
    [["--all", "--watch"], 2, /^talker: --all and --watch exclude each other$/],
    [["--doctor", "--advertise", "1", "a"], 2, /^talker: --advertise and --doctor exclude/],
    [["--doctor", "--wait", "0.5"], 2, /^talker: --wait is 0.5; --doctor needs 1 s at the least$/],
    [["--advertise", "80"], 2, /^talker: --advertise needs a NAME to advertise$/],
    [["--advertise", "x", "a"], 2, /^talker: --advertise is "x"; that is no address: /],
    [
      ["--advertise", "0", "a"],
      2,
      /^talker: --advertise is "0"; that is no address: nobody can be reached at port 0$/,
    ],
    [["--advertise", "1:2:3", "a"], 2, /^talker: --advertise is "1:2:3"; that is no address/],
    [["--advertise", "nowhere.invalid:1", "a"], 1, /cannot look up the host nowhere.invalid: /],
    [["--advertise", "80", "a b"], 2, /^talker: "a b" is no name: it must be 1 to 64 characters/],
    [["--advertise", "80", "a@b"], 2, /^talker: "a@b" is no name/],
    [["robot/*"], 2, /^talker: "robot\/\*" is a pattern: talker discover --all 'robot\/\*' lists$/],
    [["x".repeat(65)], 2, /^talker: "x+" is no name/],
    [["--all", "a@b"], 2, /^talker: "a@b" is no pattern/],
    [["--interface", "nosuch0", "a"], 1, /^talker: There is no interface "nosuch0" here \(--inter/],
    [["--interface", "203.0.113.9", "--all"], 1, /no interface "203.0.113.9" .* lo \(127.0.0.1/],
  ];
  await Promise.all(table.map(async ([args, expected, message]) => {
    const { code, out, err } = await finish(["discover", ...args]);
    assertEquals([code, out, err.length], [expected, [], 1], `${args}: ${err.join("\n")}`);
    assertMatch(err[0] ?? "", message);
  }));
});

Deno.test("discover: prints the address alone, as text and as JSON", async () => {
  const name = unique("one");
  await using _program = await advertise(name, "4567");
  const { code, out, err } = await finish(["discover", name]);
  assertEquals([code, out, err], [0, ["127.0.0.1:4567"], []]);
  const { took, age, ...found } = await discover(name);
  assert(took !== undefined && took < 5_000, `${took}`);
  assert(age >= 0);
  const { type, kind, address, addresses, via } = found;
  assertEquals(
    { type, kind, address, addresses, via, name: found.name },
    { type: "found", kind: "service", address, addresses: ["127.0.0.1:4567"], via: "talker", name },
  );
  assertEquals(address, "127.0.0.1:4567");
});

Deno.test("discover: a name is found whatever its case", async () => {
  const name = unique("Case");
  await using _program = await advertise(name, "4567");
  assertEquals((await discover(name.toUpperCase())).name, name);
});

Deno.test("discover: not found is told with what was heard instead", async () => {
  const name = unique("there");
  await using _program = await advertise(name, "4567");
  // Also within less time than a beacon is silent.
  for (const wait of ["0.7", "2"]) {
    const { code, out, err } = await finish(["discover", unique("gone"), "--wait", wait]);
    assertEquals([code, out, err.length], [1, [], 1]);
    const said = `^talker: "gone-\\S+" was not found within ${wait} s; heard were .*\\(service, `;
    assertMatch(err[0] ?? "", new RegExp(said));
  }
});

Deno.test("discover: found as soon as it appears", async () => {
  const name = unique("later");
  await using seeker = start(["discover", name, "--wait", "15", "--log-level", "debug"]);
  await seeker.stderr.next(IS_OPEN);
  await using _program = await advertise(name, "4568");
  const { code, out } = await seeker.ended();
  assertEquals([code, out], [0, ["127.0.0.1:4568"]]);
});

Deno.test("discover: lists what is there, also by a pattern", async () => {
  const group = unique("robot");
  await using _arm = await advertise(`${group}/arm`, "4001");
  await using _leg = await advertise(`${group}/leg`, "127.0.0.1:4002");
  const text = await finish(["discover", "--all", `${group}/*`, "--wait", "1"]);
  assertEquals([text.code, text.err], [0, []]);
  assertMatch(
    text.out.join("\n"),
    /^robot\S+\/arm {2}service {2}127\.0\.0\.1:4001 {2}\d+\.\d s\nrobot\S+\/leg {2}service {2}127\.0\.0\.1:4002 {2}\d+\.\d s$/,
  );
  const json = await finish(["discover", "--all", `${group}/l*`, "--wait", "1", "--json"]);
  const records = json.out.map((line) => JSON.parse(line) as FoundRecord);
  assertEquals(records.map(({ type, name, address }) => [type, name, address]), [
    ["service", `${group}/leg`, "127.0.0.1:4002"],
  ]);
  const none = await finish(["discover", "--all", unique("nothing"), "--wait", "0.3"]);
  assertEquals([none.code, none.out], [1, []]);
  assertMatch(
    none.err.join("\n"),
    /^talker: Nothing that matches "nothing-\S+" was heard within 0.3 s/,
  );
});

Deno.test("discover: watching tells who comes and who goes", async () => {
  const name = unique("guest");
  await using watcher = start(["discover", "--watch", `${name}*`]);
  const program = await advertise(name, "4003");
  await watcher.next(`+ ${name} 127.0.0.1:4003`);
  const { code, out, err } = await program.stop();
  assertEquals([code, err], [0, []]);
  assertEquals(out, [`talker discover ${name} advertised at 127.0.0.1:4003`]);
  await watcher.next(`- ${name}`);
  const end = await watcher.stop();
  assertEquals([end.code, end.err], [0, []]);
  assertEquals(end.out, [`+ ${name} 127.0.0.1:4003`, `- ${name}`]);
});

Deno.test("discover: --watch --wait ends by itself; --json tells the time", async () => {
  const name = unique("timed");
  await using _program = await advertise(name, "4004", { args: ["--json"] });
  const { code, out } = await finish(["discover", "--watch", name, "--wait", "1", "--json"]);
  assertEquals([code, out.length], [0, 1]);
  const record = JSON.parse(out[0] ?? "") as FoundRecord;
  assertEquals([record.type, record.name, record.address], ["found", name, "127.0.0.1:4004"]);
  assert(Math.abs(Date.parse(record.time ?? "") - Date.now()) < 60_000);
});

Deno.test("discover: a taken name is refused with the holder's address", async () => {
  const name = unique("taken");
  await using _holder = await advertise(name, "4005");
  const { code, out, err } = await finish(["discover", name.toUpperCase(), "--advertise", "4006"]);
  assertEquals([code, out, err.length], [1, [], 1]);
  assertStringIncludes(err[0] ?? "", "127.0.0.1:4005");
  // The name of one that has gone is free at once.
  await _holder.stop();
  await using _next = await advertise(name, "4006");
  assertEquals((await discover(name)).address, "127.0.0.1:4006");
});

Deno.test("discover: Ctrl-C ends each of them cleanly", async () => {
  const ways = [["--all", "--wait", "60"], ["--watch"], ["--doctor", "--wait", "60"]];
  await Promise.all(ways.map(async (args) => {
    await using program = start(["discover", ...args, "--log-level", "debug", "--interface", "lo"]);
    await program.stderr.next(IS_OPEN);
    const { code, out } = await program.stop();
    assertEquals([code, out.filter((line) => !line.startsWith("+ "))], [0, []], args.join(" "));
  }));
});

Deno.test("discover: the doctor finds nothing wrong with a name that is there", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const name = unique("well");
  await using _program = await advertise(name, `${listener.addr.port}`);
  const { causes, code, interfaces, port } = await examine(name);
  // This machine may have other interfaces, which the tests don't use.
  assertEquals(
    causes.filter((cause) => !/interface|loopback|networkzero/.test(cause)).slice(0, 1),
    [
      "found",
    ],
  );
  assertEquals([code, port.state], [0, "ours"]);
  const lo = interfaces.find(({ name }) => name === "lo");
  assertEquals([lo?.multicast?.is, lo?.broadcast?.is], ["returned", "returned"]);
  listener.close();
  await accepting.catch(() => {});
});

Deno.test("discover: the doctor's report in text", async () => {
  const name = unique("ill");
  // A port at which nobody listens any more.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using _program = await advertise(name, `${port}`);
  const { code, out, err } = await finish(["discover", "--doctor", name]);
  assertEquals([code, err], [1, []]);
  const report = out.join("\n");
  for (
    const part of ["Interfaces:", "Ports:", "Heard within ", "Connections:", "What this means:"]
  ) {
    assertStringIncludes(report, part);
  }
  assertMatch(report, /^ {2}lo +127\.0\.0\.1\/8 +multicast comes back, broadcast comes back$/m);
  assertMatch(
    report,
    /is found, but no connection can be made to 127\.0\.0\.1:\d+ \(connection ref/,
  );
});
