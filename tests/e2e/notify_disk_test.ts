/** The disk is full while notifications are published and acknowledged: needs root, for a small disk. */

import { assertEquals, assertMatch } from "@std/assert";
import { Lines, within } from "../support/line_client.ts";
import { Place } from "../support/notify_actors.ts";
import { NotifyWire, type Pushed, type WireAnswer } from "../support/notify_wire.ts";
import { missing, pump, TestServer, testUnless } from "../support/server.ts";

/** A small disk in a mount namespace of its own: `under` runs programs that see it. */
class SmallDisk implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;

  private constructor(readonly path: string, holder: Deno.ChildProcess) {
    this.#holder = holder;
  }

  static async mount(size: string): Promise<SmallDisk> {
    const path = await Deno.makeTempDir({ prefix: "talker-disk-" });
    const script = 'mount -t tmpfs -o "size=$1" none "$0" && echo mounted && exec sleep 600';
    const holder = new Deno.Command("unshare", {
      args: ["-m", "sh", "-c", script, path, size],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = new Lines("lf");
    void pump(holder.stdout, lines);
    await lines.next("mounted");
    return new SmallDisk(path, holder);
  }

  get under(): string[] {
    return ["nsenter", "-t", `${this.#holder.pid}`, "-m"];
  }

  /** What the directory is called for us. */
  get #inside(): string {
    return `/proc/${this.#holder.pid}/root${this.path}`;
  }

  /** Takes all the room there is. */
  async fill(): Promise<void> {
    using file = await Deno.open(`${this.#inside}/filler`, { write: true, create: true });
    const block = new Uint8Array(64 * 1024);
    try {
      for (let i = 0; i < 1_000; i++) await file.write(block);
    } catch {
      // No space is left: as wanted.
    }
  }

  async free(): Promise<void> {
    await Deno.remove(`${this.#inside}/filler`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill("SIGKILL");
    await this.#holder.status;
    await Deno.remove(this.path, { recursive: true });
  }
}

const why = Deno.uid() === 0 ? missing("unshare", "nsenter", "mount", "sh") : "only root can mount";

testUnless(why, "a full disk confirms no publication and no acknowledgement", async () => {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await SmallDisk.mount("4m"));
  const place = new Place("kitchen");
  const start = async () => {
    const args = ["--name", "kitchen", "--data", `${disk.path}/data`];
    const server = stack.use(await TestServer.start(args, { under: disk.under }));
    place.port = server.port;
    return server;
  };
  const server = await start();
  const publisher = stack.use(await place.connect());
  const pushes: Pushed[] = [];
  const enter = async (): Promise<NotifyWire> => {
    const wire = await place.connect();
    wire.onPush = (pushed) => pushes.push(pushed);
    await wire.ok("/notify hits as=phone timeout=600");
    return wire;
  };
  let phone = stack.use(await enter());
  const early = await publisher.ok("/publish hits early");
  const noted = await publisher.ok("/publish hits noted");
  assertEquals(await phone.ok(`/ack ${early}`), early);

  await disk.fill();
  // The log of changes has some room in what it had taken before.
  let refused: WireAnswer | undefined;
  for (let i = 0; i < 2_000 && refused === undefined; i++) {
    const answer = await publisher.request(`/publish filling ${i} ${"x".repeat(4_000)}`);
    if (answer.end.type !== "ok") refused = answer;
  }
  const isRefused = ({ replies, end }: WireAnswer) => {
    assertEquals(replies, [], "a refused command has an answer");
    assertEquals([end.type, end["code"]], ["error", "failed"]);
    assertMatch(`${end["text"]}`, /^No space left/);
  };
  isRefused(refused!);
  // Nothing that must be kept is confirmed, and everything else goes on.
  isRefused(await phone.request(`/ack ${noted}`));
  isRefused(await publisher.request("/publish hits refused"));
  isRefused(await publisher.request("/offer post A chair"));
  {
    using other = await place.connect();
    isRefused(await other.request("/notify hits as=late"));
  }
  assertEquals((await publisher.request("/topics")).end.type, "ok");
  assertEquals((await phone.request("/ping")).end.type, "ok");
  const logged = await server.stderr.next(/No space left/);
  assertMatch(logged, /No space left/);

  await disk.free();
  const recovered = async () => {
    for (;;) {
      const { end } = await publisher.request("/publish hits again");
      if (end.type === "ok") return `${end["id"]}`;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const again = await within(recovered(), "a confirmation");
  assertEquals(await phone.ok(`/ack ${noted}`), noted);
  server.signal("SIGKILL");
  await server.ended();
  phone.close();

  // What was confirmed holds.
  pushes.length = 0;
  await start();
  phone = stack.use(await enter());
  await phone.ok("/ping");
  const ids = pushes.map(({ id }) => id);
  assertEquals(
    [early, noted].filter((id) => ids.includes(id)),
    [],
    "acknowledged, and pushed again",
  );
  // Those before it were refused, and happened all the same: that is allowed.
  assertEquals(ids.at(-1), again);
  assertEquals(new Set(ids).size, ids.length);
});
