/**
 * Connecting to a server as a client, encrypted where that is wanted.
 *
 * @module
 */

import type { HostPort } from "../lib/net/address.ts";
import { connectTcp } from "../lib/net/tcp_client.ts";
import type { Connection } from "../lib/net/transport.ts";
import type { Secrets } from "./security.ts";

/**
 * A connection to a server's port for clients.
 *
 * @throws {SecurityError} when it should be encrypted and can't be
 * @throws the errors of `connectTcp`
 */
export async function dial(
  server: HostPort,
  { secrets, signal }: { secrets: Secrets | undefined; signal: AbortSignal },
): Promise<Connection> {
  if (secrets === undefined) return await connectTcp(server, { signal });
  const { connectSecurely } = await import("../lib/link/secure/security.ts");
  await secrets.look();
  return await connectSecurely(
    () => connectTcp(server, { signal }),
    { purpose: "client", secrets: secrets.current },
    { signal },
  );
}
