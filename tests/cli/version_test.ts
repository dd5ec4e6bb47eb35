import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { VERSION } from "../../lib/version.ts";

Deno.test("The version is that of deno.json", () => {
  assertEquals(VERSION, config.version);
});
