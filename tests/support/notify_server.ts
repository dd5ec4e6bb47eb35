/** A fake server of notifications for whole programs: what tests of `talker notify` have in common. */

import { type FakeServer, type FakeSession, NOW } from "./fake_server.ts";

/** A record that pushes a notification. */
export function pushed(id: number, text = `text ${id}`, topic = "hits"): Record<string, unknown> {
  return { type: "notify", id: `f.1.${id}`, topic, text, time: NOW, nick: "bob", server: "attic" };
}

/** Accepts a client, and answers until it is in the mode; gives what it asked for. */
export async function enter(
  server: FakeServer,
  reply: Record<string, unknown> = { timeout: 60 },
): Promise<{ session: FakeSession; command: string }> {
  const session = await server.accept();
  await session.send("Welcome, guest1");
  for (;;) {
    const { tag, command } = await session.command();
    if (command.startsWith("/notify")) {
      await session.send({ type: "reply", tag, text: "Notifications on", ...reply });
    }
    if (command === "/format json") {
      await session.send({ type: "welcome", nick: "guest1", server: "fake", time: NOW, text: "" });
    }
    await session.send({ type: "ok", tag });
    if (command.startsWith("/notify")) return { session, command };
  }
}

/** The next command must be this; it is answered with `ok`. */
export async function confirm(
  session: FakeSession,
  expected: string,
  ...replies: Record<string, unknown>[]
): Promise<void> {
  const { tag, command } = await session.command();
  if (command !== expected) throw new Error(`${expected} was expected, not ${command}`);
  await session.send(...replies.map((reply) => ({ type: "reply", tag, text: "", ...reply })));
  await session.send({ type: "ok", tag });
}
