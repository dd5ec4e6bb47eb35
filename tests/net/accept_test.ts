import { assert, assertEquals } from "@std/assert";
import { acceptAll } from "../../lib/net/accept.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeConnection, FakeListener } from "../support/fake_connection.ts";

/** A listener, and what comes of what arrives there. */
class Door implements AsyncDisposable {
  readonly listener = new FakeListener();
  readonly arrived: FakeConnection[] = [];
  readonly complaints: unknown[] = [];
  /** Takes connections. */
  take = (_connection: FakeConnection) => {};
  #isOpen = true;
  readonly #ended: Promise<void>;

  constructor(atOnce?: number) {
    this.#ended = acceptAll(this.listener, {
      isOpen: () => this.#isOpen,
      arrived: (connection) => {
        this.take(connection as FakeConnection);
        this.arrived.push(connection as FakeConnection);
      },
      complain: (error) => this.complaints.push(error),
      ...(atOnce === undefined ? {} : { atOnce }),
    });
  }

  /** Somebody arrives; resolves when the next could. */
  async arrives(what: FakeConnection | Error = new FakeConnection()): Promise<void> {
    this.listener.arrives(what);
    await this.listener.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.listener.close();
    await this.#ended;
  }
}

Deno.test("accept: when none can be accepted, that is told now and then, and tried again", async () => {
  await using door = new Door();
  using clock = new FakeClock();
  const outOfFiles = new Error("Too many open files");
  await door.arrives(outOfFiles);
  await door.arrives(outOfFiles);
  assertEquals(door.complaints, [outOfFiles]);
  await door.arrives();
  assertEquals(door.arrived.length, 1);
  clock.now += 9_999;
  await door.arrives(outOfFiles);
  assertEquals(door.complaints.length, 1);
  clock.now += 1;
  await door.arrives(outOfFiles);
  assertEquals(door.complaints.length, 2);
});

Deno.test("accept: what can't be taken is closed, and told of", async () => {
  await using door = new Door();
  const [unlucky, lucky] = [new FakeConnection(), new FakeConnection()];
  const trouble = new Error("Too many open files");
  door.take = (connection) => {
    if (connection === unlucky) throw trouble;
  };
  await door.arrives(unlucky);
  await door.arrives(lucky);
  assertEquals([unlucky.closed, lucky.closed], [true, false]);
  assertEquals([door.arrived, door.complaints], [[lucky], [trouble]]);
});

Deno.test("accept: after some connections those who are here have a turn", async () => {
  await using door = new Door(3);
  for (let i = 0; i < 4; i++) door.listener.arrives(new FakeConnection());
  // No timer rings meanwhile.
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assertEquals(door.arrived.length, 3);
  await door.listener.idle();
  assertEquals(door.arrived.length, 4);
});

Deno.test("accept: who arrives while it is closed is not taken", async () => {
  const late = new FakeConnection();
  {
    await using door = new Door();
    door.listener.close = () => door.listener.arrives(late);
    door.take = () => assert(false);
  }
  assert(late.closed);
});
