/**
 * The life of the links of a node: greeting, deciding who is linked, heartbeats, dropping.
 */
import { MeshFrameError } from "../wire/mesh_bytes.ts";
import { type IAm, PROTOCOL_VERSIONS, type RefusalCode } from "../wire/mesh_message.ts";
import type { MeshContext } from "./context.ts";
import { compareLinks, decideHello, type Identity, newNonce, type NodeId } from "./identity.ts";
import { HANDOVER, HEARTBEAT_EVERY, MAX_LINKS } from "./limits.ts";
import { decideHeartbeat, isSuspect, Link, type LinkId } from "./links.ts";

/** What the links cause elsewhere. */
export interface LinkHooks {
  /** A link is up: it is in `context.up`. */
  up(link: Link): void;
  /** A link that was up is gone. */
  down(link: Link): void;
  /** Another link to a peer was expected, and did not come up. */
  handoverFailed(): void;
  /** The incarnation in which the topology shows a node alive, if it does. */
  aliveAs(id: NodeId): number | undefined;
}

/** The links of one node. */
export class LinkTable {
  #heartbeatDue = Infinity;
  #isCloned = false;

  constructor(private readonly context: MeshContext, private readonly hooks: LinkHooks) {}

  /** When {@linkcode tick} is due. */
  get due(): number {
    return this.#heartbeatDue;
  }

  /** A connection is there: says who we are. */
  open(id: LinkId, initiator: boolean): void {
    const { context } = this;
    const { self, now, random } = context;
    const link = new Link(id, initiator, newNonce(random), now);
    context.links.set(id, link);
    this.#heartbeatDue = Math.min(this.#heartbeatDue, now + HEARTBEAT_EVERY);
    if (context.links.size > MAX_LINKS) {
      this.drop(link, "full", `${self.name} has ${MAX_LINKS} links already`);
      return;
    }
    const { min: minVersion, max: maxVersion } = PROTOCOL_VERSIONS;
    context.send(link, { type: "iAm", minVersion, maxVersion, ...self, nonce: link.nonce });
  }

  /** A peer says who it is: it is linked or refused. */
  greeted(link: Link, hello: IAm): void {
    if (link.phase.name === "up") throw new MeshFrameError("A second I-AM");
    const { context } = this;
    const { self, now } = context;
    link.hello = hello;
    if (this.#isCloned) return this.drop(link, "clone", `${self.name} has a clone`);
    const wasRestarted = this.#replacesFormerLife(hello);
    const alive = wasRestarted ? undefined : this.#aliveAs(hello.id);
    const decision = decideHello(self, hello, { alive });
    if (decision.type === "refuse") return this.drop(link, decision.code, decision.reason);
    const existing = context.up.get(hello.id);
    if (existing !== undefined) {
      const reason = `${self.name} and ${hello.name} are linked already`;
      if (this.#stays(existing, link, hello)) return this.drop(link, "duplicate", reason);
      this.#expectAnother(existing);
      this.drop(existing, "duplicate", reason);
    }
    link.hasTold = context.handovers.get(hello.id)?.incarnation === hello.incarnation;
    context.handovers.delete(hello.id);
    link.transition("accept", { peer: hello, version: decision.version, since: now });
    context.up.set(hello.id, link);
    this.hooks.up(link);
    context.tell(() => context.effects.linkUp?.(link.id, identityOf(hello)));
  }

  // The two stay neighbours meanwhile.
  #expectAnother({ phase, hasTold }: Link): void {
    if (phase.name !== "up" || !hasTold) return;
    const until = this.context.now + HANDOVER;
    const { id, incarnation } = phase.peer;
    this.context.handovers.set(id, { incarnation, until });
    this.#heartbeatDue = Math.min(this.#heartbeatDue, until);
  }

  // Drops our link to a former life of a peer, when that has been silent for long: most likely the
  // peer was started again, and the end of its old connection got lost.
  #replacesFormerLife(hello: IAm): boolean {
    const existing = this.context.up.get(hello.id);
    if (existing?.phase.name !== "up") return false;
    if (existing.phase.peer.incarnation >= hello.incarnation) return false;
    if (!isSuspect(existing, this.context.now)) return false;
    this.drop(existing, "silent", `${hello.name} was started again`);
    return true;
  }

  // Of two links to one peer, whether the one that is up stays.
  #stays(existing: Link, link: Link, hello: IAm): boolean {
    if (existing.phase.name !== "up" || isSuspect(existing, this.context.now)) return false;
    const { id } = this.context.self;
    return compareLinks(existing.key(id, existing.phase.peer), link.key(id, hello)) < 0;
  }

  // The incarnation in which a node is alive: by our link to it, or by the topology.
  #aliveAs(id: NodeId): number | undefined {
    const link = this.context.up.get(id);
    return link?.phase.name === "up" ? link.phase.peer.incarnation : this.hooks.aliveAs(id);
  }

  /** A newer life of a node was heard of: a link to its former one is dropped. */
  newerLife(id: NodeId, incarnation: number): void {
    const { context } = this;
    if (id === context.self.id) return this.#cloned();
    context.handovers.delete(id);
    const link = context.up.get(id);
    if (link?.phase.name !== "up" || link.phase.peer.incarnation >= incarnation) return;
    const { name } = link.phase.peer;
    this.drop(link, "clone", `The node ${id} of ${name} is alive in a newer life elsewhere`);
  }

  // The newer of two lives stays; this one stays away from now on.
  #cloned(): void {
    if (this.#isCloned) return;
    this.#isCloned = true;
    const { context } = this;
    const reason =
      `The node ${context.self.id} is alive in a newer life elsewhere: was its data copied?`;
    for (const link of [...context.links.values()]) this.drop(link, "clone", reason);
    context.tell(() => context.effects.cloned?.(reason));
  }

  /** Drops a link, telling the peer why. */
  drop(link: Link, code: RefusalCode, reason: string): void {
    if (link.phase.name === "closed") return;
    this.context.send(link, { type: "refuse", code, reason });
    this.end(link, code, reason, false);
  }

  /** Says goodbye on all links, and drops them. */
  leave(): void {
    const { context } = this;
    for (const link of [...context.links.values()]) {
      context.send(link, { type: "goodbye" });
      this.end(link, "goodbye", `${context.self.name} stops`, false);
    }
  }

  /** A link ends with a reason; `remote` when the peer gave it. */
  end(link: Link, code: RefusalCode | "goodbye", reason: string, remote: boolean): void {
    if (code === "duplicate" && remote) this.#expectAnother(link);
    this.forget(link, "refuse");
    const { hello } = link;
    this.context.effects.drop(link.id, code, reason, remote, hello && identityOf(hello));
  }

  /** A link is over. */
  forget(link: Link, event: "close" | "refuse"): void {
    const { context } = this;
    const { phase } = link;
    link.transition(event);
    context.links.delete(link.id);
    if (phase.name !== "up") return;
    const { peer } = phase;
    // Only if it is this link that is known for the peer.
    if (context.up.get(peer.id) === link) context.up.delete(peer.id);
    this.hooks.down(link);
    context.tell(() => context.effects.linkDown?.(link.id, identityOf(peer)));
  }

  /** Sends the heartbeats that are due, and drops those that are silent. */
  tick(): void {
    const { context } = this;
    const { now } = context;
    if (now < this.#heartbeatDue) return;
    this.#heartbeatDue = Infinity;
    for (const link of [...context.links.values()]) {
      let decision = decideHeartbeat(link, now);
      if (decision.type === "ping") {
        context.send(link, { type: "ping", token: link.ping(now) });
        link.heartbeatDue = now + HEARTBEAT_EVERY;
        decision = decideHeartbeat(link, now);
      }
      if (decision.type === "drop") this.drop(link, decision.code, decision.reason);
      if (decision.type === "wait") {
        this.#heartbeatDue = Math.min(this.#heartbeatDue, decision.until);
      }
    }
    for (const [id, { until }] of context.handovers) {
      if (now < until) this.#heartbeatDue = Math.min(this.#heartbeatDue, until);
      else if (context.handovers.delete(id)) this.hooks.handoverFailed();
    }
  }
}

/** The identity in an I-AM. */
function identityOf({ id, incarnation, name, mesh }: IAm): Identity {
  return { id, incarnation, name, mesh };
}
