/**
 * The times of the beacon protocol, all in milliseconds, with their reasons. docs/PROTOCOL.md has them, too.
 *
 * @module
 */

/** How long an advert is believed: a crash is noticed within 5 s. */
export const TTL_MS = 4_500;

/** A beacon tells all of its adverts again after this long and up to {@linkcode REFRESH_JITTER_MS} more: three of them fit into the TTL, so two may be lost. */
export const REFRESH_MS = 1_000;
/** See {@linkcode REFRESH_MS}. Random, so that boxes switched on together don't stay together. */
export const REFRESH_JITTER_MS = 400;

/** Who was heard in this time is surely alive: it speaks more often. */
export const FRESH_MS = REFRESH_MS + REFRESH_JITTER_MS + 300;

/** A new or changed advert is told at these times: at once, and again in case that was lost. */
export const BURST_MS: readonly number[] = [0, 120, 400];

/** A name is claimed at these times. */
export const CLAIM_MS: readonly number[] = [0, 60, 130];
/** A name nobody objected to in this time is held. */
export const CLAIM_WAIT_MS = 200;
/** A holder's advert goes to all in defence of its name once in this time: however many claim it. */
export const DEFEND_GAP_MS = 100;

/** A goodbye is said at these times. */
export const GOODBYE_MS: readonly number[] = [0, 40, 90];

/** A question is asked at these times, the first for an answer to the asker alone, those from the second repetition on for one to all. */
export const ASK_MS: readonly number[] = [0, 80, 250, 600, 1_500];
/** Then, while it is to go on, each so many milliseconds. */
export const ASK_AGAIN_MS = 1_000;

/** Answers to questions for many names wait a random time between these, so that not all speak at once. */
export const ANSWER_DELAY_MS = { min: 5, max: 40 } as const;
/** An answer to all isn't repeated in this time: who asked meanwhile has it. */
export const ANSWER_GAP_MS = 200;
/** More askers than these are answered with one datagram to all. */
export const ANSWER_ONE_BY_ONE = 2;
