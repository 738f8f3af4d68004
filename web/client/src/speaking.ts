/* speaking.ts - who speaks now, from what the receivers of the slots report. Pure.
 *
 * A browser keeps a contributing source for 10 s after its last packet, and its clock for them differs
 * between browsers; so a source counts as fresh when its timestamp moved since we last looked. */

export interface Reading {
  participant: number;
  /** 0..1, linear, as RTCRtpContributingSource.audioLevel. */
  level: number;
  timestamp: number;
  /** Which RTP time of which slot was played when, where the browser tells it. */
  played?: { ssrc: number; rtp: number; at: number } | undefined;
}

/** Participant -> level 0..1, only those who speak. */
export type SpeakingLevels = ReadonlyMap<number, number>;

/* About -42 dBov: room noise of a usual microphone stays below it. */
const LOUD_ENOUGH = 0.008;
/* Words have pauses; a ring that blinks at each is no help. */
const HOLD_MS = 400;

interface Voice {
  timestamp: number;
  level: number;
  loudAt: number;
}

export class SpeakingTracker {
  private readonly voices = new Map<number, Voice>();
  private shown: SpeakingLevels = new Map();

  get now(): SpeakingLevels {
    return this.shown;
  }

  /** Levels to show from `now` (ms) on; undefined when nothing changed. */
  update(now: number, readings: readonly Reading[]): SpeakingLevels | undefined {
    for (const reading of readings) {
      this.hear(now, reading);
    }
    const next = new Map<number, number>();
    for (const [participant, voice] of this.voices) {
      if (now - voice.loudAt <= HOLD_MS) {
        next.set(participant, voice.level);
      } else if (now - voice.loudAt > 30_000) {
        this.voices.delete(participant);
      }
    }
    if (same(next, this.shown)) {
      return undefined;
    }
    this.shown = next;
    return next;
  }

  private hear(now: number, reading: Reading): void {
    const voice = this.voices.get(reading.participant) ?? { timestamp: -1, level: 0, loudAt: -Infinity };
    if (reading.timestamp <= voice.timestamp) {
      return;
    }
    voice.timestamp = reading.timestamp;
    if (reading.level >= LOUD_ENOUGH) {
      voice.loudAt = now;
      /* Up at once, down softly. */
      voice.level = Math.max(reading.level, voice.level * 0.6);
    } else {
      voice.level *= 0.6;
    }
    this.voices.set(reading.participant, voice);
  }
}

function same(a: SpeakingLevels, b: SpeakingLevels): boolean {
  if (a.size !== b.size) {
    return false;
  }
  for (const [participant, level] of a) {
    const other = b.get(participant);
    if (other === undefined || Math.abs(other - level) > 0.01) {
      return false;
    }
  }
  return true;
}

/** A level of RFC 6464 (0 loudest, 127 silence, in -dBov) as 0..1. */
export function levelFromDbov(dbov: number): number {
  return dbov >= 127 ? 0 : 10 ** (-dbov / 20);
}

/** 0..1 as a step 0..4 for a ring: -42 dBov and below is 0, about -12 and above is 4. */
export function levelStep(level: number): number {
  if (level < LOUD_ENOUGH) {
    return 0;
  }
  const db = 20 * Math.log10(level);
  return Math.min(4, Math.max(1, 1 + Math.floor((db + 42) / 8)));
}
