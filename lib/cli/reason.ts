/**
 * Why the system refused something, in a few words for an error message.
 *
 * @module
 */

/**
 * The reason in an error of Deno or Node, without "(os error 13)", paths and codes: it goes behind
 * "Cannot do X: ".
 *
 * @example
 * ```ts
 * import { reason } from "./reason.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(reason(new Error("Connection refused (os error 111)")), "connection refused");
 * ```
 */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Deno opens no devices and the like for programs that don't have all permissions.
  if (error.name === "NotCapable" && error.message.startsWith("Requires all access to ")) {
    return "what is in /dev, /proc and /sys is closed to this program";
  }
  const known = KNOWN[error.name] ?? KNOWN[errorCode(error) ?? ""];
  if (known !== undefined) return known;
  const text = error.message.split("\n", 1)[0] ?? "";
  if (/name or service not known|nodename nor servname|no such host/i.test(text)) {
    return "no such host";
  }
  const short = text
    .replace(/\s*\(os error \d+\)/, "")
    .replace(/: (open|mkdir|readfile|connect|bind|listen) '.*'$/, "");
  if (short === "") return error.name;
  // "No such file" loses its capital, "IP address" keeps it.
  return /^[A-Z][a-z]/.test(short) ? short.charAt(0).toLowerCase() + short.slice(1) : short;
}

function errorCode(error: Error): string | undefined {
  const code: unknown = "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** By the class of a Deno error or the code of a Node error. */
const KNOWN: Readonly<Record<string, string>> = {
  ConnectionRefused: "connection refused",
  ECONNREFUSED: "connection refused",
  ConnectionReset: "the connection was reset",
  ECONNRESET: "the connection was reset",
  AddrInUse: "the address is in use",
  EADDRINUSE: "the address is in use",
  AddrNotAvailable: "this machine does not have that address",
  EADDRNOTAVAIL: "this machine does not have that address",
  PermissionDenied: "permission denied",
  EACCES: "permission denied",
  NotFound: "no such file or directory",
  ENOENT: "no such file or directory",
  NetworkUnreachable: "the network is unreachable",
  ENETUNREACH: "the network is unreachable",
  HostUnreachable: "the host is unreachable",
  EHOSTUNREACH: "the host is unreachable",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name could not be looked up",
  TimedOut: "no answer in time",
  ETIMEDOUT: "no answer in time",
  NotCapable: "this program was started without the permission for it",
};
