import { assertEquals } from "@std/assert";
import { reason } from "../../lib/cli/reason.ts";

Deno.test("Reasons are short and plain", () => {
  const table: [unknown, string][] = [
    [new Deno.errors.ConnectionRefused("Connection refused (os error 111)"), "connection refused"],
    [
      Object.assign(new Error("bind EADDRINUSE 0.0.0.0:1"), { code: "EADDRINUSE" }),
      "the address is in use",
    ],
    [
      new Error("failed to lookup address information: Name or service not known"),
      "no such host",
    ],
    [
      new Deno.errors.NotCapable(
        'Requires all access to "/dev/full", run again with the --allow-all',
      ),
      "what is in /dev, /proc and /sys is closed to this program",
    ],
    [
      new Deno.errors.NotCapable(
        'Requires read access to "x", run again with the --allow-read flag',
      ),
      "this program was started without the permission for it",
    ],
    [new Error("Some thing (os error 7)\n    at x"), "some thing"],
    [new Error(""), "Error"],
    [new Error("IP address wrong"), "IP address wrong"],
    ["text", "text"],
  ];
  for (const [error, expected] of table) {
    assertEquals(reason(error), expected);
  }
});
