import { assert, assertEquals } from "@std/assert";
import { MAX_RECEIPT_WAITS } from "../../lib/wire/limits.ts";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { Room, WALL } from "../support/talker_room.ts";

Deno.test("notify: receipts, with who did not answer", async () => {
  const board: FakeNotifications = new FakeNotifications(() => room.now, () => WALL + room.now);
  const room: Room = new Room({ notifications: board });
  const bob = room.client("bob");
  bob.got();
  const settled = async (line: string) => {
    bob.say(line);
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    return bob.got();
  };
  assertEquals(await settled("@1 /receipts n.1"), [
    "@1 error not-found No notification n.1 is remembered",
  ]);
  board.receipt = {
    receipts: [
      { recipient: "ann", server: "attic", state: "acknowledged" },
      { recipient: "bob", server: "kitchen", state: "delivered" },
      { recipient: "cat", server: "kitchen", state: "queued" },
      { recipient: "dan", server: "kitchen", state: "expired" },
    ],
    silent: ["hall", "shed"],
  };
  assertEquals(await settled("@2 /receipts n.1 wait=5"), [
    "@2 n.1: 4 recipients, 1 acknowledged, 1 delivered, 1 queued, 1 expired",
    "@2   ann@attic acknowledged",
    "@2   bob@kitchen delivered",
    "@2   cat@kitchen queued",
    "@2   dan@kitchen expired",
    "@2 No answer from: hall, shed",
    "@2 ok",
  ]);
  bob.say("/format json");
  const objects = (await settled("/receipts n.1")).map((line) => JSON.parse(line));
  assertEquals(objects[0], {
    type: "reply",
    text: "n.1: 4 recipients, 1 acknowledged, 1 delivered, 1 queued, 1 expired",
    id: "n.1",
    recipients: 4,
    acknowledged: 1,
    delivered: 1,
    queued: 1,
    expired: 1,
  });
  assertEquals(objects[1], {
    type: "reply",
    text: "  ann@attic acknowledged",
    recipient: "ann",
    server: "attic",
    state: "acknowledged",
  });
  assertEquals(objects[5].silent, ["hall", "shed"]);
});

Deno.test("receipts: one client waits for so many, and no more", async () => {
  const board: FakeNotifications = new FakeNotifications(() => room.now, () => WALL + room.now);
  const room: Room = new Room({ notifications: board });
  const answers: (() => void)[] = [];
  board.receipts = () =>
    new Promise((resolve) => answers.push(() => resolve({ receipts: [], silent: [] })));
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  for (let i = 0; i < MAX_RECEIPT_WAITS; i++) bob.say(`@${i} /receipts n.1 wait=60`);
  assertEquals(bob.say("@more /receipts n.1 wait=60"), [
    `@more error busy ${MAX_RECEIPT_WAITS} questions for receipts wait already: read those first`,
  ]);
  assertEquals(bob.say("@now /receipts n.1"), [], "who does not wait is no burden");
  eve.say("@1 /receipts n.1 wait=60");
  assertEquals(answers.length, MAX_RECEIPT_WAITS + 2);
  for (const answer of answers) answer();
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  bob.got();
  assertEquals(bob.say("@again /receipts n.1 wait=60"), []);
  assertEquals(answers.length, MAX_RECEIPT_WAITS + 3);
  answers.at(-1)?.();
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
});

Deno.test("receipts: who leaves doesn't wait for others, and is told how it stands", async () => {
  const board: FakeNotifications = new FakeNotifications(() => room.now, () => WALL + room.now);
  const room: Room = new Room({ notifications: board });
  const receipt = {
    receipts: [{ recipient: "ann", server: "attic", state: "queued" as const }],
    silent: [],
  };
  board.receipts = (_id, wait) => wait > 0 ? new Promise(() => {}) : Promise.resolve(receipt);
  const bob = room.client("bob");
  bob.got();
  assertEquals(bob.say("@1 /receipts n.1 wait=3600", "@2 /quit"), []);
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  assertEquals(bob.got(), [
    "@1 n.1: 1 recipients, 0 acknowledged, 0 delivered, 1 queued, 0 expired",
    "@1   ann@attic queued",
    "@1 ok",
    "@2 Goodbye",
    "@2 ok",
  ]);
  assert(bob.finished);
});
