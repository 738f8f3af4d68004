/* absence.ts - how long there has been no socket, who is told of it when, and whether the node is away for good.
 *
 * A node that restarts is back within a second and has our connection still, so for two seconds nobody is told, and
 * another node, which would take us only with a new connection, is not asked as long as this one may come back. */

import type { Timers } from "./platform.js";

/** A node restarts in less: nobody is told of what he would not have noticed. */
const TELL_AFTER_MS = 2_000;
/* A node that restarts is back by then. If sound still comes from it, it is waited for longer than that. */
const AWAY_AFTER_MS = 2_000;
const AWAY_WITH_SOUND_MS = 8_000;
/* A connection of one failing node is not worth a new peer; three failed ones in a row mean that it is away. */
const FAILURES = 3;

export interface AbsenceOptions {
  timers: Timers;
  /** It has lasted: the person is told. */
  onLong: () => void;
  /** Whether anything still comes over the connection that carries sound. */
  alive: () => Promise<boolean>;
  /** Whether there is another node, and still no socket. */
  mayLeave: () => boolean;
  /** The node is away: another one is asked. */
  leave: () => void;
}

export class Absence {
  /* -Infinity while there is a socket. */
  private since = -Infinity;
  private stopTelling: () => void = () => {};

  constructor(private readonly options: AbsenceOptions) {}

  begin(): void {
    if (this.since === -Infinity) {
      this.since = this.options.timers.now();
      this.stopTelling = this.options.timers.after(TELL_AFTER_MS, () => this.options.onLong());
    }
  }

  /** Another connection was let in: its node has its own time for the socket. */
  elsewhere(): void {
    this.since = this.since === -Infinity ? this.since : this.options.timers.now();
  }

  end(): void {
    this.since = -Infinity;
    this.stopTelling();
  }

  /** After the last of so many failed sockets in a row: is the node away? */
  async judge(failures: number): Promise<void> {
    this.begin();
    const patience = (await this.options.alive()) ? AWAY_WITH_SOUND_MS : AWAY_AFTER_MS;
    const lasted = this.since !== -Infinity && this.options.timers.now() - this.since >= patience;
    if (lasted && failures >= FAILURES && this.options.mayLeave()) {
      this.options.leave();
    }
  }
}
