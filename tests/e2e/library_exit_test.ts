/** Programs that advertise, and how they end: others are told, and the end is the usual one. */

import { assertEquals } from "@std/assert";
import { watch } from "../../lib/mod.ts";
import { Example } from "../support/example.ts";
import { within } from "../support/line_client.ts";

/** What a program does after `advertise`, what is done to it, and how it ends then. */
interface Ending {
  readonly says: string;
  readonly lines: string;
  readonly options?: string;
  readonly signal?: Deno.Signal;
  readonly end: { readonly code: number; readonly out: string[] };
}

/** A handler of a program that takes its time. */
const leave = `() => { console.log("mine"); setTimeout(() => Deno.exit(7), 50); }`;

const ENDINGS: readonly Ending[] = [
  { says: "Deno.exit", lines: "Deno.exit(5);", end: { code: 5, out: [] } },
  {
    says: "its end, in the background",
    lines: "",
    options: "{ background: true }",
    end: { code: 0, out: [] },
  },
  { says: "unadvertise", lines: "await t.unadvertise();", end: { code: 0, out: [] } },
  {
    says: "Ctrl-C with a handler of its own",
    lines: `Deno.addSignalListener("SIGINT", ${leave});`,
    signal: "SIGINT",
    end: { code: 7, out: ["mine"] },
  },
];

for (const { says, lines, options = "{}", signal, end } of ENDINGS) {
  Deno.test(`library: a program that advertises ends by ${says}: its advert is withdrawn`, async () => {
    const name = `end-${crypto.randomUUID().slice(0, 8)}`;
    const events = watch(name, { interfaces: ["lo"] });
    const next = async () => {
      const { value } = await within(events.next(), `the next event of ${name}`);
      return value && { type: value.type, age: value.service.age };
    };
    await using program = Example.lines(`
      await t.advertise("${name}", 4567, ${options});
      ${lines}
      console.log("ready");`);
    assertEquals((await next())?.type, "found");
    if (signal !== undefined) {
      await program.next("ready");
      program.signal(signal);
    }
    const lost = await next();
    // What is only missed was last heard of seconds ago.
    assertEquals([lost?.type, (lost?.age ?? Infinity) < 3_000], ["lost", true]);
    const { code, out } = await program.ended();
    assertEquals({ code, out: out.filter((line) => line !== "ready") }, end);
    await events.return();
  });
}
