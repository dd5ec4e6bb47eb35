/** The key exchange and the records of encrypted connections. */

import { assert, assertEquals } from "@std/assert";
import { type Handshake, Initiator, Responder } from "../../../lib/link/secure/handshake.ts";
import { OpeningReader, ReplyReader } from "../../../lib/link/secure/handshake_messages.ts";
import {
  MAX_PLAIN_BYTES,
  RecordOpener,
  RecordSealer,
} from "../../../lib/link/secure/record_cipher.ts";
import { loadSodium, type Sodium } from "../../../lib/link/secure/sodium.ts";
import { RemoteFault } from "../../../lib/wire/errors.ts";
import type { Dice } from "../../support/random.ts";
import { loadCorpus } from "../corpus.ts";
import type { Target } from "../fuzzer.ts";
import { cutAnyhow, type Input, randomBytes } from "../mutate.ts";
import { expectFault, whole } from "./wire.ts";

const SECRETS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

const readers: Target = {
  name: "handshake_messages",
  seeds: loadCorpus("handshake"),
  maxBytes: 1024,
  run(input, dice) {
    const bytes = whole(input);
    const told: string[] = [];
    for (const end of [dice.int(0, bytes.length), bytes.length]) {
      const opening = new OpeningReader(bytes.subarray(0, end)).read();
      told.push(
        opening === undefined ? "more" : "refused" in opening ? opening.refused : "opening",
      );
      if (opening !== undefined && !("refused" in opening)) {
        assert(opening.length <= end && opening.shares.length <= 2);
        assertEquals(opening.session.length, 16);
        assertEquals(opening.key.length, 32);
        for (const share of opening.shares) assertEquals(share.length, 32);
      }
      const reply = new ReplyReader(bytes.subarray(0, end), dice.int(0, 2)).read();
      told.push(reply === undefined ? "more" : "refused" in reply ? reply.refused : "reply");
      if (reply !== undefined && !("refused" in reply)) {
        assert(reply.length <= end && reply.shares.length <= 2 && reply.proofs.length <= 4);
        for (const proof of reply.proofs) assertEquals(proof.length, 32);
      }
    }
    return told.slice(2).join();
  },
};

/** Pushes until it is over; what came of it. */
function push(handshake: Handshake, chunks: readonly Uint8Array[]): string {
  for (const chunk of chunks) {
    handshake.works(chunk);
    const step = handshake.push(chunk);
    if (step.is === "done") return "done";
    if (step.is === "failed") return step.failure.code;
  }
  return "more";
}

function handshakes(sodium: typeof Sodium): Target {
  return {
    name: "handshake",
    seeds: loadCorpus("handshake"),
    maxBytes: 1024,
    maxPieces: 4,
    run(input, dice) {
      const secrets = SECRETS.slice(0, dice.int(0, 2));
      const purpose = dice.pick(["client", "peer"] as const);
      const options = {
        sodium,
        purpose,
        mesh: "club",
        secrets,
        random: (n: number) => randomBytes(dice, n),
      };
      const chunks = cutAnyhow(whole(input), dice);
      if (dice.chance(0.3)) {
        const told = push(new Initiator(options), chunks);
        assert(told !== "done", "It was persuaded by somebody without its session");
        return `initiator ${told}`;
      }
      const responder = new Responder(options);
      if (dice.chance(0.5)) {
        const told = push(responder, chunks);
        if (secrets.length > 0) assert(told !== "done", "It let somebody in without a secret");
        return `responder ${secrets.length} ${told}`;
      }
      // An honest exchange, in which something is changed on the way.
      const initiator = new Initiator(options);
      const opening = change(initiator.opening, dice);
      const first = responder.push(opening.bytes);
      if (first.is !== "more" || first.send === undefined) return `changed opening ${first.is}`;
      const reply = change(first.send, dice);
      const second = initiator.push(reply.bytes);
      if (second.is !== "done") return `changed reply ${second.is}`;
      assert(!opening.changed, "A changed opening was not noticed");
      if (reply.changed) return "changed proof";
      const conclusion = change(second.send!, dice);
      const third = responder.push(conclusion.bytes);
      if (third.is === "done") {
        assert(!conclusion.changed || secrets.length === 2, "A changed conclusion was not noticed");
        assertEquals(third.keys.receiving, second.keys.sending);
      }
      return `conclusion ${third.is} ${conclusion.changed}`;
    },
  };
}

function change(bytes: Uint8Array, dice: Dice): { bytes: Uint8Array; changed: boolean } {
  if (dice.chance(0.6)) return { bytes, changed: false };
  const changed = bytes.slice();
  changed[dice.int(0, changed.length - 1)]! ^= 1 << dice.int(0, 7);
  return { bytes: changed, changed: true };
}

function ciphers(sodium: typeof Sodium): Target {
  const key = new Uint8Array(32).fill(7);
  return {
    name: "record_cipher",
    seeds: loadCorpus("client_session"),
    maxBytes: MAX_PLAIN_BYTES,
    maxPieces: 12,
    run(input: Input, dice) {
      const sealer = new RecordSealer(sodium, key.slice(), { rekeyBytes: dice.pick([64, 1e9]) });
      const opener = new RecordOpener(sodium, key.slice());
      try {
        const records = [sealer.header, ...input.map((piece) => sealer.seal(piece)), sealer.end()];
        const honest = whole(records);
        const sent = whole(tamper(records, dice));
        const isSame = sent.length === honest.length && sent.every((byte, i) => byte === honest[i]);
        const plain = whole(input);
        let got = 0;
        const result = expectFault(() => {
          for (const chunk of cutAnyhow(sent, dice)) {
            opener.push(chunk, (text) => {
              // Whatever happened on the way: only what was sealed, from its beginning on.
              for (const byte of text) assertEquals(byte, plain[got++], "Text that nobody sealed");
            });
          }
        }, RemoteFault);
        if ("fault" in result) {
          assert(!isSame, "An honest stream was refused");
          return "altered";
        }
        if (isSame) {
          assert(opener.ended);
          assertEquals(got, plain.length);
        } else assert(!opener.ended, "A changed stream ended well");
        return isSame ? "whole" : "waits";
      } finally {
        sealer.free();
        opener.free();
      }
    },
  };
}

function tamper(records: readonly Uint8Array[], dice: Dice): Uint8Array[] {
  const out = [...records];
  const at = dice.int(0, out.length - 1), other = dice.int(0, out.length - 1);
  switch (dice.int(0, 7)) {
    case 0:
      out.splice(at, 1);
      break;
    case 1:
      out.splice(at, 0, out[other]!);
      break;
    case 2:
      [out[at], out[other]] = [out[other]!, out[at]!];
      break;
    case 3:
      out[at] = change(out[at]!, dice).bytes;
      break;
    case 4:
      out[at] = out[at]!.subarray(0, dice.int(0, out[at]!.length));
      break;
    case 5:
      out.push(randomBytes(dice, dice.int(1, 40)));
      break;
    case 6:
      out.splice(at, 0, randomBytes(dice, dice.int(1, 40)));
      break;
  }
  return out;
}

/** All of them. */
export async function secureTargets(): Promise<readonly Target[]> {
  const sodium = await loadSodium();
  return [readers, handshakes(sodium), ciphers(sodium)];
}
