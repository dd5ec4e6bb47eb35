/**
 * Caps of the server-to-server protocol that a decoder enforces. The limits of the tables
 * that grow while a node runs are in `lib/mesh/limits.ts`.
 */

/** Bytes of the payload of one message: the largest client record, 1 MiB. */
export const MAX_MESH_PAYLOAD = 1024 * 1024;

/**
 * Bytes of one answer, which goes in as many messages as it needs: what is to be told of everybody whom
 * a full server has, with the longest names. Then an answer is a mistake.
 */
export const MAX_MESH_ANSWER = 16 * 1024 * 1024;

/** Bytes of one frame: a payload of the largest size, and 64 KiB for the header and a path. */
export const MAX_MESH_FRAME = MAX_MESH_PAYLOAD + 64 * 1024;

/** Messages in one batch: its count is 16 bits. */
export const MAX_BATCH_COUNT = 65_535;

/** Bytes that a sender puts into one batch before it begins another, so that frames interleave. */
export const BATCH_TARGET_BYTES = 128 * 1024;

/** Bytes of UTF-8 in a node's name or a mesh's name: as long as a host name may be. */
export const MAX_NAME_BYTES = 255;

/** Bytes of UTF-8 in a reason that a peer tells: a line on a terminal or two. */
export const MAX_REASON_BYTES = 1024;

/** Entries in one list frame (announcements, wants, prunes): 40 bytes each stay below 1 MiB. */
export const MAX_LIST_ENTRIES = 20_000;

/** Nodes in the path of a routed message, both ends included: 8 bytes each stay below 64 KiB. */
export const MAX_PATH_NODES = 4_096;

/** Links that one node may have in its link-state record: its count is 16 bits. */
export const MAX_LINKS_IN_RECORD = 10_000;
