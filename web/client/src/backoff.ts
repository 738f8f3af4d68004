/* backoff.ts - how long to wait before the next try: exponential with full jitter, so that thousands who
 * were cut off together do not return together. */

export interface BackoffOptions {
  baseMs?: number;
  maxMs?: number;
  floorMs?: number;
  /** In [0, 1). */
  random?: () => number;
}

export class Backoff {
  private tries = 0;
  private readonly baseMs: number;
  private readonly maxMs: number;
  private readonly floorMs: number;
  private readonly random: () => number;

  constructor(options: BackoffOptions = {}) {
    this.baseMs = options.baseMs ?? 250;
    this.maxMs = options.maxMs ?? 5000;
    this.floorMs = options.floorMs ?? 50;
    this.random = options.random ?? Math.random;
  }

  /** ms to wait now. `atLeastMs` is what the server asked for (Retry-After); jitter comes on top of it. */
  next(atLeastMs = 0): number {
    const ceiling = Math.min(this.maxMs, this.baseMs * 2 ** Math.min(this.tries, 16));
    const floor = this.tries === 0 ? 0 : this.floorMs;
    this.tries += 1;
    return Math.round(Math.max(floor, this.random() * ceiling) + atLeastMs);
  }

  get attempts(): number {
    return this.tries;
  }

  reset(): void {
    this.tries = 0;
  }
}

/** Quick while a restart of the server is likely: at once (within a tenth of a second, so that not all come in the same
 * millisecond), half a second at most between the first tries, two for a minute or so, then five. */
export function patientBackoff(random: () => number): { next(atLeastMs?: number): number; reset(): void } {
  const restart = new Backoff({ baseMs: 100, maxMs: 500, random });
  const quick = new Backoff({ maxMs: 2_000, random });
  const slow = new Backoff({ maxMs: 5_000, random });
  return {
    next(atLeastMs = 0) {
      if (restart.attempts < 6) {
        return restart.next(atLeastMs);
      }
      return quick.attempts < 60 ? quick.next(atLeastMs) : slow.next(atLeastMs);
    },
    reset() {
      restart.reset();
      quick.reset();
      slow.reset();
    },
  };
}
