/* Goal: the grade is what a listener would say, and the report holds only what was measured. */

import { describe, expect, it } from "vitest";
import type { PeerStats } from "./peer.js";
import { qualityBetween, reportOf, UNKNOWN_QUALITY } from "./quality.js";
import { QualityWatch } from "./quality_watch.js";
import { FakeTimers } from "./testing/fake-platform.js";

function stats(fields: Partial<PeerStats> = {}): PeerStats {
  return {
    roundTripMs: 30, packetsReceived: 0, packetsLost: 0, packetsSent: 0, jitterMs: 5, concealed: 0, samples: 0,
    latencyMs: null, playoutMs: 0, arrived: 0, ...fields,
  };
}

describe("qualityBetween", () => {
  const start = stats({ packetsReceived: 1000, packetsLost: 50, samples: 480_000, concealed: 9_000 });
  const after = (received: number, lost: number, concealed: number, more: Partial<PeerStats> = {}) =>
    qualityBetween(start, stats({
      packetsReceived: 1000 + received, packetsLost: 50 + lost, samples: 576_000, concealed: 9_000 + concealed, ...more,
    }));

  it.each([
    [after(100, 0, 0), "good"],
    [after(100, 4, 0), "fair"],
    [after(80, 20, 0), "poor"],
    [after(100, 0, 7_000), "fair"],
    [after(100, 0, 4_000), "good"],
    [after(100, 0, 20_000), "poor"],
    [after(100, 0, 0, { roundTripMs: 400 }), "fair"],
    [after(100, 0, 0, { jitterMs: 200 }), "poor"],
    [after(0, 0, 50_000), "good"],
    [qualityBetween(undefined, stats({ roundTripMs: null })), "unknown"],
  ])("%j is %s", (quality, grade) => {
    expect(quality.grade).toBe(grade);
  });

  it("what happened before does not count", () => {
    expect(after(100, 0, 0)).toMatchObject({ loss: 0, concealment: 0 });
    expect(after(0, 0, 0)).toMatchObject({ loss: null, concealment: null });
  });
});

it("what waits for the loudspeaker is part of each voice's delay", () => {
  const quality = qualityBetween(undefined, stats({ playoutMs: 12 }), new Map([[7, 90], [8, 110]]));
  expect([...quality.voices]).toEqual([[7, 102], [8, 122]]);
  expect(reportOf(quality, {})).toMatchObject({ capture_to_playout_ms: 112 });
  expect(qualityBetween(undefined, stats()).captureToPlayoutMs).toBeNull();
});

it("a report leaves out what was not measured, and is rounded", () => {
  expect(reportOf(UNKNOWN_QUALITY, {})).toEqual({});
  const quality = { ...UNKNOWN_QUALITY, loss: 1 / 3, concealment: 0, jitterMs: 4.6, roundTripMs: 20.2, latencyMs: -3 };
  expect(reportOf(quality, { joinMs: 80.4, connectMs: 190 })).toEqual({
    join_ms: 80, connect_ms: 190, loss: 0.3333, concealment: 0, jitter_ms: 5, rtt_ms: 20,
  });
});

describe("QualityWatch", () => {
  it("reports the mean delay of all who were heard since the last report", async () => {
    const timers = new FakeTimers();
    const sent: { capture_to_playout_ms?: number }[] = [];
    const watch = new QualityWatch({
      timers,
      clock: () => timers.now(),
      stats: async () => stats(),
      ask: async () => {
        const slots = [7, 8].map((participant) => ({ ssrc: participant, participant, rtp: timers.now() * 48, captured_ms: timers.now() - 80 }));
        return { type: "session:sound-clock", id: "1", ok: true, result: { asked_ms: timers.now(), at_ms: timers.now(), slots } };
      },
      onQuality: () => {},
      send: async (report) => sent.push(report),
    });
    const hear = (participant: number, late: number) =>
      watch.hear([
        { participant, level: 0.5, timestamp: timers.now(), played: { ssrc: participant, rtp: timers.now() * 48, at: timers.now() - late } },
        { participant: 9, level: 1, timestamp: timers.now() }, /* a browser that does not tell RTP time */
      ]);
    await timers.advance(10_000);
    watch.joined();
    await timers.advance(1_990);
    hear(7, 0);
    await timers.advance(2_000);
    hear(7, 10);
    hear(8, 0);
    await timers.advance(2_010);
    await timers.advance(30_000);
    expect(sent.map((report) => report.capture_to_playout_ms)).toEqual([77, undefined]) /* of 80, 70 and 80 */;
    watch.close();
  });

  it("looks every two seconds, reports soon and then each half minute, and is silent once closed", async () => {
    const timers = new FakeTimers();
    const told: string[] = [];
    const sent: object[] = [];
    let count = 0;
    const watch = new QualityWatch({
      timers,
      stats: async () => stats({ packetsReceived: (count += 100), samples: count * 960 }),
      ask: () => Promise.reject(new Error("nobody was heard")),
      onQuality: (quality) => told.push(quality.grade),
      send: async (report) => sent.push(report),
    });
    await timers.advance(70);
    watch.joined();
    await timers.advance(50);
    watch.connected();
    await timers.advance(6_000);
    expect(told).toEqual(["good", "good", "good"]);
    expect(sent).toEqual([{ join_ms: 70, connect_ms: 120, loss: 0, concealment: 0, jitter_ms: 5, rtt_ms: 30 }]);
    await timers.advance(30_000);
    expect(sent).toHaveLength(2);
    expect(sent[1]).not.toHaveProperty("join_ms");
    watch.close();
    await timers.advance(60_000);
    expect(sent).toHaveLength(2);
  });
});
