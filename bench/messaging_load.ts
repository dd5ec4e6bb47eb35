/** What asks and listens in the measurements of messages. */

import { connect, defineMessage, sendMessage, type Session, text } from "../lib/mod.ts";
import { Nats } from "./messaging_nats.ts";

/** A question that is answered with itself. */
export const ECHO = defineMessage("echo", text, { reply: text });
const Start = defineMessage("start", text);
/** The topic of the news. */
export const NEWS = "news";
/** Where the publisher is told to begin. */
export const START = "start";

/** What is sent. */
export const PAYLOAD = "x".repeat(64);

/** Round trips. */
export interface Trips {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** Before it counts, in milliseconds. */
const WARM_UP_MS = 300;

/** So many askers, each with one question at a time, for so many seconds. */
async function trips(
  askers: number,
  seconds: number,
  ask: () => Promise<unknown>,
): Promise<Trips> {
  const times: number[] = [];
  const from = performance.now() + WARM_UP_MS;
  const until = from + 1000 * seconds;
  await Promise.all(Array.from({ length: askers }, async () => {
    for (let began = performance.now(); began < until;) {
      const reply = await ask();
      if (reply !== PAYLOAD) throw new Error(`A wrong reply: ${reply}`);
      const now = performance.now();
      if (began >= from) times.push(now - began);
      began = now;
    }
  }));
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? NaN;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) };
}

/** Questions over one connection of the library's. */
export async function askTalker(port: number, askers: number, seconds: number): Promise<Trips> {
  const session = await connect(port, { wait: 5_000 });
  try {
    return await trips(askers, seconds, () => session.ask(ECHO, PAYLOAD));
  } finally {
    session.close();
  }
}

/** Messages with the simple function. */
export async function sendTalker(port: number, askers: number, seconds: number): Promise<Trips> {
  return await trips(askers, seconds, () => sendMessage(`127.0.0.1:${port}`, PAYLOAD));
}

/** Requests over one connection to a NATS server, as its clients make them: one inbox for all. */
export async function askNats(port: number, askers: number, seconds: number): Promise<Trips> {
  const nats = await Nats.connect(port);
  const waiting = new Map<string, (payload: string) => void>();
  const inboxes = Array.from({ length: askers }, (_, i) => `_INBOX.bench.${i}`);
  const free = [...inboxes];
  for (const inbox of inboxes) nats.subscribe(inbox, (payload) => waiting.get(inbox)?.(payload));
  await nats.flush();
  try {
    return await trips(askers, seconds, () =>
      new Promise((resolve) => {
        // Each asker has one question at a time.
        const inbox = free.pop() as string;
        waiting.set(inbox, (payload) => {
          free.push(inbox);
          resolve(JSON.parse(payload));
        });
        nats.publish("echo", JSON.stringify(PAYLOAD), inbox);
      }));
  } finally {
    nats.close();
  }
}

/** Deliveries of news per second to so many listeners, each with a connection of its own. */
async function deliveries(seconds: number, count: () => number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const [before, from] = [count(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  return (count() - before) / ((performance.now() - from) / 1000);
}

export async function hearTalker(
  port: number,
  listeners: number,
  seconds: number,
): Promise<number> {
  const sessions: Session[] = [];
  let heard = 0;
  const listenTo = async (session: Session) => {
    for await (const { missed } of session.news) {
      if (missed > 0) throw new Error(`${missed} were missed`);
      heard++;
    }
  };
  for (let i = 0; i < listeners; i++) {
    const session = await connect(port, { wait: 5_000 });
    session.subscribe(NEWS);
    void listenTo(session);
    sessions.push(session);
  }
  // What was sent before has arrived when this is answered: each connection asks.
  await sessions.at(-1)?.ask(Start, PAYLOAD);
  const rate = await deliveries(seconds, () => heard);
  for (const session of sessions) session.close();
  return rate;
}

export async function hearNats(port: number, listeners: number, seconds: number): Promise<number> {
  const clients: Nats[] = [];
  let heard = 0;
  for (let i = 0; i < listeners; i++) {
    const nats = await Nats.connect(port);
    nats.subscribe(NEWS, (payload) => {
      JSON.parse(payload);
      heard++;
    });
    await nats.flush();
    clients.push(nats);
  }
  clients[0]?.publish(START, PAYLOAD);
  const rate = await deliveries(seconds, () => heard);
  for (const nats of clients) nats.close();
  return rate;
}
