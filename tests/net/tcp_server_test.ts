import { assertEquals } from "@std/assert";
import { listenTcp } from "../../lib/net/tcp_server.ts";

/** The timer that the system has set for a connection of IPv4, as Linux numbers them; 2 is keepalive. */
async function timerOf(local: Deno.NetAddr, remote: Deno.NetAddr): Promise<number | undefined> {
  const port = ({ port }: Deno.NetAddr) => port.toString(16).toUpperCase().padStart(4, "0");
  for (const line of (await Deno.readTextFile("/proc/net/tcp")).split("\n").slice(1)) {
    const [, from, to, , , timer] = line.trim().split(/\s+/);
    if (from?.endsWith(`:${port(local)}`) && to?.endsWith(`:${port(remote)}`)) {
      return Number(timer?.split(":", 1)[0]);
    }
  }
  return undefined;
}

Deno.test({
  name: "listenTcp: the system looks after accepted connections on which nothing is said",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
    const [ours, theirs] = await Promise.all([
      listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    ]);
    assertEquals(await timerOf(ours.localAddr as Deno.NetAddr, theirs.localAddr), 2);
    ours.close();
    theirs.close();
    listener.close();
  },
});
