/** The lines that show what the library is: as they are written they have a type, and they run. */

import { assertEquals } from "@std/assert";
import { Example, LIBRARY } from "../support/example.ts";

const SNIPPET = `
const address = await advertise("hello");            // also advertise(name, address)
const found = await discover("hello", { wait: 5_000 });   // address or null
await unadvertise("hello");  await discoverAll();

const request = await waitForMessage(address);       // { message, reply }: structured data in and out
const reply = await sendMessage(found, "World", { wait: 5_000 });
await sendCommand(found, "LEFT 0.5");  const [name, ...args] = await waitForCommand(address);
await publishNews(address, "hits", { target: 3 });
const news = await waitForNews(found, "hits");       // topic prefix; several addresses allowed
`;

/** Another name than others use at the same time. */
const NAME = `hello-${crypto.randomUUID().slice(0, 8)}`;

const statements = SNIPPET.split("\n")
  .flatMap((line) => line.replace(/\/\/.*/, "").split(";"))
  .map((statement) => statement.trim().replace('"hello"', JSON.stringify(NAME)))
  .filter((statement) => statement !== "");

/** Those in which one of these is, in their order. */
const those = (...words: string[]) =>
  statements.filter((statement) => words.some((word) => statement.includes(word)));

const IMPORTS = `import {
  advertise, discover, discoverAll, publishNews, sendCommand, sendMessage, unadvertise,
  waitForCommand, waitForMessage, waitForNews,
} from ${LIBRARY};`;

/** Who is found: what waits at an address. */
const SERVER = [
  IMPORTS,
  ...those("= await advertise"),
  ...those("waitForMessage"),
  "await request.reply(`Hello, ${request.message}`)",
  ...those("waitForCommand"),
  "console.log(name, args)",
  ...those("publishNews"),
  ...those("unadvertise"),
].join(";\n");

/** Who finds. */
const CLIENT = [
  IMPORTS,
  ...those("found", "discoverAll"),
  "console.log(reply)",
  "console.log(news.topic, news.data, news.address === found)",
].join(";\n");

const ROOT = new URL("../..", import.meta.url).pathname;

async function inFiles(
  sources: Record<string, string>,
  use: (paths: Record<string, string>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const paths: Record<string, string> = {};
    for (const [name, source] of Object.entries(sources)) {
      paths[name] = `${folder}/${name}.ts`;
      await Deno.writeTextFile(paths[name], source);
    }
    await use(paths);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("library: the snippet has a type, as it is written", async () => {
  const whole = IMPORTS + SNIPPET + "console.log(request, reply, name, args, news)";
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const shown = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) =>
    (code as string).replaceAll('"./lib/mod.ts"', LIBRARY)
  );
  assertEquals(shown.length, 1);
  await inFiles({ whole, readme: shown.join("\n") }, async ({ whole, readme }) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", `--config=${ROOT}deno.json`, whole as string, readme as string],
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  });
});

Deno.test("library: the snippet runs, as two programs, and both end by themselves", async () => {
  await inFiles({ server: SERVER, client: CLIENT }, async ({ server, client }) => {
    const config = [`--config=${ROOT}deno.json`];
    await using finds = Example.start(client as string, [], { config });
    await using waits = Example.start(server as string, [], { config });
    assertEquals(await waits.ended(), { code: 0, out: [`LEFT [ "0.5" ]`], err: [] });
    assertEquals(await finds.ended(), {
      code: 0,
      out: [`Hello, World`, `hits { target: 3 } true`],
      err: [],
    });
  });
});
