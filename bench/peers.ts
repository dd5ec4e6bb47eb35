/**
 * The servers that talker is measured beside: no persistence, no logging, no throttling, no
 * authentication, so that they are as fast as they can be.
 */

import { findExecutable } from "./machine.ts";
import { freePort, ServerProcess } from "./server_process.ts";
import type { Contender, Protocol } from "./contenders.ts";

interface Peer {
  name: string;
  executable: string;
  debianPackage: string;
  protocol: Protocol;
  /** Its configuration, as a file. */
  configuration: (port: number, folder: string) => string;
  arguments: (file: string) => string[];
  versionArguments: string[];
}

/** Servers that change their user when root starts them must stay root, to read their files. */
const isRoot = Deno.uid() === 0;

const PEERS: Peer[] = [
  {
    name: "nats",
    executable: "nats-server",
    debianPackage: "nats-server",
    protocol: "nats",
    configuration: (port) => `
listen: "127.0.0.1:${port}"
max_connections: 65536
max_pending: 256MB
write_deadline: "60s"
ping_interval: "10m"
`,
    arguments: (file) => ["-c", file],
    versionArguments: ["--version"],
  },
  {
    name: "redis",
    executable: "redis-server",
    debianPackage: "redis-server",
    protocol: "resp",
    configuration: (port, folder) => `
bind 127.0.0.1
port ${port}
protected-mode no
daemonize no
save ""
appendonly no
dir ${folder}
maxclients 19000
client-output-buffer-limit pubsub 0 0 0
client-output-buffer-limit normal 0 0 0
tcp-backlog 4096
loglevel warning
logfile /dev/null
`,
    arguments: (file) => [file],
    versionArguments: ["--version"],
  },
  {
    name: "mosquitto",
    executable: "mosquitto",
    debianPackage: "mosquitto",
    protocol: "mqtt",
    configuration: (port) => `
listener ${port} 127.0.0.1
${isRoot ? "user root" : ""}
allow_anonymous true
persistence false
log_dest none
connection_messages false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
sys_interval 0
`,
    arguments: (file) => ["-c", file],
    versionArguments: ["-h"],
  },
  {
    name: "ngircd",
    executable: "ngircd",
    debianPackage: "ngircd",
    protocol: "irc",
    configuration: (port, folder) => `
[Global]
  Name = bench.example.net
  Info = bench
  Listen = 127.0.0.1
  Ports = ${port}
  MotdPhrase = bench
${isRoot ? "  ServerUID = root\n  ServerGID = root" : ""}
[Limits]
  MaxConnections = 0
  MaxConnectionsIP = 0
  MaxJoins = 0
  MaxNickLength = 16
  MaxPenaltyTime = 0
  PingTimeout = 3600
  PongTimeout = 3600
[Options]
  DNS = no
  Ident = no
  PAM = no
  ConnectIPv6 = no
  IncludeDir = ${folder}/none
[Channel]
  Name = #b
  Modes = P
  MaxUsers = 0
`,
    arguments: (file) => ["-n", "-f", file],
    versionArguments: ["--version"],
  },
];

/** The names that `--peers` takes, beside `minimal`. */
export const PEER_NAMES: readonly string[] = PEERS.map((peer) => peer.name);

async function version(executable: string, peer: Peer): Promise<string> {
  const { stdout } = await new Deno.Command(executable, {
    args: peer.versionArguments,
    stdout: "piped",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? "of unknown version";
}

/**
 * The peer of that name, with its configuration in `folder`, or the Debian package that has it
 * when it is not installed.
 */
export async function findPeer(
  name: string,
  options: { folder: string; core: number | null },
): Promise<Contender | { missingPackage: string }> {
  const peer = PEERS.find((p) => p.name === name);
  if (!peer) throw new Error(`No peer ${name}: there are minimal, ${PEER_NAMES.join(", ")}`);
  const executable = findExecutable(peer.executable);
  if (!executable) return { missingPackage: peer.debianPackage };
  return {
    name,
    protocol: peer.protocol,
    version: await version(executable, peer),
    start: async () => {
      const port = freePort();
      const file = `${options.folder}/${name}-${port}.conf`;
      await Deno.writeTextFile(file, peer.configuration(port, options.folder));
      return await ServerProcess.start({
        command: [executable, ...peer.arguments(file)],
        core: options.core,
        ready: port,
      });
    },
  };
}
