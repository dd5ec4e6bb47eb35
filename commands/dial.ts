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
  // Before there is a connection: a server waits for the first bytes a short time only.
  const { prepareSecurity, secureOutgoing } = await import("../lib/link/secure/security.ts");
  await Promise.all([prepareSecurity(), secrets.look()]);
  const connection = await connectTcp(server, { signal });
  return await secureOutgoing(
    connection,
    { purpose: "client", secrets: secrets.current },
    { signal },
  );
}
