/**
 * What a line client talks over: a connection of Deno, or one of Node where it is to be reset.
 *
 * Deno's own is the rule: the sockets of Node in Deno 2.4 hear nothing more once they have said that
 * they will send nothing more.
 */

import { connect, type Socket } from "node:net";

/** Takes what comes. */
export interface WireEvents {
  push(bytes: Uint8Array): void;
  /** Nothing more will come, for that reason where it was no clean end. */
  end(error?: Error): void;
}

/** Bytes both ways. */
export interface Wire {
  /** Sends all of it, behind what was sent before. Resolves when the system has taken it. */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more will be sent, behind what was sent before. */
  halfClose(): void;
  /** Reads nothing, or goes on; what was asked for already may still come. */
  pause(paused: boolean): void;
  /** Closes, without waiting. */
  close(): void;
  /** Vanishes: the other side gets a reset. Only where it was connected for that. */
  reset(): void;
}

/** Connects with Deno. */
export async function connectWire(
  host: string,
  port: number,
  events: WireEvents,
): Promise<Wire> {
  const connection = await Deno.connect({ hostname: host, port });
  connection.setNoDelay(true);
  let resumed: PromiseWithResolvers<void> | undefined;
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    resumed?.resolve();
    connection.close();
    events.end();
  };
  const read = async () => {
    const buffer = new Uint8Array(64 * 1024);
    try {
      while (!isClosed) {
        const count = await connection.read(buffer);
        if (count === null) return events.end();
        await resumed?.promise;
        if (!isClosed) events.push(buffer.subarray(0, count));
      }
    } catch (error) {
      if (!isClosed) events.end(error as Error);
      close();
    }
  };
  const writeAll = async (bytes: Uint8Array) => {
    for (let left = bytes; left.length > 0;) left = left.subarray(await connection.write(left));
  };
  let written = Promise.resolve();
  void read();
  return {
    write: (bytes) => written = written.then(() => writeAll(bytes)),
    halfClose: () => void written.then(() => connection.closeWrite()).catch(() => {}),
    pause: (paused) => {
      if (paused) resumed ??= Promise.withResolvers();
      else {
        resumed?.resolve();
        resumed = undefined;
      }
    },
    close,
    reset: () => {
      throw new Error("Connect with { resets: true }");
    },
  };
}

/** Connects with Node: Deno's connections can't be reset. */
export async function connectResettable(
  host: string,
  port: number,
  events: WireEvents,
): Promise<Wire> {
  const connected = Promise.withResolvers<void>();
  const socket = connect({ host, port });
  socket.once("connect", connected.resolve);
  socket.once("error", connected.reject);
  await connected.promise;
  socket.setNoDelay(true);
  socket.on("data", (bytes: Uint8Array) => events.push(bytes));
  socket.on("error", (error: Error) => events.end(error));
  socket.on("close", () => events.end());
  return {
    write: (bytes) =>
      new Promise((resolve, reject) =>
        socket.write(bytes, (error) => error ? reject(error) : resolve())
      ),
    halfClose: () => void socket.end(),
    pause: (paused) => void (paused ? socket.pause() : socket.resume()),
    close: () => void socket.destroy(),
    reset: () => resetSocket(socket),
  };
}

/** Resets a connection. Deno 2.4 knows no way to do that: there it is just closed. */
export function resetSocket(socket: Socket): void {
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy();
  else (socket as Socket).destroy();
}
