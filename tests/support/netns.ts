/**
 * Hosts for tests: network namespaces, joined by bridges in a namespace of their own. Nothing of it
 * touches the machine's own network. All is removed at the end, and what a dead process left is
 * removed by the next.
 */

import { type LineClient, Lines } from "./line_client.ts";
import { missing, pump } from "./server.ts";

/** Names of namespaces: `tk`, the process, `n`, the network's number, the host's name. */
const OURS = /^tk(\d+)n\d+[a-z0-9]*$/;

/** Test files run side by side in one process, each with a number of its own. */
let networks = Math.floor(Math.random() * 1e9);
let probed: Promise<string | undefined> | undefined;

/** Why there can't be such hosts here; undefined where there can. */
export function whyNoHosts(): Promise<string | undefined> {
  return probed ??= probe();
}

async function probe(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "network namespaces are for Linux";
  if (Deno.uid() !== 0) return "network namespaces are for root";
  const absent = missing("ip", "nc");
  if (absent !== undefined) return absent;
  try {
    await using network = await Network.create();
    const [a, b] = [await network.host("a"), await network.host("b")];
    await network.cable(a, b);
    return undefined;
  } catch (error) {
    return `no network namespaces here: ${error instanceof Error ? error.message : error}`;
  }
}

/** Defines a test on such hosts; where there can be none it prints why, and is skipped. */
export async function testOnHosts(name: string, test: () => Promise<void>): Promise<void> {
  const reason = await whyNoHosts();
  const shown = reason === undefined ? name : `${name} (skipped: ${reason})`;
  Deno.test({ name: shown, ignore: reason !== undefined, fn: test });
}

/** Runs `ip` to its end. */
async function ip(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${decoder.decode(stderr).trim()}`);
  return decoder.decode(stdout);
}

/** Removes a namespace, ending the programs in it: only such as this process or a dead one made. */
async function remove(namespace: string): Promise<void> {
  for (const pid of (await ip("netns", "pids", namespace)).split("\n")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      Deno.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
  await ip("netns", "del", namespace);
}

async function removeLeftovers(): Promise<void> {
  for (const line of (await ip("netns", "list")).split("\n")) {
    const name = line.split(" ")[0] as string;
    const pid = OURS.exec(name)?.[1];
    if (pid === undefined || isAlive(pid)) continue;
    // Somebody else may be removing the same.
    await remove(name).catch(() => {});
  }
}

function isAlive(pid: string): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

/** Some hosts and what joins them. Disposing of it removes it all. */
export class Network implements AsyncDisposable {
  readonly #prefix: string;
  /** The namespace of the bridges. */
  readonly #switches: string;
  readonly #namespaces: string[] = [];
  readonly #clients: HostClient[] = [];
  #segments = 0;

  private constructor() {
    this.#prefix = `tk${Deno.pid}n${++networks}`;
    this.#switches = `${this.#prefix}0`;
  }

  /** A network without hosts. */
  static async create(): Promise<Network> {
    await removeLeftovers();
    const network = new Network();
    await network.#add(network.#switches);
    return network;
  }

  async #add(namespace: string): Promise<void> {
    await ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    await ip("-n", namespace, "link", "set", "lo", "up");
  }

  /** A new host; `name` is of lower-case letters and digits. */
  async host(name: string): Promise<Host> {
    const namespace = `${this.#prefix}${name}`;
    await this.#add(namespace);
    return new Host(namespace, name, this.#clients);
  }

  /** Two hosts joined by a cable that can be cut so that neither is told. */
  async cable(a: Host, b: Host): Promise<Cable> {
    const segment = await this.segment();
    await segment.attach(a, "left");
    await segment.attach(b, "right");
    return segment;
  }

  /** A local network without hosts: two bridges, joined by a cable. */
  async segment(): Promise<Cable> {
    const segment = new Cable(this.#switches, ++this.#segments);
    await segment.build();
    return segment;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    for (const namespace of this.#namespaces.splice(0).reverse()) await remove(namespace);
  }
}

/** Two bridges, each for some hosts, joined by a cable of which one end can be set down. */
export class Cable {
  readonly #namespace: string;
  readonly #number: number;
  #hosts = 0;

  constructor(namespace: string, number: number) {
    this.#namespace = namespace;
    this.#number = number;
  }

  #ip(...args: string[]): Promise<string> {
    return ip("-n", this.#namespace, ...args);
  }

  #name(what: string): string {
    return `${what}${this.#number}`;
  }

  /** Makes the bridges. */
  async build(): Promise<void> {
    for (const side of ["left", "right"]) {
      await this.#ip("link", "add", this.#name(side), "type", "bridge");
      await this.#ip("link", "set", this.#name(side), "up");
    }
    const [from, to] = [this.#name("from"), this.#name("to")];
    await this.#ip("link", "add", from, "type", "veth", "peer", "name", to);
    await this.#ip("link", "set", from, "master", this.#name("left"), "up");
    await this.#ip("link", "set", to, "master", this.#name("right"), "up");
  }

  /** Plugs a host in. Returns its address. */
  async attach(host: Host, side: "left" | "right"): Promise<string> {
    const address = `10.77.${this.#number}.${++this.#hosts}`;
    const [plug, socket] = [this.#name("eth"), `p${this.#number}x${this.#hosts}`];
    const { namespace } = host;
    await this.#ip("link", "add", socket, "type", "veth", "peer", "name", plug, "netns", namespace);
    await this.#ip("link", "set", socket, "master", this.#name(side), "up");
    await ip("-n", namespace, "addr", "add", `${address}/24`, "dev", plug);
    await ip("-n", namespace, "link", "set", plug, "up");
    host.addresses.set(this, address);
    return address;
  }

  /** Cuts it between the bridges: the hosts' own plugs stay up, and nobody is told. */
  async cut(): Promise<void> {
    await this.#ip("link", "set", this.#name("from"), "down");
  }

  /** Joins it again. */
  async mend(): Promise<void> {
    await this.#ip("link", "set", this.#name("from"), "up");
  }
}

/** A machine of its own, as far as its network goes. */
export class Host {
  readonly namespace: string;
  readonly name: string;
  /** Its address on each cable. */
  readonly addresses = new Map<Cable, string>();
  readonly #clients: HostClient[];

  constructor(namespace: string, name: string, clients: HostClient[]) {
    this.namespace = namespace;
    this.name = name;
    this.#clients = clients;
  }

  /** Before a command: what runs it here. Its process is the command itself. */
  get under(): string[] {
    return ["ip", "netns", "exec", this.namespace];
  }

  /** Its address on that cable. */
  on(cable: Cable): string {
    const address = this.addresses.get(cable);
    if (address === undefined) throw new Error(`${this.name} is not plugged in there`);
    return address;
  }

  /** A line client of the server here. Closed with the network. */
  async join(nick: string, port = 8889): Promise<HostClient> {
    const client = new HostClient([...this.under, "nc", "127.0.0.1", `${port}`]);
    this.#clients.push(client);
    await client.next(/^Welcome, /);
    await client.send(`@nick /nick ${nick}`);
    await client.next("@nick ok");
    return client;
  }
}

/** A line client that runs on a host; it knows when each line came. */
export class HostClient extends Lines implements AsyncDisposable {
  /** When each of {@linkcode Lines.all} came, in monotonic milliseconds. */
  readonly times: number[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #over = false;
  #pings = 0;

  constructor(command: string[]) {
    super("crlf");
    const [program, ...args] = command as [string, ...string[]];
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    void pump(this.#child.stdout, this);
    void this.#child.status.then(() => this.#over = true);
  }

  override push(bytes: Uint8Array): void {
    super.push(bytes);
    const now = performance.now();
    while (this.times.length < this.all.length) this.times.push(now);
  }

  /** Sends each as a line. */
  async send(...lines: string[]): Promise<void> {
    const text = lines.map((line) => `${line}\r\n`).join("");
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** As {@linkcode LineClient.drain}. */
  async drain(): Promise<string[]> {
    const sign = `pong drain-${++this.#pings}`;
    await this.send(`/ping ${sign.slice(5)}`);
    return (await this.until(sign)).slice(0, -1);
  }

  /** Ends the connection, without waiting. */
  close(): void {
    if (!this.#over) this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#child.status;
    await this.#stdin.abort().catch(() => {});
  }
}

/** What both kinds of line clients can do. */
export type AnyClient = LineClient | HostClient;
