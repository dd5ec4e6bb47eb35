import { assert, assertEquals } from "@std/assert";
import { anySignal, endWith } from "../../lib/net/signals.ts";

Deno.test("any signal: aborted with the first one, for its reason, once", () => {
  const one = new AbortController(), two = new AbortController();
  const either = anySignal(one.signal, undefined, two.signal);
  let times = 0;
  either.addEventListener("abort", () => times++);
  assert(!either.aborted);
  two.abort("two");
  one.abort("one");
  assertEquals([either.aborted, either.reason, times], [true, "two", 1]);
});

Deno.test("any signal: aborted from the start where one is; never where there is none", () => {
  const over = AbortSignal.abort("over");
  assertEquals(anySignal(new AbortController().signal, over).reason, "over");
  assert(!anySignal(undefined).aborted);
});

Deno.test("any signal: the sources don't keep what is over", () => {
  const lasting = new AbortController().signal;
  let listeners = 0;
  const { addEventListener, removeEventListener } = lasting;
  lasting.addEventListener = (...args: unknown[]) => {
    listeners++;
    Reflect.apply(addEventListener, lasting, args);
  };
  lasting.removeEventListener = (...args: unknown[]) => {
    listeners--;
    Reflect.apply(removeEventListener, lasting, args);
  };
  for (let i = 0; i < 10; i++) {
    const short = new AbortController();
    anySignal(lasting, short.signal);
    short.abort();
  }
  assertEquals(listeners, 0);
});

Deno.test("end with: once, at once where the signal is aborted, never after the end", () => {
  const signal = new AbortController(), over = new AbortController();
  let ends = 0;
  const end = () => ends++;
  endWith(undefined, end, over.signal);
  endWith(signal.signal, end, AbortSignal.abort());
  endWith(AbortSignal.abort(), end, AbortSignal.abort());
  assertEquals(ends, 0);
  endWith(AbortSignal.abort(), end, over.signal);
  assertEquals(ends, 1);
  endWith(signal.signal, end, over.signal);
  // The same function may end several things.
  endWith(signal.signal, end, new AbortController().signal);
  over.abort();
  signal.abort();
  assertEquals(ends, 2);
});
