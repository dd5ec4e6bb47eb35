/**
 * Every limit of the mesh core, with its unit and its reason. The caps that the decoder of the
 * wire enforces are in `lib/wire/mesh_limits.ts`.
 */

/** What can be set for one node. Times are in milliseconds, sizes in bytes. */
export interface MeshLimits {
  /** Messages that are remembered for others. Some hours of a lively chat. */
  readonly retentionCount: number;
  /** Bytes that are remembered: what a Raspberry Pi can spare. */
  readonly retentionBytes: number;
  /** Age of what is remembered: who was away longer reads the history. */
  readonly retentionAge: number;
  /**
   * Messages younger than this stay although they are more than `retentionCount` (but not more
   * than `retentionBytes`): in a burst 10,000 messages pass within a repair of the tree.
   */
  readonly retentionYoung: number;
  /** Origins with a high-water mark; the longest absent is forgotten. About 50 MB. */
  readonly origins: number;
  /** Lives of one origin that are told apart; what is older counts as seen. */
  readonly incarnations: number;
  /** Bytes of messages that wait for an earlier one, over all origins. Refused beyond: sync brings them. */
  readonly pendingBytes: number;
  /** A gap is declared when nothing closed it for so long although a peer has announced the lines. */
  readonly gapAfter: number;
}

/** The defaults of {@linkcode MeshLimits}. */
export const DEFAULT_LIMITS: MeshLimits = {
  retentionCount: 10_000,
  retentionBytes: 64 * 1024 * 1024,
  retentionAge: 3_600_000,
  retentionYoung: 10_000,
  origins: 100_000,
  incarnations: 256,
  pendingBytes: 16 * 1024 * 1024,
  gapAfter: 10_000,
};

/** Ms between announcements on a lazy link: batches them, and bounds how long a dead branch is unnoticed. */
export const ANNOUNCE_EVERY = 50;

/** Ms that an announced message may still come along the tree before it is fetched: a slow branch is not a dead one. */
export const REPAIR_AFTER = 150;

/** Ms between questions to nodes that do not have a message yet but may get it. */
export const ASK_AGAIN_AFTER = 500;

/** Ms without a frame of the answer after which a fetch is given up and tried elsewhere. */
export const FETCH_TIMEOUT = 5_000;

/** Ms since the last message within which a stream counts as active: its branch is replaced at once when it dies. */
export const ACTIVE_STREAM = 10_000;

/** Bytes that answer one fetch: small enough that live traffic waits for at most some ms behind it. */
export const FETCH_BYTES = 256 * 1024;

/** Ranges in one fetch. */
export const FETCH_RANGES = 512;

/** Ms for which a search is remembered: as long as the peer waits before it declares a gap. */
export const SEEK_FOR = 10_000;

/** Searches that come through a node at a time: one for each of the origins of a large mesh. */
export const MAX_SEEKS = 10_000;

/** Entries in one list frame that we send, so that it stays below 100 KB. */
export const LIST_CHUNK = 2_000;

/** Ms for which changes of state are collected before they are flooded: a crowd makes one record. */
export const STATE_FLUSH = 10;

/** Changes of the graph are collected for one ms longer for so many nodes. */
export const GRAPH_NODES_PER_MS = 10;

/** Bytes of records in one state frame that we send. */
export const STATE_CHUNK_BYTES = 64 * 1024;

/** Records of state that are kept: two kinds for each of the origins that can be present. */
export const MAX_STATE_RECORDS = 200_000;

/** Bytes of all records of state that are kept. */
export const MAX_STATE_BYTES = 256 * 1024 * 1024;

/** Ms between warnings that origins were forgotten, each with their number. */
export const TELL_FORGOTTEN_EVERY = 60_000;

/** Ms after which the state of an unreachable node is forgotten: it is told again when it comes back. */
export const STALE_STATE = 60_000;

/** Links of one node, all phases. A node aims at 4; a hub of a club has some hundreds. */
export const MAX_LINKS = 1_024;
/** Links that one address may make (this machine's own are not counted): servers behind one router. */
export const MAX_LINKS_PER_ADDRESS = 64;

/** Ms within which the other side must say who it is. */
export const GREETING_TIMEOUT = 5_000;

/** Ms between heartbeats on a link. */
export const HEARTBEAT_EVERY = 1_000;

/** Ms of silence after which a link is dead: found within 5 s, with a margin for a busy machine. */
export const SILENT_AFTER = 4_000;

/** Ms of silence after which a new link to the same peer may replace this one. */
export const SUSPECT_AFTER = 2_200;

/**
 * Ms for which a peer stays a neighbour when it dropped a link for another one that isn't up here yet:
 * the reason may overtake the I-AM.
 */
export const HANDOVER = 1_000;

/** Ms after which a routed message without acknowledgement takes another path; doubled each time. */
export const ROUTE_RETRY = 400;

/** Ms after which a routed message has failed, by default. */
export const ROUTE_TIMEOUT = 5_000;

/** Routed messages under way at a time, sent by this node: a gather over 1,000 nodes, some times. */
export const MAX_ROUTED_SENDS = 20_000;

/** Numbers of routed messages that are remembered for each source, to recognise a repeat. */
export const ROUTED_WINDOW = 4_096;

/** Sources of routed messages that are remembered. */
export const MAX_ROUTED_SOURCES = 100_000;

/** Bytes of an answer that are sent at a time: live traffic waits behind no more of it. */
export const ANSWER_PART_BYTES = 256 * 1024;

/** Ms after which a gather ends, by default. */
export const GATHER_TIMEOUT = 2_000;

/** Gathers under way at a time; more wait for their turn. */
export const MAX_GATHERS = 1_000;

/** Gathers that wait: what twenty clients may ask at a time. Some MB; 160 where each is the longest whisper. */
export const MAX_GATHERS_WAITING = 20_000;

/** Bytes that wait on one link at the most: then it is dropped, and sync heals what it missed. */
export const LINK_QUEUE_BYTES = 64 * 1024 * 1024;

/** Ms without the other side's taking anything of what waits, after which a link is dropped. */
export const LINK_STUCK_MS = 10_000;

/** Bytes that wait on one link, above which this node's own speakers wait. */
export const SPEAKERS_WAIT_BYTES = 8 * 1024 * 1024;
