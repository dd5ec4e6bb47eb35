/**
 * A flood, as a program of its own, so that it does not slow whoever measures meanwhile: connections that
 * begin a key exchange or say nothing, and some that send garbage.
 *
 *     deno run --allow-net bench/secure_flood.ts PORT HALF_OPEN GARBAGE
 */

const [port, halfOpen, garbage] = Deno.args.map(Number) as [number, number, number];

/** Connections that it holds at a time. */
const HELD = 5_000;

const opening = new Uint8Array([0, ...new TextEncoder().encode("TALKENC"), 1, 1, 1, 1]);
const open: Deno.Conn[] = [];
const every = Math.round((halfOpen + garbage) / garbage);
let count = 0;
try {
  for (; count < halfOpen + garbage; count++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    open.push(connection);
    // The server may be through with it already.
    const say = (bytes: Uint8Array) => connection.write(bytes).catch(() => {});
    if (count % every === 0) await say(crypto.getRandomValues(new Uint8Array(200)));
    else if (count % 2 === 0) await say(opening);
    if (open.length > HELD) close(open.shift()!);
  }
} catch (error) {
  // deno-lint-ignore no-console -- a program
  console.error(`The flood stopped at ${count}: ${error}`);
}
for (const connection of open) close(connection);

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // The server was quicker.
  }
}
