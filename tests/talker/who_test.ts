/** Who is on other servers, of nodes joined by hand. */
import { assert, assertEquals } from "@std/assert";
import type { MeshDriver } from "../../lib/mesh/driver.ts";
import { WhisperObserver } from "../../lib/talker/observers/whisper.ts";
import { WhoObserver } from "../../lib/talker/observers/who.ts";
import type { Talker } from "../../lib/talker/talker.ts";
import { MAX_CLIENTS } from "../../lib/wire/limits.ts";
import { MAX_MESH_PAYLOAD } from "../../lib/wire/mesh_limits.ts";
import { encodeText } from "../../lib/wire/text.ts";
import { type HandNode, pair } from "../support/mesh_pair.ts";

/** What observers see of a driver. */
function driverOf({ node }: HandNode, now: () => number): MeshDriver {
  return {
    node,
    now: (action: Parameters<MeshDriver["now"]>[0]) => action(node, now()),
  } as MeshDriver;
}

/** A talker with these people. */
function talkerWith(nicks: readonly string[]): () => Talker {
  const roster = { nicks: () => nicks, find: () => undefined };
  return () => ({ roster }) as unknown as Talker;
}

Deno.test("who: everybody of a full server is told, with the longest nicks", async () => {
  const { mesh, kitchen, attic } = pair();
  const nicks = Array.from({ length: MAX_CLIENTS }, (_, i) => String(i).padStart(5, "0"))
    .map((digits) => digits + "\u{10330}".repeat(27));
  assert(encodeText(nicks.join("\n")).length > 2 * MAX_MESH_PAYLOAD);
  const now = () => mesh.now;
  new WhoObserver(driverOf(attic, now), talkerWith(nicks));
  const observer = new WhoObserver(driverOf(kitchen, now), talkerWith([]));
  mesh.join(kitchen, attic);
  mesh.pass(100);
  const who = observer.who();
  mesh.carry();
  assertEquals(await who, { servers: [{ server: "attic", nicks }], silent: [] });
});

Deno.test("whisper: what is no nick is not repeated in the answer", async () => {
  const { mesh, kitchen, attic } = pair();
  new WhisperObserver(driverOf(attic, () => mesh.now), talkerWith([]));
  mesh.join(kitchen, attic);
  mesh.pass(100);
  const question = { from: "eve", to: "x".repeat(1_000_000), text: "hi" };
  const answer = new Promise<Uint8Array>((resolve) => {
    kitchen.node.gather({
      kind: 5,
      payload: encodeText(JSON.stringify(question)),
      targets: [attic.id],
      finished: ({ answers }) => resolve(answers.get(attic.id)!),
    }, mesh.now);
  });
  mesh.carry();
  assert((await answer).length < 100);
});
