/**
 * Every cap on what a stranger can make grow, in one place: each with its unit and its reason.
 *
 * @module
 */

/** One kibibyte, in bytes. */
export const KIB = 1024;
/** One mebibyte, in bytes. */
export const MIB = 1024 * 1024;

/** How often something may be done: so many times at once, then now and then. */
export interface Rate {
  /** Uses at once. */
  readonly burst: number;
  /** After this long one more is allowed, in milliseconds. */
  readonly everyMs: number;
}

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

/**
 * What a client does not read waits, up to this many bytes; more, in the log that all share, while
 * nobody can know whether it reads, or while speakers wait for it (lib/talker/flow.ts).
 */
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
// What one address may have the whole mesh do (this machine's own are exempt). Who is over the rate of
// what costs time waits: its next commands are read later. Who is over that of what costs memory is refused.

/** Questions that go to other servers or start a program: `/who`, `/tell`, `/ask`, `/receipts`. */
export const QUESTIONS: Rate = { burst: 500, everyMs: 10 };
/** Notifications published: each is remembered, and written to disk, by every server. */
export const PUBLICATIONS: Rate = { burst: 10_000, everyMs: 1 };
/** What every server keeps for long: new names of subscribers, offers. A class at once, then 120 an hour. */
export const KEEPSAKES: Rate = { burst: 64, everyMs: 30_000 };
/** Links made to a server: each changes the graph that all servers know. Some times what one address may have. */
export const LINKS_MADE: Rate = { burst: 128, everyMs: 100 };
/** Addresses whose rates are known: the one that did least lately is forgotten, some MB. */
export const MAX_RATED_ADDRESSES = 10_000;
/** Questions for receipts of one client that wait for somebody to acknowledge: what `talker notify --need-ack` asks at once. */
export const MAX_RECEIPT_WAITS = 256;

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

// Beacons (discovery).

/** Longest datagram that a beacon sends, in bytes: it fits the smallest usual MTU, so it is never cut into fragments. */
export const MAX_BEACON_SEND_BYTES = 1200;
/** Longest datagram that a beacon takes, in bytes: later versions may send more, up to an Ethernet frame. */
export const MAX_BEACON_RECEIVE_BYTES = 1472;
/** Longest name of a service, in characters (code points): as that of a server. */
export const MAX_BEACON_NAME = MAX_SERVER_NAME;
/** Longest kind of a service, in bytes of UTF-8: a word. */
export const MAX_BEACON_KIND_BYTES = 32;
/** Longest name of a machine that a beacon tells, in bytes of UTF-8: for people to recognise it. */
export const MAX_BEACON_HOST_BYTES = 64;
/** Addresses of one service: a machine with more has them for other purposes. */
export const MAX_BEACON_ADDRESSES = 12;
/** Properties of one service: small facts, not data. */
export const MAX_BEACON_PROPERTIES = 16;
/** Longest name of a property, in bytes of UTF-8. */
export const MAX_BEACON_KEY_BYTES = 32;
/** Names and values of the properties of one service together, in bytes of UTF-8: an advert must fit one datagram. */
export const MAX_BEACON_PROPERTIES_BYTES = 400;
/** Ids listed in one datagram (whom a beacon hears, what an asker knows): the rest is not listed, and so asked or told again. */
export const MAX_BEACON_IDS = 64;
/** Longest time that an advert is believed without being heard again, in milliseconds, whatever it says. */
export const MAX_BEACON_TTL_MS = 10_000;
/** Services that one program advertises: two datagrams to some tens, sent every second. */
export const MAX_BEACON_ADVERTS = 256;
/** Services in the directory: hundreds of programs. Beyond it what is new is dropped. */
export const MAX_BEACON_ENTRIES = 4_096;
/** Services in the directory that were first heard from one address: 50 programs on one box, and some. */
export const MAX_BEACON_ENTRIES_PER_SOURCE = 512;
/** Beacons (programs) that are remembered as heard, and as asking. */
export const MAX_BEACON_PEERS = 1_024;
/** Addresses that one beacon is remembered to be heard from: its interfaces. */
export const MAX_BEACON_SOURCES = 8;
/** Askers whose answer waits for its moment; beyond it everybody is answered at once. */
export const MAX_BEACON_ASKERS = 64;
/** Datagrams sent in one second as answers, besides the regular ones: questions can't make a storm. */
export const MAX_BEACON_ANSWERS_PER_SECOND = 100;

/**
 * Servers of the same mesh seen by discovery that a node considers linking to: what one mesh of a
 * very large hall has; others are passed over until some are gone.
 */
export const MAX_JOIN_CANDIDATES = 4_096;

/** Addresses of one such server that are tried: a box has a cable, a radio, IPv4 and IPv6. */
export const MAX_JOIN_ADDRESSES = 4;

/** Links that a node tries to make at a time of its own accord. */
export const MAX_JOIN_ATTEMPTS = 8;

/**
 * Links that it tries to make in a second of its own accord: forged adverts could else have a whole
 * mesh knock at somebody's door. Healing takes a few.
 */
export const MAX_JOIN_ATTEMPTS_PER_SECOND = 10;

// Notifications and what is kept on disk, as line clients see them (lib/talker).

/** Commands of one client that wait to be on disk, above which no more are read from it. */
export const MAX_UNCONFIRMED_COMMANDS = 4_096;
/** Bytes of notifications that wait in a client's queue; the next ones wait on its board, where they are counted. */
export const MAX_QUEUED_PUSHES_BYTES = 128 * KIB;
/** The same in number: far below what stops the reading of its commands. */
export const MAX_QUEUED_PUSHES = 1_024;
/** Longest time that a client may ask to be in notification mode, or wait for receipts, in seconds: a day. */
export const MAX_NOTIFY_S = 86_400;
/** Longest headline of an offer, in characters (code points): what fits on a line of a list. */
export const MAX_HEADLINE_CHARACTERS = 60;

// Messages between programs (lib/messaging).

/** Longest body of a message between programs, in bytes of JSON: structured data, no films. */
export const MAX_BODY_BYTES = MAX_FRAME_BYTES;
/** What stands around a body in its frame, in bytes: type, topic and numbers at their longest. */
export const MAX_ENVELOPE_BYTES = 4 * KIB;
/** How deep values may be nested in a message, or a record of a server: more than data has, far less than any stack. */
export const MAX_JSON_DEPTH = 100;
/** Longest name of a message type, in characters. */
export const MAX_TYPE_NAME = 64;
/** Longest topic of news, and its beginning that is asked for, in characters. */
export const MAX_NEWS_TOPIC = 255;
/** Beginnings of topics that one connection may ask for. */
export const MAX_NEWS_SUBSCRIPTIONS = 100;
/** Questions over one connection, each way, that wait for their answers: each is held in memory. */
export const MAX_OPEN_ASKS = 10_000;
/** Messages taken in that the program has not yet looked at, before the connection is read no further. */
export const MAX_INBOX_MESSAGES = 1_000;
/** The same, in bytes. While an answer is waited for it is read on, up to eight times as much. */
export const MAX_INBOX_BYTES = 1 * MIB;
/** Messages that make no sense, on one connection: a bug of the other side; then it ends. */
export const MAX_BAD_MESSAGES = 16;
/** Bytes waiting to be taken by the other side, above which sending waits. */
export const SEND_WAITS_BYTES = 1 * MIB;
/** Bytes waiting to be taken, above which a message is not sent any more, nor anything read from there. */
export const MAX_SEND_QUEUED_BYTES = 8 * MIB;
/** Nothing taken by the other side for so long, in milliseconds, while something waits: it is given up. */
export const SEND_STUCK_MS = 10_000;
/** How long the other side may take to say hello, in milliseconds. */
export const HELLO_WITHIN_MS = 5_000;
/** Nothing heard for so long, in milliseconds: the other side is gone (noticed within 5 s). */
export const SILENT_MS = 4_250;
/** Nothing said for so long, in milliseconds: a sign of life is sent. Two may be lost. */
export const PULSE_MS = 1_250;
/**
 * News that wait for a program to look at them; then the oldest are dropped, and counted. More than
 * one read can bring (256 KiB), so that a program that takes them as they come misses none.
 */
export const MAX_NEWS_WAITING = 20_000;
/** The same, in bytes. */
export const MAX_NEWS_WAITING_BYTES = 8 * MIB;
/** Events of connections that wait for a program to look at them; then the oldest are dropped. */
export const MAX_EVENTS_WAITING = 1_000;
/** Requests at one address that wait for a program to take them; more are refused. */
export const MAX_REQUESTS_WAITING = 1_000;
/** The same, in bytes. */
export const MAX_REQUESTS_WAITING_BYTES = 8 * MIB;
/** Connections that a listening program takes, in all. */
export const MAX_SESSIONS = 10_000;
/** Connections of one address (this machine's own are exempt): a classroom behind one router. */
export const MAX_SESSIONS_PER_ADDRESS = 256;

// Notifications (lib/notify): topics, who subscribed to them, and what is remembered.

/** Longest topic or pattern, in UTF-16 units: it stands on a line with the text. */
export const MAX_TOPIC_CHARACTERS = 128;
/** Levels of a topic: deeper ones are no names but data. */
export const MAX_TOPIC_LEVELS = 16;
/** Patterns of one subscriber: they are told to all servers. */
export const MAX_PATTERNS = 64;
/** Patterns of all sessions in notification mode and named subscribers together: about 100 MB of index. */
export const MAX_PATTERNS_IN_ALL = 200_000;
/** Sets of patterns of nameless subscribers that one server tells to the others, to be counted there. */
export const MAX_LISTENER_SETS = 1_000;
/** The same, in bytes: it is sent again with each change. */
export const MAX_LISTENER_BYTES = 64 * KIB;
/** Named subscribers, mesh-wide: each has a queue on every server. */
export const MAX_NAMED_SUBSCRIBERS = 1_000;
/** Subscriptions that a connection had before its present one, and can still acknowledge for. */
export const MAX_FORMER_SUBSCRIPTIONS = 8;
/** Notifications that wait for one subscriber; then the oldest are dropped, and told. */
export const MAX_PENDING_NOTIFICATIONS = 1_000;
/** Notifications that are remembered for everybody, in number; what waits for a named subscriber is beside that. */
export const MAX_NOTIFICATIONS = 10_000;
/** All notifications that are remembered, in bytes, also what waits. */
export const MAX_NOTIFICATION_BYTES = 64 * MIB;
/** Age at which a notification is forgotten, in milliseconds: a day. */
export const MAX_NOTIFICATION_AGE_MS = 86_400_000;
/** Text (or details) of a notification from another server, in characters: a line, each byte of it replaced. */
export const MAX_NOTIFICATION_CHARACTERS = MAX_LINE_BYTES;
/** Lives of servers whose notifications are told apart, of those that published within a day. */
export const MAX_NOTIFICATION_STREAMS = 1_000;
/** Acknowledgements of one subscriber for notifications that have not arrived here yet; the oldest are forgotten. */
export const MAX_EARLY_ACKNOWLEDGEMENTS = 10_000;
/** Offers on the board, and withdrawn ones that are remembered as such. */
export const MAX_OFFERS = 1_000;
/** Questions for receipts, of this server's clients and of other servers, that wait at a time. */
export const MAX_RECEIPT_WATCHES = 10_000;
/** Servers and recipients there, of the latest notifications, that are remembered for receipts: about 20 MB. */
export const MAX_AUDIENCE_SIZE = 100_000;
/** Bytes of one answer when two servers compare what they remember: small enough for what is live to wait behind it. */
export const MAX_SYNC_BYTES = 256 * KIB;

// A client of notifications (lib/client/notify): what a server can make it keep.

/** Notifications that wait to be handled: what a server keeps for a subscriber, and some. What comes beyond is fetched later. */
export const MAX_NOTIFICATIONS_WAITING = 2_000;
/** The same, in characters. */
export const MAX_NOTIFICATIONS_WAITING_CHARACTERS = 32 * MIB;
/** Notifications that are remembered because their handler failed: what a server keeps for a subscriber, and some. */
export const MAX_NOTIFICATIONS_FAILED = 4_096;
/** Recipients of one notification that a publisher takes note of one by one. */
export const MAX_RECEIPTS_TAKEN = 20_000;
/** Longest details of an offer that are taken, in characters: the line that posted it was shorter. */
export const MAX_DETAILS_CHARACTERS = 64 * KIB;

// Encrypted connections (lib/link/secure).

/** Connections whose key exchange is under way; beyond that the oldest is dropped: honest ones need milliseconds. */
export const MAX_HALF_OPEN = 1024;
/** Of those, from one address: a classroom behind one router that comes back at once. */
export const MAX_HALF_OPEN_PER_ADDRESS = 128;
/** How long a key exchange may take, in milliseconds. */
export const HANDSHAKE_MS = 5_000;
/** The rest of a record that was begun must come within this of the last byte, in milliseconds: else its length was altered, or the other side is gone. */
export const RECORD_MS = 15_000;
/** Pause after each key exchange, in milliseconds: each takes one or two of computing, and others wait meanwhile. */
export const HANDSHAKE_PAUSE_MS = 1;
/** How long a server that takes plain connections, too, waits for the first bytes of an encrypted one, in milliseconds. */
export const GREET_PLAINLY_MS = 300;
/** Key exchanges of one address that are answered and not concluded yet, at a time: the answer shows whether a guess was right. */
export const MAX_UNPROVEN_PER_ADDRESS = 16;
/** Who encrypts has spoken after this long, in milliseconds; who has not is told why it gets no greeting. Less than the time of a key exchange. */
export const SPEAKS_FIRST_MS = 3_000;
/** Wrong secrets of one address: typing errors, and a box with an old secret that tries on; then 43,200 guesses a day. */
export const WRONG_SECRETS: Rate = { burst: 100, everyMs: 2_000 };

// What is written to disk (lib/store).

/** Bytes that aren't written yet, above which speakers are to wait: some seconds of a slow card. (What is unwritten never is more than what is retained.) */
export const MAX_UNWRITTEN_BYTES = 8 * MIB;
