/**
 * Every cap on what a stranger can make grow, in one place: each with its unit and its reason.
 *
 * @module
 */

/** One kibibyte, in bytes. */
export const KIB = 1024;
/** One mebibyte, in bytes. */
export const MIB = 1024 * 1024;

/** Longest line of a client, in bytes without its end: some screens of text, yet far below a read. */
export const MAX_LINE_BYTES = 8192;

/** Longest frame, in bytes without its header: room for structured data, no room for a flood. */
export const MAX_FRAME_BYTES = 1 * MIB;

/** Longest telnet subnegotiation that is swallowed, in bytes: real ones have some tens. */
export const MAX_TELNET_SUBNEGOTIATION_BYTES = 256;

/** Connections in all: what one process serves well. */
export const MAX_CLIENTS = 20_000;

/** Connections of one address (this machine's own are exempt): a classroom behind one router. */
export const MAX_CLIENTS_PER_ADDRESS = 256;

/** Longest nick, in characters (code points): it stands before each line. */
export const MAX_NICK_CHARACTERS = 32;

/** Longest tag of a command, in characters. */
export const MAX_TAG_CHARACTERS = 32;

/** Numbers that one `/random` gives: they stand on one line. */
export const MAX_RANDOM_NUMBERS = 1000;

/** What a client does not read waits, up to this many bytes. */
export const MAX_QUEUED_BYTES = 8 * MIB;

/**
 * Bytes of answers and whispers waiting for one client, above which the server reads no further
 * command from it: who asks and doesn't read is asked to read first.
 */
export const MAX_UNREAD_REPLIES_BYTES = 256 * KIB;

/** Lines that are remembered, in lines. */
export const MAX_HISTORY_LINES = 10_000;
/** Lines that are remembered, in bytes. */
export const MAX_HISTORY_BYTES = 64 * MIB;
/** Lines that are remembered, in milliseconds of age. */
export const MAX_HISTORY_AGE_MS = 3_600_000;

/** Servers (starts of them) of whose forgotten lines it is known that they were: a number each. */
export const MAX_HISTORY_ORIGINS = 1_000;

/** Lines that a `/history` gives at the most: what is remembered. */
export const MAX_HISTORY_REPLY = MAX_HISTORY_LINES;

/** Longest name of a server, in characters (code points). */
export const MAX_SERVER_NAME = 64;

/** Longest answer to a question (`/ask`), in bytes: what a program has to say, not a file. */
export const MAX_ANSWER_BYTES = 64 * KIB;
/** Questions that are answered at a time: each runs a program. */
export const MAX_QUESTIONS_AT_ONCE = 4;
/** Questions that wait for their turn: beyond that their answers would come too late. */
export const MAX_QUESTIONS_WAITING = 64;
/** Longest that the answer to a question may take once it is its turn and before, in milliseconds. */
export const MAX_ANSWER_MS = 60_000;

/** Commands of one client whose answers come later (`/who` in a mesh), at a time. */
export const MAX_PENDING_COMMANDS = 1_000;

// Python's networkzero (lib/wire/networkzero_codec.ts, lib/discovery/networkzero.ts).

/** Longest advert of networkzero, in bytes: what it reads at once. */
export const MAX_NETWORKZERO_BYTES = 256;

/** Longest time that an advert of networkzero holds, in seconds: a day, where its own is 20 s. */
export const MAX_NETWORKZERO_TTL_S = 86_400;

/** Names heard of networkzero that are remembered: some classrooms full. The longest silent goes first. */
export const MAX_NETWORKZERO_NAMES = 1_000;
