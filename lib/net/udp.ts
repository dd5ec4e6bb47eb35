/**
 * Datagrams to everybody on the local network, and from everybody: one UDP port that any number of
 * programs share, by multicast and broadcast on each interface.
 *
 * Nothing here throws once it is open: what fails is counted, and tried again when the interfaces are
 * looked at the next time.
 *
 * @module
 */

import {
  groupInterfaces,
  type InterfaceAddress,
  interfaceOf,
  type NetworkInterface,
} from "./interfaces.ts";
import type { Endpoint } from "./transport.ts";

/** Datagrams that wait for the system; beyond that they are lost, as datagrams may be. */
const MAX_PENDING = 1_000;

/** How a datagram goes to all on a network. */
export type Cast = "multicast" | "broadcast" | "multicast6";

/** A datagram that came. */
export interface Datagram {
  /** Valid until the listener returns. */
  readonly bytes: Uint8Array;
  readonly source: Endpoint;
  /** The interface it came by, as far as that can be told: by the subnet of its source. */
  readonly interface: string | undefined;
  /** It came from this machine. */
  readonly local: boolean;
}

/** Counters. */
export interface UdpStats {
  sent: number;
  sendErrors: number;
  received: number;
  receiveErrors: number;
}

/** A port at which datagrams to everybody arrive, and from which they are sent. */
export interface UdpPort {
  /** The interfaces that are used now. */
  readonly interfaces: readonly NetworkInterface[];
  /** Why nothing can be heard at the port; undefined when all is well. Answers to what was sent still arrive. */
  readonly blocked: string | undefined;
  readonly stats: Readonly<UdpStats>;
  /** Sends to all, on each interface in each way; `mark` may write into the bytes how, before each copy. */
  cast(
    bytes: Uint8Array,
    mark?: (bytes: Uint8Array, how: Cast) => void,
  ): void;
  /** Sends to one, from the interface on whose network that is. */
  send(bytes: Uint8Array, to: Endpoint): void;
  /** Looks at the interfaces again. Returns true when they are others. */
  refresh(): boolean;
  /** Whether listening keeps the program alive. It does until this is called with false. */
  keepAlive(alive: boolean): void;
  /** Sends what is on its way and closes. */
  close(): Promise<void>;
}

/** How a {@linkcode UdpPort} is opened. */
export interface UdpOptions {
  readonly port: number;
  /** The groups of receivers: an IPv4 address, and a link-local one of IPv6. */
  readonly groups: { readonly v4: string; readonly v6: string };
  /** Interfaces to use; see {@linkcode networkInterfaces}. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Longest datagram that is taken, in bytes; longer ones come one byte longer than this. */
  readonly maxBytes: number;
  readonly received: (datagram: Datagram) => void;
}

interface Sender {
  readonly conn: Deno.DatagramConn;
  readonly on: NetworkInterface;
  readonly ip: string;
  readonly family: 4 | 6;
  /** Listens to the group of IPv6 on this interface. */
  readonly group: Deno.DatagramConn | undefined;
}

/** Opens the port, as far as it can be opened. */
export function openUdp(options: UdpOptions): UdpPort {
  return new DenoUdpPort(options);
}

class DenoUdpPort implements UdpPort {
  readonly #options: UdpOptions;
  readonly #senders = new Map<string, Sender>();
  readonly #pending = new Set<Promise<unknown>>();
  readonly stats: UdpStats = { sent: 0, sendErrors: 0, received: 0, receiveErrors: 0 };
  interfaces: readonly NetworkInterface[] = [];
  blocked: string | undefined;
  #all: readonly NetworkInterface[] = [];
  #receiver: Deno.DatagramConn | undefined;
  /** Addresses at which the receiver has joined the group. */
  #joined = new Set<string>();
  #alive = true;
  #closed = false;

  constructor(options: UdpOptions) {
    // Deno leaves the function out where it isn't wanted.
    if (!("listenDatagram" in Deno)) {
      throw new Error(
        "Discovery needs UDP: start the program with --unstable-net, " +
          'or write "unstable": ["net"] into its deno.json',
      );
    }
    this.#options = options;
    this.refresh();
  }

  refresh(): boolean {
    if (this.#closed) return false;
    try {
      const system = Deno.networkInterfaces();
      this.#all = groupInterfaces(system);
      this.interfaces = groupInterfaces(system, this.#options.only);
    } catch {
      // Nothing can be told now: things stay as they are.
      return false;
    }
    const wanted = new Map<string, InterfaceAddress & { on: NetworkInterface }>(
      this.interfaces.flatMap((on) =>
        on.addresses.filter(({ family, scope, ip }) =>
          family === 4 || (scope > 0 && ip.startsWith("fe80:"))
        ).map((address) => [`${on.name} ${address.ip}`, { on, ...address }] as const)
      ),
    );
    let changed = false;
    for (const [key, { conn, group }] of [...this.#senders]) {
      if (wanted.has(key)) continue;
      this.#senders.delete(key);
      this.#joined.delete(key);
      close(conn);
      if (group !== undefined) close(group);
      changed = true;
    }
    this.#listen();
    for (const [key, { on, ip, family, scope }] of wanted) {
      if (this.#senders.has(key)) continue;
      const sender = family === 4 ? this.#open4(on, ip) : this.#open6(on, ip, scope);
      if (sender === undefined) continue;
      this.#senders.set(key, sender);
      changed = true;
    }
    for (const [key, { ip, family }] of this.#senders) if (family === 4) this.#join(key, ip);
    return changed;
  }

  #listen(): void {
    if (this.#receiver !== undefined) return;
    this.#joined = new Set();
    try {
      const { port } = this.#options;
      this.#receiver = listen({ hostname: "0.0.0.0", port, reuseAddress: true });
      this.blocked = undefined;
    } catch (error) {
      this.blocked = error instanceof Error ? error.message : String(error);
      return;
    }
    this.#receive(this.#receiver, () => this.#receiver = undefined);
  }

  #join(key: string, ip: string): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#joined.has(key)) return;
    this.#joined.add(key);
    this.#track(
      receiver.joinMulticastV4(this.#options.groups.v4, ip).then(() => {}, () => {
        // Broadcast is heard without; and it is tried again.
        this.stats.receiveErrors++;
        this.#joined.delete(key);
      }),
    );
  }

  #open4(on: NetworkInterface, ip: string): Sender | undefined {
    try {
      // Bound to the address of its interface, it sends there, whatever the routes. `loopback`: other
      // programs on this machine hear it, too.
      const conn = listen({ hostname: ip, port: 0, loopback: true });
      this.#receive(conn, () => this.#forget(on, ip), on.name);
      return { conn, on, ip, family: 4, group: undefined };
    } catch {
      this.stats.sendErrors++;
      return undefined;
    }
  }

  #open6(on: NetworkInterface, ip: string, scope: number): Sender | undefined {
    const { port, groups } = this.#options;
    let conn: Deno.DatagramConn | undefined;
    try {
      conn = listen({ hostname: `${ip}%${on.name}`, port: 0, loopback: true });
      // Bound to the group on this interface, it hears nothing else: whose interface it was is known,
      // which the source of a link-local datagram doesn't tell.
      const group = listen({ hostname: `${groups.v6}%${on.name}`, port, reuseAddress: true });
      this.#track(
        group.joinMulticastV6(groups.v6, scope).then(() => {}, () => {
          this.stats.receiveErrors++;
        }),
      );
      this.#receive(conn, () => this.#forget(on, ip), on.name);
      this.#receive(group, () => this.#forget(on, ip), on.name);
      return { conn, on, ip, family: 6, group };
    } catch {
      // An address that isn't ready yet (the system looks for a second one of the kind), or a system
      // that can't do this.
      if (conn !== undefined) close(conn);
      return undefined;
    }
  }

  #forget(on: NetworkInterface, ip: string): void {
    const key = `${on.name} ${ip}`;
    const sender = this.#senders.get(key);
    if (sender === undefined) return;
    this.#senders.delete(key);
    this.#joined.delete(key);
    close(sender.conn);
    if (sender.group !== undefined) close(sender.group);
  }

  /** Reads until the socket is closed. `ended` is called when it fails. */
  async #receive(conn: Deno.DatagramConn, ended: () => void, name?: string): Promise<void> {
    const buffer = new Uint8Array(this.#options.maxBytes + 1);
    if (!this.#alive) setAlive(conn, false);
    let failures = 0;
    while (!this.#closed) {
      try {
        const [bytes, addr] = await conn.receive(buffer);
        failures = 0;
        if (this.#closed) return;
        if (addr.transport !== "udp") continue;
        this.stats.received++;
        this.#deliver(bytes, addr, name);
      } catch (error) {
        if (this.#closed || error instanceof Deno.errors.BadResource) return;
        this.stats.receiveErrors++;
        // Some systems tell here that what was sent before was refused.
        if (++failures < 10) continue;
        close(conn);
        ended();
        return;
      }
    }
  }

  #deliver(bytes: Uint8Array, { hostname, port }: Deno.NetAddr, name: string | undefined): void {
    const on = name === undefined || !hostname.includes(":")
      ? interfaceOf(hostname, this.#all)
      : this.#all.find((one) => one.name === name);
    // All of them arrive at the shared port, also what belongs to interfaces that aren't to be used.
    if (on !== undefined && !this.interfaces.some((one) => one.name === on.name)) return;
    if (on === undefined && this.interfaces.every(({ loopback }) => loopback)) return;
    const local = on !== undefined &&
      (on.loopback || on.addresses.some(({ ip }) => ip === hostname));
    this.#options.received({ bytes, source: { hostname, port }, interface: on?.name, local });
  }

  cast(
    bytes: Uint8Array,
    mark?: (bytes: Uint8Array, how: Cast) => void,
  ): void {
    const { port, groups } = this.#options;
    const copy = (how: Cast) => {
      const own = bytes.slice();
      mark?.(own, how);
      return own;
    };
    const [multicast, broadcast, multicast6] = [
      copy("multicast"),
      copy("broadcast"),
      copy("multicast6"),
    ];
    for (const { conn, on, family } of this.#senders.values()) {
      if (family === 6) {
        this.#send(conn, multicast6, `${groups.v6}%${on.name}`, port);
      } else {
        this.#send(conn, multicast, groups.v4, port);
        this.#send(conn, broadcast, "255.255.255.255", port);
      }
    }
  }

  send(bytes: Uint8Array, { hostname, port }: Endpoint): void {
    const family = hostname.includes(":") ? 6 : 4;
    const on = interfaceOf(hostname, this.interfaces);
    const senders = [...this.#senders.values()].filter((sender) => sender.family === family);
    const sender = senders.find((sender) => sender.on.name === on?.name) ?? senders[0];
    if (sender === undefined) this.stats.sendErrors++;
    else this.#send(sender.conn, bytes, hostname, port);
  }

  #send(conn: Deno.DatagramConn, bytes: Uint8Array, hostname: string, port: number): void {
    if (this.#closed) return;
    if (this.#pending.size >= MAX_PENDING) {
      this.stats.sendErrors++;
      return;
    }
    this.#track(
      conn.send(bytes, { transport: "udp", hostname, port }).then(
        () => this.stats.sent++,
        () => this.stats.sendErrors++,
      ),
    );
  }

  #track(promise: Promise<unknown>): void {
    this.#pending.add(promise);
    void promise.finally(() => this.#pending.delete(promise));
  }

  keepAlive(alive: boolean): void {
    if (alive === this.#alive) return;
    this.#alive = alive;
    for (const conn of this.#conns()) setAlive(conn, alive);
  }

  *#conns(): Iterable<Deno.DatagramConn> {
    if (this.#receiver !== undefined) yield this.#receiver;
    for (const { conn, group } of this.#senders.values()) {
      yield conn;
      if (group !== undefined) yield group;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // A send takes microseconds; one that waits for a moment isn't worth more.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moment = new Promise((resolve) => timer = setTimeout(resolve, 100));
    await Promise.race([Promise.allSettled([...this.#pending]), moment]);
    clearTimeout(timer);
    this.#closed = true;
    for (const conn of this.#conns()) close(conn);
    this.#senders.clear();
    this.#receiver = undefined;
  }
}

interface ListenOptions {
  hostname: string;
  port: number;
  reuseAddress?: boolean;
  loopback?: boolean;
}

function listen(options: ListenOptions): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "udp", ...options });
}

/** Datagram sockets can do that since Deno 1.36; their type doesn't say so. */
function setAlive(conn: Deno.DatagramConn, alive: boolean): void {
  const { ref, unref } = conn as unknown as { ref?: () => void; unref?: () => void };
  (alive ? ref : unref)?.call(conn);
}

function close(conn: Deno.DatagramConn): void {
  try {
    conn.close();
  } catch {
    // It was closed already.
  }
}
