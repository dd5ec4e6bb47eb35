/** Beacons of one test: on this machine only, at a port of their own. */

import { Beacon, type BeaconOptions } from "../../lib/discovery/beacon.ts";

/** Only the loopback interface: nothing leaves this machine. */
export const LO = ["lo"] as const;

/** Opens beacons that hear each other and nobody else. Disposing closes them. */
export class BeaconRig implements AsyncDisposable {
  readonly port = freeUdpPort();
  readonly #beacons: Beacon[] = [];
  readonly #listeners: Deno.Listener[] = [];

  /** One more beacon. */
  open(options: BeaconOptions = {}): Beacon {
    const beacon = Beacon.open({ interfaces: LO, port: this.port, host: "test", ...options });
    this.#beacons.push(beacon);
    return beacon;
  }

  /** A TCP port at which connections are accepted, and closed. */
  listen(hostname = "127.0.0.1", port = 0): number {
    const listener = Deno.listen({ hostname, port });
    this.#listeners.push(listener);
    (async () => {
      for await (const connection of listener) connection.close();
    })().catch(() => {});
    return (listener.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#beacons.map((beacon) => beacon.close()));
    for (const listener of this.#listeners) listener.close();
  }
}

/** A UDP port that nobody uses now. */
export function freeUdpPort(): number {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  conn.close();
  return (conn.addr as Deno.NetAddr).port;
}

/** Waits until `check` gives something, for some seconds; it is asked whenever `beacon` hears something. */
export async function until<T>(beacon: Beacon, check: () => T | undefined | false): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const deadline = setTimeout(() => reject(new Error("It did not happen within 10 s")), 10_000);
  const look = () => {
    const found = check();
    if (found !== undefined && found !== false) resolve(found);
  };
  const off = beacon.on(look);
  look();
  try {
    return await promise;
  } finally {
    clearTimeout(deadline);
    off();
  }
}
