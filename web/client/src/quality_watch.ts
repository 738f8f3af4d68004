/* quality_watch.ts - looks at the connection every two seconds, tells the page, and reports to the server: once
 * soon after coming in, then every half minute. */

import type { PeerStats } from "./peer.js";
import type { Timers } from "./platform.js";
import { mean, qualityBetween, reportOf, UNKNOWN_QUALITY } from "./quality.js";
import type { Quality, QualityReport } from "./quality.js";
import type { Answer } from "./protocol.js";
import { heardOf, SoundWatch, stampClock } from "./sound_clock.js";
import type { SoundClockAnswer } from "./sound_clock.js";
import type { Reading } from "./speaking.js";

const LOOK_MS = 2_000;
const FIRST_REPORT_MS = 6_000;
const REPORT_MS = 30_000;
const ANSWER_MS = 3_000;

export interface QualityWatchOptions {
  timers: Timers;
  stats: () => Promise<PeerStats | null>;
  /** `session:sound-clock`, answered within `timeoutMs` or not at all. */
  ask: (timeoutMs: number) => Promise<Answer>;
  /** As browsers stamp what they play. */
  clock?: () => number;
  onQuality: (quality: Quality) => void;
  /** May fail: a report that is lost is not sent again. */
  send: (report: QualityReport) => Promise<unknown>;
}

export class QualityWatch {
  private shown: Quality = UNKNOWN_QUALITY;
  private before: PeerStats | undefined;
  private reported: PeerStats | undefined;
  private delays: number[] = [];
  private readonly sound: SoundWatch;
  private beganAt: number;
  private times: { joinMs?: number; connectMs?: number } = {};
  private reportAt = Infinity;
  private stop: () => void = () => {};

  constructor(private readonly options: QualityWatchOptions) {
    this.beganAt = options.timers.now();
    this.sound = new SoundWatch({
      clock: options.clock ?? stampClock,
      ask: async () => (await options.ask(ANSWER_MS)).result as unknown as SoundClockAnswer,
    });
  }

  get current(): Quality {
    return this.shown;
  }

  /** The server has let us in. Only the first entry is measured: coming back is another matter. */
  joined(): void {
    if (this.times.joinMs === undefined && this.reportAt === Infinity) {
      this.times.joinMs = this.since();
      this.reportAt = this.options.timers.now() + FIRST_REPORT_MS;
      this.arm();
    }
  }

  connected(): void {
    if (this.times.connectMs === undefined && this.times.joinMs !== undefined) {
      this.times.connectMs = this.since();
    }
  }

  /** A new connection counts from zero. */
  renewed(): void {
    this.before = this.reported = undefined;
    this.sound.renewed();
  }

  /** What is played, ten times a second. */
  hear(readings: readonly Reading[]): void {
    this.sound.hear(heardOf(readings));
  }

  close(): void {
    this.stop();
    this.reportAt = Infinity;
  }

  private since(): number {
    return this.options.timers.now() - this.beganAt;
  }

  private arm(): void {
    this.stop = this.options.timers.after(LOOK_MS, () => {
      void this.look().finally(() => this.reportAt !== Infinity && this.arm());
    });
  }

  private async look(): Promise<void> {
    const heard = await this.sound.look();
    const now = await this.options.stats().catch(() => null);
    if (!now || this.reportAt === Infinity) {
      return;
    }
    if (this.before && now.packetsReceived < this.before.packetsReceived) {
      this.before = this.reported = undefined;
    }
    this.shown = qualityBetween(this.before, now, heard);
    this.delays.push(...this.shown.voices.values());
    this.before = now;
    this.options.onQuality(this.shown);
    if (this.options.timers.now() >= this.reportAt) {
      this.reportAt = this.options.timers.now() + REPORT_MS;
      const quality = { ...qualityBetween(this.reported, now), captureToPlayoutMs: mean(this.delays) };
      const report = reportOf(quality, this.times);
      this.delays = [];
      this.reported = now;
      this.times = { joinMs: undefined, connectMs: undefined };
      await this.options.send(report).catch(() => {});
    }
  }
}
