/**
 * What the board of notifications writes down, as rows.
 *
 * @module
 */

import type { Notification } from "../notify/notification.ts";
import type { BoardChanges, Loaded } from "./group.ts";
import type { Tables } from "./tables.ts";

/** Notifications or offers, in the order of arrival. */
export function readNotifications(
  tables: Tables,
  table: "notification" | "offer",
): Notification[] {
  return tables.all(
    `SELECT id, topic, text, time, nick, server, details FROM ${table} ORDER BY number`,
  ).map(({ details, ...rest }) =>
    (details === null ? rest : { ...rest, details }) as unknown as Notification
  );
}

/** Named subscribers, with what each has settled. */
export function readSubscribers(tables: Tables): Loaded["subscribers"] {
  const found = new Map<number, { name: string; record: string; settled: string[] }>();
  for (const row of tables.all("SELECT number, name, record FROM subscriber ORDER BY number")) {
    found.set(Number(row["number"]), {
      name: String(row["name"]),
      record: String(row["record"]),
      settled: [],
    });
  }
  const settled = tables.all(
    `SELECT subscriber, id FROM settled JOIN notification ON notification = number
     ORDER BY notification`,
  );
  for (const { subscriber, id } of settled) {
    found.get(Number(subscriber))?.settled.push(String(id));
  }
  return [...found.values()];
}

/** Writes what changed, within a transaction. */
export function writeBoard(tables: Tables, changes: BoardChanges): void {
  for (const id of changes.forgotten) {
    tables.run(
      "DELETE FROM settled WHERE notification = (SELECT number FROM notification WHERE id = ?)",
      id,
    );
    tables.run("DELETE FROM notification WHERE id = ?", id);
  }
  for (const name of changes.forgottenSubscribers) {
    tables.run(
      "DELETE FROM settled WHERE subscriber = (SELECT number FROM subscriber WHERE name = ?)",
      name,
    );
    tables.run("DELETE FROM subscriber WHERE name = ?", name);
  }
  for (const id of changes.forgottenOffers) tables.run("DELETE FROM offer WHERE id = ?", id);
  for (const notification of changes.notifications) insert(tables, "notification", notification);
  for (const offer of changes.offers) insert(tables, "offer", offer);
  for (const [name, record] of changes.subscribers) {
    tables.run(
      `INSERT INTO subscriber (name, record) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET record = excluded.record`,
      name,
      record,
    );
  }
  for (const [name, ids] of changes.settled) {
    for (const id of ids) {
      tables.run(
        `INSERT OR IGNORE INTO settled (notification, subscriber)
         SELECT notification.number, subscriber.number FROM notification, subscriber
         WHERE notification.id = ? AND subscriber.name = ?`,
        id,
        name,
      );
    }
  }
}

function insert(tables: Tables, table: "notification" | "offer", what: Notification): void {
  tables.run(
    `INSERT OR IGNORE INTO ${table} (id, topic, text, time, nick, server, details)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    what.id,
    what.topic,
    what.text,
    // One that doesn't fit would keep all others from being written.
    Number.isSafeInteger(what.time) ? what.time : 0,
    what.nick,
    what.server,
    what.details ?? null,
  );
}
