/* until_self.ts - waiting for what the own acts build on.
 *
 * The answer of an act may overtake its event. For an act whose next one builds on the state, both are awaited. */

import type { Timers } from "./platform.js";
import type { Participant } from "./protocol.js";
import type { Room } from "./room.js";

const PATIENCE_MS = 1_000;

/** Resolves when `reached`, asked now and at each change that `follow` tells; or after `ms`. */
export function until(timers: Timers, ms: number, follow: (look: () => void) => () => void, reached: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stopTimer();
      stop();
      resolve();
    };
    const stopTimer = timers.after(ms, done);
    const stop = follow(() => reached() && done());
    if (reached()) {
      done();
    }
  });
}

export function untilSelf(room: Room, timers: Timers, reached: (self: Participant) => boolean): Promise<void> {
  return until(timers, PATIENCE_MS, (look) => room.on("state", look), () => !room.self || reached(room.self));
}
