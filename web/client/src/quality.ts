/* quality.ts - how good the sound is, from two looks at the statistics of the connection. Pure.
 *
 * Judged by what is heard: the part of the sound that was made up (concealment) first, then loss and delay.
 * The same numbers go to the server as a report, so that who runs it sees what people hear. */

import type { PeerStats } from "./peer.js";

export type QualityGrade = "good" | "fair" | "poor" | "unknown";

export interface Quality {
  grade: QualityGrade;
  /** Of the packets since the last look, 0..1; null: none were expected. */
  loss: number | null;
  /** Part of the sound that was made up for want of packets, 0..1, silence left out. */
  concealment: number | null;
  jitterMs: number;
  roundTripMs: number | null;
  /** From the server's sending to playing, as peer.ts measures it. */
  latencyMs: number | null;
  /** From the speakers' microphones to the own ear, by their sender reports: the mean of who was heard. null: nobody
   * was, or the server does not tell (sound_clock.ts). */
  captureToPlayoutMs: number | null;
  /** The same for each of them. */
  voices: ReadonlyMap<number, number>;
}

export const UNKNOWN_QUALITY: Quality = {
  grade: "unknown", loss: null, concealment: null, jitterMs: 0, roundTripMs: null, latencyMs: null,
  captureToPlayoutMs: null, voices: new Map(),
};

/* Below these a listener notices nothing; above the second they lose words. Concealment of 5 % is a gap of 100 ms
 * in two seconds. */
const limits = {
  concealment: [0.05, 0.15],
  loss: [0.03, 0.1],
  roundTripMs: [250, 600],
  jitterMs: [40, 120],
} as const;

/** `heard`: participant -> ms from capture to what the decoder gave out. */
export function qualityBetween(before: PeerStats | undefined, now: PeerStats, heard: ReadonlyMap<number, number> = new Map()): Quality {
  const voices = new Map([...heard].map(([participant, ms]) => [participant, ms + now.playoutMs]));
  const received = now.packetsReceived - (before?.packetsReceived ?? 0);
  const lost = Math.max(0, now.packetsLost - (before?.packetsLost ?? 0));
  const samples = now.samples - (before?.samples ?? 0);
  const concealed = Math.max(0, now.concealed - (before?.concealed ?? 0));
  const measured = {
    loss: received + lost > 0 ? lost / (received + lost) : null,
    /* Slots in which nobody speaks play silence: it is no sound that could have been concealed. */
    concealment: received > 0 && samples > 0 ? Math.min(1, concealed / samples) : null,
    jitterMs: now.jitterMs,
    roundTripMs: now.roundTripMs,
    latencyMs: now.latencyMs,
    captureToPlayoutMs: mean([...voices.values()]),
    voices,
  };
  return { ...measured, grade: gradeOf(measured) };
}

function gradeOf(measured: Omit<Quality, "grade">): QualityGrade {
  if (measured.loss === null && measured.roundTripMs === null) {
    return "unknown";
  }
  let worst = 0;
  for (const name of ["concealment", "loss", "roundTripMs", "jitterMs"] as const) {
    const value = measured[name] ?? 0;
    worst = Math.max(worst, value > limits[name][1] ? 2 : value > limits[name][0] ? 1 : 0);
  }
  return (["good", "fair", "poor"] as const)[worst]!;
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What `room:quality` carries (docs/protocol.md "Quality reports"). Absent: not measured. */
export interface QualityReport {
  join_ms?: number;
  connect_ms?: number;
  loss?: number;
  concealment?: number;
  jitter_ms?: number;
  rtt_ms?: number;
  latency_ms?: number;
  capture_to_playout_ms?: number;
}

export function reportOf(quality: Quality, times: { joinMs?: number; connectMs?: number }): QualityReport {
  const report: QualityReport = {
    join_ms: whole(times.joinMs),
    connect_ms: whole(times.connectMs),
    loss: part(quality.loss),
    concealment: part(quality.concealment),
    jitter_ms: quality.loss === null ? undefined : whole(quality.jitterMs),
    rtt_ms: whole(quality.roundTripMs),
    latency_ms: whole(quality.latencyMs),
    capture_to_playout_ms: whole(quality.captureToPlayoutMs),
  };
  return JSON.parse(JSON.stringify(report)) as QualityReport;
}

function whole(value: number | null | undefined): number | undefined {
  return value === null || value === undefined || !Number.isFinite(value) || value < 0 ? undefined : Math.round(value);
}

function part(value: number | null): number | undefined {
  return value === null ? undefined : Math.round(Math.min(1, value) * 10_000) / 10_000;
}
