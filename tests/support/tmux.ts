/** A real terminal for tests: tmux, with a server of its own. */

import { DEADLINE_MS } from "./line_client.ts";
import { missing, talkerCommand, TEST_ENV } from "./server.ts";

/** Why there can be no such test here; undefined where there can. */
export const noTmux: string | undefined = missing("tmux");

/** How a terminal is made. */
export interface TmuxOptions {
  columns?: number;
  rows?: number;
  env?: Record<string, string>;
}

let terminals = 0;

/** A terminal with one program in it. Disposing of it ends both. */
export class Tmux implements AsyncDisposable {
  readonly #socket = `tk-${Deno.pid}-${++terminals}`;

  /**
   * Runs `talker` in a new terminal. When it ends, the screen shows `EXIT` and its exit code, and
   * whether lines are edited and echoed by the terminal again.
   */
  static async talker(args: readonly string[], options: TmuxOptions = {}): Promise<Tmux> {
    const tmux = new Tmux();
    const { columns = 80, rows = 24, env = {} } = options;
    // A test says whether it wants colours.
    const { NO_COLOR: _none, ...rest } = { ...TEST_ENV, ...env };
    const variables = { ...rest, ...("NO_COLOR" in env ? { NO_COLOR: env.NO_COLOR ?? "" } : {}) };
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const command = ["env", "-u", "NO_COLOR", ...assignments, ...talkerCommand(), ...args];
    const script = `${command.map(quoted).join(" ")}; echo "EXIT $?"; ` +
      `stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo' | tr '\\n' ' '; exec cat`;
    await tmux.run(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      `${columns}`,
      "-y",
      `${rows}`,
      script,
    );
    return tmux;
  }

  /** Runs a command of tmux. */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-u", "-L", this.#socket, ...args],
      env: { LC_ALL: "C.UTF-8", TERM: "xterm-256color", TMUX: "" },
    }).output();
    const decoder = new TextDecoder();
    if (code !== 0) throw new Error(`tmux ${args[0]}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  /** Types text. */
  async type(text: string): Promise<void> {
    await this.run("send-keys", "-l", text);
  }

  /** Presses keys by their tmux names: `Enter`, `Left`, `C-d`. */
  async press(...keys: string[]): Promise<void> {
    await this.run("send-keys", ...keys);
  }

  /** Pastes text, as a terminal does: in brackets where the program asks for them, unless `bare`. */
  async paste(text: string, { bare = false } = {}): Promise<void> {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, text);
      await this.run("load-buffer", file);
      await this.run("paste-buffer", ...bare ? [] : ["-p"]);
    } finally {
      await Deno.remove(file);
    }
  }

  /** What the screen shows, row by row, without blanks at the ends; empty rows at the bottom left out. */
  async screen(): Promise<string[]> {
    const text = await this.run("capture-pane", "-p");
    return text.trimEnd().split("\n").map((row) => row.trimEnd());
  }

  /** The screen with its colours, as escape sequences. */
  colours(): Promise<string> {
    return this.run("capture-pane", "-p", "-e");
  }

  /** Where the cursor is, from 0: column and row. */
  async cursor(): Promise<[number, number]> {
    const text = await this.run("display-message", "-p", "#{cursor_x} #{cursor_y}");
    const [x = NaN, y = NaN] = text.trim().split(" ").map(Number);
    return [x, y];
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.run("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** Waits until the screen is as wanted, and gives it. */
  async until(
    what: string,
    wanted: (rows: string[]) => boolean | Promise<boolean>,
    deadline = DEADLINE_MS,
  ): Promise<string[]> {
    const due = performance.now() + deadline;
    for (;;) {
      const rows = await this.screen();
      if (await wanted(rows)) return rows;
      if (performance.now() > due) {
        throw new Error(`Not within ${deadline} ms: ${what}; the screen was\n${rows.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until a row matches. */
  row(pattern: RegExp, deadline?: number): Promise<string[]> {
    return this.until(`${pattern}`, (rows) => rows.some((row) => pattern.test(row)), deadline);
  }

  /** Waits until the screen ends with these rows. */
  ending(...rows: string[]): Promise<string[]> {
    return this.until(
      `at the end ${JSON.stringify(rows)}`,
      (all) => JSON.stringify(all.slice(-rows.length)) === JSON.stringify(rows),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // tmux leaves its socket behind.
    const socket = await this.run("display-message", "-p", "#{socket_path}").catch(() => "");
    await this.run("kill-server").catch(() => {});
    if (socket !== "") await Deno.remove(socket.trim()).catch(() => {});
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
