/**
 * What the rest of the program knows of sockets.
 *
 * @module
 */

/** A host and a port. */
export interface Endpoint {
  /** A name or an IP address, without brackets. */
  hostname: string;
  /** 1 to 65535; 0 where any will do. */
  port: number;
}

/**
 * A stream of bytes in each direction. Bytes arrive whole and in order, or the connection fails;
 * where the network goes silent it may look healthy for minutes.
 */
export interface Connection {
  /** The other side. */
  readonly remoteAddr: Endpoint;
  /** This side. */
  readonly localAddr: Endpoint;
  /** Reads at least one byte into `buffer`; gives the number, or null at the end. One read at a time. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of `bytes`, at least one; gives the number. One write at a time. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says that nothing more will be written. */
  closeWrite(): Promise<void>;
  /** Ends both directions at once; what was not sent may be lost. Throws when closed already. */
  close(): void;
  /** Waiting to read does not keep the program alive from now on. */
  unref?(): void;
}

/** A port at which connections arrive. */
export interface Listener {
  /** Where it listens; the port that the system chose where 0 was asked for. */
  readonly addr: Endpoint;
  /** The next connection. Throws when there is none to be had now (too many open files) or the listener is closed. */
  accept(): Promise<Connection>;
  /** Stops listening. */
  close(): void;
  /** Waiting for connections does not keep the program alive from now on. */
  unref?(): void;
}
