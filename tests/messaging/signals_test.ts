/** Signals that live long: what has ended leaves nothing on them. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, connectGroup, ConnectionError, listen, type RawSession } from "../../lib/mod.ts";
import { within } from "../support/line_client.ts";

/** A signal of which is known how many still listen to it. */
class Watched {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;
  #called = 0;

  constructor() {
    const { signal } = this;
    const wrapped = new Map<unknown, () => void>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: unknown, options?: object) => {
      const call = wrapped.get(listener) ?? ((event?: Event) => {
        this.#called++;
        (listener as (event?: Event) => void)(event);
      });
      wrapped.set(listener, call);
      add(type, call, options);
    };
    signal.removeEventListener = (type: string, listener: unknown) =>
      remove(type, wrapped.get(listener) ?? listener as () => void);
  }

  /** Aborts it, and says how many were told. */
  abort(): number {
    this.#controller.abort(new Error("enough"));
    return this.#called;
  }
}

const echo = async (session: RawSession) => {
  for await (const frame of session.frames) await session.send(frame);
};

Deno.test("signals: connections that have ended leave nothing on them", async () => {
  await using server = await listen("127.0.0.1:0");
  await using raw = await listen("127.0.0.1:0", { raw: "frames", session: echo });
  const watched = new Watched();
  const { signal } = watched;
  for (let i = 0; i < 3; i++) {
    await (await connect(server.address, { signal }))[Symbol.asyncDispose]();
    await (await connect(raw.address, { raw: "frames", signal }))[Symbol.asyncDispose]();
  }
  await using plain = await connect(server.address, { signal });
  await using framed = await connect(raw.address, { raw: "frames", signal });
  assertEquals(watched.abort(), 2, "those that are up");
  await within(Promise.all([plain.ended, framed.ended]), "their end");
});

Deno.test("signals: nor do listeners", async () => {
  const watched = new Watched();
  const { signal } = watched;
  for (let i = 0; i < 3; i++) {
    await (await listen("127.0.0.1:0", { signal }))[Symbol.asyncDispose]();
    const raw = await listen("127.0.0.1:0", { raw: "bytes", session: echo, signal });
    await raw[Symbol.asyncDispose]();
  }
  await using plain = await listen("127.0.0.1:0", { signal });
  await using raw = await listen("127.0.0.1:0", { raw: "bytes", session: echo, signal });
  assertEquals(watched.abort(), 2, "those that listen");
  for (const { events } of [plain, raw]) {
    assertEquals(
      (await within<{ type: string } | undefined>(events.next(), "its end"))?.type,
      "notListening",
    );
    assert(events.ended);
  }
});

Deno.test("signals: nor do groups, and those who waited for one", async () => {
  const watched = new Watched();
  const { signal } = watched;
  for (let i = 0; i < 3; i++) {
    const group = connectGroup({ nobody: "127.0.0.1:1" }, { signal });
    const ready = assertRejects(() => group.ready({ signal }), ConnectionError, "closed");
    await group[Symbol.asyncDispose]();
    await ready;
  }
  await using group = connectGroup({ nobody: "127.0.0.1:1" }, { signal });
  const ready = assertRejects(() => group.ready(), ConnectionError, "closed");
  assertEquals(watched.abort(), 1, "the one that is");
  await within(ready, "its end");
});
