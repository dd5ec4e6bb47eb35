import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Action, Outcome } from "../../lib/messaging/action.ts";
import { Conversation, TRANSITIONS } from "../../lib/messaging/conversation.ts";
import { decodeEnvelope, encodeEnvelope } from "../../lib/messaging/envelope.ts";
import { encodeJson } from "../../lib/messaging/json.ts";
import {
  HELLO_WITHIN_MS,
  MAX_BAD_MESSAGES,
  MAX_NEWS_SUBSCRIPTIONS,
  MAX_OPEN_ASKS,
  PULSE_MS,
  SILENT_MS,
} from "../../lib/wire/limits.ts";

const json = encodeJson;

/** One that has been greeted at the time 0. */
function opened(): Conversation {
  const conversation = new Conversation("listens");
  conversation.begin(0);
  const hello = { kind: "hello", versions: [1, 1], role: "connects" } as const;
  assertEquals(conversation.received(hello, 0), [{ do: "open" }]);
  return conversation;
}

const kinds = (actions: Action[]) =>
  actions.map((action) => action.do === "send" ? action.envelope.kind : action.do);

Deno.test("conversation: the greeting", () => {
  const conversation = new Conversation("connects");
  assertThrows(() => conversation.ask("a", json(1), { now: 0, deadline: 9 }), Error, "that is new");
  assertEquals(conversation.phase, "new");
  assertEquals(kinds(conversation.begin(0)), ["hello"]);
  assertThrows(() => conversation.begin(0), Error, '"begin" may not happen');
  assertThrows(() => conversation.ask("a", json(1), { now: 0, deadline: 9 }), Error, "greeting");
  assertEquals(conversation.asking, 0, "an illegal event changes nothing");
});

Deno.test("conversation: who isn't greeted properly is told why, and left", () => {
  const cases = [
    [{ kind: "ask", id: 1, type: "a", body: 1 }, "may not be said in a conversation"],
    [{ kind: "hello", versions: [2, 3], role: "connects" }, "1 here, 2 to 3 there"],
    [{ kind: "hello", versions: [1, 1], role: "listens" }, "is it an echo?"],
  ] as const;
  for (const [first, reason] of cases) {
    const conversation = new Conversation("listens");
    conversation.begin(0);
    const actions = conversation.received(first, 0);
    assertEquals(kinds(actions), ["goodbye", "end"]);
    assert(JSON.stringify(actions).includes(reason), JSON.stringify(actions));
    assertEquals(conversation.received({ kind: "ping" }, 1), []);
  }
});

Deno.test("conversation: who is refused instead of greeted is told why, and says no more", () => {
  const conversation = new Conversation("connects");
  conversation.begin(0);
  const refusal = {
    kind: "refuse",
    id: undefined,
    code: "plain",
    reason: "encrypted here",
  } as const;
  assertEquals(conversation.received(refusal, 1), [
    { do: "end", reason: "encrypted here", by: "them", code: "plain" },
  ]);
  assertEquals(conversation.phase, "over");
});

Deno.test("conversation: later versions may speak this one too", () => {
  const conversation = new Conversation("listens");
  conversation.begin(0);
  const hello = { kind: "hello", versions: [0, 7], role: "connects" } as const;
  assertEquals(kinds(conversation.received(hello, 0)), ["open"]);
});

Deno.test("conversation: who says nothing is left after 5 s", () => {
  const conversation = new Conversation("listens");
  conversation.begin(100);
  assertEquals(conversation.nextWake(), 100 + HELLO_WITHIN_MS);
  assertEquals(conversation.tick(99 + HELLO_WITHIN_MS), []);
  assertEquals(kinds(conversation.tick(100 + HELLO_WITHIN_MS)), ["goodbye", "end"]);
});

Deno.test("conversation: a question is settled once, by what comes first", () => {
  const conversation = opened();
  const [id, actions] = conversation.ask("a", json(1), { now: 0, deadline: 500 });
  assertEquals(kinds(actions), ["ask"]);
  const answer = { kind: "answer", id, body: "yes" } as const;
  assertEquals(conversation.received(answer, 1), [
    { do: "settle", id, outcome: { how: "answered", body: "yes" } },
  ]);
  assertEquals(kinds(conversation.received(answer, 2)), ["ignore"], "a second answer");
  assertEquals(conversation.cancel(id, 3), []);
  assertEquals(conversation.tick(500), []);
});

Deno.test("conversation: a question in time, or given up; a late answer is passed over", () => {
  const conversation = opened();
  const [first] = conversation.ask("a", json(1), { now: 0, deadline: 500 });
  const [second] = conversation.ask("a", json(1), { now: 0, deadline: 900 });
  assertEquals(conversation.nextWake(), 500);
  assertEquals(conversation.tick(499), []);
  assertEquals(conversation.tick(500), [
    { do: "send", envelope: { kind: "cancel", id: first } },
    { do: "settle", id: first, outcome: { how: "timed-out" } },
  ]);
  assertEquals(conversation.nextWake(), 900);
  assertEquals(conversation.cancel(second, 600).at(-1), {
    do: "settle",
    id: second,
    outcome: { how: "cancelled" },
  });
  for (const id of [first, second]) {
    assertEquals(kinds(conversation.received({ kind: "answer", id, body: 1 }, 700)), ["ignore"]);
  }
});

Deno.test("conversation: answers that nobody asked for are passed over; many end it", () => {
  const conversation = opened();
  const [id] = conversation.ask("a", json(1), { now: 0, deadline: Infinity });
  for (let i = 1; i < MAX_BAD_MESSAGES; i++) {
    const actions = conversation.received({ kind: "answer", id: 1000 + i, body: 1 }, 0);
    assertEquals(kinds(actions), ["ignore", "refuse"]);
  }
  assertEquals(conversation.phase, "open");
  const actions = conversation.received({ kind: "answer", id: 5000, body: 1 }, 0);
  assertEquals(kinds(actions), ["ignore", "goodbye", "settle", "end"]);
  assert(actions.some((action) => action.do === "settle" && action.id === id));
});

Deno.test("conversation: their question is answered once, and not when it was withdrawn", () => {
  const conversation = opened();
  const ask = (id: number) => conversation.received({ kind: "ask", id, type: "a", body: 7 }, 0);
  assertEquals(ask(4), [{ do: "deliver", id: 4, type: "a", body: 7 }]);
  assertEquals(kinds(ask(4)), ["ignore", "refuse"], "the number is taken");
  assertEquals(kinds(conversation.answer(4, json(8), 1)), ["answer"]);
  assertEquals(conversation.answer(4, json(9), 1), []);
  assertEquals(conversation.refuse(4, "no", { reason: "", now: 1 }), []);
  ask(5);
  assertEquals(kinds(conversation.received({ kind: "cancel", id: 5 }, 2)), ["withdraw"]);
  assertEquals(conversation.answer(5, json(9), 3), []);
});

Deno.test("conversation: too many questions are refused, the others are not touched", () => {
  const conversation = opened();
  for (let id = 1; id <= MAX_OPEN_ASKS; id++) {
    conversation.received({ kind: "ask", id, type: "a", body: 1 }, 0);
  }
  const [more] = conversation.received({ kind: "ask", id: 0, type: "a", body: 1 }, 0);
  assert(more?.do === "send" && more.envelope.kind === "refuse" && more.envelope.code === "busy");
  assertEquals(conversation.asked, MAX_OPEN_ASKS);
  for (let i = 0; i < MAX_OPEN_ASKS; i++) conversation.ask("a", json(1), { now: 0, deadline: 9 });
  assertThrows(() => conversation.ask("a", json(1), { now: 0, deadline: 9 }), Error, "More than");
});

Deno.test("conversation: news for those who want it", () => {
  const conversation = opened();
  assert(!conversation.wants(undefined) && !conversation.wants("hits"));
  conversation.received({ kind: "subscribe", prefix: "hits" }, 0);
  assert(conversation.wants("hits") && conversation.wants("hits/front"));
  assert(!conversation.wants("misses") && conversation.wants(undefined));
  conversation.received({ kind: "unsubscribe", prefix: "hits" }, 0);
  assert(!conversation.wants("hits"));
  for (let i = 0; i < MAX_NEWS_SUBSCRIPTIONS; i++) {
    assertEquals(conversation.received({ kind: "subscribe", prefix: `${i}` }, 0), []);
  }
  assertEquals(kinds(conversation.received({ kind: "subscribe", prefix: "x" }, 0)), ["refuse"]);
  assert(!conversation.wants("x"));
});

Deno.test("conversation: silence is noticed within 5 s, signs of life keep it off", () => {
  const conversation = opened();
  const [id] = conversation.ask("a", json(1), { now: 0, deadline: Infinity });
  const [ping] = conversation.tick(PULSE_MS);
  assertEquals(ping, { do: "send", envelope: { kind: "ping" } });
  conversation.received({ kind: "pong" }, PULSE_MS + 1);
  let now = PULSE_MS + 1;
  const silent = now + SILENT_MS;
  while (conversation.phase === "open") {
    now = conversation.nextWake();
    const actions = conversation.tick(now);
    if (conversation.phase === "open") continue;
    assertEquals(kinds(actions), ["goodbye", "settle", "end"]);
    assertEquals((actions[1] as { id: number }).id, id);
  }
  assertEquals(now, silent);
  assert(SILENT_MS + 500 < 5_000);
});

Deno.test("conversation: who was held up, or doesn't read, blames nobody", () => {
  const conversation = opened();
  assertEquals(kinds(conversation.tick(60_000)), ["ping"], "the program was held up for a minute");
  assertEquals(conversation.phase, "open");
  assertEquals(kinds(conversation.tick(61_000)), ["goodbye", "end"], "and still nothing came");
  const deaf = opened();
  deaf.deaf(true, 0);
  for (let now = 0; now < 60_000; now = deaf.nextWake()) {
    assert(kinds(deaf.tick(now)).every((kind) => kind === "ping"));
  }
  assertEquals(deaf.phase, "open");
  deaf.deaf(false, 60_000);
  assertEquals(deaf.tick(60_000 + SILENT_MS - 1).at(-1)?.do, "send");
});

Deno.test("conversation: the table is what the states are", () => {
  assertEquals(Object.keys(TRANSITIONS), ["new", "greeting", "open", "over"]);
  assertEquals(TRANSITIONS.over, {});
});

type Step =
  | { do: "ask"; side: 0 | 1; wait: number }
  | { do: "answer" | "refuse" | "cancel"; side: 0 | 1; which: number }
  | { do: "carry"; side: 0 | 1; count: number }
  | { do: "wait"; ms: number }
  | { do: "leave"; side: 0 | 1 };

const side = fc.constantFrom(0 as const, 1 as const);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("ask" as const), side, wait: fc.nat(5000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("answer" as const, "refuse" as const, "cancel" as const),
      side,
      which: fc.nat(20),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("carry" as const), side, count: fc.nat(5) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(900) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), side }) },
);

Deno.test("conversation: whatever happens, each question is settled exactly once", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 120 }), (steps) => {
      const ends = [new Conversation("connects"), new Conversation("listens")] as const;
      const wires: [Uint8Array[], Uint8Array[]] = [[], []];
      const asked: [number[], number[]] = [[], []];
      const settled: [Map<number, Outcome>, Map<number, Outcome>] = [new Map(), new Map()];
      const theirs: [Set<number>, Set<number>] = [new Set(), new Set()];
      let now = 0;
      const perform = (side: 0 | 1, actions: Action[]) => {
        for (const action of actions) {
          if (action.do === "send") wires[side].push(encodeEnvelope(action.envelope));
          else if (action.do === "settle") {
            assert(!settled[side].has(action.id), "settled twice");
            settled[side].set(action.id, action.outcome);
          } else if (action.do === "deliver") theirs[side].add(action.id as number);
          else if (action.do === "withdraw") assert(theirs[side].delete(action.id));
        }
      };
      const carry = (side: 0 | 1, count: number) => {
        for (const bytes of wires[side].splice(0, count)) {
          const other = (1 - side) as 0 | 1;
          perform(other, ends[other].received(decodeEnvelope(bytes), now));
        }
      };
      perform(0, ends[0].begin(0));
      perform(1, ends[1].begin(0));
      for (const step of steps) {
        if (step.do === "wait") {
          now += step.ms;
          for (const side of [0, 1] as const) perform(side, ends[side].tick(now));
        } else if (step.do === "carry") carry(step.side, step.count);
        else {
          const end = ends[step.side];
          if (end.phase !== "open") continue;
          if (step.do === "ask") {
            const [id, actions] = end.ask("a", json(null), { now, deadline: now + step.wait });
            asked[step.side].push(id);
            // What is asked is answered with its own number.
            perform(step.side, actions);
          } else if (step.do === "leave") perform(step.side, end.leave("enough", now));
          else if (step.do === "cancel") {
            perform(step.side, end.cancel(asked[step.side][step.which] ?? 0, now));
          } else {
            const id = [...theirs[step.side]][step.which];
            if (id === undefined) continue;
            theirs[step.side].delete(id);
            perform(
              step.side,
              step.do === "answer"
                ? end.answer(id, json(id), now)
                : end.refuse(id, "refused", { reason: "", now }),
            );
          }
        }
      }
      for (const side of [0, 1] as const) {
        perform(side, ends[side].lost("the end"));
        assertEquals([...settled[side].keys()].sort(), [...asked[side]].sort());
        for (const [id, outcome] of settled[side]) {
          if (outcome.how === "answered") assertEquals(outcome.body, id);
        }
        assertEquals([ends[side].asking, ends[side].asked], [0, 0]);
      }
    }),
    { numRuns: 500 },
  );
});
