/** As much of clients as `bench notify` needs: of talker's line protocol, and of MQTT 3.1.1 with QoS 1. */

import { join, Pipe, type Publishes, type Speaker, type Subscribes } from "./notify_load.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const TOPIC = "bench";

// ------------------------------------------------------------------ talker

/** Lines of talker, cut. */
async function openLines(port: number, take: (line: string) => void): Promise<Pipe> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let rest = "";
  // All is ASCII here.
  return new Pipe(connection, (bytes) => {
    const lines = (rest + decoder.decode(bytes)).split("\r\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  });
}

/** Tagged requests, as `talker notify` sends them; a notification is acknowledged when that is confirmed. */
export const talkerSpeaker: Speaker = {
  async publisher(port, confirmed): Promise<Publishes> {
    const ready = Promise.withResolvers<void>();
    const pipe = await openLines(port, (line) => {
      if (line.startsWith("@ready ok")) ready.resolve();
      const [, number, outcome] = /^@([0-9]+) (ok|error)\b/.exec(line) ?? [];
      if (outcome === "error") throw new Error(line);
      if (number !== undefined) confirmed(Number(number));
    });
    pipe.send(encoder.encode("/service\r\n@ready /ping\r\n"));
    await ready.promise;
    return {
      publish: (number, text) =>
        pipe.send(encoder.encode(`@${number} /publish ${TOPIC} ${text}\r\n`)),
      close: () => pipe.close(),
    };
  },

  async subscriber(port, name, { pushed, acknowledged }): Promise<Subscribes> {
    const ready = Promise.withResolvers<void>();
    const texts = new Map<string, string>();
    const pipe = await openLines(port, (line) => {
      if (line.startsWith("NOTIFY ")) {
        const end = line.indexOf(" ", 7);
        const id = line.slice(7, end);
        const text = line.slice(end + TOPIC.length + 2);
        pushed(text);
        texts.set(id, text);
        pipe.send(encoder.encode(`@a /ack ${id}\r\n`));
      } else if (line.startsWith("@a ok ")) {
        const id = line.slice(6);
        acknowledged(texts.get(id)!);
        texts.delete(id);
      } else if (line.startsWith("@ready ok")) ready.resolve();
      else if (line.includes(" error ")) throw new Error(line);
    });
    pipe.send(encoder.encode(`/service\r\n@ready /notify ${TOPIC} as=${name}\r\n`));
    await ready.promise;
    return { close: () => pipe.close() };
  },
};

// ------------------------------------------------------------------ MQTT

const CONNACK = 0x20, PUBLISH_QOS1 = 0x32, PUBLISH = 0x30, PUBACK = 0x40, SUBACK = 0x90;

function packet(type: number, ...parts: Uint8Array[]): Uint8Array {
  const body = join(parts);
  const length: number[] = [];
  for (let rest = body.length;;) {
    const low = rest & 127;
    rest >>= 7;
    length.push(rest > 0 ? low | 128 : low);
    if (rest === 0) break;
  }
  return join([Uint8Array.of(type, ...length), body]);
}

const short = (value: number) => Uint8Array.of(value >> 8, value & 255);
const text = (value: string) => join([short(value.length), encoder.encode(value)]);

/** Connects with a session that the server keeps (clean session off). */
async function openMqtt(
  port: number,
  name: string,
  take: (type: number, body: Uint8Array) => void,
): Promise<Pipe> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let rest: Uint8Array = new Uint8Array(0);
  const ready = Promise.withResolvers<void>();
  const pipe = new Pipe(connection, (chunk) => {
    const bytes = rest.length === 0 ? chunk : join([rest, chunk]);
    let at = 0;
    for (;;) {
      let length = 0, head = at + 1, shift = 0, isWhole = false;
      while (head < bytes.length && !isWhole) {
        const byte = bytes[head++]!;
        length |= (byte & 127) << shift;
        shift += 7;
        isWhole = byte < 128;
      }
      if (!isWhole || head + length > bytes.length) break;
      const type = bytes[at]!;
      if ((type & 0xf0) === CONNACK) ready.resolve();
      take(type, bytes.subarray(head, head + length));
      at = head + length;
    }
    rest = bytes.slice(at);
  });
  const keepAlive = 600;
  pipe.send(
    packet(0x10, text("MQTT"), Uint8Array.of(4, 0), short(keepAlive), text(name)),
  );
  await ready.promise;
  return pipe;
}

/** QoS 1 both ways; a notification is acknowledged when that is sent: the server never confirms it. */
export const mqttSpeaker: Speaker = {
  async publisher(port, confirmed): Promise<Publishes> {
    const numbers = new Map<number, number>();
    const pipe = await openMqtt(port, "publisher", (type, body) => {
      if ((type & 0xf0) !== PUBACK) return;
      const id = body[0]! << 8 | body[1]!;
      const number = numbers.get(id)!;
      numbers.delete(id);
      confirmed(number);
    });
    const topic = text(TOPIC);
    return {
      publish(number, content) {
        const id = number % 65_535 + 1;
        numbers.set(id, number);
        pipe.send(packet(PUBLISH_QOS1, topic, short(id), encoder.encode(content)));
      },
      close: () => pipe.close(),
    };
  },

  async subscriber(port, name, { pushed, acknowledged }): Promise<Subscribes> {
    const ready = Promise.withResolvers<void>();
    const pipe = await openMqtt(port, name, (type, body) => {
      if ((type & 0xf0) === SUBACK) ready.resolve();
      if ((type & 0xf0) !== PUBLISH) return;
      const behind = 2 + (body[0]! << 8 | body[1]!);
      const content = decoder.decode(body.subarray(behind + 2));
      pushed(content);
      pipe.send(packet(PUBACK, body.slice(behind, behind + 2)));
      acknowledged(content);
    });
    pipe.send(packet(0x82, short(1), text(TOPIC), Uint8Array.of(1)));
    await ready.promise;
    return { close: () => pipe.close() };
  },
};
