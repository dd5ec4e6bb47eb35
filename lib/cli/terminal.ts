/**
 * A line being typed at the bottom of a terminal, and what is printed above it.
 *
 * The line is drawn row by row. To print, its rows are erased, the text is written, and they are
 * drawn anew: in one write, so that nothing can come between.
 *
 * @module
 */

import type { Input } from "./io.ts";
import { type Key, KeyDecoder } from "./keys.ts";
import { type Layout, layOut, type Prompt, rowsAboveCursor, type Size } from "./layout.ts";
import { type Effect, LineEditor } from "./line_editor.ts";
import type { Output } from "./output.ts";

/** The terminal itself: its size and its modes. Tests have their own. */
export interface Screen {
  size(): Size;
  /** Whether keys come one by one, without an echo. */
  setRaw(raw: boolean): void;
  /** Calls back when the size has changed; gives what ends that. */
  onResize(resized: () => void): () => void;
}

/** The terminal of this process. */
const processScreen: Screen = {
  size() {
    try {
      const { columns, rows } = Deno.consoleSize();
      // A terminal that was never told its size says 0.
      return { columns: columns || 80, rows: rows || 24 };
    } catch {
      return { columns: 80, rows: 24 };
    }
  },
  setRaw(raw) {
    Deno.stdin.setRaw(raw);
  },
  onResize(resized) {
    if (Deno.build.os === "windows") return () => {};
    Deno.addSignalListener("SIGWINCH", resized);
    return () => Deno.removeSignalListener("SIGWINCH", resized);
  },
};

const HIDE_CURSOR = "\u001b[?25l", SHOW_CURSOR = "\u001b[?25h";
const ERASE_BELOW = "\u001b[J", ERASE_ROW = "\u001b[K", CLEAR = "\u001b[H\u001b[2J";
const PASTE_ON = "\u001b[?2004h", PASTE_OFF = "\u001b[?2004l";

/**
 * A terminal with a line to type in.
 *
 * @example
 * ```ts ignore
 * using terminal = new Terminal({ input: io.stdin, output: io.stdout });
 * terminal.prompt = { text: "> ", width: 2 };
 * for await (const effect of terminal.effects()) {
 *   if (effect.is === "submitted") terminal.print(`You said ${effect.line}`);
 *   if (effect.is === "ended") break;
 * }
 * ```
 */
export class Terminal implements Disposable {
  /** The line being typed. */
  readonly editor = new LineEditor();
  readonly #input: Input;
  readonly #output: Output;
  readonly #screen: Screen;
  readonly #endResize: () => void;
  #prompt: Prompt = { text: "", width: 0 };
  /** What is on the screen; undefined where nothing is. */
  #drawn: Layout | undefined;
  /** Lines to be printed with the next drawing. */
  #printing: string[] = [];
  #drawing = false;
  #closed = false;

  /** Takes over the terminal, until it is disposed of. */
  constructor(
    { input, output, screen = processScreen }: { input: Input; output: Output; screen?: Screen },
  ) {
    this.#input = input;
    this.#output = output;
    this.#screen = screen;
    screen.setRaw(true);
    output.write(PASTE_ON);
    this.#endResize = screen.onResize(() => this.#resized());
    this.#draw();
  }

  /** What stands before the line. */
  get prompt(): Prompt {
    return this.#prompt;
  }

  set prompt(prompt: Prompt) {
    this.#prompt = prompt;
    this.#draw();
  }

  /** Prints a line above the one being typed; it must be free of control characters but colours. */
  print(line: string): void {
    this.#printing.push(line);
    this.#draw();
  }

  /** Draws the line again, after the editor was changed from outside. */
  refresh(): void {
    this.#draw();
  }

  /** What the keys lead to, until there are no more. The line on the screen is kept right. */
  async *effects(): AsyncGenerator<Effect> {
    const decoder = new KeyDecoder();
    for await (const chunk of this.#input.chunks()) {
      for (const key of decoder.push(chunk).flatMap(pastedLines)) {
        const effect = this.editor.press(key);
        if (effect.is === "clear") {
          this.#output.write(CLEAR);
          this.#drawn = undefined;
        }
        if (effect.is !== "none") this.#draw();
        if (effect.is !== "changed") yield effect;
      }
    }
  }

  /** Gives the terminal back, with the line erased. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#output.write(this.#erase() + this.#above() + PASTE_OFF + SHOW_CURSOR);
    this.#closed = true;
    this.#endResize();
    this.#screen.setRaw(false);
  }

  /** Draws at the end of this turn, however often it is asked for. */
  #draw(): void {
    if (this.#drawing || this.#closed) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      if (this.#closed) return;
      this.#output.write(HIDE_CURSOR + this.#erase() + this.#above() + this.#line() + SHOW_CURSOR);
    });
  }

  /** From wherever the cursor is in the line, back to its beginning, which is then empty. */
  #erase(): string {
    const up = this.#drawn === undefined
      ? 0
      : rowsAboveCursor(this.#drawn, this.#screen.size().columns);
    this.#drawn = undefined;
    return "\r" + (up > 0 ? `\u001b[${up}A` : "") + ERASE_BELOW;
  }

  #above(): string {
    const lines = this.#printing;
    this.#printing = [];
    return lines.map((line) => line + "\r\n").join("");
  }

  #line(): string {
    const { text, cursor } = this.editor;
    const layout = layOut({ prompt: this.#prompt, text, cursor }, this.#screen.size());
    this.#drawn = layout;
    const { rows, cursorRow, beforeCursor } = layout;
    const up = rows.length - 1 - cursorRow;
    const whole = rows.join(ERASE_ROW + "\r\n");
    // The way to the cursor is written rather than counted: terminals disagree about widths.
    const back = (up > 0 ? `\u001b[${up}A` : "") + "\r" + beforeCursor;
    return up === 0 && rows[cursorRow] === beforeCursor ? whole : whole + back;
  }

  #resized(): void {
    this.#draw();
  }
}

/** The lines of a paste are as if each had been typed. */
function pastedLines(key: Key): Key[] {
  if (key.name !== "paste" || !("text" in key)) return [key];
  return key.text.split(/\r\n|[\r\n]/).flatMap((text, i): Key[] => {
    const typed: Key = { name: "text", text };
    return i === 0 ? [typed] : [{ name: "enter" }, typed];
  });
}
