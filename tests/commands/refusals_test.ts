import { assertEquals } from "@std/assert";
import { CLIENTS_REFUSED, LINKS_REFUSED, refusals } from "../../commands/refusals.ts";

function teller(telling: Parameters<typeof refusals>[0]) {
  const told: string[] = [];
  let now = 0;
  const refused = refusals(
    telling,
    (from, why) => void told.push(`${now} ${from} ${why}`),
    () => now,
  );
  return {
    /** Refused at these times (seconds); gives what was told. */
    at(times: readonly number[], hostname = "10.0.0.9", why = "no"): string[] {
      for (const time of times) {
        now = time;
        refused({ hostname, port: 1 }, why);
      }
      return told.splice(0);
    },
  };
}

Deno.test("refusals: a server that tries on is told of once a minute, and again after a pause", () => {
  const seconds = Array.from({ length: 65 }, (_, i) => i * 2_000);
  const { at } = teller(LINKS_REFUSED);
  assertEquals(at(seconds), ["0 10.0.0.9 no", "60000 10.0.0.9 no", "120000 10.0.0.9 no"]);
  assertEquals(at([131_000]), [], "tries on");
  assertEquals(at([135_000, 136_000]), ["135000 10.0.0.9 no"]);
  assertEquals(at([136_000], "10.0.0.8").length, 1, "another host");
  assertEquals(at([136_000], "10.0.0.9", "another reason").length, 1);
});

Deno.test("refusals: a person who tries some times is told of each time", () => {
  const { at } = teller(CLIENTS_REFUSED);
  assertEquals(at(Array.from({ length: 50 }, (_, i) => i)).length, 10);
  assertEquals(at([6_000, 6_001]).length, 1);
});
