/** `talker client` for a person: in a real terminal, which is tmux. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { layOut } from "../../lib/cli/layout.ts";
import { FakeServer } from "../support/fake_server.ts";
import { runToEnd } from "../support/process.ts";
import { TestServer, testUnless } from "../support/server.ts";
import { noTmux, Tmux } from "../support/tmux.ts";

const LONG =
  "a line that is long enough to be wrapped at the edge of this small terminal, twice at least";

/** What is typed, put together from the rows at the bottom. */
function typed(rows: string[], prompt = "ann> "): string {
  const first = rows.findLastIndex((row) => row.startsWith(prompt.trimEnd()));
  return first < 0 ? "" : rows.slice(first).join("").slice(prompt.length);
}

async function enter(server: TestServer, options: Parameters<typeof Tmux.talker>[1] = {}) {
  const terminal = await Tmux.talker(["client", `:${server.port}`, "--nick", "ann"], options);
  await terminal.row(/^ann>/);
  return terminal;
}

function terminalTest(name: string, test: () => Promise<void>): void {
  testUnless(noTmux, `terminal: ${name}`, test);
}

terminalTest(
  "what arrives is printed above a long line being typed, and never tears it",
  async () => {
    await using server = await TestServer.start();
    const bob = await server.join("bob");
    await using terminal = await enter(server, { columns: 40, rows: 20 });
    const squeezed = LONG.replaceAll(" ", "");
    for (let at = 0; at < LONG.length; at += 10) {
      await terminal.type(LONG.slice(at, at + 10));
      await bob.send(`message ${at}`);
    }
    const rows = await terminal.until(
      "all is there",
      (rows) =>
        typed(rows).replaceAll(" ", "") === squeezed &&
        rows.some((row) => row.endsWith("bob: message 90")),
    );
    for (let at = 0; at < LONG.length; at += 10) {
      assertEquals(
        rows.filter((row) => row.endsWith(`  bob: message ${at}`)).length,
        1,
      );
    }
    // In the midst of the line it is the same, and the cursor stays where it was.
    await terminal.press("Home", "Right", "Right");
    await terminal.until("the cursor has moved", async () => (await terminal.cursor())[0] === 7);
    await bob.send("and again");
    await terminal.row(/bob: and again$/);
    await terminal.type("X");
    await terminal.until(
      "the X",
      (rows) => typed(rows).replaceAll(" ", "") === squeezed.slice(0, 1) + "X" + squeezed.slice(1),
    );
    await terminal.press("Enter");
    await bob.next(`ann: a X${LONG.slice(2)}`);
    await terminal.ending("ann>");
  },
);

terminalTest("notifications are shown, and Tab fills in the id to acknowledge", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server);
  await terminal.type("/notify door");
  await terminal.press("Enter");
  await terminal.row(/^Notifications on for 60 s/);
  await bob.send("/publish door somebody rings");
  const [, id = ""] = /^Published (\S+) to 1 /.exec(await bob.next(/^Published /)) ?? [];
  await terminal.until("it is shown", (rows) => {
    return rows.some((row) => row.endsWith(` ! NOTIFY ${id} door somebody rings`));
  });
  await terminal.type("/ack ");
  await terminal.press("Tab");
  await terminal.ending(`ann> /ack ${id}`);
  await terminal.press("Enter");
  await terminal.row(new RegExp(`^Acknowledged ${id}$`));
});

terminalTest("lines are edited, and the arrow keys go through those before", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server);
  for (const line of ["first", "second"]) {
    await terminal.type(line);
    await terminal.press("Enter");
    await bob.next(`ann: ${line}`);
  }
  await terminal.type("draft");
  await terminal.press("Up", "Up");
  await terminal.ending("ann> first");
  await terminal.press("Down", "Down");
  await terminal.ending("ann> draft");
  await terminal.press("Up", "Home", "Delete", "End", "BSpace", "Enter");
  await bob.next("ann: econ");
  await terminal.type("one two");
  await terminal.press("C-w", "C-a");
  await terminal.type("zero ");
  await terminal.press("Enter");
  await bob.next("ann: zero one ");
});

terminalTest("Tab completes commands and nicks", async () => {
  await using server = await TestServer.start();
  await server.join("bobby");
  const carl = await server.join("carl");
  await using terminal = await enter(server);
  await terminal.type("/ign");
  await terminal.press("Tab");
  await terminal.ending("ann> /ignore");
  await terminal.press("C-u");
  await terminal.type("bo");
  await terminal.press("Tab");
  await terminal.ending("ann> bobby:");
  await terminal.type("hi ");
  await server.join("carla");
  await terminal.row(/carla/);
  await terminal.type("ca");
  await terminal.press("Tab", "Tab");
  await terminal.row(/^carl {2}carla$/);
  await terminal.type("a");
  await terminal.press("Tab", "Enter");
  await carl.next(/^ann: bobby: hi carla/);
  await terminal.type("/topo");
  await terminal.press("Tab");
  await terminal.ending("ann> /topology");
});

terminalTest("wide characters and emoji are counted right", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server, { columns: 30, rows: 12 });
  await terminal.type("日本語🦕é");
  await terminal.until(
    "the cursor is behind it",
    async () => (await terminal.cursor())[0] === 5 + 9,
  );
  await terminal.press("Left", "Left");
  await terminal.until(
    "the cursor is before 🦕",
    async () => (await terminal.cursor())[0] === 5 + 6,
  );
  await terminal.press("BSpace");
  await terminal.ending("ann> 日本🦕é");
  await bob.send("ж漢字🦕");
  await terminal.row(/bob: ж漢字🦕$/);
  await terminal.press("End");
  await terminal.type("漢字漢字漢字漢字漢字漢字");
  const rows = await terminal.until(
    "it is wrapped",
    (rows) => typed(rows) === "日本🦕é漢字漢字漢字漢字漢字漢字",
  );
  assert(rows.at(-2)?.startsWith("ann> 日本"), rows.join("\n"));
  await terminal.press("Enter");
  await bob.next("ann: 日本🦕é漢字漢字漢字漢字漢字漢字");
});

terminalTest("a terminal that becomes narrower and wider keeps the line", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server, { columns: 60, rows: 16 });
  await bob.send("before");
  await terminal.row(/bob: before$/);
  await terminal.type(LONG);
  for (const columns of [60, 33, 21, 50, 80]) {
    const { rows: expected } = layOut(
      { prompt: { text: "ann> ", width: 5 }, text: LONG, cursor: LONG.length },
      { columns, rows: 16 },
    );
    const trimmed = expected.map((row) => row.trimEnd());
    await terminal.resize(columns, 16);
    await terminal.ending(...trimmed);
    await bob.send(`now ${columns}`);
    await terminal.row(new RegExp(`bob: now ${columns}$`));
    const rows = await terminal.ending(...trimmed);
    assertEquals(rows.filter((row) => row.startsWith("ann>")).length, 1, rows.join("\n"));
  }
  await terminal.press("Enter");
  await bob.next(`ann: ${LONG}`);
});

terminalTest(
  "the last lines of history are shown on arrival, own lines and mentions are marked",
  async () => {
    await using server = await TestServer.start();
    const bob = await server.join("bob");
    for (let i = 0; i < 12; i++) await bob.send(`line ${i}`);
    await bob.next("bob: line 11");
    await using terminal = await enter(server);
    const rows = await terminal.row(/bob: line 11$/);
    assert(!rows.some((row) => row.endsWith("bob: line 1")));
    assertEquals(rows.filter((row) => /^\d\d:\d\d {3}bob: line \d+$/.test(row)).length, 10);
    await terminal.type("mine");
    await terminal.press("Enter");
    await terminal.row(/^\d\d:\d\d › ann: mine$/);
    await bob.send("Ann, hello", "annotated", "/tell ann psst");
    const after = await terminal.row(/^\d\d:\d\d ! bob whispers: psst$/);
    assert(after.some((row) => /^\d\d:\d\d ! bob: Ann, hello$/.test(row)));
    assert(after.some((row) => /^\d\d:\d\d {3}bob: annotated$/.test(row)));
  },
);

terminalTest("nicks have colours, and none with NO_COLOR", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  for (const env of [{}, { NO_COLOR: "1" }]) {
    await using terminal = await enter(server, { env });
    await bob.send("hello");
    await terminal.row(/bob: hello$/);
    const colours = await terminal.colours();
    // deno-lint-ignore no-control-regex
    assertEquals(/\u001b\[\d+mbob/.test(colours), !("NO_COLOR" in env), colours);
    await terminal.press("C-d");
    await terminal.row(/^EXIT 0$/);
  }
});

terminalTest(
  "it comes back by itself, with its nick and with what was said meanwhile",
  async () => {
    const first = await TestServer.start();
    const { port } = first;
    await using terminal = await enter(first, { columns: 120 });
    await terminal.type("before");
    await terminal.press("Enter");
    await terminal.row(/› ann: before$/);
    await first.stop();
    await terminal.row(/is lost: .* Trying again/);
    await terminal.row(/^ann \(offline\)>/);
    await terminal.type("typed meanwhile");
    await terminal.press("Enter");
    await terminal.row(/Will be sent when connected: typed meanwhile/);
    await using second = await TestServer.start([], { port });
    const bob = await second.connect();
    await terminal.row(/Connected again/);
    await terminal.row(/› ann: typed meanwhile$/);
    await bob.next("ann: typed meanwhile");
    await terminal.ending("ann>");
  },
);

terminalTest("/ignore hides somebody", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  const carl = await server.join("carl");
  await using terminal = await enter(server);
  await terminal.type("/ignore bob");
  await terminal.press("Enter");
  await terminal.row(/You ignore bob now/);
  await bob.send("hidden", "/me hides");
  await carl.next("* bob hides");
  await carl.send("seen");
  const rows = await terminal.row(/carl: seen$/);
  assert(!rows.some((row) => /hid(den|es)$/.test(row)), rows.join("\n"));
});

terminalTest("Ctrl-D, Ctrl-C and /quit leave with 0, and give the terminal back", async () => {
  await using server = await TestServer.start();
  for (const keys of [["C-d"], ["C-c"], ["/", "q", "u", "i", "t", "Enter"]]) {
    await using terminal = await enter(server);
    await terminal.press(...keys);
    const rows = await terminal.row(/^icanon echo/);
    assert(rows.includes("EXIT 0"), rows.join("\n"));
    assert(!rows.some((row) => row.startsWith("ann>")), "the prompt is gone");
  }
});

terminalTest("a signal ends it with 0, and gives the terminal back", async () => {
  await using server = await TestServer.start();
  await using terminal = await enter(server);
  const pid = await clientPid(terminal);
  Deno.kill(pid, "SIGTERM");
  const rows = await terminal.row(/^icanon echo/);
  assert(rows.includes("EXIT 0"), rows.join("\n"));
});

/** The process in the terminal: a child of its shell. */
async function clientPid(terminal: Tmux): Promise<number> {
  const shell = (await terminal.run("display-message", "-p", "#{pane_pid}")).trim();
  const { stdout } = await new Deno.Command("ps", {
    args: ["--ppid", shell, "-o", "pid="],
  }).output();
  const pid = Number(new TextDecoder().decode(stdout).trim());
  assert(pid > 0, "there is a process");
  return pid;
}

terminalTest("several lines that are pasted are sent one by one", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server);
  await terminal.paste("one\ntwo\tx\nthree");
  await bob.next("ann: one");
  await bob.next("ann: two x");
  await terminal.ending("ann> three");
});

terminalTest("thousands of lines that are pasted arrive, all and in order", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server);
  const lines = Array.from({ length: 3000 }, (_, i) => `line ${i}`);
  for (const bare of [false, true]) {
    await terminal.paste(lines.join("\n") + "\n", { bare });
    for (const line of lines) await bob.next(`ann: ${line}`);
    await terminal.ending("ann>");
  }
});

terminalTest("what was pasted before Ctrl-D arrives", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  await using terminal = await enter(server);
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}`);
  await terminal.paste(lines.join("\n") + "\n\x04", { bare: true });
  for (const line of lines) await bob.next(`ann: ${line}`);
  await terminal.row(/^EXIT 0$/);
});

terminalTest("the prompt tells at once that the connection is lost, and /quit leaves", async () => {
  using server = new FakeServer();
  await using terminal = await Tmux.talker(["client", `:${server.port}`, "--nick", "ann"]);
  const session = await server.accept();
  await session.welcome();
  await terminal.row(/^ann>/);
  session.close();
  // There is nobody who answers the next time, so there are no more news for some seconds.
  await server.accept();
  const rows = await terminal.ending("ann (offline)>");
  assert(!rows.some((row) => row.includes("does not answer")), rows.join("\n"));
  await terminal.type("hello");
  await terminal.press("Enter");
  await terminal.row(/Will be sent when connected: hello$/);
  await terminal.type("/quit bye");
  await terminal.press("Enter");
  const last = await terminal.row(/^EXIT 0$/);
  assert(last.includes("talker: Lines that were not sent: 1"), last.join("\n"));
});

terminalTest("where nothing listens it says so, tries again, and Ctrl-C ends it", async () => {
  const server = await TestServer.start();
  await server.stop();
  await using terminal = await Tmux.talker(["client", `:${server.port}`]);
  await terminal.row(/Cannot connect to .*: connection refused; is the server/);
  await terminal.press("C-c");
  await terminal.row(/^EXIT 0$/);
  const once = await runToEnd(["client", `:${server.port}`]);
  assertEquals(once.code, 1);
  assertMatch(once.err.join("\n"), /connection refused/);
});
