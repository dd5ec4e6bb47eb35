import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatIp,
  isLinkLocalV6,
  isLoopbackIp,
  isNobody,
  parseIp,
  samePrefix,
} from "../../lib/wire/beacon_address.ts";

Deno.test("beacon address: bytes to text and back", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 255 })), { minLength: 16, maxLength: 16 })
      .map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(fc.property(bytes, (bytes) => assertEquals(parseIp(formatIp(bytes)), bytes)));
});

Deno.test("beacon address: the text is the shortest, as a URL has it", () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 65_535 })), {
    minLength: 8,
    maxLength: 8,
  });
  fc.assert(fc.property(groups, (groups) => {
    const long = groups.map((group) => group.toString(16)).join(":");
    const { hostname } = new URL(`http://[${long}]`);
    assertEquals(`[${formatIp(parseIp(long)!)}]`, hostname);
  }));
});

Deno.test("beacon address: what is none", () => {
  const none = ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "kitchen", ":", ":::", "1::2::3"];
  const more = [
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "g::",
    "12345::",
    "::1.2.3",
  ];
  for (const text of [...none, ...more]) assertEquals(parseIp(text), undefined, text);
  assertEquals(formatIp(parseIp("::ffff:10.0.0.1")!), "::ffff:a00:1");
  assertEquals(formatIp(parseIp("fe80::1%eth0")!), "fe80::1");
});

Deno.test("beacon address: kinds of addresses, and subnets", () => {
  const ip = (text: string) => parseIp(text)!;
  assert(isLoopbackIp(ip("127.1.2.3")) && isLoopbackIp(ip("::1")) && !isLoopbackIp(ip("::2")));
  assert(
    isLinkLocalV6(ip("fe80::1")) && isLinkLocalV6(ip("febf::1")) && !isLinkLocalV6(ip("fec0::")),
  );
  for (const text of ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"]) {
    assert(isNobody(ip(text)), text);
  }
  assert(!isNobody(ip("10.0.0.1")) && !isNobody(ip("::1")));
  assert(samePrefix(ip("10.77.1.1"), ip("10.77.1.200"), 24));
  assert(!samePrefix(ip("10.77.1.1"), ip("10.77.2.1"), 24));
  assert(samePrefix(ip("10.77.1.1"), ip("10.77.2.1"), 22));
  assert(!samePrefix(ip("10.77.1.1"), ip("10.77.4.1"), 22));
  assert(samePrefix(ip("10.0.0.1"), ip("192.0.0.1"), 0));
  assert(!samePrefix(ip("10.0.0.1"), ip("fe80::1"), 0));
});
