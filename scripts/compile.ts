// deno-lint-ignore-file no-console -- a program for people
/**
 * Makes the executable `dist/talker` (or the file that is named as argument), with exactly the flags
 * and permissions of `deno task server`.
 *
 * `deno compile` puts the program behind a runtime base, `denort`, which Deno downloads the first time.
 * Where that server can't be reached, DENORT_BIN=FILE names a base: any `denort` of the same version.
 */

import denoJson from "../deno.json" with { type: "json" };

const output = Deno.args[0] ?? "dist/talker";
const flags = /^deno run (.*) main\.ts server$/.exec(denoJson.tasks.server.command)?.[1]?.split(
  " ",
);
if (flags === undefined) {
  throw new Error("The task server in deno.json is not of the expected form");
}

/** What is started as a thread, and so isn't found by following the imports. */
const WORKERS = ["lib/store/store_worker.ts", "lib/link/secure/stretch_worker.ts"];

const root = new URL("../", import.meta.url);
const { code, stderr } = await new Deno.Command(Deno.execPath(), {
  args: [
    "compile",
    "--quiet",
    // The cache would be a file of a name that is known, in a directory where all users write.
    "--no-code-cache",
    ...flags,
    ...WORKERS.flatMap((file) => ["--include", file]),
    "--output",
    output,
    "main.ts",
  ],
  cwd: root,
  stderr: "piped",
}).output();
const said = new TextDecoder().decode(stderr).trim();
if (code === 0) {
  const { size } = await Deno.stat(new URL(output, root));
  console.log(`Made ${output} (${Math.round(size / 1024 / 1024)} MiB)`);
} else {
  console.error(said);
  if (/denort|download|standalone|error sending request|dns/i.test(said)) {
    console.error(
      `Cannot compile: the runtime base of Deno ${Deno.version.deno} (denort) could not be had.\n` +
        "It is downloaded the first time, from Deno's own server. On a machine that doesn't reach it,\n" +
        "copy the denort of the same version there, and run: DENORT_BIN=FILE deno task compile",
    );
  }
  Deno.exit(1);
}
