import { assert, assertEquals } from "@std/assert";
import { BACKOFF, backoffDelay, distanceOf } from "../../lib/link/backoff.ts";

Deno.test("backoff: grows from half to whole of a doubling ceiling", () => {
  const table = [
    ["loopback", 0, 25, 50],
    ["loopback", 2, 100, 200],
    ["loopback", 9, 250, 500],
    ["lan", 0, 125, 250],
    ["lan", 1, 250, 500],
    ["lan", 3, 1_000, 2_000],
    ["lan", 1_000_000, 1_000, 2_000],
    ["internet", 0, 500, 1_000],
    ["internet", 4, 8_000, 16_000],
    ["internet", 6, 30_000, 60_000],
    ["internet", 50, 30_000, 60_000],
  ] as const;
  for (const [distance, failures, low, high] of table) {
    assertEquals(backoffDelay(distance, failures, () => 0), low);
    assertEquals(backoffDelay(distance, failures, () => 1), high);
  }
});

Deno.test("backoff: never longer than promised", () => {
  const promised = { loopback: 500, lan: 2_000, internet: 60_000 } as const;
  for (const [distance, longest] of Object.entries(promised)) {
    assertEquals(BACKOFF[distance as keyof typeof promised].longest, longest);
    for (let failures = 0; failures < 100; failures++) {
      const delay = backoffDelay(distance as keyof typeof promised, failures, Math.random);
      assert(delay > 0 && delay <= longest);
    }
  }
  assertEquals(BACKOFF.lan.attemptTimeout, 2_000);
});

Deno.test("distance: by the kind of address", () => {
  const table: Record<string, string> = {
    "127.0.0.1": "loopback",
    "127.8.0.1": "loopback",
    "::1": "loopback",
    "[::1]": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "localhost": "loopback",
    "0.0.0.0": "loopback",
    "10.1.2.3": "lan",
    "172.16.0.1": "lan",
    "172.31.255.1": "lan",
    "192.168.1.5": "lan",
    "169.254.7.7": "lan",
    "fe80::1%eth0": "lan",
    "fd12::5": "lan",
    "robot.local": "lan",
    "172.32.0.1": "internet",
    "8.8.8.8": "internet",
    "2001:db8::1": "internet",
    "example.org": "internet",
  };
  for (const [host, distance] of Object.entries(table)) {
    assertEquals(distanceOf(host), distance, host);
  }
});
