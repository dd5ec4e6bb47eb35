/** A link whose owner makes mistakes. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { FramedLink, type LinkOwner } from "../../lib/link/framed_link.ts";
import { FakeConnection } from "../support/fake_connection.ts";

const frame = (body: string) => String(body.length).padStart(10) + body;

/** What is logged meanwhile. */
async function logged(test: (log: LogRecord[]) => Promise<void>): Promise<void> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { list: (record) => void records.push(record) },
    loggers: [
      { category: "talker", sinks: ["list"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  try {
    await test(records);
  } finally {
    await reset();
  }
}

function open(throwing: keyof LinkOwner) {
  const said: string[] = [];
  const say = (what: keyof LinkOwner, more = "") => {
    said.push(`${what}${more}`);
    if (what === throwing) throw new TypeError(`oops in ${what}`);
  };
  const connection = new FakeConnection("2001:db8::7");
  const link = new FramedLink(1, connection, {
    frame: (_link, body) => say("frame", ` ${new TextDecoder().decode(body)}`),
    heard: () => say("heard"),
    sent: () => say("sent"),
    broken: (link, reason) => {
      say("broken", `: ${reason}`);
      link.finish();
    },
    ended: (_link, reason) => say("ended", `: ${reason}`),
    heardAll: () => say("heardAll"),
  }, 100);
  link.start();
  return { said, connection, link };
}

const MISTAKES: [keyof LinkOwner, (one: ReturnType<typeof open>) => void, string[]][] = [
  ["frame", ({ connection }) => connection.arrives(frame("a") + frame("b")), ["heard", "frame a"]],
  ["heard", ({ connection }) => connection.arrives(frame("a")), ["heard"]],
  ["sent", ({ link }) => link.send(new Uint8Array(3)), ["sent"]],
  ["heardAll", ({ connection }) => connection.arrives(null), ["heardAll"]],
];

for (const [throwing, happens, expected] of MISTAKES) {
  Deno.test(`framed link: a mistake of the owner in ${throwing} ends it, and is logged as that`, async () => {
    await logged(async (log) => {
      const one = open(throwing);
      happens(one);
      await one.link.closed;
      const reason = `this program made a mistake: oops in ${throwing}`;
      assertEquals(one.said, [...expected, `ended: ${reason}`]);
      assert(one.connection.closed);
      const [line, more] = log;
      assertEquals([line?.level, more?.level, log.length], ["error", "debug", 2]);
      const text = line!.message.join("");
      assertEquals(text, `The link with [2001:db8::7]:50000 ends: ${reason}`);
      assertStringIncludes(more!.message.join(""), "framed_link_test.ts");
    });
  });
}

Deno.test("framed link: mistakes in what is told last are logged, and go no further", async () => {
  await logged(async (log) => {
    const failing = open("ended");
    failing.connection.arrives(new Error("reset"));
    await failing.link.closed;
    assertEquals(failing.said, ["ended: the connection failed: reset"]);
    const broken = open("broken");
    broken.connection.arrives("no length at all");
    await broken.link.closed;
    assertEquals(broken.said.length, 3);
    assertEquals(broken.said.at(-1), "ended: this program made a mistake: oops in broken");
    assertEquals(log.filter(({ level }) => level === "error").length, 2);
  });
});
