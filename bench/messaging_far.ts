/**
 * The other side of the measurements of messages, as a process of its own: it answers with what it was
 * asked, or publishes news as fast as they are taken. Says `ready PORT` when it is there.
 *
 *     deno run -A messaging_far.ts talker|simple|nats|talker-news|nats-news PORT
 */

import { defineMessage, handle, listen, text, waitForMessage } from "../lib/mod.ts";
import { ECHO, NEWS, START } from "./messaging_load.ts";
import { Nats } from "./messaging_nats.ts";
import { print } from "./output.ts";

const [what = "", port = ""] = Deno.args;
const at = `127.0.0.1:${port}`;
const Start = defineMessage("start", text);
const ready = () => print(`ready ${port}`);

switch (what) {
  case "talker":
    await listen(at, { handlers: [handle(ECHO, (body) => body)] });
    ready();
    break;
  case "simple": {
    ready();
    for (;;) {
      const request = await waitForMessage(at);
      // As fast as it can: the next is taken while this one goes out.
      void request?.reply(request.message);
    }
  }
  case "nats": {
    const nats = await Nats.connect(Number(port));
    nats.subscribe(
      "echo",
      (payload, reply) => nats.publish(reply as string, JSON.stringify(JSON.parse(payload))),
    );
    await nats.flush();
    ready();
    break;
  }
  case "talker-news": {
    const server = await listen(at, {
      handlers: [handle(Start, (payload) => void publish(payload))],
    });
    const publish = async (payload: string) => {
      for (;;) {
        for (let i = 0; i < 100; i++) await server.publish(NEWS, payload);
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    ready();
    break;
  }
  case "nats-news": {
    const nats = await Nats.connect(Number(port));
    nats.subscribe(START, async (payload) => {
      for (;;) {
        for (let i = 0; i < 100; i++) nats.publish(NEWS, JSON.stringify(payload));
        await nats.flush();
      }
    });
    await nats.flush();
    ready();
    break;
  }
  default:
    throw new Error(`No such part: ${what}`);
}
