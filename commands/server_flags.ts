/**
 * The flags of `talker server`.
 *
 * @module
 */

import { commonFlags } from "../lib/cli/common_flags.ts";
import { defineCommand } from "../lib/cli/flags.ts";
import { MAX_ANSWER_MS, MAX_CLIENTS, MAX_CLIENTS_PER_ADDRESS } from "../lib/wire/limits.ts";
import { beaconFlags } from "./beacon_flags.ts";
import { listenComplaint, meshComplaint, nameComplaint, peerComplaint } from "./flag_checks.ts";
import { securityFlags } from "./security_flags.ts";

/** Who may be an operator. */
const ADMIN_CHOICES = ["local", "any", "none"] as const;

/** The subcommand and its flags. */
export const serverCommand = defineCommand({
  name: "server",
  summary: "Run a chat server (for nc, telnet, talker client), alone or in a mesh.",
  usage: "talker server [FLAGS]",
  positionals: { min: 0, max: 0 },
  flags: {
    name: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "the host name",
      help: "Name of this server.",
      check: nameComplaint,
    },
    host: {
      kind: "string",
      placeholder: "HOST",
      default: "0.0.0.0",
      help: "Address to listen on; 127.0.0.1 for this machine only, :: for IPv6 as well.",
    },
    port: { kind: "port", default: 8889, help: "Port for line clients; 0 for any free one." },
    framed: {
      kind: "string",
      placeholder: "[HOST:]PORT",
      defaultText: "none",
      help: "Also serve framed clients here: each record behind its length in ten characters.",
      check: listenComplaint,
    },
    echo: { kind: "boolean", default: true, help: "Do not send speakers their own lines." },
    maxClients: {
      kind: "integer",
      min: 1,
      default: MAX_CLIENTS,
      help: "Connections to take in all.",
    },
    maxPerAddress: {
      kind: "integer",
      min: 1,
      default: MAX_CLIENTS_PER_ADDRESS,
      help: "Connections to take from one address (this machine's own are not counted).",
    },
    admin: {
      kind: "choice",
      choices: ADMIN_CHOICES,
      placeholder: "WHO",
      default: "local",
      help:
        "From where /kill and other operator commands are accepted: local (this machine), any, none.",
    },
    peerListen: {
      kind: "string",
      placeholder: "[HOST:]PORT",
      defaultText: "none",
      help: "Accept links from other servers here; 0 for any free port.",
      check: listenComplaint,
    },
    peer: {
      kind: "strings",
      placeholder: "HOST:PORT",
      help: "Keep a link to the server there up, for ever.",
      check: peerComplaint,
    },
    mesh: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "unnamed",
      help:
        "Join the mesh of this name (empty: the unnamed one): link to the servers of it that are found. " +
        "Implies --peer-listen 0.",
      check: meshComplaint,
      mayBeEmpty: true,
    },
    autoPeer: {
      kind: "boolean",
      default: true,
      help: "Do not link to the servers of the same --mesh that discovery finds.",
    },
    advertise: { kind: "boolean", default: true, help: "Do not let others find this server." },
    networkzero: {
      kind: "boolean",
      help: "Let programs of Python's networkzero find this server, too.",
    },
    ...beaconFlags,
    data: {
      kind: "string",
      placeholder: "DIR",
      defaultText: "nothing is kept",
      help: "Keep history, notifications and who this server is in this directory.",
    },
    answer: {
      kind: "string",
      placeholder: "CMD",
      defaultText: "questions are not answered",
      help: "Run this command for each /ask: the text is its stdin, its stdout the answer.",
    },
    answerTimeout: {
      kind: "seconds",
      default: 10,
      max: MAX_ANSWER_MS / 1000,
      help: `How long the command of --answer may take (at most ${MAX_ANSWER_MS / 1000}).`,
    },
    ...securityFlags,
    allowPlain: {
      kind: "boolean",
      help: "With encryption: take plain clients (nc) from anywhere, not from this machine only.",
    },
    ...commonFlags("info"),
  },
  examples: [
    "talker server --name kitchen",
    "talker server --name attic --mesh club --data /var/lib/talker",
    "talker server --name hello --answer ./motor.sh",
    "talker server --host 127.0.0.1 --port 0 --framed 0 --json",
  ],
});
