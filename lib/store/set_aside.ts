/**
 * Files that can't be used are kept under another name, for whoever wants to look at them.
 *
 * @module
 */

/** What SQLite keeps beside a database. */
const COMPANIONS = ["-wal", "-shm", "-journal"];

/** Whether there is a file, or anything else, at this path. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Those of a database's companions that are there. */
export function companions(path: string): string[] {
  return COMPANIONS.filter((end) => exists(path + end));
}

/**
 * Renames a database and its companions to `PATH.WHY-TIMESTAMP` (`time`, in ms since 1970, as
 * 20260131T235959Z), with a number behind it when that is taken. Returns the new path.
 */
export function setAside(path: string, why: "corrupt" | "foreign", time: number): string {
  const stamp = new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
  const free = (target: string) => !exists(target) && companions(target).length === 0;
  let target = `${path}.${why}-${stamp}`;
  for (let i = 2; !free(target); i++) target = `${path}.${why}-${stamp}-${i}`;
  // The database first: when this is interrupted, companions without a database are found and set
  // aside, too, where a database without its companions would pass for an older state.
  if (exists(path)) Deno.renameSync(path, target);
  for (const end of companions(path)) Deno.renameSync(path + end, target + end);
  return target;
}
