import { assert } from "@std/assert";
import { configure, reset } from "@logtape/logtape";
import { connect, defineMessage, handle, listen, text } from "../../lib/mod.ts";

Deno.test("trace: at debug each message sent and received is logged, at info none", async () => {
  const Say = defineMessage("say", text);
  for (const level of ["debug", "info"] as const) {
    const lines: string[] = [];
    await configure({
      reset: true,
      sinks: { list: (record) => lines.push(record.message.join("")) },
      loggers: [
        { category: "talker", sinks: ["list"], lowestLevel: level },
        { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
      ],
    });
    try {
      await using server = await listen("127.0.0.1:0", { handlers: [handle(Say, () => "bye")] });
      await using session = await connect(server.address);
      await session.ask(Say, `a secret of ${"x".repeat(1000)}`);
      const sent = `${server.address} > {"kind":"ask","id":1,"type":"say","body":"a secret`;
      const received = `${server.address} < {"kind":"answer","id":1,"body":"bye"}`;
      for (const start of [sent, received]) {
        const found = lines.filter((line) => line.startsWith(start));
        assert(found.length === (level === "debug" ? 1 : 0), `${start}: ${lines.join("\n")}`);
        assert(found.every((line) => line.length < 300));
      }
    } finally {
      await reset();
    }
  }
});
