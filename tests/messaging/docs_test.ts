/** What docs/MESSAGING.md shows is what the programs of examples/ say. */

import { assert, assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, root));

/** Lines that the page shows shorter: names and addresses that come from the command line. */
function plain(source: string): string {
  return source
    .replace(/Deno\.args\[0\] \?\? /g, "")
    .replace(/\$\{"club"\}|\$\{club\}/g, "club")
    .replace(/`(club\/[a-z]+)`/g, '"$1"')
    .replace(/\bADDRESS\b(?!:)/g, '"127.0.0.1:32011"')
    .replace("second: other", 'second: "127.0.0.1:32012"');
}

Deno.test("docs: the programs of MESSAGING.md are those of examples/", async () => {
  const page = await read("docs/MESSAGING.md");
  const shown = [...page.matchAll(/```ts\n\/\/ (examples\/\S+?\.ts)[^\n]*\n([^]*?)```/g)];
  const wrong: string[] = [];
  for (const [, path, code] of shown) {
    const source = plain(await read(path as string));
    for (const line of (code as string).split("\n")) {
      // What a program says to its user is not what the page is about.
      if (!source.includes(line.trim()) && !line.includes("onEvent")) {
        wrong.push(`${path}: ${line.trim()}`);
      }
    }
  }
  assertEquals(wrong, []);
  assert(shown.length >= 12);
});

Deno.test("docs: each program of examples/ is on the page", async () => {
  const page = await read("docs/MESSAGING.md");
  for (const folder of ["hello", "turntable", "welcome", "sockets"]) {
    for await (const { name } of Deno.readDir(new URL(`examples/${folder}`, root))) {
      const isThere = page.includes(name) || name === "chat_client.ts";
      assert(isThere, `examples/${folder}/${name} is not in docs/MESSAGING.md`);
    }
  }
});

Deno.test("docs: the shell scripts of MESSAGING.md are those of examples/turntable_shell", async () => {
  const page = await read("docs/MESSAGING.md");
  const plainly = (script: string) =>
    script.replace(/^#(?!!).*\n/gm, "").replace(/\$TALKER\b/g, "talker")
      .replace(/"\$turntable"|"\$\{1:-turntable\}"/g, "turntable");
  for (const name of ["motor", "controller"]) {
    const source = plainly(await read(`examples/turntable_shell/${name}.sh`));
    const lines = source.split("\n").map((line) => line.replace(/ \|\| exit$/, ""))
      .filter((line) => !/^(#!|: |turntable=)/.test(line));
    for (const line of lines) assert(page.includes(line), `${name}.sh: ${line}`);
  }
});
