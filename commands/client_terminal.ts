/**
 * `talker client` for a person at a terminal.
 *
 * @module
 */

import type { Io } from "../lib/cli/io.ts";
import { textWidth } from "../lib/cli/layout.ts";
import type { Effect } from "../lib/cli/line_editor.ts";
import { Terminal } from "../lib/cli/terminal.ts";
import type { Outcome } from "../lib/client/host.ts";
import { complete } from "../lib/client/complete.ts";
import { LOCAL_COMMANDS } from "../lib/client/local_commands.ts";
import { render, renderCommand, type RenderOptions, renderPrompt } from "../lib/client/render.ts";
import type { Driver } from "./client_driver.ts";

/** Choices that completion lists at the most. */
const MAX_CHOICES = 60;

/** Serves the person until one of both sides ends it. */
export async function converse(driver: Driver, io: Io): Promise<Outcome> {
  using terminal = new Terminal({ input: io.stdin, output: io.stdout });
  const colours = (io.env("NO_COLOR") ?? "") === "";
  const ended = driver.start((shown) => {
    for (const line of render(shown, options())) terminal.print(line);
  }, updatePrompt);
  const keys = readKeys();
  // Whichever ends first; a terminal that is gone says no goodbye.
  await Promise.race([ended, keys]);
  return await ended;

  function options(): RenderOptions {
    return { colours, now: Date.now() };
  }

  function updatePrompt(): void {
    const { nick, state } = driver.client;
    const connected = state === "ready" || state === "entering" || state === "leaving";
    const { text, plain } = renderPrompt(nick, connected, options());
    if (text !== terminal.prompt.text) terminal.prompt = { text, width: textWidth(plain) };
  }

  async function readKeys(): Promise<void> {
    for await (const effect of terminal.effects()) {
      if (driver.client.state === "finished") return;
      take(effect);
    }
    driver.end({ is: "done" });
  }

  function take(effect: Effect): void {
    switch (effect.is) {
      case "submitted":
        return submit(effect.line);
      case "complete":
        return completeWord();
      case "interrupted":
        // The second time there is no waiting for the server's goodbye.
        if (driver.client.state === "leaving") return driver.end({ is: "done" });
        return driver.act((now) => driver.client.leave(now));
      case "ended":
        return driver.act((now) => driver.client.leave(now));
      case "none":
      case "changed":
      case "clear":
        return;
    }
  }

  function submit(line: string): void {
    if (line.startsWith("/") && !line.startsWith("//")) {
      terminal.print(renderCommand(line, options()));
    }
    driver.act((now) => driver.client.line(line, now));
  }

  function completeWord(): void {
    const { editor } = terminal;
    const { commands, people, unacknowledged } = driver.client;
    const completion = complete(editor.text.slice(0, editor.cursor), {
      commands: [...commands, ...LOCAL_COMMANDS],
      nicks: people.nicks,
      ids: unacknowledged,
    });
    if (completion === undefined) return;
    const { from, text, choices } = completion;
    const unchanged = editor.text.slice(from, editor.cursor) === text;
    editor.replace(from, text);
    if (unchanged && choices.length > 0) {
      const more = choices.length > MAX_CHOICES ? ` and ${choices.length - MAX_CHOICES} more` : "";
      terminal.print(choices.slice(0, MAX_CHOICES).join("  ") + more);
    }
    terminal.refresh();
  }
}
