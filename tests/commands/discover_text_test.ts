import { assertEquals } from "@std/assert";
import { advertisedWhere } from "../../commands/discover_text.ts";

Deno.test("Where a service is advertised is said, also where its addresses mean something on the link only", () => {
  assertEquals(advertisedWhere(["10.0.0.2:80", "10.1.0.2:80"], "80"), "10.0.0.2:80, 10.1.0.2:80");
  assertEquals(advertisedWhere([], ":80"), "port 80 of this machine's link-local addresses");
});
