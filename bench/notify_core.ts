// deno-lint-ignore-file no-console -- a report on the console is its purpose
/**
 * How fast the board of notifications is by itself: without sockets, lines and a disk.
 * `deno run --allow-env bench/notify_core.ts`
 */
import { Board } from "../lib/notify/board.ts";
import { MemoryNotificationStore } from "../tests/support/notify_store.ts";
import type { Notification } from "../lib/notify/notification.ts";
import type { Subscriber, Subscription } from "../lib/notify/notifications.ts";

/** Takes everything, and acknowledges what it is told to. */
class Sink implements Subscriber {
  readonly nick = "sink";
  readonly takes = true;
  readonly got: string[] = [];
  subscription: Subscription | undefined;
  count = 0;

  constructor(readonly keeps: boolean) {}

  push({ id }: Notification): void {
    this.count++;
    if (this.keeps) this.got.push(id);
  }

  dropped(): void {}
  ended(): void {}

  enter(board: Board, topics: string[], as?: string): this {
    this.subscription = board.subscribe(this, { topics, as, timeout: 86_400_000 });
    this.subscription.resume();
    return this;
  }
}

function rate(count: number, start: number): string {
  const seconds = (performance.now() - start) / 1_000;
  return `${Math.round(count / seconds).toLocaleString("en").padStart(12)}/s`;
}

function newBoard(): Board {
  const clock = { now: () => performance.now(), wall: () => Date.now() };
  return new Board({ clock, store: new MemoryNotificationStore() });
}

function publish(board: Board, count: number): void {
  const text = "x".repeat(64);
  for (let i = 0; i < count; i++) board.publish({ topic: "door/front", text, nick: "eve" });
}

/** Publishes, with so many subscribers; `others` want something else. */
function published(subscribers: number, kind: "nameless" | "named" | "away", others = 0): string {
  const board = newBoard();
  for (let i = 0; i < others; i++) new Sink(false).enter(board, [`other/${i}/*`, `t${i}`]);
  const sinks = Array.from({ length: subscribers }, (_, i) => {
    const sink = new Sink(kind === "named");
    return kind === "nameless"
      ? sink.enter(board, ["door/*"])
      : sink.enter(board, ["door/**"], `n${i}`);
  });
  if (kind === "away") { for (const { subscription } of sinks) subscription!.leave(); }
  const round = () => {
    publish(board, 100);
    for (const { got, subscription } of sinks) {
      for (const id of got) subscription!.acknowledge(id);
      got.length = 0;
    }
  };
  for (let i = 0; i < 20; i++) round();
  const rounds = Math.max(10, Math.round(2_000 / Math.max(1, subscribers / 10)));
  const start = performance.now();
  for (let i = 0; i < rounds; i++) round();
  return rate(100 * rounds, start);
}

/** Acknowledges what a named subscriber got, in its order. */
function acknowledged(subscribers: number): string {
  const board = newBoard();
  const sinks = Array.from(
    { length: subscribers },
    (_, i) => new Sink(true).enter(board, ["**"], `n${i}`),
  );
  let spent = 0, count = 0;
  for (let round = 0; round < Math.max(2, 200 / subscribers); round++) {
    publish(board, 500);
    const start = performance.now();
    for (const { got, subscription } of sinks) {
      for (const id of got) subscription!.acknowledge(id);
      count += got.length;
      got.length = 0;
    }
    spent += performance.now() - start;
  }
  return rate(count, performance.now() - spent);
}

console.log("The board alone, with a store in memory; notifications of 64 bytes");
console.log("published; nameless / named, acknowledging all / named, away, with full queues:");
for (const subscribers of [1, 100, 1_000]) {
  const rates = (["nameless", "named", "away"] as const).map((kind) =>
    published(subscribers, kind)
  );
  console.log(`  ${String(subscribers).padStart(5)}  ${rates.join("  ")}`);
}
console.log(`  1 of 1,001, who want other topics  ${published(1, "nameless", 1_000)}`);
console.log("acknowledged, by named subscribers:");
for (const subscribers of [1, 100, 1_000]) {
  console.log(`  ${String(subscribers).padStart(5)}  ${acknowledged(subscribers)}`);
}
