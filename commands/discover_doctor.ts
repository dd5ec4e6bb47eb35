/**
 * `talker discover --doctor [NAME]`: says what can be seen of the network.
 *
 * @module
 */

import { EXIT, UsageError } from "../lib/cli/exit.ts";
import { reason } from "../lib/cli/reason.ts";
import { diagnose } from "../lib/discovery/doctor.ts";
import { examine } from "../lib/discovery/doctor_examine.ts";
import { doctorJson, doctorReport } from "../lib/discovery/doctor_report.ts";
import { Networkzero } from "../lib/discovery/networkzero.ts";
import type { HostPort } from "../lib/net/address.ts";
import { udpPortHolder } from "../lib/net/port_holder.ts";
import { connectTcp } from "../lib/net/tcp_client.ts";
import { encodeText } from "../lib/wire/text.ts";
import { openBeacon } from "./beacon_open.ts";
import type { Discovering } from "./discover.ts";

/** How long is listened, in seconds: whether others hear us shows after 3.4 s at the latest. */
const WAIT_S = 4;
/** In less time what was sent may not have come back, in seconds. */
const MIN_WAIT_S = 1;
/** How long an address may take to accept a connection, in milliseconds. */
const CONNECT_MS = 1_000;

/** Prints the report. The exit code is 0 where NAME can be reached, or, without NAME, nothing is wrong; else 1. */
export async function doctor({ flags, name, io }: Discovering): Promise<number> {
  const { wait: seconds = WAIT_S } = flags;
  if (seconds < MIN_WAIT_S) {
    throw new UsageError(`--wait is ${seconds}; --doctor needs ${MIN_WAIT_S} s at the least`);
  }
  const wait = seconds * 1000;
  await using beacon = openBeacon(flags, { warn: io.stderr });
  using networkzero = Networkzero.open({ interfaces: flags.interface });
  if (io.stderr.isTerminal) {
    io.stderr.write(`talker: Listening and asking for ${wait / 1000} s …\n`);
  }
  const facts = await examine({
    beacon,
    networkzero,
    interfaces: flags.interface.length > 0 ? flags.interface : undefined,
    name,
    wait,
    signal: io.signal,
    connect,
    holder: udpPortHolder,
  });
  if (io.signal.aborted) return EXIT.ok;
  const findings = diagnose(facts);
  if (flags.json) io.stdout.write(`${JSON.stringify(doctorJson(facts, findings))}\n`);
  else for (const line of doctorReport(facts, findings)) io.stdout.write(`${line}\n`);
  const isWell = name === undefined
    ? findings.every(({ weight }) => weight !== "problem")
    : findings.some(({ cause }) => cause === "found");
  return isWell ? EXIT.ok : EXIT.failed;
}

/** Tries to connect; gives the reason when it fails. */
async function connect(to: HostPort, kind: string): Promise<string | undefined> {
  try {
    const connection = await connectTcp(to, { timeoutMs: CONNECT_MS });
    // So that nobody is told of a guest who comes and goes.
    if (kind === "talker") await connection.write(encodeText("/service\r\n"));
    connection.close();
    return undefined;
  } catch (error) {
    return reason(error);
  }
}
