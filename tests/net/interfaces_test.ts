import { assert, assertEquals } from "@std/assert";
import {
  groupInterfaces,
  interfaceOf,
  isOwnAddress,
  networkInterfaces,
} from "../../lib/net/interfaces.ts";

const SYSTEM = [
  { name: "lo", family: "IPv4", address: "127.0.0.1", netmask: "255.0.0.0" },
  {
    name: "lo",
    family: "IPv6",
    address: "::1",
    netmask: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  },
  { name: "eth0", family: "IPv4", address: "10.1.0.5", netmask: "255.255.255.0" },
  { name: "eth0", family: "IPv4", address: "10.9.0.5", netmask: "255.255.0.0" },
  {
    name: "eth0",
    family: "IPv6",
    address: "fe80::5",
    netmask: "ffff:ffff:ffff:ffff::",
    scopeid: 2,
  },
  { name: "wlan0", family: "IPv4", address: "10.1.2.5", netmask: "255.255.0.0" },
  { name: "tun0", family: "IPv4", address: "10.8.0.1", netmask: "255.255.255.255" },
] as const;

Deno.test("interfaces: addresses are put together, with prefix and broadcast address", () => {
  const [lo, eth0, wlan0, tun0] = groupInterfaces(SYSTEM);
  assert(lo?.loopback && !eth0?.loopback);
  assertEquals(
    eth0?.addresses.map(({ ip, prefix, broadcast, scope }) => [ip, prefix, broadcast, scope]),
    [
      ["10.1.0.5", 24, "10.1.0.255", 0],
      ["10.9.0.5", 16, "10.9.255.255", 0],
      ["fe80::5", 64, undefined, 2],
    ],
  );
  assertEquals(wlan0?.addresses[0]?.broadcast, "10.1.255.255");
  assertEquals(tun0?.addresses[0]?.broadcast, undefined);
});

Deno.test("interfaces: chosen by name and by address; lo is the loopback, whatever its name", () => {
  const chosen = (...only: string[]) =>
    groupInterfaces(SYSTEM, only).map(({ name, addresses }) => `${name} ${addresses.length}`);
  assertEquals(chosen("eth0"), ["eth0 3"]);
  assertEquals(chosen("10.9.0.5"), ["eth0 1"]);
  assertEquals(chosen("FE80:0::5", "wlan0"), ["eth0 1", "wlan0 1"]);
  assertEquals(chosen("nothing"), []);
  assertEquals(chosen("lo"), ["lo 2"]);
  const mac = SYSTEM.map((one) => one.name === "lo" ? { ...one, name: "lo0" } : one);
  assertEquals(groupInterfaces(mac, ["lo"]).map(({ name }) => name), ["lo0"]);
});

Deno.test("interfaces: on whose network an address is", () => {
  const interfaces = groupInterfaces(SYSTEM);
  const on = (ip: string) => interfaceOf(ip, interfaces)?.name;
  assertEquals(on("10.1.0.77"), "eth0", "the longer prefix");
  assertEquals(on("10.1.7.77"), "wlan0");
  assertEquals(on("10.1.2.5"), "wlan0", "its own address");
  assertEquals(on("127.3.4.5"), "lo");
  assertEquals(on("192.168.1.1"), undefined);
  assertEquals(on("kitchen"), undefined);
  assert(isOwnAddress("10.8.0.1", interfaces) && isOwnAddress("127.9.9.9", interfaces));
  assert(!isOwnAddress("10.1.0.77", interfaces));
});

Deno.test("interfaces: this machine has a loopback", () => {
  const [lo] = networkInterfaces(["lo"]);
  assert(lo?.loopback);
  assert(lo?.addresses.some(({ ip }) => ip === "127.0.0.1"));
});
