/**
 * Datagrams by broadcast alone, to a port and from it: the way of older protocols, which hear nothing
 * else (`udp.ts` does more). What this sends goes to that port and to no other.
 *
 * @module
 */

import { interfaceOf, type NetworkInterface, networkInterfaces } from "./interfaces.ts";

/** How a {@linkcode BroadcastPort} is opened. */
export interface BroadcastOptions {
  readonly port: number;
  /** Interfaces to use; see {@linkcode networkInterfaces}. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Longest datagram that is taken, in bytes; longer ones come one byte longer than this. */
  readonly maxBytes: number;
  /** A datagram came from that address; `bytes` are valid until this returns. */
  readonly received: (bytes: Uint8Array, from: string) => void;
}

/** What is to be sent on an interface on which this machine has the address `own`. */
export type BroadcastMaker = (own: string) => Uint8Array | undefined;

/** A port that hears broadcasts, and from which they are sent. */
export class BroadcastPort {
  readonly #options: BroadcastOptions;
  #listener: Deno.DatagramConn | undefined;
  #refusal: unknown;
  #closed = false;

  /** Nothing is opened yet: {@linkcode BroadcastPort.listen} does that. */
  constructor(options: BroadcastOptions) {
    this.#options = options;
  }

  /** Why the port can't be had, as the system says it; undefined when it is ours or was never asked for. */
  get refusal(): unknown {
    return this.#refusal;
  }

  /** Takes the port, if it isn't ours yet and can be had. Others may share it who agree to that. */
  listen(): void {
    if (this.#listener !== undefined || this.#closed) return;
    const { port } = this.#options;
    try {
      this.#listener = open("0.0.0.0", port);
      this.#refusal = undefined;
      void this.#receive(this.#listener);
    } catch (error) {
      this.#refusal = error;
    }
  }

  /**
   * Sends on each interface to 255.255.255.255 and to the interface's own broadcast address, from the
   * port itself where it is ours. On the loopback interface only when there is no other: this machine
   * hears its own broadcasts anyway. What can't be sent is not sent.
   */
  async send(make: BroadcastMaker): Promise<void> {
    const { port } = this.#options;
    const sends: Promise<unknown>[] = [];
    const sockets: Deno.DatagramConn[] = [];
    for (const { ip, broadcast } of this.#senders()) {
      const bytes = make(ip);
      if (bytes === undefined) continue;
      const socket = this.#sender(ip);
      if (socket === undefined) continue;
      sockets.push(socket);
      for (const hostname of ["255.255.255.255", broadcast]) {
        sends.push(socket.send(bytes, { transport: "udp", hostname, port }));
      }
    }
    await Promise.allSettled(sends);
    for (const socket of sockets) socket.close();
  }

  /** Gives the port back. */
  close(): void {
    this.#closed = true;
    this.#listener?.close();
    this.#listener = undefined;
  }

  #interfaces(): NetworkInterface[] {
    try {
      return networkInterfaces(this.#options.only);
    } catch {
      return []; // They can't be told at this moment.
    }
  }

  *#senders(): Generator<{ ip: string; broadcast: string }> {
    const all = this.#interfaces();
    const others = all.filter(({ loopback }) => !loopback);
    for (const { addresses } of others.length > 0 ? others : all) {
      for (const { ip, broadcast } of addresses) {
        if (broadcast !== undefined) yield { ip, broadcast };
      }
    }
  }

  /** A socket bound to an address sends by its interface, whatever the routes. */
  #sender(ip: string): Deno.DatagramConn | undefined {
    const ports = this.#listener === undefined ? [0] : [this.#options.port, 0];
    for (const port of ports) {
      try {
        return open(ip, port);
      } catch {
        // From another port, then; or not at all: the address has gone.
      }
    }
    return undefined;
  }

  async #receive(listener: Deno.DatagramConn): Promise<void> {
    const buffer = new Uint8Array(this.#options.maxBytes + 1);
    for (let failures = 0; failures < 10 && !this.#closed;) {
      try {
        const [bytes, from] = await listener.receive(buffer);
        failures = 0;
        if (this.#closed) return;
        if (from.transport === "udp" && this.#isWanted(from.hostname)) {
          this.#options.received(bytes, from.hostname);
        }
      } catch {
        failures++;
      }
    }
    // It is broken: it is opened anew by the next `listen`.
    if (this.#closed) return;
    listener.close();
    this.#listener = undefined;
  }

  /** All broadcasts arrive at the port, also those of interfaces that aren't to be used. */
  #isWanted(from: string): boolean {
    if (this.#options.only === undefined) return true;
    const used = this.#interfaces();
    const on = interfaceOf(from, networkInterfaces());
    if (on === undefined) return used.some(({ loopback }) => !loopback);
    return used.some(({ name }) => name === on.name);
  }
}

function open(hostname: string, port: number): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "udp", hostname, port, reuseAddress: true });
}

/** The port where datagrams are thrown away (RFC 863). */
const DISCARD_PORT = 9;

/**
 * Why nothing can be sent by broadcast from the interface with the address `ip`; undefined where it
 * can. What is sent to find out is one byte to a port where nobody minds.
 */
export async function whyNoBroadcast(
  ip: string,
  broadcast = "255.255.255.255",
): Promise<string | undefined> {
  try {
    const socket = open(ip, 0);
    try {
      const to = { transport: "udp", hostname: broadcast, port: DISCARD_PORT } as const;
      await socket.send(new Uint8Array([0]), to);
      return undefined;
    } finally {
      socket.close();
    }
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).toLowerCase()
      .replace(/ \(os error \d+\)/, "");
  }
}
