import { assertEquals, assertThrows } from "@std/assert";
import { fillIn, nearestFirst, parseTemplate } from "../../lib/discovery/nearest.ts";
import { AdvertError } from "../../lib/discovery/service.ts";
import { groupInterfaces } from "../../lib/net/interfaces.ts";
import { MAX_BEACON_ADDRESSES } from "../../lib/wire/limits.ts";

const LO = { name: "lo", family: "IPv4", address: "127.0.0.1", netmask: "255.0.0.0" } as const;
const ETH0 = {
  name: "eth0",
  family: "IPv4",
  address: "10.1.0.5",
  netmask: "255.255.255.0",
} as const;
const ETH1 = { name: "eth1", family: "IPv4", address: "10.2.0.5", netmask: "255.255.0.0" } as const;
const V6 = {
  name: "eth0",
  family: "IPv6",
  address: "2001:db8::5",
  netmask: "ffff:ffff:ffff:ffff::",
  scopeid: 0,
} as const;
const LINK = { ...V6, address: "fe80::5", scopeid: 2 } as const;

const port = 8889;
const heard = { source: "10.2.7.7", interface: "eth1", local: false };

function nearest(
  ips: string[],
  from = heard,
  interfaces = groupInterfaces([LO, ETH0, ETH1, V6, LINK]),
) {
  return nearestFirst(ips.map((ip) => ({ ip, port })), from, interfaces);
}

Deno.test("nearest: first where it was heard, then another network of ours, then the rest", () => {
  assertEquals(
    nearest(["192.168.3.3", "10.1.0.9", "10.2.7.8", "10.2.7.7"]),
    ["10.2.7.7:8889", "10.2.7.8:8889", "10.1.0.9:8889", "192.168.3.3:8889"],
  );
});

Deno.test("nearest: IPv4 before IPv6 that is as near, and what is near before what is far", () => {
  assertEquals(
    nearest(["2001:db8::9", "192.168.3.3", "10.1.0.9", "fe80::9"]),
    ["[fe80::9%eth1]:8889", "10.1.0.9:8889", "[2001:db8::9]:8889", "192.168.3.3:8889"],
  );
});

Deno.test("nearest: another machine's loopback is nowhere", () => {
  assertEquals(nearest(["127.0.0.1", "::1"]), []);
  const local = { source: "127.0.0.1", interface: "lo", local: true };
  assertEquals(nearest(["127.0.0.1"], local), ["127.0.0.1:8889"]);
});

Deno.test("nearest: a link-local address has the zone of where it was heard, or of our own", () => {
  const nowhere = { source: "", interface: undefined, local: true } as unknown as typeof heard;
  assertEquals(nearest(["fe80::9"], nowhere), []);
  assertEquals(nearest(["fe80::5"], nowhere), ["[fe80::5%eth0]:8889"]);
});

Deno.test("templates: what may be advertised", () => {
  assertEquals(parseTemplate(80), { type: "all", v6: "else", port: 80 });
  assertEquals(parseTemplate(":80"), { type: "all", v6: "else", port: 80 });
  assertEquals(parseTemplate("0.0.0.0:80"), { type: "all", v6: "no", port: 80 });
  assertEquals(parseTemplate("[::]:80"), { type: "all", v6: "yes", port: 80 });
  assertEquals(parseTemplate("localhost:80"), {
    type: "one",
    address: { ip: "127.0.0.1", port: 80 },
  });
  assertEquals(parseTemplate("[FE80::1%eth0]:80"), {
    type: "one",
    address: { ip: "fe80::1", port: 80 },
  });
  for (
    const text of ["kitchen:80", "10.0.0.1:0", 0, "10.0.0.1", "", "224.0.0.1:80", 70_000, "kitchen"]
  ) {
    assertThrows(() => parseTemplate(text), AdvertError);
  }
});

Deno.test("templates: a bare port is all of this machine's addresses, as the interfaces are", () => {
  const filled = (text: string | number, system: Parameters<typeof groupInterfaces>[0]) =>
    fillIn([parseTemplate(text)], groupInterfaces(system)).map(({ ip }) => ip);
  assertEquals(filled(80, [LO, LINK, V6, ETH0, ETH1]), ["10.1.0.5", "10.2.0.5"]);
  assertEquals(filled("[::]:80", [LO, LINK, V6, ETH0]), ["10.1.0.5", "2001:db8::5", "fe80::5"]);
  assertEquals(filled(80, [LO, LINK]), ["fe80::5"], "there is nothing else");
  assertEquals(filled("0.0.0.0:80", [LO, LINK]), [], "nobody listens there");
  assertEquals(filled(80, [LO]), ["127.0.0.1"], "a machine of its own");
  assertEquals(filled(80, []), []);
  const many = Array.from({ length: 40 }, (_, i) => ({ ...ETH0, address: `10.1.0.${i + 1}` }));
  assertEquals(filled(80, many).length, MAX_BEACON_ADDRESSES);
  const twice = [parseTemplate(80), parseTemplate("10.1.0.5:80")];
  assertEquals(fillIn(twice, groupInterfaces([ETH0])).length, 1);
});
