import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HOLD_MS, RETRY_HELD_MS } from "../../lib/client/nick_keeper.ts";
import { ClientRig, ModelServer } from "../support/client_rig.ts";

Deno.test("Who waited for notifications is told that the new connection brings none", () => {
  const texts = (rig: ClientRig) => rig.lines.filter((line) => line.includes("goes on"));
  const asked = (line: string) => {
    const rig = new ClientRig({ interactive: true }).ready();
    rig.line(line);
    rig.receive({ type: "ok", tag: rig.tagOf(line) });
    rig.take();
    return rig;
  };
  const rig = asked("/notify hits door/* as=ann");
  rig.lose();
  assertEquals(texts(rig), [
    "!talker: Notifications ended with the connection: /notify hits door/* as=ann goes on",
  ]);
  rig.pass(1000);
  rig.ready().lose();
  assertEquals(texts(rig), [], "it is said once");

  const left = asked("/notify");
  left.line("/normal");
  left.receive({ type: "ok", tag: left.tagOf("/normal") });
  left.lose();
  assertEquals(texts(left), []);

  const ended = asked("/notify");
  const text = "Notifications off after 60 s";
  ended.receive({ type: "notice", text, notifications: false });
  ended.lose();
  assertEquals(texts(ended), []);
});

/** A client and a server with a network between them that delivers when it is told to. */
class Wire {
  readonly rig: ClientRig;
  readonly server = new ModelServer();
  /** What others said; the client ought to show each once. */
  readonly said: string[] = [];
  #connected = false;

  constructor(options: ConstructorParameters<typeof ClientRig>[0] = {}) {
    this.rig = new ClientRig(options);
  }

  connect(): void {
    if (this.#connected) return;
    while (!this.rig.connecting) this.rig.pass(1000);
    this.rig.sent = [];
    this.server.connect();
    this.#connected = true;
    this.rig.connected();
  }

  /** The server takes this many records of the client. */
  deliverToServer(count = Infinity): void {
    for (const record of this.rig.sent.splice(0, count)) this.server.take(record);
  }

  deliverToClient(count = Infinity): void {
    for (const record of this.server.out.splice(0, count)) this.rig.receive(record);
  }

  /** Everything arrives, and all that it leads to. */
  settle(): void {
    while (this.#connected && this.rig.sent.length + this.server.out.length > 0) {
      this.deliverToServer();
      this.deliverToClient();
    }
  }

  /** What is on its way is lost, both ways. */
  cut(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.rig.sent = [];
    this.server.out = [];
    this.rig.connecting = false;
    this.rig.lose();
  }

  other(text: string): void {
    this.said.push(text);
    this.server.other(text);
    if (!this.#connected) this.server.out = [];
  }

  /** Lines by others that the client showed. */
  get heard(): string[] {
    return this.rig.shown.flatMap((shown) =>
      shown.kind === "said" && shown.event.nick === "other" ? [shown.event.text] : []
    );
  }

  /** Own lines as the server has them. */
  get spoken(): string[] {
    return this.server.history.filter(({ nick }) => nick !== "other").map(({ said }) => said);
  }
}

Deno.test("What was said meanwhile is fetched, shown in order, and counted", () => {
  const wire = new Wire({ count: 4 });
  wire.connect();
  wire.settle();
  wire.other("one");
  wire.settle();
  wire.cut();
  wire.other("two");
  wire.other("three");
  wire.connect();
  wire.settle();
  assertEquals(wire.heard, ["one", "two", "three"]);
  wire.other("four");
  wire.settle();
  assertEquals(wire.rig.outcome, { is: "done" });
});

Deno.test("Lines before the arrival are not fetched after a loss", () => {
  const wire = new Wire();
  wire.server.other("before");
  wire.connect();
  wire.settle();
  wire.cut();
  wire.other("meanwhile");
  wire.connect();
  wire.settle();
  assertEquals(wire.heard, ["meanwhile"]);
});

Deno.test("A line that never reached the server goes out again", () => {
  const wire = new Wire();
  wire.connect();
  wire.settle();
  wire.rig.line("lost");
  wire.cut();
  wire.rig.line("waiting");
  wire.connect();
  wire.settle();
  assertEquals(wire.spoken, ["lost", "waiting"]);
});

Deno.test("A line whose confirmation was lost is not said twice", () => {
  for (const echo of [true, false]) {
    const wire = new Wire();
    wire.server.echo = echo;
    wire.connect();
    wire.settle();
    wire.rig.line("once", "once", "/me waves");
    wire.deliverToServer(2);
    wire.cut();
    wire.connect();
    wire.settle();
    assertEquals(wire.spoken, ["once", "once", "waves"]);
    wire.rig.client.endInput(wire.rig.now);
    assertEquals(wire.rig.outcome, { is: "done" });
  }
});

Deno.test("An echo is as good as a confirmation", () => {
  const wire = new Wire();
  wire.connect();
  wire.settle();
  wire.rig.line("once");
  wire.deliverToServer();
  assertEquals(wire.server.out.length, 2);
  wire.deliverToClient(1);
  wire.cut();
  wire.connect();
  wire.settle();
  assertEquals(wire.spoken, ["once"]);
});

Deno.test("A server that has forgotten is told so, and what it has is shown", () => {
  const wire = new Wire();
  wire.connect();
  wire.settle();
  wire.other("one");
  wire.settle();
  wire.cut();
  wire.server.history.length = 0;
  wire.server.incarnation = 2;
  wire.other("two");
  wire.connect();
  wire.settle();
  assert(wire.rig.lines.some((line) => line.includes("does not know what was heard here last")));
  assertEquals(wire.heard, ["one", "two"]);
});

Deno.test("It takes its nick back, waiting while the old session lingers", () => {
  const wire = new Wire({ nick: "ann" });
  wire.connect();
  wire.settle();
  wire.cut();
  wire.server.taken.add("ann");
  wire.rig.line("hello");
  wire.connect();
  wire.settle();
  assertEquals(wire.rig.client.state, "entering");
  wire.rig.pass(RETRY_HELD_MS);
  wire.settle();
  assertEquals(wire.rig.client.state, "entering");
  assertEquals(wire.spoken, []);
  wire.server.taken.clear();
  wire.rig.pass(RETRY_HELD_MS);
  wire.settle();
  assertEquals(wire.rig.client.state, "ready");
  assertEquals(wire.server.history.map(({ nick, said }) => [nick, said]), [["ann", "hello"]]);
});

Deno.test("A person does not wait for the nick for ever, a script fails", () => {
  const person = new Wire({ nick: "ann", interactive: true });
  const script = new Wire({ nick: "ann" });
  for (const wire of [person, script]) {
    wire.connect();
    wire.settle();
    wire.cut();
    wire.server.taken.add("ann");
    wire.rig.line("hello");
    wire.connect();
    wire.settle();
    for (let waited = 0; waited <= HOLD_MS.person; waited += 1000) {
      wire.rig.pass(1000);
      wire.settle();
    }
  }
  assertEquals(person.server.history.map(({ nick }) => nick), ["guest2"]);
  const told = person.rig.lines.filter((line) => line.includes("is taken"));
  assertEquals(told, [
    "!talker: Nick ann is taken; your lines wait for it a moment",
    "!talker: Nick ann is taken; you are guest2 until it is free",
  ]);
  person.server.taken.clear();
  for (let i = 0; i < 6; i++) {
    person.rig.pass(1000);
    person.settle();
  }
  assertEquals(person.rig.client.nick, "ann");
  assertEquals(script.rig.client.state, "entering");
  for (let waited = 0; waited <= HOLD_MS.script; waited += 1000) {
    script.rig.pass(1000);
    script.settle();
  }
  assertEquals(script.rig.outcome, { is: "failed", message: "Nick ann is taken" });
  assertEquals(script.spoken, []);
});

Deno.test("A guest's nick is asked back once", () => {
  const wire = new Wire();
  wire.connect();
  wire.settle();
  wire.cut();
  wire.connect();
  wire.settle();
  assertEquals([wire.rig.client.nick, wire.server.nick], ["guest1", "guest1"]);
});

Deno.test("Without reconnecting a loss is a failure", () => {
  const rig = new ClientRig({ reconnect: false }).ready();
  rig.line("hello");
  rig.lose("the server closed it");
  assertEquals(rig.outcome, {
    is: "failed",
    message: "The connection to kitchen:1 is lost: the server closed it",
  });
});

Deno.test("Who has nothing more to say need not come back", () => {
  const rig = new ClientRig().ready();
  rig.line("heard");
  rig.say("guest1", "heard", "a.1");
  rig.lose();
  assertEquals(rig.outcome, undefined);
  rig.client.endInput(rig.now);
  assertEquals(rig.outcome, { is: "done" });

  const other = new ClientRig().ready();
  other.line("not heard");
  other.lose();
  other.client.endInput(other.now);
  assertEquals(other.outcome, undefined);
});

Deno.test("A history that is cut off is fetched from where it was", () => {
  const wire = new Wire();
  wire.connect();
  wire.settle();
  wire.other("0");
  wire.settle();
  wire.cut();
  for (let i = 1; i <= 5; i++) wire.other(`${i}`);
  wire.connect();
  wire.deliverToServer(1); // /format
  wire.other("live");
  wire.deliverToClient();
  assertEquals(wire.heard, ["0"], "it comes behind what is missing");
  wire.deliverToServer(); // /nick and /history
  wire.deliverToClient(4); // as far as some lines
  assertEquals(wire.heard.length > 1 && wire.heard.length < 6, true);
  wire.cut();
  wire.connect();
  wire.settle();
  assertEquals(wire.heard, ["0", "1", "2", "3", "4", "5", "live"]);
});

Deno.test("An echo behind its confirmation is taken for no other line of the same words", () => {
  const rig = new ClientRig().ready("me");
  rig.line("same", "same");
  const [first] = rig.take();
  rig.receive({ type: "ok", tag: /^@(\w+)/.exec(first ?? "")?.[1], id: "a.1" });
  rig.say("me", "same", "a.1");
  rig.lose();
  rig.pass(1000);
  rig.connected();
  rig.welcome("me");
  rig.receive({ type: "ok", tag: rig.tagOf("/history since=a.1") });
  assertEquals(rig.sent.filter((record) => record.endsWith("/say same")).length, 1);
});

Deno.test("A confirmed line that the server did not echo is not taken out of the history", () => {
  const wire = new Wire();
  wire.server.echo = false;
  wire.connect();
  wire.settle();
  wire.rig.line("mine");
  wire.settle();
  wire.rig.line("mine");
  wire.cut();
  wire.connect();
  wire.settle();
  assertEquals(wire.spoken, ["mine", "mine"]);
});

interface Step {
  is: "say" | "other" | "cut" | "connect" | "settle" | "server" | "client";
  count?: number;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ is: "say" }) },
  { weight: 3, arbitrary: fc.constant<Step>({ is: "other" }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ is: "cut" }, { is: "settle" }) },
  { weight: 2, arbitrary: fc.constant<Step>({ is: "connect" }) },
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constantFrom("server" as const, "client" as const),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

Deno.test("However often the connection is cut, each line is said once and heard once, in order", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (steps, echo, interactive, sameText) => {
        const wire = new Wire({ interactive, nick: "ann" });
        wire.server.echo = echo;
        wire.connect();
        wire.settle();
        const mine: string[] = [];
        let number = 0;
        for (const one of steps) {
          if (one.is === "say") {
            // Lines may be alike; every third is what `/say` can't carry, and goes out bare. Without
            // an echo it is known by no id, so it may come twice: that is left out here.
            const kind = ++number % 3 === 0 && echo ? "  bare" : "line";
            const text = sameText ? kind : `${kind} ${number}`;
            mine.push(text);
            wire.rig.line(text);
          } else if (one.is === "other") wire.other(`other ${++number}`);
          else if (one.is === "cut") wire.cut();
          else if (one.is === "connect") wire.connect();
          else if (one.is === "settle") wire.settle();
          else if (one.is === "server") wire.deliverToServer(one.count);
          else wire.deliverToClient(one.count);
        }
        wire.connect();
        wire.settle();
        assertEquals(wire.spoken, mine, "each own line is said once");
        assertEquals(wire.heard, wire.said, "each line of others is heard once");
        wire.rig.client.endInput(wire.rig.now);
        if (!interactive) assertEquals(wire.rig.outcome, { is: "done" });
        const own = wire.rig.shown.filter((shown) => shown.kind === "said" && shown.own);
        if (interactive && !sameText && echo) assertEquals(own.length, mine.length);
      },
    ),
    { numRuns: 1000 },
  );
});
