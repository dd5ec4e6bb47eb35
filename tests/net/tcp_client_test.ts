import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { connectTcp, type RecordSink, RecordStream } from "../../lib/net/tcp_client.ts";
import { RemoteFault } from "../../lib/wire/errors.ts";
import { FakeConnection } from "../support/fake_connection.ts";
import { within } from "../support/line_client.ts";

function listen(hostname: string): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname, port: 0 });
  } catch {
    return undefined; // A machine without IPv6.
  }
}

Deno.test("connectTcp: a host is tried at all its addresses", async () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    using listener = listen(hostname);
    if (listener === undefined) continue;
    const { port } = listener.addr;
    const [ours, theirs] = await within(
      Promise.all([connectTcp({ host: "localhost", port }), listener.accept()]),
      "a connection",
    );
    assertEquals(ours.remoteAddr.port, port);
    ours.close();
    theirs.close();
  }
});

Deno.test("connectTcp: a refusal is told, and giving up is possible", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assertRejects(
    () => connectTcp({ host: "127.0.0.1", port }),
    Deno.errors.ConnectionRefused,
  );
  const signal = AbortSignal.abort(new Error("No longer wanted"));
  await assertRejects(() => connectTcp({ host: "localhost", port }, { signal }));
});

Deno.test("RecordStream: records arrive whole and in order, as lines and as frames", async () => {
  for (const framed of [false, true]) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const [ours, theirs] = await Promise.all([
      connectTcp({ host: "127.0.0.1", port }),
      listener.accept(),
    ]);
    const options = { framed, limit: 1 << 20 };
    const one = new RecordStream(ours, options), other = new RecordStream(theirs, options);
    const sent = Array.from({ length: 2000 }, (_, i) => `${i} grüße `.repeat(1 + i % 100));
    const got: string[] = [];
    let pauses = 0;
    const run = other.run({
      record: (text) => void got.push(text),
      tooLong: () => void got.push("too long"),
      pause: () => {
        if (got.length === sent.length) other.close();
        return pauses++ % 3 === 0 ? Promise.resolve() : undefined;
      },
    });
    for (const record of sent) one.send(record);
    assertEquals(await within(run, "all records"), undefined);
    assertEquals(got, sent);
    one.close();
    one.send("after the end");
    one.close();
  }
});

Deno.test("RecordStream: to close what somebody else has closed is harmless", async () => {
  const connection = new FakeConnection();
  const stream = new RecordStream(connection, { framed: false, limit: 100 });
  const run = stream.run({ record: () => {}, tooLong: () => {}, pause: () => undefined });
  connection.close();
  assertEquals((await run as Error).message, "Closed");
  stream.close();
  stream.send("after the end");
});

Deno.test("RecordStream: what the sink throws is no fault of the connection, a bad frame is", async () => {
  const run = (framed: boolean, text: string, sink: Partial<RecordSink>) => {
    const connection = new FakeConnection();
    connection.arrives(text);
    const stream = new RecordStream(connection, { framed, limit: 100 });
    const ignore = { record: () => {}, tooLong: () => {}, pause: () => undefined };
    return { connection, ended: stream.run({ ...ignore, ...sink }) };
  };
  const mistake = () => {
    throw new TypeError("A mistake");
  };
  for (const sink of [{ record: mistake }, { pause: mistake }]) {
    const { connection, ended } = run(false, "one\r\n", sink);
    await assertRejects(() => ended, TypeError, "A mistake");
    assertEquals(connection.closed, true);
  }
  assertInstanceOf(await run(true, "one\r\none\r\n", {}).ended, RemoteFault);
  const { connection, ended } = run(false, "one\r\n", {});
  connection.arrives(new Error("Broken"));
  const broken = await ended;
  assertEquals(broken instanceof Error && broken.message, "Broken");
});
