/**
 * Commands about the other servers.
 *
 * @module
 */

import type { Command, CommandContext, Outcome } from "../command.ts";
import { drawTopology } from "../topology_drawing.ts";
import { usage, wholeNumber, words } from "./usage.ts";

const peers: Command = {
  name: "peers",
  parameters: "",
  summary: "the servers that this one is linked to",
  run({ talker, reply }) {
    const links = talker.mesh?.peers() ?? [];
    reply(`There are ${links.length} peers directly connected`, { peers: links.length });
    for (const { name, address, direction, roundTrip, encrypted } of links) {
      const time = roundTrip === undefined ? "? ms" : `${roundTrip.toFixed(1)} ms`;
      reply(`  ${name} ${address} ${direction} ${time} ${encrypted ? "encrypted" : "plain"}`, {
        server: name,
        address,
        direction,
        roundTrip,
        encrypted,
      });
    }
    return {};
  },
};

const reachable: Command = {
  name: "reachable",
  parameters: "",
  summary: "the servers that can be reached, this one included",
  run({ talker, reply }) {
    const names = talker.mesh?.reachable() ?? [talker.name];
    reply(`There are ${names.length} reachable peers:`, { peers: names.length });
    for (const name of names) reply(`  ${name}`, { server: name });
    return {};
  },
};

const topology: Command = {
  name: "topology",
  parameters: "",
  summary: "which server is linked to which",
  run({ talker, reply }) {
    const graph = talker.mesh?.topology() ??
      [{ id: "", name: talker.name, links: [], isCutPoint: false }];
    for (const line of drawTopology(graph, talker.mesh?.id ?? "")) reply(line);
    return {};
  },
};

const peerListen: Command = {
  name: "peer-listen",
  parameters: "HOST PORT",
  summary: "accept links from other servers at this address",
  operator: true,
  run({ talker, rest, reply }) {
    const address = parseAddress(rest);
    if (address === undefined || talker.mesh === undefined) return usage(peerListen);
    try {
      const at = talker.mesh.listen(address.hostname, address.port);
      reply(`Listening for peers on ${at}`, { address: at });
      return {};
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { error: "failed", text: `Cannot listen on ${rest}: ${reason}` };
    }
  },
};

const peerConnect: Command = {
  name: "peer-connect",
  parameters: "HOST PORT",
  summary: "make a link to another server, once",
  operator: true,
  details: ["The host 0.0.0.0 is this machine. talker server --peer keeps a link up for ever."],
  async run({ talker, rest, reply }): Promise<Outcome> {
    const address = parseAddress(rest);
    if (address === undefined || address.port === 0 || talker.mesh === undefined) {
      return usage(peerConnect);
    }
    const { hostname, port } = address;
    const reason = await talker.mesh.connect(thisMachine(hostname), port);
    if (reason !== undefined) {
      return { error: "failed", text: `Cannot connect to ${hostname} ${port}: ${reason}` };
    }
    reply(`Connected to ${hostname} ${port}`);
    return {};
  },
};

const peerKill: Command = {
  name: "peer-kill",
  parameters: "NAME or HOST PORT",
  summary: "end a link, and the attempts to keep it up",
  operator: true,
  run(context: CommandContext): Outcome {
    const { talker, rest, reply } = context;
    const given = words(rest);
    const address = given.length === 2 ? parseAddress(rest) : undefined;
    if (talker.mesh === undefined || (given.length !== 1 && address === undefined)) {
      return usage(peerKill);
    }
    const which = address === undefined
      ? given[0] as string
      : { ...address, hostname: thisMachine(address.hostname) };
    const ended = talker.mesh.kill(which);
    if (ended === 0) return { error: "not-found", text: `No link to ${rest}` };
    reply(`Ended ${ended} links to ${rest}`, { links: ended });
    return {};
  },
};

function parseAddress(text: string): { hostname: string; port: number } | undefined {
  const [hostname, digits, more] = words(text);
  const port = wholeNumber(digits);
  if (hostname === undefined || port === undefined || more !== undefined) return undefined;
  return port >= 0 && port <= 65_535 ? { hostname, port } : undefined;
}

function thisMachine(hostname: string): string {
  return hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
}

/** `/peers` and all about other servers. */
export const meshCommands: readonly Command[] = [
  peers,
  reachable,
  topology,
  peerListen,
  peerConnect,
  peerKill,
];
