import { assert, assertEquals, assertMatch } from "@std/assert";
import { missing, Program, TestServer, testUnless } from "../support/server.ts";

/** How a program is started, so that it is connected to the port. */
interface Tool {
  name: string;
  needs: string[];
  command: (port: number) => string[];
  /** A program that ends with its input at once, even where answers are on their way. */
  hasty?: boolean;
}

function helpOf(program: string): string {
  if (missing(program) !== undefined) return "";
  const { stdout, stderr } = new Deno.Command(program, { args: ["-h"] }).outputSync();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

const openbsd = /OpenBSD/.test(helpOf("nc"));
const host = "127.0.0.1";

const tools: Tool[] = [
  ...(openbsd
    ? [
      {
        name: "nc -N (OpenBSD)",
        needs: ["nc"],
        command: (p: number) => ["nc", "-N", host, `${p}`],
      },
      {
        name: "nc -C -N (OpenBSD), which sends CRLF",
        needs: ["nc"],
        command: (p: number) => ["nc", "-C", "-N", host, `${p}`],
      },
    ]
    : []),
  {
    name: "nc.traditional",
    needs: ["nc.traditional"],
    command: (p) => ["nc.traditional", "-q1", host, `${p}`],
  },
  { name: "ncat", needs: ["ncat"], command: (p) => ["ncat", host, `${p}`] },
  { name: "ncat -C", needs: ["ncat"], command: (p) => ["ncat", "-C", host, `${p}`] },
  { name: "socat", needs: ["socat"], command: (p) => ["socat", "-t10", "-", `TCP:${host}:${p}`] },
  {
    name: "socat with crnl",
    needs: ["socat"],
    command: (p) => ["socat", "-t10", "-,crnl", `TCP:${host}:${p}`],
  },
  {
    name: "telnet, its input a pipe",
    needs: ["telnet"],
    command: (p) => ["telnet", host, `${p}`],
    hasty: true,
  },
  {
    name: "bash with /dev/tcp",
    needs: ["bash"],
    command: (p) => [
      "bash",
      "-c",
      `exec 3<>/dev/tcp/${host}/${p}
       while IFS= read -r line <&3; do printf '%s\\n' "$line"; done &
       while IFS= read -r line; do printf '%s\\n' "$line" >&3; done
       printf '/quit\\n' >&3
       wait`,
    ],
  },
];

for (const { name, needs, command, hasty } of tools) {
  testUnless(missing(...needs), `${name}: talks, asks, and hears the others`, async () => {
    await using server = await TestServer.start(["--name", "kitchen"]);
    const ann = await server.join("ann");
    await ann.drain();
    await using tool = new Program(command(server.port));
    await tool.stdout.next(/^Welcome, guest2\r*$/);
    await tool.type("hello from a tool: äöü€🦕\n");
    await ann.expect("guest2 has joined", "guest2: hello from a tool: äöü€🦕");
    await tool.stdout.next(/^guest2: hello from a tool: äöü€🦕\r*$/);
    await ann.send("hi tool");
    await tool.stdout.next(/^ann: hi tool\r*$/);
    await tool.type("/who\n@t /ping x\n");
    await tool.stdout.next(/^There are 2 users online on 1 servers:\r*$/);
    await tool.stdout.next(/^ {2}Server: kitchen\r*$/);
    await tool.stdout.next(/^@t ok\r*$/);
    await tool.type("last words\n");
    if (hasty) await ann.next("guest2: last words");
    await tool.endOfInput();
    if (!hasty) await ann.next("guest2: last words");
    await ann.next("guest2 has left");
    const { lines } = await tool.ended();
    if (!hasty) assertMatch(lines.join("\n"), /guest2: last words/);
  });

  testUnless(missing(...needs), `${name}: /quit ends it from the server's side`, async () => {
    await using server = await TestServer.start();
    const ann = await server.join("ann");
    await using tool = new Program(command(server.port));
    await tool.stdout.next(/^Welcome, guest2\r*$/);
    await tool.type("/quit\n");
    await tool.stdout.next(/^Goodbye\r*$/);
    await ann.next("guest2 has left");
    await tool.endOfInput();
    await tool.ended();
  });
}

// Closes its side as soon as it has sent: the answer has to come first.
const oneShots: [string, string[], (port: number) => string][] = [
  ["nc -N", ["nc"], (p) => `printf '/who\\n' | nc ${openbsd ? "-N" : "-q5"} ${host} ${p}`],
  ["ncat", ["ncat"], (p) => `printf '/who\\r\\n' | ncat ${host} ${p}`],
  ["socat", ["socat"], (p) => `printf '/who\\n' | socat -t10 - TCP:${host}:${p}`],
  [
    "/dev/tcp with /quit",
    [],
    (p) => `exec 3<>/dev/tcp/${host}/${p}; printf '/who\\n/quit\\n' >&3; cat <&3`,
  ],
];

for (const [name, needs, script] of oneShots) {
  testUnless(missing("bash", ...needs), `A one-liner with ${name} gets its answer`, async () => {
    await using server = await TestServer.start(["--name", "kitchen"]);
    await server.join("ann");
    await using tool = new Program(["bash", "-c", script(server.port)]);
    const { code, lines } = await tool.ended();
    assertEquals(code, 0);
    assertEquals(lines.filter((line) => line !== "Goodbye"), [
      "Welcome, guest2",
      "guest2 has joined",
      "There are 2 users online on 1 servers:",
      "  Server: kitchen",
      "    ann",
      "    guest2",
    ]);
  });
}

const noPty = missing("telnet", "script") ??
  (/util-linux|--command/.test(helpOf("script")) ? undefined : "script is not that of util-linux");

testUnless(noPty, "telnet in a terminal: line ends and negotiation as it likes", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.drain();
  const telnet = `telnet ${host} ${server.port}`;
  await using tool = new Program(["script", "-qec", telnet, "/dev/null"]);
  await tool.stdout.next(/^Welcome, guest2\r*$/);
  await tool.type("hello\r");
  await ann.expect("guest2 has joined", "guest2: hello");
  await tool.stdout.next(/^guest2: hello\r*$/);
  // Its escape character, and a command that sends telnet options.
  await tool.type("\x1dsend ayt\r");
  await tool.type("\x1dsend will echo\r");
  await tool.type("after negotiation\r");
  await ann.expect("guest2: after negotiation");
  await tool.type("/ping x\r");
  await tool.stdout.next(/^pong x\r*$/);
  await tool.type("/quit\r");
  await tool.stdout.next(/^Goodbye\r*$/);
  const { lines } = await tool.ended();
  assert(lines.some((line) => /closed by foreign host/i.test(line)), lines.join("|"));
  await ann.expect("guest2 has left");
});
