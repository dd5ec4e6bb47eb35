/**
 * What discovery finds, and what it is told: services, adverts and who holds a name.
 *
 * @module
 */

/** A service that was heard of. */
export interface Service {
  /** Its name, such as `kitchen` or `robot/arm`, as its holder writes it. */
  readonly name: string;
  /** What it is: `talker`, `peer`, `service`, or a word of the program's own. */
  readonly kind: string;
  /** The id of the beacon that advertises it: 16 hexadecimal digits, new with each start of a program. */
  readonly id: string;
  /** Where it is: `host:port` or `[v6]:port`, nearest to this machine first: those on a subnet of its own. */
  readonly addresses: readonly string[];
  /** Small facts that it tells about itself. */
  readonly properties: Readonly<Record<string, string>>;
  /** Milliseconds since it was last heard of. */
  readonly age: number;
  /** When its name was claimed, in milliseconds since 1970, by the clock of its holder. */
  readonly since: number;
  /** The address that it was last heard from. Empty for what this beacon advertises itself. */
  readonly source: string;
  /** The interface on which it was last heard, where that can be told. */
  readonly interface: string | undefined;
  /** The name of its machine, where it tells it; else empty. */
  readonly host: string;
}

/** What a service says when it advertises itself. */
export interface AdvertOptions {
  /** Its name: 1 to 64 characters without blanks, control characters, `@` and `*`. `group/member` makes groups. */
  readonly name: string;
  /** What it is: 1 to 32 characters, such as `talker`. */
  readonly kind: string;
  /**
   * Where it is: IP addresses with a port. `0.0.0.0:port` stands for all of this machine's IPv4 addresses
   * on the beacon's interfaces, `[::]:port` for the IPv4 and IPv6 ones, a bare port for the IPv4 ones
   * or, where there are none, the IPv6 ones. They follow the interfaces as they come and go.
   */
  readonly addresses: readonly (string | number)[];
  /** Small facts to be told with it (see `MAX_BEACON_PROPERTIES`). Default: none. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/** Something came, changed or went. */
export interface ServiceEvent {
  /** `found`: it is there; `changed`: its addresses, kind or properties are others; `lost`: it said goodbye or fell silent. */
  readonly type: "found" | "changed" | "lost";
  /** As it is now, or was last. */
  readonly service: Service;
}

/** A name is held by somebody else. */
export class NameTakenError extends Error {
  /** For telling errors apart. */
  override readonly name = "NameTakenError";
  /** The name that was asked for. */
  readonly taken: string;
  /** Who holds it: its addresses tell where. */
  readonly holder: Service;

  /** `taken` is the name, `holder` who answered for it: `own`, this program itself. */
  constructor(taken: string, holder: Service, { own = false } = {}) {
    const where = holder.addresses[0] ?? holder.source;
    const advice = own
      ? `this program itself (${where}); choose another name, or unadvertise("${taken}") first`
      : `${where}; choose another name, or stop that program`;
    super(`The name "${taken}" is taken by ${advice}`);
    this.taken = taken;
    this.holder = holder;
  }
}

/** An advert that can't be sent as it is. The message quotes what is wrong and says what is allowed. */
export class AdvertError extends Error {
  /** For telling errors apart. */
  override readonly name = "AdvertError";
}
