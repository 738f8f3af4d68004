/* sound_clock.ts - how long from a speaker's microphone to this ear, for each who is heard.
 *
 * The server knows the speakers' sender reports, and tells when, on its own clock, what plays in a slot was said
 * (`session:sound-clock`). The browser knows when it played which RTP time of which slot. What is missing is how the two
 * clocks stand to each other: as in NTP, the quickest of the last questions says it, its way there being as long as its way back. */

import type { VoiceroomError } from "./errors.js";
import type { Reading } from "./speaking.js";

/** When, on the server's clock, what plays in a slot was said: `rtp` of `ssrc` at `captured_ms`; the question came at `asked_ms`, and
 * was answered at `at_ms`. */
export interface SoundClockAnswer {
  asked_ms: number;
  at_ms: number;
  slots: { ssrc: number; participant: number; rtp: number; captured_ms: number }[];
}

/** What a browser played of a slot: RTP time, and when (ms of the page's wall clock). */
export interface Heard {
  ssrc: number;
  participant: number;
  rtp: number;
  playedAt: number;
}

/** Those of which the browser tells what RTP time it played. */
export function heardOf(readings: readonly Reading[]): Heard[] {
  return readings.flatMap(({ participant, played }) => (played ? [{ ssrc: played.ssrc, participant, rtp: played.rtp, playedAt: played.at }] : []));
}

/* Clocks part by up to 5 ms in that time. */
const GOOD_MS = 120_000;
const KEPT = 8;
const MOST_MS = 10_000;

interface Trip {
  cameAt: number;
  tookMs: number;
  offset: number;
}

/** The last answers. Pure. */
export class SoundClock {
  private trips: Trip[] = [];
  private last: SoundClockAnswer = { asked_ms: 0, at_ms: 0, slots: [] };

  take(sentAt: number, cameAt: number, answer: SoundClockAnswer): void {
    const [there, back] = [answer.asked_ms - sentAt, answer.at_ms - cameAt];
    const trip = { cameAt, tookMs: there - back, offset: (there + back) / 2 };
    this.trips = [trip, ...this.trips.filter((old) => cameAt - old.cameAt < GOOD_MS)].slice(0, KEPT);
    this.last = answer;
  }

  knows(heard: Heard): boolean {
    return this.slotOf(heard) !== undefined;
  }

  /** From capture to playing, in ms; null: not known, or it can't be. */
  latencyOf(heard: Heard): number | null {
    const slot = this.slotOf(heard);
    if (!slot || this.trips.length === 0) {
      return null;
    }
    const { offset } = this.trips.reduce((best, trip) => (trip.tookMs < best.tookMs ? trip : best));
    /* RTP time is of 32 bits and wraps: the shorter way round is meant. */
    const since = ((heard.rtp - slot.rtp) | 0) / 48;
    const ms = heard.playedAt + offset - (slot.captured_ms + since);
    return Number.isFinite(ms) && ms >= 0 && ms < MOST_MS ? ms : null;
  }

  private slotOf(heard: Heard) {
    return this.last.slots.find((slot) => slot.ssrc === heard.ssrc && slot.participant === heard.participant);
  }
}

export interface SoundWatchOptions {
  /** Now, as a browser stamps what it played. */
  clock: () => number;
  ask: () => Promise<SoundClockAnswer>;
}

const ASK_EVERY_MS = 10_000;
/* At first, and after each change of the node: one question alone may have waited somewhere. */
const FIRST_QUESTIONS = 3;

export class SoundWatch {
  private clock = new SoundClock();
  private heard = new Map<number, Heard[]>();
  private askedAt = -Infinity;
  private asked = 0;
  private refused = false;

  constructor(private readonly options: SoundWatchOptions) {}

  /** What is played just now; ten times a second. */
  hear(now: readonly Heard[]): void {
    for (const one of now) {
      const before = this.heard.get(one.participant) ?? [];
      if (one.playedAt > (before.at(-1)?.playedAt ?? this.options.clock() - 1_000)) {
        this.heard.set(one.participant, [...before.slice(-63), one]);
      }
    }
  }

  /** Participant -> ms from capture to playing, of who was heard since the last look; without what the loudspeaker's
   * buffer adds. Asks the server when it is time to. */
  async look(): Promise<ReadonlyMap<number, number>> {
    const heard = this.heard;
    this.heard = new Map();
    await this.askIfDue([...heard.values()].map((all) => all.at(-1)!));
    const found = new Map<number, number>();
    for (const [participant, all] of heard) {
      const known = all.map((one) => this.clock.latencyOf(one)).filter((ms) => ms !== null);
      if (known.length > 0) {
        /* A browser stamps a packet anew with each 10 ms that it plays of it: the first stamp is the right one. */
        found.set(participant, Math.min(...known));
      }
    }
    return found;
  }

  /** Another node has another clock. */
  renewed(): void {
    this.clock = new SoundClock();
    this.heard = new Map();
    this.askedAt = -Infinity;
    this.asked = 0;
  }

  private async askIfDue(heard: readonly Heard[]): Promise<void> {
    const old = this.options.clock() - this.askedAt >= ASK_EVERY_MS;
    if (this.refused || heard.length === 0 || (!old && heard.every((one) => this.clock.knows(one)))) {
      return;
    }
    this.askedAt = this.options.clock();
    do {
      if (!(await this.askOnce())) {
        return;
      }
      this.asked += 1;
    } while (this.asked < FIRST_QUESTIONS);
  }

  private async askOnce(): Promise<boolean> {
    const clock = this.clock;
    const sentAt = this.options.clock();
    try {
      const answer = await this.options.ask();
      clock.take(sentAt, this.options.clock(), answer);
      return clock === this.clock;
    } catch (cause) {
      /* A server from before this question; anything else may be better next time. */
      this.refused = (cause as VoiceroomError).code === "unknown-message";
      return false;
    }
  }
}

/** The clock by which browsers stamp what they play. */
export function stampClock(): number {
  return performance.timeOrigin + performance.now();
}
