/**
 * Runs a session function or class for a connection.
 *
 * @module
 */

import { fault } from "../net/warn.ts";
import { AskError } from "./ask_error.ts";
import type { SessionClass, SessionMaker } from "./session.ts";

/** What a connection must be able to do. */
export interface Closable {
  /** What its session function gave. */
  result: unknown;
  readonly ended: Promise<unknown>;
  close(reason?: string): void;
}

/** Is it a class? Functions can be called, classes can't; their `prototype` tells them apart. */
export function isClass<S>(maker: SessionMaker<S>): maker is SessionClass<S> {
  return Object.getOwnPropertyDescriptor(maker, "prototype")?.writable === false;
}

/** Runs it; what it throws is told, and ends the connection alone. */
export async function runSession<S>(session: S & Closable, maker: SessionMaker<S>): Promise<void> {
  try {
    if (!isClass(maker)) {
      session.result = await maker(session);
      return session.close();
    }
    const made = new maker(session) as Partial<Disposable & AsyncDisposable>;
    session.result = made;
    await session.ended;
    await (made[Symbol.asyncDispose]?.() ?? made[Symbol.dispose]?.());
  } catch (error) {
    // That the other side has gone is no failure of the program here.
    if (error instanceof AskError && error.code === "lost") return session.close();
    fault("messaging", "A session", error);
    session.close("its session failed");
  }
}
