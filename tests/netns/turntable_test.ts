/** The three boxes of the turntable as hosts of their own, and a group that loses a cable. */

import { assert, assertEquals } from "@std/assert";
import { Example } from "../support/example.ts";
import { Network, testOnHosts } from "../support/netns.ts";

await testOnHosts(
  "hosts: the turntable of three boxes, whichever is switched on first",
  async () => {
    await using network = await Network.create();
    const net = await network.segment();
    await using stack = new AsyncDisposableStack();
    const boxes: Record<string, (program: string) => Example> = {};
    for (const [name, side] of [["c", "left"], ["t", "right"], ["d", "left"]] as const) {
      const host = await network.host(name);
      await net.attach(host, side);
      boxes[name] = (program) =>
        stack.use(Example.start(`examples/turntable/${program}.ts`, [], {
          under: host.under,
          env: { TALKER_INTERFACE: host.on(net) },
        }));
    }
    for (const order of ["ctd", "dtc"]) {
      const programs: Record<string, Example> = {};
      for (const box of order) {
        const program = { c: "controller", t: "turntable", d: "detector" }[box] as string;
        programs[box] = boxes[box]!(program);
      }
      const { c, t, d } = programs as Record<string, Example>;
      await t!.next("The motor turns at 0.5");
      for (const target of [2, 7, 1]) await d!.type(`${target}`);
      await t!.next("The motor stops");
      const { code, out } = await c!.ended();
      assertEquals([code, out.at(-1)], [0, "Target 1 was hit: 10 points"]);
      // The next round needs the names.
      for (const program of [t!, d!]) await program[Symbol.asyncDispose]();
    }
  },
);

await testOnHosts(
  "hosts: a group notices a cut cable within 5 s, and is ready again with it",
  async () => {
    await using network = await Network.create();
    const [a, b] = [await network.host("a"), await network.host("b")];
    const cable = await network.cable(a, b);
    await using server = Example.lines(
      `await using server = await t.listen("${b.on(cable)}:7000", {
      handlers: [t.handle(t.defineMessage("hello", t.text), (name) => "Hello, " + name)],
    });
    console.log("listening");
    for await (const event of server.events) console.log(event.type, event.reason);`,
      { under: b.under },
    );
    await using client = Example.lines(
      `const Hello = t.defineMessage("hello", t.text);
    await using group = t.connectGroup({ b: "${b.on(cable)}:7000" });
    for await (const { type } of group.events) {
      console.log(type);
      if (type === "ready") console.log(await group.members.b.ask(Hello, "Tim"));
    }`,
      { under: a.under },
    );
    await server.next("listening");
    await client.next("Hello, Tim");
    await cable.cut();
    const cut = performance.now();
    await client.next("notReady");
    await server.next(/^abandoned nothing was heard for/);
    const noticed = performance.now() - cut;
    await cable.mend();
    const mended = performance.now();
    await client.next("Hello, Tim");
    const back = performance.now() - mended;
    assert(noticed < 5_000 + 500, `noticed after ${noticed} ms`);
    assert(back < 5_000, `back after ${back} ms`);
  },
);
