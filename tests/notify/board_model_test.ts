/** The board beside a naive model that finds everything anew each time, through random histories. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Board } from "../../lib/notify/board.ts";
import { MemoryNotificationStore } from "../support/notify_store.ts";
import { matches } from "../../lib/wire/topic.ts";
import { HandClock, Reader } from "./reader.ts";

const PENDING = 4;
const COUNT = 6;
const NAMES = ["anna", "bob", "carl"];
const TOPIC = fc.constantFrom("a", "b", "a/x");
const PATTERNS = fc.constantFrom<string[][]>(["**"], ["a"], ["a/**", "b"], ["*"], ["b"], ["zzz"]);

type Action =
  | { type: "publish"; topic: string }
  | { type: "enter"; who: number; topics: string[] | undefined; seconds: number; takes: boolean }
  | { type: "leave"; who: number }
  | { type: "ack"; who: number; which: number }
  | { type: "takes"; who: number; takes: boolean }
  | { type: "pass"; seconds: number }
  | { type: "restart" };

const WHO = fc.nat(NAMES.length + 1);
const ACTION: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("publish" as const), topic: TOPIC }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("enter" as const),
      who: WHO,
      topics: fc.option(PATTERNS, { nil: undefined }),
      seconds: fc.constantFrom(5, 60),
      takes: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("leave" as const), who: WHO }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("ack" as const), who: WHO, which: fc.nat(10) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("takes" as const), who: WHO, takes: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("pass" as const), seconds: fc.nat(20) }),
  },
  { weight: 1, arbitrary: fc.constant({ type: "restart" as const }) },
);

interface Note {
  id: string;
  topic: string;
  /** Grows for ever. */
  at: number;
}

/** One subscriber in the model; those behind the names are nameless. */
class Who {
  wants = new Map<string, number>();
  settled = new Set<string>();
  lost = 0;
  // The session.
  active = false;
  takes = true;
  until = 0;
  pushed = new Set<string>();
  overflow = new Set<string>();
  queue: Note[] = [];
  got: string[] = [];
  told = 0;

  constructor(readonly isNamed: boolean) {}

  wanted({ topic, at }: Note): boolean {
    return [...this.wants].some(([pattern, since]) => matches(pattern, topic) && at > since);
  }

  pending(notes: readonly Note[]): Note[] {
    return notes.filter((note) => this.wanted(note) && !this.settled.has(note.id));
  }
}

class Model {
  arrivals: Note[] = [];
  remembered: Note[] = [];
  now = 0;
  last = 0;
  readonly whos = Array.from({ length: NAMES.length + 2 }, (_, i) => new Who(i < NAMES.length));

  publish(id: string, topic: string): void {
    const note = { id, topic, at: ++this.last };
    this.arrivals.push(note);
    this.remembered.push(note);
    for (const who of this.whos) {
      if (!who.isNamed && who.active && [...who.wants.keys()].some((one) => matches(one, topic))) {
        who.queue.push(note);
        if (who.queue.length > PENDING) {
          who.queue.shift();
          who.lost++;
        }
        this.push(who);
      }
    }
    for (const who of this.whos) {
      if (!who.isNamed) continue;
      const [oldest, ...others] = who.pending(this.remembered);
      if (others.length >= PENDING) {
        who.settled.add(oldest!.id);
        if (who.active && who.pushed.has(oldest!.id)) who.overflow.add(oldest!.id);
        else who.lost++;
      }
      this.push(who);
    }
    this.trim();
  }

  trim(): void {
    const recent = new Set(this.arrivals.slice(-COUNT));
    this.remembered = this.remembered.filter((note) =>
      recent.has(note) ||
      this.whos.some((who) => who.isNamed && who.wanted(note) && !who.settled.has(note.id))
    );
  }

  push(who: Who): void {
    if (!who.active || !who.takes) return;
    who.told += who.lost;
    who.lost = 0;
    if (who.isNamed) {
      for (const { id } of who.pending(this.remembered)) {
        if (who.pushed.has(id)) continue;
        who.pushed.add(id);
        who.got.push(id);
      }
      return;
    }
    for (const note of who.queue) {
      if (this.remembered.includes(note)) who.got.push(note.id);
      else {
        // Told with the next one.
        who.lost++;
      }
      who.told += who.lost;
      who.lost = 0;
    }
    who.queue = [];
  }

  enter(who: Who, topics: string[] | undefined, seconds: number): void {
    const asked = topics ?? (who.isNamed && who.wants.size > 0 ? [...who.wants.keys()] : ["**"]);
    const isRenewed = who.active;
    const before = who.wants;
    if (who.isNamed) {
      who.wants = new Map(asked.map((one) => [one, before.get(one) ?? this.last]));
      if (!isRenewed) who.pushed.clear();
    } else {
      who.wants = new Map(asked.map((one) => [one, 0]));
      who.queue = isRenewed
        ? who.queue.filter(({ topic }) => asked.some((one) => matches(one, topic)))
        : [];
      if (!isRenewed) who.lost = 0;
    }
    who.active = true;
    who.until = this.now + seconds * 1_000;
    this.trim();
    this.push(who);
  }

  leave(who: Who): void {
    if (!who.active) return;
    who.active = false;
    who.lost += who.overflow.size;
    who.overflow.clear();
    who.queue = [];
  }

  ack(who: Who, id: string): void {
    if (!who.isNamed) return;
    who.settled.add(id);
    who.overflow.delete(id);
    this.trim();
  }

  pass(ms: number): void {
    this.now += ms;
    for (const who of this.whos) if (who.active && who.until <= this.now) this.leave(who);
  }

  restart(): void {
    this.arrivals = [...this.remembered];
    for (const who of this.whos) {
      if (!who.isNamed) who.lost = 0;
      who.overflow.clear();
      who.active = false;
      who.queue = [];
    }
  }
}

Deno.test("board: does what the naive model does, through subscriptions, timeouts and restarts", () => {
  fc.assert(
    fc.property(fc.array(ACTION, { maxLength: 80, size: "max" }), (actions) => {
      const store = new MemoryNotificationStore();
      const clock = new HandClock();
      const model = new Model();
      let lives = 0;
      const start = () =>
        new Board({
          clock,
          store,
          node: { id: "00000000000000aa", incarnation: ++lives, name: "kitchen" },
          limits: { pending: PENDING, count: COUNT },
        });
      let board = start();
      const pass = (ms: number) => {
        clock.pass(ms);
        board.tick(clock.now());
        model.pass(ms);
      };
      const readers = model.whos.map((_, i) => new Reader(`r${i}`));
      for (const action of actions) {
        const i = "who" in action ? action.who : 0;
        const who = model.whos[i]!, reader = readers[i]!;
        switch (action.type) {
          case "publish": {
            const { topic } = action;
            const { id } = board.publish({ topic, text: "", nick: "eve" });
            model.publish(id, topic);
            break;
          }
          case "enter":
            reader.takes = who.takes = action.takes;
            reader.enter(board, {
              topics: action.topics ?? [],
              timeout: action.seconds * 1_000,
              ...(who.isNamed ? { as: NAMES[i]! } : {}),
            });
            model.enter(who, action.topics, action.seconds);
            break;
          case "leave":
            reader.subscription?.leave();
            model.leave(who);
            break;
          case "ack": {
            const id = reader.got[reader.got.length - 1 - action.which]?.id;
            if (id === undefined || reader.subscription === undefined) break;
            if (board.memory.get(id) === undefined) break;
            const wanted = who.isNamed && (who.settled.has(id) ||
              who.wanted(model.remembered.find((note) => note.id === id)!));
            if (who.isNamed && !wanted) break;
            reader.subscription.acknowledge(id);
            model.ack(who, id);
            break;
          }
          case "takes":
            reader.takes = who.takes = action.takes;
            if (action.takes) {
              reader.subscription?.resume();
              model.push(who);
            }
            break;
          case "pass":
            pass(action.seconds * 1_000);
            break;
          case "restart":
            pass(1_000);
            board = start();
            for (const one of readers) one.subscription = undefined;
            model.restart();
        }
        for (const [j, one] of readers.entries()) {
          const expected = model.whos[j]!;
          assertEquals(
            one.got.map(({ id }) => id),
            expected.got,
            `${one.nick} after ${action.type}`,
          );
          assertEquals(one.dropped_, expected.told, `${one.nick} is told after ${action.type}`);
          const active = one.subscription?.active ?? false;
          assertEquals(active, expected.active, `${one.nick} in the mode`);
        }
        assertEquals(
          [...board.memory.after(0)].map(({ notification }) => notification.id),
          model.remembered.map(({ id }) => id),
          `remembered after ${action.type}`,
        );
        assertEquals([...store.notifications.keys()], model.remembered.map(({ id }) => id));
        for (const [j, name] of NAMES.entries()) {
          const pending = [...board.subscribers.get(name)?.pending.keys() ?? []];
          assertEquals(
            pending.map(({ notification }) => notification.id),
            model.whos[j]!.pending(model.remembered).map(({ id }) => id),
            `waits for ${name}`,
          );
        }
      }
    }),
    { numRuns: Number(Deno.env.get("RUNS") ?? 400) },
  );
});
