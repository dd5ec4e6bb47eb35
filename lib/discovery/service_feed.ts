/**
 * What comes, changes and goes, for somebody who takes it at a pace of his own. Pure.
 *
 * @module
 */

import type { Service, ServiceEvent } from "./service.ts";

/**
 * Events between what was taken last and how things are now. However many happen in between, there is
 * at most one event for each service: so a reader that doesn't take them makes nothing grow.
 */
export class ServiceFeed {
  /** What the reader has been told, by key. */
  readonly #told = new Map<string, Service>();
  /** Keys of which there is news. */
  readonly #news = new Set<string>();
  readonly #now: (key: string) => Service | undefined;
  #wake: (() => void) | undefined;
  #ended = false;

  /** `now` gives the service of a key as it is now; undefined when it isn't there. */
  constructor(now: (key: string) => Service | undefined) {
    this.#now = now;
  }

  /** There is news of a service. */
  note(key: string): void {
    if (this.#ended) return;
    this.#news.add(key);
    this.#wake?.();
  }

  /** No more events. */
  end(): void {
    this.#ended = true;
    this.#news.clear();
    this.#wake?.();
  }

  /** The next event; undefined where there is none at the moment. */
  take(): ServiceEvent | undefined {
    for (const key of this.#news) {
      this.#news.delete(key);
      const before = this.#told.get(key);
      const service = this.#now(key);
      if (service === undefined) {
        if (before === undefined) continue;
        this.#told.delete(key);
        return { type: "lost", service: before };
      }
      this.#told.set(key, service);
      return { type: before === undefined ? "found" : "changed", service };
    }
    return undefined;
  }

  /** Waits for the next event; undefined at the end. One caller at a time. */
  async next(): Promise<ServiceEvent | undefined> {
    while (true) {
      const event = this.take();
      if (event !== undefined || this.#ended) return event;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }
}
