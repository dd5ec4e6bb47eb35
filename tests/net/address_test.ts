import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  AddressError,
  formatAddress,
  isLoopback,
  parseListen,
  parseTarget,
} from "../../lib/net/address.ts";

Deno.test("Targets", () => {
  const table: [string, string, number][] = [
    ["kitchen.local:8889", "kitchen.local", 8889],
    ["192.168.1.5:1", "192.168.1.5", 1],
    ["[::1]:65535", "::1", 65535],
    ["[fe80::1%eth0]:8889", "fe80::1%eth0", 8889],
    ["[::ffff:10.0.0.1]:8889", "::ffff:10.0.0.1", 8889],
    [":8889", "127.0.0.1", 8889],
    ["8889", "127.0.0.1", 8889],
    ["my_box:8889", "my_box", 8889],
    ["küche:8889", "küche", 8889],
  ];
  for (const [text, host, port] of table) {
    assertEquals(parseTarget(text), { kind: "address", host, port });
  }
  for (const name of ["kitchen", "robot/motor", "café", "a-b_c.local"]) {
    assertEquals(parseTarget(name), { kind: "name", name });
  }
});

Deno.test("What is no target is refused with the value and the reason", () => {
  const table: [string, string][] = [
    ["", '"" is no address: it must be host:port'],
    ["host:", '"" is no port'],
    ["host:http", '"http" is no port'],
    ["host:65536", '"65536" is no port (0 to 65535)'],
    ["65536", '"65536" is no port'],
    ["0", "nobody can be reached at port 0"],
    ["host:-1", '"-1" is no port'],
    ["192.168.1.5", "it has no port; write 192.168.1.5:8889"],
    ["192.168.1.256:1", '"192.168.1.256" is no IPv4 address'],
    ["::1", "in brackets: [::1]:8889"],
    ["fe80::1:8889", "in brackets: [fe80::1]:8889"],
    ["::1:8889", "in brackets: [::1]:8889"],
    ["fe80::1:2", "in brackets: [fe80::1:2]:8889"],
    ["1:2:3:4:5:6:7:8889", "in brackets: [1:2:3:4:5:6:7:8889]:8889"],
    ["1:2:3:4:5:6:7:8:8889", "in brackets"],
    ["localhost", "it has no port; write localhost:8889"],
    ["[::1]", "it has no port; write [::1]:8889, say"],
    ["[::1", "the ] behind the IPv6 address is missing; write [::1]:8889, say"],
    ["[::1:7000", "the ] behind the IPv6 address is missing; write [::1]:7000"],
    ["[kitchen:1", "an IPv6 address with its port is written [V6]:PORT"],
    ["[::1]8889", "an IPv6 address with its port is written [V6]:PORT"],
    ["[kitchen]:1", '"kitchen" is no IPv6 address'],
    ["two words", "it must be host:port"],
    ["two words:1", '"two words" is no host'],
    ["-x:1", '"-x" is no host'],
    ["a\u001b[2Jb", '"a\uFFFD[2Jb" is no address'],
  ];
  for (const [text, message] of table) {
    assertThrows(() => parseTarget(text), AddressError, message);
  }
  assertThrows(() => parseTarget("192.168.1.5", "7000"), AddressError, "write 192.168.1.5:7000");
  assertThrows(() => parseTarget("::1", "7000"), AddressError, "in brackets: [::1]:7000");
});

Deno.test("Addresses to listen at", () => {
  const table: [string, string, number][] = [
    ["0", "0.0.0.0", 0],
    [":7000", "0.0.0.0", 7000],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["[::]:7000", "::", 7000],
  ];
  for (const [text, host, port] of table) {
    assertEquals(parseListen(text, "0.0.0.0"), { host, port });
  }
  assertThrows(() => parseListen("kitchen", "0.0.0.0"), AddressError, "it must be PORT, HOST:PORT");
});

Deno.test("An address that is written can be read again", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(fc.property(host, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
    const text = formatAddress({ host, port });
    assertEquals(parseTarget(text), { kind: "address", host, port });
    assertEquals(parseListen(text, "x"), { host, port });
  }));
});

Deno.test("Any text is an address, a name, or an AddressError of one line", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (text) => {
    try {
      const target = parseTarget(text);
      if (target.kind === "address") assert(target.port > 0 && target.port < 65_536);
      else assertEquals(target.name, text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      assert(!/\p{Cc}/u.test(error.message), error.message);
    }
  }));
});

Deno.test("Loopback addresses", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"]) {
    assert(isLoopback(host), host);
  }
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "127.evil.example", "kitchen"]) {
    assert(!isLoopback(host), host);
  }
});
