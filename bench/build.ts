/** Compiles the C programs of the measurements into `bench/build/`. */

import { findExecutable } from "./machine.ts";
import { note } from "./output.ts";

const here = import.meta.dirname!;

/** The C programs, each one file here. */
export type Program = "fanout" | "minimal" | "trouble";

/** Where the compiled program is. */
export function programPath(program: Program): string {
  return `${here}/build/${program}`;
}

function modified(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}

/**
 * Compiles what is older than its source.
 *
 * @throws {Error} when there is no compiler, or it fails.
 */
export async function build(programs: Program[]): Promise<void> {
  const compiler = Deno.env.get("CC") ?? "cc";
  for (const program of programs) {
    const source = `${here}/${program}.c`;
    const target = programPath(program);
    if (modified(target) > modified(source)) continue;
    if (!compiler.includes("/") && !findExecutable(compiler)) {
      throw new Error(
        `No C compiler (${compiler}): the load generator is a C program. ` +
          `Install one (Debian: apt-get install gcc libc6-dev), or name it in CC.`,
      );
    }
    note(`Compiling bench/${program}.c`);
    await Deno.mkdir(`${here}/build`, { recursive: true });
    // Beside it first: a measurement that runs meanwhile keeps the old one.
    const fresh = `${target}.${Deno.pid}`;
    const { success, stderr } = await new Deno.Command(compiler, {
      args: ["-O2", "-Wall", "-o", fresh, source],
      stderr: "piped",
    }).output();
    if (!success) {
      throw new Error(`${compiler} ${source} failed:\n${new TextDecoder().decode(stderr)}`);
    }
    await Deno.rename(fresh, target);
  }
}
