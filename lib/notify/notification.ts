/**
 * A notification, as it goes from its publisher to the subscribers.
 *
 * @module
 */

/** Something that was published on a topic. */
export interface Notification {
  /** `NODEID.INCARNATION.SEQUENCE` of the message that carries it in the mesh. */
  readonly id: string;
  /** Levels separated by `/`. */
  readonly topic: string;
  /** One line of text. */
  readonly text: string;
  /** When it was published, by the clock of the publisher's server, in milliseconds since 1970. */
  readonly time: number;
  /** Nick of the publisher. */
  readonly nick: string;
  /** Name of the publisher's server. */
  readonly server: string;
  /** The whole text, where `text` is a headline: an offer. */
  readonly details?: string | undefined;
}
