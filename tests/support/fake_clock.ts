/** Monotonic time in the hands of a test. */

/**
 * Monotonic time stands still until the test moves it. Timers stay what they are: those that were set
 * before fire when they would have, and find it as late as the test says. Disposing of it gives the
 * time back.
 */
export class FakeClock implements Disposable {
  /** What time it is, in whole milliseconds, so that sums of it are exact. */
  now: number = Math.ceil(performance.now());

  /** From now on. */
  constructor() {
    performance.now = () => this.now;
  }

  [Symbol.dispose](): void {
    Reflect.deleteProperty(performance, "now");
  }
}
