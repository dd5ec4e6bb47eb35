/**
 * The architecture, held by a test: which room may import from which, and who may use Deno and console.
 */

import { assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);

/** The rooms, each with those it may import from (docs/ARCHITECTURE.md). Its own files always may. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "lib/log": [],
  "lib/wire": [],
  "lib/net": ["lib/wire"],
  "lib/link": ["lib/wire", "lib/net"],
  "lib/mesh": ["lib/wire", "lib/net", "lib/link"],
  "lib/discovery": ["lib/wire", "lib/net"],
  "lib/messaging": ["lib/wire", "lib/net", "lib/link", "lib/client"],
  "lib/notify": ["lib/wire", "lib/net", "lib/mesh"],
  "lib/talker": ["lib/wire", "lib/net", "lib/link", "lib/mesh", "lib/notify"],
  "lib/store": ["lib/wire", "lib/net", "lib/mesh", "lib/notify"],
  "lib/client": ["lib/wire"],
  "lib/cli": ["lib/wire"],
  "lib": ["lib/wire", "lib/net", "lib/link", "lib/discovery", "lib/messaging", "lib/client"],
  "commands": [
    "lib/wire",
    "lib/net",
    "lib/link",
    "lib/mesh",
    "lib/talker",
    "lib/notify",
    "lib/store",
    "lib/discovery",
    "lib/messaging",
    "lib/client",
    "lib/cli",
    "lib",
  ],
  ".": ["commands", "lib/cli", "lib/wire", "lib"],
};

/** The room from which all may import. */
const LOG = "lib/log";

/** Rooms that may use `Deno.*`. */
const USES_DENO = ["lib/net", "lib/store", "lib/cli", "commands", "."];

function* sources(directory: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(directory === "." ? "./" : `${directory}/`, root))) {
    const path = directory === "." ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory) {
      if (directory !== ".") yield* sources(path);
    } else if (/(?<!\.d)\.ts$/.test(entry.name)) yield path;
  }
}

function room(path: string): string {
  const [first, second, ...rest] = path.split("/") as [string, string | undefined, ...string[]];
  if (second === undefined) return ".";
  return first === "lib" && rest.length > 0 ? `lib/${second}` : first;
}

const files = ["lib", "commands", "."].flatMap((directory) => [...sources(directory)]);

interface Graph {
  modules: { specifier: string; dependencies?: { code?: Target; type?: Target }[] }[];
}
interface Target {
  specifier: string;
}

/** Which of our files each of them imports (types, too), as Deno resolves it. */
async function imports(): Promise<Map<string, string[]>> {
  const everything = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = files.map((file) => `import ${JSON.stringify(new URL(file, root).href)};`);
    await Deno.writeTextFile(everything, lines.join("\n"));
    const config = new URL("deno.json", root).pathname;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", config, everything],
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as Graph;
    const found = new Map<string, string[]>();
    for (const { specifier, dependencies } of modules) {
      if (!specifier.startsWith(root.href)) continue;
      const targets = (dependencies ?? []).flatMap(({ code, type }) => [code, type])
        .flatMap((target) => target?.specifier.startsWith(root.href) ? [target.specifier] : [])
        .map((target) => target.slice(root.href.length));
      found.set(specifier.slice(root.href.length), targets);
    }
    return found;
  } finally {
    await Deno.remove(everything);
  }
}

Deno.test("imports: never upwards", async () => {
  const wrong: string[] = [];
  const graph = await imports();
  assertEquals(files.filter((file) => !graph.has(file)), [], "every file is in the graph");
  for (const [file, targets] of graph) {
    for (const target of targets) {
      const from = room(file), to = room(target);
      if (from !== to && to !== LOG && !(MAY_IMPORT[from] ?? []).includes(to)) {
        wrong.push(`${file} imports ${target}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("imports: every room is known", () => {
  const unknown = new Set(files.map(room).filter((name) => !(name in MAY_IMPORT)));
  assertEquals([...unknown], []);
});

Deno.test("imports: never in a circle between rooms", () => {
  const visit = (name: string, path: string[]): void => {
    if (path.includes(name)) throw new Error(`Circle: ${[...path, name].join(" → ")}`);
    for (const next of MAY_IMPORT[name] ?? []) visit(next, [...path, name]);
  };
  for (const name of Object.keys(MAY_IMPORT)) visit(name, []);
});

Deno.test("Deno.* only where the system is touched, console nowhere in the library", async () => {
  const wrong: string[] = [];
  for (const file of files) {
    const code = (await Deno.readTextFile(new URL(file, root)))
      .replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*$/gm, "");
    if (/\bDeno\.[a-z]/.test(code) && !USES_DENO.includes(room(file))) {
      wrong.push(`${file} uses Deno`);
    }
    if (/\bconsole\./.test(code)) wrong.push(`${file} uses console`);
    if (/\bAbortSignal\.any\b/.test(code)) {
      wrong.push(`${file} uses AbortSignal.any: see anySignal`);
    }
    // Programs beside the checkout don't have the import map.
    if (
      /^lib\/(?!cli\/)/.test(file) &&
      /^(import|export|\}).* from "(?!\.|npm:|node:)|\bimport\("(?!\.|npm:|node:)/m.test(code)
    ) {
      wrong.push(`${file} imports by the import map: see lib/log/mod.ts`);
    }
    if (/\bDeno\.exit\b/.test(code) && file !== "main.ts") wrong.push(`${file} exits`);
  }
  assertEquals(wrong, []);
});

Deno.test("what calls itself pure has no clock, no timer and no chance of its own", async () => {
  const own =
    /\b(performance\.now|Date\.now|new Date\(\)|Math\.random|getRandomValues|set(Timeout|Interval|Immediate))\b/;
  const wrong: string[] = [];
  let count = 0;
  for (const file of files) {
    const text = await Deno.readTextFile(new URL(file, root));
    const [, header = "", code = ""] = /^\/\*\*([^]*?)\*\/([^]*)$/.exec(text) ?? [];
    if (!/\b(PURE|Pure)\b(?! but for the clock)/.test(header)) continue;
    count++;
    const [found] = own.exec(code.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*$/gm, "")) ?? [];
    if (found !== undefined) wrong.push(`${file} uses ${found}`);
  }
  assertEquals([wrong, count > 40], [[], true]);
});
