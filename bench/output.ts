/** What the measurements print: plain lines, and tables that read well raw and as Markdown. */

const encoder = new TextEncoder();

function writeAll(to: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(to.writeSync(bytes));
}

/** Prints a line of the result on stdout. */
export function print(line = ""): void {
  writeAll(Deno.stdout, `${line}\n`);
}

/** Prints progress or a warning on stderr, so that stdout has the result alone. */
export function note(line: string): void {
  writeAll(Deno.stderr, `${line}\n`);
}

/** A Markdown table, padded so that it can be read in a terminal too. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((h, i) => Math.max(h.length, 3, ...rows.map((r) => r[i]?.length ?? 0)));
  const line = (cells: string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** `35.1M`, `227k`, `812`. */
export function big(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)}k` : value.toFixed(0);
}

/** Three digits where they say something: `0.071`, `4.68`, `18.7`, `187`. */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(size >= 1 ? 2 : 3);
}

/** MiB of KiB. */
export function mib(kib: number): string {
  return plain(kib / 1024);
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  return (lower + upper) / 2;
}

/** Median with the lowest and the highest: `35.1M (34.0M–36.2M)`. */
export function spread(values: number[], format: (value: number) => string): string {
  if (values.length === 0) return "–";
  const middle = format(median(values));
  if (values.length === 1) return middle;
  return `${middle} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}
