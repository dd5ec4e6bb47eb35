/**
 * Fuzzes the ports of running servers: lines, frames, links of the mesh and beacons; plain, and with a
 * secret, there before, in and behind the key exchange. A bystander talks to the server all the time.
 *
 * As a program it prints a report: `deno run -A tests/fuzz/server_fuzzer.ts SEED SECONDS`.
 *
 * @module
 */

import { connect as connectNode } from "node:net";
import { secureOutgoing } from "../../lib/link/secure/security.ts";
import { stretchSecret } from "../../lib/link/secure/secret.ts";
import { connectTcp } from "../../lib/net/tcp_client.ts";
import { BEACON_HEADER_BYTES, markMethod } from "../../lib/wire/beacon_codec.ts";
import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import { encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { encodeMeshMessage } from "../../lib/wire/mesh_message.ts";
import { Dice, seededRandom } from "../support/random.ts";
import { LineClient, within } from "../support/line_client.ts";
import { resetSocket } from "../support/line_wire.ts";
import { TestServer } from "../support/server.ts";
import { formatInput, loadCorpus } from "./corpus.ts";
import { type Input, mutate, type MutationOptions, randomBytes } from "./mutate.ts";

/** The port at which beacons listen. */
const BEACON_PORT = 28_889;
const SECRET = "blue turntable";
/** So many attack at a time. */
const ATTACKERS = 6;
/** A bystander's question must be answered within this, in ms: the machine may be busy. */
const ANSWER_MS = 15_000;
/** A connection that an attacker is kept waiting on is left after this, in ms. */
const ATTACK_MS = 20_000;
/** More memory than that is a finding, in bytes. */
const MAX_RSS = 1024 * 1024 * 1024;

/** What a campaign needs to know. */
export interface ServerFuzzOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Nobody else listens at the port of beacons: we are in a network of our own. Default false. */
  readonly beacons?: boolean;
  readonly log?: (text: string) => void;
}

/** What came of it. */
export interface ServerReport {
  readonly seed: number;
  /** Messages sent, by what they were sent to. */
  readonly executions: Record<string, number>;
  readonly connections: number;
  /** Answers that the bystanders got. */
  readonly pings: number;
  /** The longest that a bystander waited for one, in ms. */
  readonly slowestMs: number;
  readonly rssMiB: Record<string, number>;
  readonly findings: string[];
}

/** A stream to the server; what comes back is passed over. */
interface Wire {
  send(bytes: Uint8Array): Promise<void>;
  close(how: "end" | "reset"): void;
}

interface Ports {
  readonly lines: number;
  readonly framed: number;
  readonly peers: number;
}

/** One server under attack. */
class Victim {
  readonly executions: Record<string, number> = {};
  connections = 0;
  pings = 0;
  slowestMs = 0;
  mostRss = 0;
  readonly findings: string[] = [];
  /** Lives of hostile nodes. */
  #lives = 0;
  /** What was sent last. */
  readonly #last: string[] = [];
  readonly #corpora = {
    lines: loadCorpus("client_session"),
    raw: loadCorpus("line_codec"),
    frames: loadCorpus("frame_codec"),
    mesh: loadCorpus("mesh_session"),
    payloads: loadCorpus("mesh_payloads"),
    beacons: loadCorpus("beacon_codec"),
    handshake: loadCorpus("handshake"),
  };

  constructor(
    readonly name: string,
    readonly server: TestServer,
    readonly ports: Ports,
    readonly secret: Uint8Array | undefined,
    readonly options: ServerFuzzOptions,
  ) {}

  /** Attacks until the time is over, or the server is. */
  async attack(until: number): Promise<void> {
    const over = () => performance.now() >= until || !this.server.running;
    const attackers = Array.from({ length: ATTACKERS }, (_, i) => this.#attacker(i, over));
    await Promise.all([this.#bystander(over), this.#watch(over), ...attackers]);
    if (!this.server.running) {
      this.findings.push(`The server has ended; last:\n${this.#last.join("\n")}`);
    }
  }

  async #bystander(over: () => boolean): Promise<void> {
    for (let i = 0; !over(); i++) {
      try {
        const client = await LineClient.connect(this.ports.lines);
        using _client = client;
        await client.next(/^Welcome, /, ANSWER_MS);
        // Every other one reads JSON, as `talker client` does.
        if (i % 2 === 1) await client.send("/format json");
        for (let n = 0; n < 20 && !over(); n++) {
          const start = performance.now();
          await client.drain();
          this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
          this.pings++;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      } catch (error) {
        if (!this.server.running) return;
        const finding = `The bystander: ${error}; last:\n${this.#last.join("\n")}`;
        if (this.findings.length < 5) this.findings.push(finding);
        this.options.log?.(`FOUND in ${this.name}: ${finding.slice(0, 2_000)}`);
      }
    }
  }

  async #watch(over: () => boolean): Promise<void> {
    while (!over()) {
      try {
        const status = await Deno.readTextFile(`/proc/${this.server.pid}/status`);
        const rss = 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
        this.mostRss = Math.max(this.mostRss, rss);
      } catch {
        // It has ended, or this is no Linux.
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async #attacker(index: number, over: () => boolean): Promise<void> {
    const dice = new Dice(seededRandom((this.options.seed + 7919 * index) >>> 0));
    const udp = this.options.beacons === true
      ? Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 })
      : undefined;
    try {
      while (!over()) {
        const kinds = udp === undefined ? 5 : 6;
        const kind = dice.int(1, kinds);
        try {
          await within(this.#attackOnce(kind, udp, dice), "the end of an attack", ATTACK_MS);
        } catch {
          // The server closes the connections of those who misbehave.
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
    } finally {
      udp?.close();
    }
  }

  async #attackOnce(kind: number, udp: Deno.DatagramConn | undefined, dice: Dice): Promise<void> {
    if (kind === 1) await this.#lines(dice);
    else if (kind === 2) await this.#framed(dice);
    else if (kind <= 4) await this.#peer(dice);
    else if (kind === 5) await this.#noise(dice);
    else if (udp !== undefined) await this.#beacon(udp, dice);
  }

  #mutated(pool: readonly Input[], dice: Dice, more: Partial<MutationOptions> = {}): Input {
    const options = { pool, dictionary: [], maxBytes: 64 * 1024, maxPieces: 60, ...more };
    let input = dice.pick(pool);
    for (let i = dice.int(0, 3); i > 0; i--) input = mutate(input, dice, options);
    return input;
  }

  #note(kind: string, input: Input): void {
    this.executions[kind] = (this.executions[kind] ?? 0) + input.length;
    this.#last.push(`${kind} ${formatInput(input).slice(0, 2_000)}`);
    if (this.#last.length > 4 * ATTACKERS) this.#last.shift();
  }

  /** Connects in one of the ways that lead in. */
  async #open(port: number, purpose: "client" | "peer", dice: Dice): Promise<[string, Wire]> {
    this.connections++;
    if (this.secret === undefined || (purpose === "client" && dice.chance(0.3))) {
      return ["plain", await rawWire(port, dice)];
    }
    const connection = await connectTcp({ host: "127.0.0.1", port });
    const secured = await secureOutgoing(connection, {
      purpose,
      mesh: "",
      secrets: () => [this.secret!],
    });
    void (async () => {
      const buffer = new Uint8Array(16 * 1024);
      while (await secured.read(buffer) !== null);
    })().catch(() => {});
    return ["encrypted", {
      send: async (bytes) => {
        for (let at = 0; at < bytes.length;) at += await secured.write(bytes.subarray(at));
      },
      close: (how) => {
        try {
          if (how === "end") void secured.closeWrite().then(() => secured.close()).catch(() => {});
          else connection.close();
        } catch {
          // It is closed.
        }
      },
    }];
  }

  async #send(wire: Wire, pieces: Iterable<Uint8Array>, dice: Dice): Promise<void> {
    try {
      for (const piece of pieces) {
        if (piece.length === 0) continue;
        const cut = dice.chance(0.2) ? dice.int(0, piece.length) : piece.length;
        if (cut > 0) await wire.send(piece.subarray(0, cut));
        if (cut < piece.length) await wire.send(piece.subarray(cut));
        if (dice.chance(0.05)) await new Promise((resolve) => setTimeout(resolve, dice.int(0, 20)));
      }
    } finally {
      wire.close(dice.chance(0.7) ? "end" : "reset");
    }
  }

  async #lines(dice: Dice): Promise<void> {
    const whole = dice.chance(0.2);
    const input = this.#mutated(whole ? this.#corpora.raw : this.#corpora.lines, dice);
    const [how, wire] = await this.#open(this.ports.lines, "client", dice);
    this.#note(`lines, ${how}`, input);
    await this.#send(wire, whole ? input : input.map((line) => joined(line, [10])), dice);
  }

  async #framed(dice: Dice): Promise<void> {
    const whole = dice.chance(0.2);
    const input = this.#mutated(whole ? this.#corpora.frames : this.#corpora.lines, dice);
    const [how, wire] = await this.#open(this.ports.framed, "client", dice);
    this.#note(`framed, ${how}`, input);
    await this.#send(wire, whole ? input : input.map((record) => encodeFrame(record)), dice);
  }

  async #peer(dice: Dice): Promise<void> {
    // Few nodes with many lives: the origins that a node has heard of make each new link dearer.
    const id = dice.int(1, 200).toString(16).padStart(16, "e");
    const incarnation = dice.chance(0.8) ? 2 ** 32 + ++this.#lives : dice.int(1, 2 ** 48);
    const hello = encodeMeshMessage({
      type: "iAm",
      minVersion: 1,
      maxVersion: 1,
      id,
      incarnation,
      nonce: dice.int(0, 2 ** 48),
      name: `n${dice.int(0, 99)}`,
      mesh: "",
    });
    let input: Input;
    if (dice.chance(0.5)) input = this.#mutated(this.#corpora.mesh, dice, { maxBytes: 128 * 1024 });
    else {
      const payloads = this.#mutated(this.#corpora.payloads, dice);
      input = payloads.map((payload, i) =>
        message(payload, { id, incarnation, first: i + 1, dice })
      );
      if (dice.chance(0.3)) {
        input = mutate(input, dice, {
          pool: this.#corpora.mesh,
          dictionary: [],
          maxBytes: 64 * 1024,
          maxPieces: 60,
        });
      }
    }
    // Bytes of its own id and incarnation, where the corpus has another's.
    const own = encodeMeshMessage({ type: "prune", streams: [{ origin: id, incarnation }] })
      .subarray(1);
    const frames = input.map((body) => encodeFrame(renamed(body, own), 2 ** 21));
    const [how, wire] = await this.#open(this.ports.peers, "peer", dice);
    this.#note(`peers, ${how}`, [hello, ...input]);
    const greeted = dice.chance(0.9) ? [encodeFrame(hello)] : [];
    await this.#send(wire, [...greeted, ...frames], dice);
  }

  /** Bytes of the wrong kind, at any port: of the key exchange, too. */
  async #noise(dice: Dice): Promise<void> {
    const pool = dice.pick([
      this.#corpora.handshake,
      this.#corpora.handshake,
      this.#corpora.frames,
      this.#corpora.mesh,
    ]);
    const input = dice.chance(0.2)
      ? [randomBytes(dice, dice.int(1, 2_000))]
      : this.#mutated(pool, dice);
    const port = dice.pick([this.ports.lines, this.ports.framed, this.ports.peers]);
    this.connections++;
    const wire = await rawWire(port, dice);
    this.#note("noise", input);
    await this.#send(wire, input, dice);
  }

  async #beacon(udp: Deno.DatagramConn, dice: Dice): Promise<void> {
    const to = { transport: "udp", hostname: "127.0.0.1", port: BEACON_PORT } as const;
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 50; i++) {
      const [piece = new Uint8Array(1)] = this.#mutated(this.#corpora.beacons, dice, {
        maxBytes: 1_600,
        maxPieces: 1,
      });
      const bytes = piece.slice(0, 1_600);
      if (bytes.length >= BEACON_HEADER_BYTES && dice.chance(0.9)) markMethod(bytes, "unicast");
      if (bytes.length === 0) continue;
      await udp.send(bytes, to);
      sent.push(bytes);
    }
    this.#note("beacons", sent);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What a hostile node says, well-formed but for what is in it. */
function message(
  piece: Uint8Array,
  { id, incarnation, first, dice }: { id: string; incarnation: number; first: number; dice: Dice },
): Uint8Array {
  const [how = 0] = piece;
  const payload = piece.subarray(1);
  const kind = dice.chance(0.1) ? dice.int(0, 255) : dice.int(0, 10);
  if (how % 4 < 2) {
    const time = dice.pick([Date.now(), 0, 8.64e15, 2 ** 53 - 1]);
    return encodeBatches({ origin: id, incarnation, first, kind, time }, [payload])[0]!.body;
  }
  if (how % 4 === 2) {
    return encodeMeshMessage({
      type: "state",
      records: [{ origin: id, incarnation, kind: dice.int(0, 10), version: first, payload }],
    });
  }
  const purpose = dice.pick(["message", "request", "answer", "part", "ack", "failure"] as const);
  return encodeMeshMessage({
    type: "routed",
    purpose,
    kind,
    hop: 1,
    path: [id, "00000000000000aa"],
    incarnation,
    number: first,
    correlation: dice.int(0, 5),
    payload,
  });
}

/** The id and incarnation that the corpus has are replaced by one's own. */
function renamed(body: Uint8Array, own: Uint8Array): Uint8Array {
  const out = body.slice();
  const [a, b, c, d] = [0x65, 0x76, 0x69, 0x6c];
  for (let i = 0; i + 16 <= out.length; i++) {
    if (
      out[i] === a && out[i + 1] === b && out[i + 2] === c && out[i + 3] === d && out[i + 4] === 0
    ) {
      out.set(own, i);
      i += 15;
    }
  }
  return out;
}

function joined(bytes: Uint8Array, more: readonly number[]): Uint8Array {
  return Uint8Array.from([...bytes, ...more]);
}

/** A plain connection, from one of the many addresses of this machine. */
function rawWire(port: number, dice: Dice): Promise<Wire> {
  const localAddress = `127.0.${dice.int(0, 3)}.${dice.int(2, 250)}`;
  return new Promise((resolve, reject) => {
    const socket = connectNode({ host: "127.0.0.1", port, localAddress });
    socket.setTimeout(10_000, () => socket.destroy());
    // One for each piece that is being sent.
    socket.setMaxListeners(0);
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("closed")));
    socket.on("data", () => {});
    socket.once("connect", () =>
      resolve({
        send: (bytes) =>
          new Promise((sent, failed) => {
            if (socket.destroyed || !socket.writable) return failed(new Error("closed"));
            socket.once("close", () => failed(new Error("closed")));
            socket.write(bytes, (error) => error ? failed(error) : sent());
          }),
        close: (how) => {
          if (how === "reset") resetSocket(socket);
          else {
            socket.end();
            setTimeout(() => socket.destroy(), 200);
          }
        },
      }));
  });
}

/** Starts a server with all its ports. */
async function start(
  secret: boolean,
  options: ServerFuzzOptions,
): Promise<{ server: TestServer; ports: Ports }> {
  const args = [
    "--name",
    "kitchen",
    "--framed",
    "0",
    "--peer-listen",
    "127.0.0.1:0",
    "--admin",
    "none",
  ];
  const server = await TestServer.start([...args, "--log-level", "info"], {
    env: {
      ...(secret ? { TALKER_SECRET: SECRET } : {}),
      ...(options.beacons === true ? { TALKER_NO_ADVERTISE: "" } : {}),
    },
  });
  const line = await server.stdout.next(/ for peers on /);
  const peers = Number(/:(\d+)$/.exec(line)?.[1]);
  return { server, ports: { lines: server.port, framed: server.framedPort, peers } };
}

/** What must not be in a server's log: errors of its own, traces of the stack. */
const TROUBLE =
  /^\s+at .*:\d+:\d+|uncaught|unexpected|unhandled|panicked|could not be dealt with|could not be finished|TypeError|RangeError|ReferenceError|AssertionError|Invalid time|\[ERR|\berror\b.*:/i;

/** Fuzzes a plain server, then one with a secret. */
export async function fuzzServers(options: ServerFuzzOptions): Promise<ServerReport> {
  const { seed, seconds, log = () => {} } = options;
  const secret = await stretchSecret(SECRET);
  const executions: Record<string, number> = {};
  const rssMiB: Record<string, number> = {};
  const findings: string[] = [];
  let connections = 0, pings = 0, slowestMs = 0;
  for (const name of ["plain", "secret"]) {
    const { server, ports } = await start(name === "secret", options);
    const victim = new Victim(name, server, ports, name === "secret" ? secret : undefined, options);
    await victim.attack(performance.now() + seconds * 500);
    findings.push(...victim.findings.map((text) => `${name}: ${text}`));
    for (const [kind, count] of Object.entries(victim.executions)) {
      executions[`${name} server, ${kind}`] = count;
    }
    ({ connections, pings } = {
      connections: connections + victim.connections,
      pings: pings + victim.pings,
    });
    slowestMs = Math.max(slowestMs, victim.slowestMs);
    rssMiB[name] = Math.round(victim.mostRss / 2 ** 20);
    if (victim.mostRss > MAX_RSS) findings.push(`${name}: it took ${rssMiB[name]} MiB`);
    if (victim.pings === 0) findings.push(`${name}: the bystander got no answer at all`);
    const { code, stderr } = await server.stop();
    if (code !== 0) findings.push(`${name}: exit code ${code}: ${stderr.slice(-2_000)}`);
    const trouble = stderr.split("\n").filter((line) => TROUBLE.test(line));
    const kinds = new Map(trouble.map((line) => [line.replace(/\d+/g, "0").slice(24, 120), line]));
    for (const line of [...kinds.values()].slice(0, 20)) {
      findings.push(`${name}: in its log: ${line}`);
    }
    log(
      `${name}: ${victim.connections} connections, ${victim.pings} pings, RSS ${rssMiB[name]} MiB`,
    );
  }
  return {
    seed,
    executions,
    connections,
    pings,
    slowestMs: Math.round(slowestMs),
    rssMiB,
    findings,
  };
}

if (import.meta.main) {
  const [seed = "1", seconds = "4", beacons = ""] = Deno.args;
  // Errors of connections that the server closed are no news.
  addEventListener("unhandledrejection", (event) => event.preventDefault());
  const report = await fuzzServers({
    seed: Number(seed),
    seconds: Number(seconds),
    beacons: beacons === "beacons",
  });
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  Deno.exit(0);
}
