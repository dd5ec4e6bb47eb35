/** Servers in this process that are linked over TCP, for tests of what the talker makes of the mesh. */

import { MeshDriver } from "../../lib/mesh/driver.ts";
import { newIncarnation } from "../../lib/mesh/identity.ts";
import { MemoryStore } from "./mesh_store.ts";
import { connectTcp } from "../../lib/net/tcp_client.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import { MeshRoom } from "../../lib/talker/mesh_room.ts";
import type { Session } from "../../lib/talker/session.ts";
import { Talker } from "../../lib/talker/talker.ts";
import { encodeText } from "../../lib/wire/text.ts";

/** A server without a port for clients, in one of its lives. */
export class Life implements AsyncDisposable {
  readonly driver: MeshDriver;
  readonly room: MeshRoom;
  readonly talker: Talker;

  constructor(readonly name: string, id: string, store = new MemoryStore(), quiet = false) {
    store.starts++;
    this.driver = new MeshDriver({
      identity: { id, incarnation: newIncarnation(store.starts, Math.random), name, mesh: "" },
      random: Math.random,
      connect: ({ hostname, port }, signal) => connectTcp({ host: hostname, port }, { signal }),
      store,
    });
    this.room = new MeshRoom({
      driver: this.driver,
      talker: (): Talker => this.talker,
      listen: listenTcp,
      quiet,
    });
    this.talker = new Talker({ name, mesh: this.room, random: () => 0, wakeAll() {} });
    this.talker.setTime(performance.now(), Date.now());
  }

  arrive(nick: string): Session {
    const session = this.talker.arrive({
      operator: false,
      framed: false,
      host: { wake() {}, finish() {} },
    });
    this.talker.rename(session, nick);
    return session;
  }

  say(session: Session, line: string): void {
    const bytes = encodeText(line);
    this.talker.line(session, bytes, 0, bytes.length, false);
    this.room.flush();
  }

  history() {
    return this.talker.history.last(100, this.talker.wall);
  }

  /** Resolves when the history has so many lines; those that are past come without a word. */
  async has(lines: number): Promise<void> {
    while (this.talker.history.size < lines) {
      await new Promise<void>((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves when so many servers are within reach, this one included. */
  async reaches(servers: number): Promise<void> {
    while (this.room.reachable().length !== servers) {
      await new Promise<void>((resolve) => setTimeout(resolve, 5));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.stop();
  }
}
