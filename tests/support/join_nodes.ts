/** Joiners whose links are those of real nodes of the mesh, frame by frame, in virtual time. */
import { MeshNode } from "../../lib/mesh/node.ts";
import { newIncarnation, type NodeId } from "../../lib/mesh/identity.ts";
import type { MeshView } from "../../lib/mesh/joiner.ts";
import {
  CONNECT_TIMEOUT,
  type Fabric,
  type JoinNode,
  type JoinOutcome,
  type JoinWorld,
} from "./join_world.ts";

/** One end of a connection. */
interface End {
  readonly host: Host;
  readonly link: number;
  /** Made here, by the joiner. */
  readonly joined: boolean;
  done: ((outcome: JoinOutcome) => void) | undefined;
  peer: NodeId | undefined;
  open: boolean;
  /** The other end. */
  other: End | undefined;
  lastArrival: number;
}

interface Host {
  readonly joinNode: JoinNode;
  readonly node: MeshNode;
  readonly ends: Map<number, End>;
  wakeAt: number;
}

/** Links between real nodes. */
export class NodeFabric implements Fabric {
  readonly #hosts = new Map<JoinNode, Host>();
  #links = 0;

  constructor(readonly world: JoinWorld) {}

  /** The node of a machine. */
  node(of: JoinNode): MeshNode {
    return this.#hosts.get(of)!.node;
  }

  add(joinNode: JoinNode): void {
    const { random } = this.world.dice;
    const changed = () => this.world.tell(joinNode, (joiner, now) => joiner.changed(now));
    const host: Host = {
      joinNode,
      ends: new Map(),
      wakeAt: Infinity,
      node: new MeshNode({
        identity: {
          id: joinNode.id,
          incarnation: newIncarnation(1, random),
          name: `n${joinNode.index}`,
          mesh: "club",
        },
        random,
        now: this.world.now,
        effects: {
          send: (link, body) => this.#send(host.ends.get(link), body),
          drop: (link, code, _reason, _remote, peer) => {
            const end = host.ends.get(link);
            if (end === undefined) return;
            this.#settle(
              end,
              code === "duplicate" && peer !== undefined
                ? { peer: peer.id }
                : { failure: "refused" },
            );
            this.#close(end);
          },
          linkUp: (link, peer) => {
            const end = host.ends.get(link);
            if (end === undefined) return;
            end.peer = peer.id;
            this.#settle(end, { peer: peer.id });
            changed();
          },
          linkDown: changed,
          reachable: changed,
          unreachable: changed,
        },
      }),
    };
    this.#hosts.set(joinNode, host);
    this.#schedule(host);
  }

  connect(from: JoinNode, to: JoinNode, done: (outcome: JoinOutcome) => void): void {
    const { queue, dice } = this.world;
    const reach = this.world.reach(from, to);
    queue.at(queue.now + (reach === "silent" ? CONNECT_TIMEOUT : dice.int(1, 5)), () => {
      if (!from.alive) return;
      if (reach !== "open" || this.world.reach(from, to) !== "open") {
        return done({ failure: "unreachable" });
      }
      const [a, b] = [this.#end(from, done), this.#end(to)];
      a.other = b;
      b.other = a;
      this.#on(a.host, (node, now) => node.linkOpened(a.link, true, now));
      this.#on(b.host, (node, now) => node.linkOpened(b.link, false, now));
    });
  }

  #end(at: JoinNode, done?: (outcome: JoinOutcome) => void): End {
    const host = this.#hosts.get(at)!;
    const end: End = {
      host,
      link: ++this.#links,
      joined: done !== undefined,
      done,
      peer: undefined,
      open: true,
      other: undefined,
      lastArrival: 0,
    };
    host.ends.set(end.link, end);
    return end;
  }

  #settle(end: End, outcome: JoinOutcome): void {
    end.done?.(outcome);
    end.done = undefined;
  }

  drop(from: JoinNode, to: NodeId): void {
    const host = this.#hosts.get(from)!;
    for (const { link, peer, joined } of [...host.ends.values()]) {
      if (peer !== to || !joined) continue;
      this.#on(host, (node, now) => node.dropLink(link, "duplicate", "not needed", now));
    }
  }

  kill(joinNode: JoinNode): void {
    for (const end of [...this.#hosts.get(joinNode)!.ends.values()]) this.#close(end);
  }

  /** What is sent across gets lost from now on; the heartbeats find out. */
  parted(): void {}

  view(joinNode: JoinNode): MeshView {
    const { node, ends } = this.#hosts.get(joinNode)!;
    const links = new Map<NodeId, boolean>();
    for (const { peer, joined } of ends.values()) if (peer !== undefined) links.set(peer, joined);
    return {
      links,
      reachable: new Set(node.reachable()),
      graph: () => new Map(node.topology().map(({ id, links }) => [id, links])),
    };
  }

  #on(host: Host, act: (node: MeshNode, now: number) => void): void {
    if (!host.joinNode.alive) return;
    act(host.node, this.world.now);
    this.#schedule(host);
  }

  #schedule(host: Host): void {
    const wake = host.node.nextWake();
    if (wake >= host.wakeAt || wake === Infinity) return;
    host.wakeAt = wake;
    this.world.queue.at(wake, () => {
      if (host.wakeAt !== wake) return;
      host.wakeAt = Infinity;
      this.#on(host, (node, now) => node.tick(now));
    });
  }

  #send(end: End | undefined, body: Uint8Array): void {
    if (end === undefined) return;
    this.#arrive(end, (other) => {
      this.#on(other.host, (node, now) => node.frameReceived(other.link, body, now));
    });
  }

  /** Something comes to the other end, in order, unless the network is parted. */
  #arrive(from: End, what: (other: End) => void): void {
    const { other } = from;
    if (other === undefined) return;
    const { queue, dice, side } = this.world;
    if (side(from.host.joinNode) !== side(other.host.joinNode)) return;
    other.lastArrival = Math.max(other.lastArrival, queue.now + dice.int(1, 4));
    queue.at(other.lastArrival, () => {
      if (other.open) what(other);
    });
  }

  #close(end: End): void {
    if (!end.open) return;
    end.open = false;
    end.host.ends.delete(end.link);
    this.#arrive(end, (other) => {
      other.open = false;
      other.host.ends.delete(other.link);
      this.#settle(other, { failure: "unreachable" });
      this.#on(other.host, (node, now) => node.linkClosed(other.link, now));
    });
  }
}
