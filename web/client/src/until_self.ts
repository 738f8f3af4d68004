/* until_self.ts - waits until the own person is as an act should have made it.
 *
 * The answer of an act may overtake its event. For an act whose next one builds on the state, both are awaited. */

import type { Timers } from "./platform.js";
import type { Participant } from "./protocol.js";
import type { Room } from "./room.js";

const PATIENCE_MS = 1_000;

export function untilSelf(room: Room, timers: Timers, reached: (self: Participant) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stopTimer();
      stop();
      resolve();
    };
    const look = () => (!room.self || reached(room.self)) && done();
    const stopTimer = timers.after(PATIENCE_MS, done);
    const stop = room.on("state", look);
    look();
  });
}
