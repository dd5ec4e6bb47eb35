import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LocalFault } from "../../lib/wire/errors.ts";
import { MAX_NETWORKZERO_BYTES, MAX_NETWORKZERO_TTL_S } from "../../lib/wire/limits.ts";
import {
  decodeNetworkzero,
  encodeNetworkzero,
  type NetworkzeroAdvert,
} from "../../lib/wire/networkzero_codec.ts";
import { bytesOf } from "../support/codec_tester.ts";

const decoder = new TextDecoder();

/** As Python writes them: `json.dumps([name, address, ttl])`. */
const SAMPLES: [string, NetworkzeroAdvert][] = [
  ['["hello", "192.168.1.5:4567", 20]', {
    name: "hello",
    host: "192.168.1.5",
    port: 4567,
    ttl: 20,
  }],
  ['["robot/arm 1", "10.0.0.1:1", null]', {
    name: "robot/arm 1",
    host: "10.0.0.1",
    port: 1,
    ttl: null,
  }],
  ['["caf\\u00e9 \\ud83d\\ude00", "127.0.0.1:65535", 0.5]', {
    name: "café 😀",
    host: "127.0.0.1",
    port: 65_535,
    ttl: 0.5,
  }],
  ['["say \\"hi\\" \\\\o/", "10.0.0.1:80", 20]', {
    name: 'say "hi" \\o/',
    host: "10.0.0.1",
    port: 80,
    ttl: 20,
  }],
];

Deno.test("networkzero: written and read as Python does", () => {
  for (const [text, advert] of SAMPLES) {
    assertEquals(decoder.decode(encodeNetworkzero(advert)), text);
    assertEquals(decodeNetworkzero(bytesOf(text)), advert);
  }
});

Deno.test("networkzero: read as others may write it", () => {
  const expected = SAMPLES[0]?.[1];
  assertEquals(decodeNetworkzero(bytesOf('["hello","192.168.1.5:4567",20]')), expected);
  assertEquals(decodeNetworkzero(bytesOf(' [ "hello" , "192.168.1.5:4567" , 2e1 ] ')), expected);
  assertEquals(decodeNetworkzero(bytesOf('["caf\xc3\xa9","10.0.0.1:4567",20]'))?.name, "café");
  assertEquals(
    decodeNetworkzero(bytesOf('["a","10.0.0.1:4567",1e300]'))?.ttl,
    MAX_NETWORKZERO_TTL_S,
  );
});

Deno.test("networkzero: what is no advert is none", () => {
  const none = [
    "",
    "\0",
    "hello",
    "[]",
    "{}",
    "null",
    '["a","10.0.0.1:80"]',
    '["a","10.0.0.1:80",20,1]',
    '["","10.0.0.1:80",20]',
    '["a\\u001b[31m","10.0.0.1:80",20]',
    '["a\\tb","10.0.0.1:80",20]',
    '["\\ud800","10.0.0.1:80",20]',
    '["a\\nb","10.0.0.1:80",20]',
    '[1,"10.0.0.1:80",20]',
    '["a",80,20]',
    '["a","10.0.0.1",20]',
    '["a","10.0.0.1:0",20]',
    '["a","10.0.0.1:65536",20]',
    '["a","10.0.0.1:99999999999",20]',
    '["a","10.0.0.256:80",20]',
    '["a","10.0.01:80",20]',
    '["a","010.0.0.1:80",20]',
    '["a","0.0.0.0:80",20]',
    '["a","224.0.0.1:80",20]',
    '["a","255.255.255.255:80",20]',
    '["a","kitchen:80",20]',
    '["a","10.0.0.1:80 ",20]',
    '["a","10.0.0.1:80","20"]',
    '["a","10.0.0.1:80",0]',
    '["a","10.0.0.1:80",-1]',
    '["a","10.0.0.1:80",1e999]',
    '["a","10.0.0.1:80",true]',
    '["a\xff","10.0.0.1:80",20]',
    `["${"a".repeat(256)}","10.0.0.1:80",20]`,
  ];
  for (const text of none) assertEquals(decodeNetworkzero(bytesOf(text)), undefined, text);
});

Deno.test("networkzero: nothing is sent that it could not take", () => {
  const right: NetworkzeroAdvert = { name: "a", host: "10.0.0.1", port: 80, ttl: 20 };
  const wrong: Partial<NetworkzeroAdvert>[] = [
    { name: "" },
    { name: "a\n" },
    { name: "\ud800" },
    { host: "kitchen" },
    { host: "::1" },
    { host: "0.0.0.0" },
    { port: 0 },
    { port: 80.5 },
    { ttl: 0 },
    { ttl: Infinity },
    { name: "é".repeat(50) },
  ];
  for (const part of wrong) {
    assertThrows(
      () => encodeNetworkzero({ ...right, ...part }),
      LocalFault,
      undefined,
      JSON.stringify(part),
    );
  }
  const longest = MAX_NETWORKZERO_BYTES - '["", "10.0.0.1:80", 20]'.length;
  assertEquals(
    encodeNetworkzero({ ...right, name: "a".repeat(longest) }).length,
    MAX_NETWORKZERO_BYTES,
  );
  assertThrows(
    () => encodeNetworkzero({ ...right, name: "a".repeat(longest + 1) }),
    LocalFault,
    "too long for networkzero",
  );
});

const adverts = fc.record({
  name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
  host: fc.ipV4(),
  port: fc.integer({ min: 1, max: 65_535 }),
  ttl: fc.option(fc.integer({ min: 1, max: MAX_NETWORKZERO_TTL_S })),
});

Deno.test("networkzero: what is written is printable ASCII, and read as it was", () => {
  fc.assert(fc.property(adverts, (advert) => {
    let bytes: Uint8Array;
    try {
      bytes = encodeNetworkzero(advert);
    } catch (error) {
      if (error instanceof LocalFault) return;
      throw error;
    }
    assertEquals(bytes.every((byte) => byte >= 0x20 && byte <= 0x7e), true);
    assertEquals(bytes.length <= MAX_NETWORKZERO_BYTES, true);
    assertEquals(decodeNetworkzero(bytes), advert);
  }));
});

Deno.test("networkzero: no bytes make it throw, and what it takes could be sent", () => {
  const mutated = fc.tuple(fc.constantFrom(...SAMPLES), fc.nat(), fc.nat(255)).map(
    ([[text], at, byte]) => {
      const bytes = bytesOf(text);
      bytes[at % bytes.length] = byte;
      return bytes;
    },
  );
  const any = fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated);
  fc.assert(
    fc.property(any, (bytes) => {
      const advert = decodeNetworkzero(bytes);
      if (advert !== undefined) assertEquals(decodeNetworkzero(encodeNetworkzero(advert)), advert);
    }),
    { numRuns: 5_000 },
  );
});
