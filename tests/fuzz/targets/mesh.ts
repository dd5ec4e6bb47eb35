/** A node of the mesh with a link to a hostile one. */

import { assert, assertEquals } from "@std/assert";
import { HandMesh, HandNode } from "../../support/mesh_pair.ts";
import { loadCorpus } from "../corpus.ts";
import { shorten, type Target } from "../fuzzer.ts";

/** Limits so low that they are reached. */
const LIMITS = {
  retentionCount: 50,
  retentionBytes: 64 * 1024,
  retentionYoung: 0,
  origins: 30,
  incarnations: 3,
  pendingBytes: 32 * 1024,
};

/** The id that the corpus's hostile node has, and those of the others. */
const HOSTILE = 99;

const node: Target = {
  name: "mesh_node",
  seeds: loadCorpus("mesh_session"),
  maxBytes: 128 * 1024,
  maxPieces: 60,
  run(input, dice) {
    const kitchen = new HandNode({ name: "kitchen" }, LIMITS);
    const attic = new HandNode({ name: "attic" });
    const mesh = new HandMesh([kitchen, attic]);
    const honest = mesh.join(kitchen, attic);
    mesh.pass(100);
    kitchen.node.linkOpened(HOSTILE, dice.chance(0.5), mesh.now);
    kitchen.sent.splice(0);
    let answers = 0;
    for (const frame of input) {
      kitchen.receive(HOSTILE, frame);
      answers += kitchen.sent.filter(({ link }) => link === HOSTILE)
        .reduce((sum, { body }) => sum + body.length, 0);
      mesh.carry();
      if (dice.chance(0.3)) {
        mesh.pass(dice.pick([10, 60, 200, 1_000]));
        answers += kitchen.sent.filter(({ link }) => link === HOSTILE).length;
      }
    }
    const drop = kitchen.drops.find(({ link }) => link === HOSTILE);
    // A node that says it is one of ours in a newer life is believed: members trust each other.
    const trusted = kitchen.events.includes("cloned") || attic.events.includes("cloned") ||
      [...kitchen.drops, ...attic.drops].some(({ link }) => link === honest.number);
    if (!trusted) {
      assertEquals(attic.drops, []);
      // The others go on talking.
      const words = [`a${input.length}`, `b${input.length}`];
      attic.say(words[0]!);
      kitchen.say(words[1]!);
      mesh.pass(600);
      mesh.pass(600);
      assert(kitchen.heard.some(({ word }) => word === words[0]), "kitchen hears attic no more");
      assert(attic.heard.some(({ word }) => word === words[1]), "attic hears kitchen no more");
    }
    const stats = kitchen.node.stats();
    assert(stats.retainedMessages <= 2 * LIMITS.retentionCount + 70_000);
    assert(
      stats.retainedBytes <= LIMITS.retentionBytes + 256 * 1024,
      `${stats.retainedBytes} bytes retained`,
    );
    assert(stats.origins <= LIMITS.origins + 2, `${stats.origins} origins`);
    assert(
      stats.pendingBytes <= LIMITS.pendingBytes + 128 * 1024,
      `${stats.pendingBytes} bytes pending`,
    );
    assert(stats.gathers === 0);
    return `${drop === undefined ? "up" : shorten(`${drop.code} ${drop.reason}`)} ${trusted} ` +
      `${Math.min(4, kitchen.heard.length)} ${Math.min(3, stats.origins)} ${
        Math.min(3, kitchen.gaps.length)
      } ` +
      `${answers > 0}`;
  },
};

/** All of them. */
export const meshTargets: readonly Target[] = [node];
