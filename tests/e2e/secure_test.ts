/** Encryption and secrets, with real servers, clients and peers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { writeRefusal } from "../../lib/link/secure/handshake_messages.ts";
import { runToEnd } from "../support/process.ts";
import { TestServer } from "../support/server.ts";

/** Files with secrets, removed at the end. */
class SecretFiles implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  file(name: string, ...secrets: string[]): string {
    const path = `${this.folder}/${name}`;
    Deno.writeTextFileSync(path, secrets.join("\n"));
    return path;
  }
  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

const who = (port: number, ...flags: string[]) =>
  runToEnd(["client", `:${port}`, "--send", "/who", ...flags]);

Deno.test("secure: encrypted clients and plain ones of this machine talk to each other", async () => {
  await using server = await TestServer.start([
    "--name",
    "kitchen",
    "--encrypted",
    "--framed",
    "0",
  ]);
  const bob = await server.join("bob");
  for (const [port, ...flags] of [[server.port], [server.framedPort, "--framed"]] as const) {
    const end = await runToEnd(["client", `:${port}`, "--encrypted", "--nick", "ann", ...flags], {
      input: "hello\n",
    });
    assertEquals([end.code, end.out], [0, ["ann: hello"]]);
    assertEquals(await bob.next("ann: hello"), "ann: hello");
  }
});

Deno.test("secure: a mismatch is one clear line at both ends, and exit code 5", async () => {
  using files = new SecretFiles();
  const blue = files.file("blue", "blue turntable"), red = files.file("red", "red turntable");
  await using open = await TestServer.start(["--name", "open"]);
  await using encrypted = await TestServer.start(["--name", "encrypted", "--encrypted"]);
  await using secret = await TestServer.start(["--name", "secret", "--secret-file", blue]);
  const cases = [
    [open, ["--encrypted"], /does not encrypt/, /does not: start it with --encrypted/],
    [open, ["--secret-file", red], /does not encrypt/, undefined],
    [encrypted, ["--secret-file", red], /has no secret/, /this one has none/],
    [secret, ["--encrypted"], /asks for a secret/, /has no secret/],
    [secret, ["--secret-file", red], /Refused: the secret/, /Refused: the secret/],
  ] as const;
  for (const [server, flags, client, log] of cases) {
    const end = await who(server.port, ...flags);
    assertEquals([end.code, end.out], [5, []], flags.join(" "));
    assertEquals(end.err.length, 1);
    assertMatch(end.err[0] ?? "", client);
    if (log !== undefined) await server.stderr.next(log);
    const asked = await runToEnd(["client", `:${server.port}`, "--ask", "x", ...flags]);
    assertEquals(asked.code, 5);
    const interactive = await runToEnd(["client", `:${server.port}`, "--no-reconnect", ...flags], {
      input: "",
    });
    assertEquals(interactive.code, 5);
  }
  assertEquals((await who(secret.port, "--secret-file", blue)).code, 0);
});

Deno.test("secure: a wrong port is no matter of authorisation: exit code 1", async () => {
  const listen = ["--encrypted", "--peer-listen", "127.0.0.1:0"];
  await using server = await TestServer.start(["--name", "kitchen", ...listen]);
  const links = /:(\d+)$/.exec(await server.stdout.next(/ for peers on /))?.[1];
  const asked = ["client", `:${links}`, "--encrypted"];
  const cases = [
    [...asked, "--send", "/who"],
    [...asked, "--ask", "x"],
    ["notify", `:${links}`, "hits", "--encrypted"],
    ["notify", `:${links}`, "--publish", "hits", "x", "--encrypted"],
    ["peer", `:${server.port}`, "--encrypted", "--map"],
  ];
  for (const args of cases) {
    const { code, out, err } = await runToEnd(args);
    assertEquals([code, out], [1, []], args.join(" "));
    assertMatch(err.join("\n"), /: the other side serves something else at that port$/);
  }
});

Deno.test("secure: TALKER_SECRET is a secret, and children don't get it", async () => {
  const env = { TALKER_SECRET: "blue turntable" };
  await using server = await TestServer.start(
    ["--name", "hello", "--answer", 'cat >/dev/null; echo "<$TALKER_SECRET>"'],
    { env },
  );
  const end = await runToEnd(["client", `:${server.port}`, "--ask", "x"], { env });
  assertEquals([end.code, end.out], [0, ["<>"]]);
  const wrong = { TALKER_SECRET: "red turntable" };
  assertEquals(
    (await runToEnd(["client", `:${server.port}`, "--ask", "x"], { env: wrong })).code,
    5,
  );
});

Deno.test("secure: what is no secret file is said, without the secret", async () => {
  using files = new SecretFiles();
  for (
    const [path, why] of [
      [`${files.folder}/none`, /no such file/],
      [files.file("empty", ""), /no secret in it/],
      [files.file("long", "blue".repeat(300)), /has 1200 characters: 1024 are the most/],
      [files.file("three", "a secret", "another", "a third"), /There are 3 secrets/],
    ] as const
  ) {
    const end = await runToEnd(["server", "--secret-file", path, "--port", "0"]);
    assertEquals([end.code, end.out], [1, []]);
    assertMatch(end.err.join("\n"), why);
    assert(!/blue|a secret\b.*another/.test(end.err.join("\n").replace(path, "")));
  }
});

Deno.test("secure: links of the mesh, and peers", async () => {
  using files = new SecretFiles();
  const blue = files.file("blue", "blue turntable"), red = files.file("red", "red turntable");
  const listen = ["--peer-listen", "127.0.0.1:0", "--secret-file", blue];
  await using kitchen = await TestServer.start(["--name", "kitchen", ...listen]);
  const line = await kitchen.stdout.next(/ for peers on /);
  const port = /:(\d+)$/.exec(line)?.[1] as string;
  const peer = ["--peer", `127.0.0.1:${port}`];
  await using attic = await TestServer.start(["--name", "attic", ...peer, "--secret-file", blue]);
  await attic.stderr.next(/Link to kitchen .* is up/);
  const bob = await attic.join("bob");
  const ann = await kitchen.join("ann");
  await ann.send("hello");
  await bob.next("ann: hello");
  await ann.send("/peers");
  await ann.next(/attic .* encrypted$/);

  const map = (...flags: string[]) =>
    runToEnd(["peer", port, "--map", "--name", "looker", ...flags]);
  const seen = await map("--secret-file", blue);
  assertEquals([seen.code, seen.out.length], [0, 3]);
  assertEquals((await map("--secret-file", red)).code, 5);
  assertEquals((await map("--encrypted")).code, 5);
  assertEquals((await map()).code, 5);
  await kitchen.stderr.next(/Refused a link from 127.0.0.1: The other side does not encrypt/);

  // A peer that nobody else can come to has no use for trying on.
  for (const flags of [["--secret-file", red], ["--encrypted"], []]) {
    const end = await runToEnd(["peer", port, ...flags], { input: "hi\n" });
    assertEquals([end.code, end.out], [5, []]);
    assertMatch(end.err.join("\n"), /^talker: Cannot link to 127\.0\.0\.1:\d+: [^\n]+$/);
  }
  const both = ["peer", port, "127.0.0.1:1", "--secret-file", red, "--timeout", "1"];
  assertEquals((await runToEnd(both)).code, 3, "another target may come up");
});

Deno.test("secure: the secret is changed while a server runs, and the old one is taken for a time", async () => {
  using files = new SecretFiles();
  const file = files.file("club", "blue turntable");
  const blue = files.file("blue", "blue turntable"), red = files.file("red", "red turntable");
  await using server = await TestServer.start(["--name", "kitchen", "--secret-file", file]);
  files.file("club", "red turntable", "blue turntable");
  await server.stderr.next(/The secret was changed: 2 secrets are taken now/);
  assertEquals((await who(server.port, "--secret-file", red)).code, 0);
  assertEquals((await who(server.port, "--secret-file", blue)).code, 0);
  files.file("club", "x".repeat(2000));
  await server.stderr.next(/Cannot take the changed secret file .* has 2000 characters/);
  assertEquals((await who(server.port, "--secret-file", blue)).code, 0);
  files.file("club", "red turntable");
  await server.stderr.next(/The secret was changed: 1 secrets are taken now/);
  assertEquals((await who(server.port, "--secret-file", red)).code, 0);
  assertEquals((await who(server.port, "--secret-file", blue)).code, 5);
});

Deno.test("secure: a short secret is taken, with a warning where it is served", async () => {
  using files = new SecretFiles();
  const short = files.file("short", "1234");
  await using server = await TestServer.start(["--name", "kitchen", "--secret-file", short]);
  await server.stderr.next(/The secret has 4 characters: who keeps trying will guess it/);
  const right = await who(server.port, "--secret-file", short);
  assertEquals([right.code, right.err], [0, []]);
  assertEquals((await who(server.port, "--secret-file", files.file("wrong", "4321"))).code, 5);
});

Deno.test("secure: after too many wrong secrets nobody from there is authorised", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const connection of server) {
      await connection.read(new Uint8Array(512));
      await connection.write(writeRefusal("busy"));
      connection.close();
    }
  })();
  const target = `127.0.0.1:${server.addr.port}`;
  for (const args of [["client", target], ["client", target, "--ask", "x"], ["notify", target]]) {
    const { code, err } = await runToEnd(args, { env: { TALKER_SECRET: "blue turntable" } });
    assertEquals(code, 5, args.join(" "));
    assertMatch(err.join(), /too many wrong secrets came from here$/);
  }
});
