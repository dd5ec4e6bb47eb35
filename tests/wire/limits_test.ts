/**
 * Each limit is used somewhere, and named in a test that goes over it; or there is a reason why not.
 * Whoever adds a limit adds its test.
 */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url).pathname;
const FILES = ["lib/wire/limits.ts", "lib/wire/mesh_limits.ts", "lib/mesh/limits.ts"];

/** Units, which are no limits. */
const UNITS = ["KIB", "MIB"];

/** Limits without a test that names them, and why. */
const WITHOUT_TEST: Readonly<Record<string, string>> = {
  // Times at which the mesh does things: tests/mesh and its random histories depend on them all.
  ANNOUNCE_EVERY: "a time of the mesh",
  ASK_AGAIN_AFTER: "a time of the mesh",
  FETCH_TIMEOUT: "a time of the mesh",
  ACTIVE_STREAM: "a time of the mesh",
  SEEK_FOR: "a time of the mesh",
  STATE_FLUSH: "a time of the mesh",
  GRAPH_NODES_PER_MS: "a time of the mesh",
  STALE_STATE: "a time of the mesh",
  HEARTBEAT_EVERY: "a time of the mesh; tests/mesh/parts_test.ts has the numbers",
  SILENT_AFTER: "a time of the mesh; tests/mesh/parts_test.ts has the numbers",
  SUSPECT_AFTER: "a time of the mesh",
  ROUTE_TIMEOUT: "a time of the mesh",
  GATHER_TIMEOUT: "a time of the mesh; tests/e2e has 2 s",
  HANDSHAKE_PAUSE_MS: "a pause of one ms",
};

function* sources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
    if (isDirectory) yield* sources(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

/** The words of each file but for its comments. */
function words(files: Iterable<string>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of files) {
    const text = Deno.readTextFileSync(ROOT + file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    found.set(file, new Set(text.match(/\b[A-Z][A-Z0-9_]+\b/g) ?? []));
  }
  return found;
}

const limits = FILES.flatMap((file) => {
  const text = Deno.readTextFileSync(ROOT + file);
  return [...text.matchAll(/^export const ([A-Z][A-Z0-9_]*)/gm)].map(([, name]) => name!);
}).filter((name) => !UNITS.includes(name));

Deno.test("limits: each is used where it counts", () => {
  const used = words(
    [...sources("lib"), ...sources("commands")].filter((file) => !FILES.includes(file)),
  );
  const idle = limits.filter((name) => ![...used.values()].some((names) => names.has(name)));
  assertEquals(idle, [], "defined, and not enforced");
  assert(limits.length > 100, "The limits are not found");
});

Deno.test("limits: each is named in a test, or there is a reason", () => {
  const self = "tests/wire/limits_test.ts";
  const tests = words(
    [...sources("tests")].filter((file) => file.endsWith("_test.ts") && file !== self),
  );
  const isTested = (name: string) => [...tests.values()].some((names) => names.has(name));
  assertEquals(limits.filter((name) => !isTested(name) && WITHOUT_TEST[name] === undefined), []);
  // A reason that is none any more.
  assertEquals(
    Object.keys(WITHOUT_TEST).filter((name) => !limits.includes(name) || isTested(name)),
    [],
  );
});

Deno.test("limits: each has its unit and its reason in a comment", () => {
  for (const file of FILES) {
    const lines = Deno.readTextFileSync(ROOT + file).split("\n");
    lines.forEach((line, i) => {
      if (line.startsWith("export ")) assert(/\*\/$/.test(lines[i - 1] ?? ""), `${file}: ${line}`);
    });
  }
});
