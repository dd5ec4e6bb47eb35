/** What the histories rely on: the simulated connections behave as TCP does. */
import { assert, assertEquals } from "@std/assert";
import { MeshSimulator, SIM_KIND } from "../support/mesh_simulator.ts";

Deno.test("simulator: a cable that is cut silently keeps the order of what is sent", () => {
  const sent: Uint8Array[] = [];
  const came: Uint8Array[] = [];
  const simulator = new MeshSimulator({
    seed: 1,
    onSend: (from, body) => {
      if (from === speaker) sent.push(body);
    },
  });
  const [speaker, hearer] = [simulator.addNode(), simulator.addNode()];
  const cable = simulator.addCable(speaker, hearer, { delay: [50, 100] });
  const speak = (word: string) =>
    simulator.on(speaker, (node) => {
      const times = { now: simulator.now, time: simulator.now };
      node.publish(SIM_KIND.speech, [new TextEncoder().encode(word)], times);
    });
  simulator.run(900);
  const node = hearer.node!;
  assertEquals(node.peers().length, 1);
  const receive = node.frameReceived.bind(node);
  node.frameReceived = (link, body, now) => {
    came.push(body);
    receive(link, body, now);
  };
  sent.length = 0;
  speak("under way");
  simulator.run(10);
  simulator.cut(cable, "silent");
  speak("held");
  simulator.run(200);
  assertEquals(came.length, 0);
  simulator.heal(cable);
  simulator.run(200);
  const arrived = sent.filter((body) => came.includes(body));
  assert(arrived.length >= 2);
  assertEquals(came.filter((body) => sent.includes(body)), arrived);
});
