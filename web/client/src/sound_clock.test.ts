/* Goal: from the server's clock, its talkers' RTP time and the browser's stamps comes how long speech took, and nothing
 * where one of them is missing. */

import { describe, expect, it } from "vitest";
import { VoiceroomError } from "./errors.js";
import { SoundClock, SoundWatch } from "./sound_clock.js";
import type { SoundClockAnswer } from "./sound_clock.js";

const SSRC = 0x51000001;

function answer(at: number, slots: Partial<SoundClockAnswer["slots"][number]>[] = [{}]): SoundClockAnswer {
  return { asked_ms: at, at_ms: at, slots: slots.map((slot) => ({ ssrc: SSRC, participant: 7, rtp: 1_000, captured_ms: at - 50, ...slot })) };
}

describe("SoundClock", () => {
  it.each([0, 86_400_000, -1_790_000_000_000])("any offset between the clocks (%d ms) will do", (offset) => {
    const clock = new SoundClock();
    /* Said 50 ms before the answer, which was made at 10 010 of our clock. */
    clock.take(10_000, 10_020, answer(10_010 + offset));
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 10_080 })).toBeCloseTo(120, 3);
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000 + 48 * 500, playedAt: 10_580 })).toBeCloseTo(120, 3);
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000 - 20, playedAt: 10_080 })).toBeCloseTo(120.417, 3);
  });

  it("RTP time wraps", () => {
    const clock = new SoundClock();
    clock.take(10_000, 10_020, answer(10_010, [{ rtp: 0xffff_ff00 }]));
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 480 - 0x100, playedAt: 10_090 })).toBeCloseTo(120, 3);
    clock.take(10_000, 10_020, answer(10_010, [{ rtp: 480 - 0x100 }]));
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 0xffff_ff00, playedAt: 10_070 })).toBeCloseTo(120, 3);
  });

  it("the quickest question says how the clocks stand, and the newest what was said when", () => {
    const clock = new SoundClock();
    clock.take(10_000, 10_010, answer(5_005));
    clock.take(20_000, 20_400, answer(15_399)); /* it came back at once, and had waited on its way there */
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 20_400 })).toBeCloseTo(51, 3);
    clock.take(150_000, 150_100, answer(145_050)); /* clocks drift: the first one is too old by now */
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 150_050 })).toBeCloseTo(50, 3);
  });

  it("what the server waited for another one is not on the way", () => {
    const clock = new SoundClock();
    clock.take(10_000, 11_020, { ...answer(6_010), asked_ms: 5_010 });
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 11_080 })).toBeCloseTo(120, 3);
  });

  it("who is not in the answer, or in another slot, is not timed", () => {
    const clock = new SoundClock();
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 10_080 })).toBeNull();
    clock.take(10_000, 10_020, answer(10_010));
    expect(clock.latencyOf({ ssrc: SSRC, participant: 8, rtp: 1_000, playedAt: 10_080 })).toBeNull();
    expect(clock.latencyOf({ ssrc: SSRC + 1, participant: 7, rtp: 1_000, playedAt: 10_080 })).toBeNull();
  });

  it("what can't be is not told", () => {
    const clock = new SoundClock();
    clock.take(10_000, 10_020, answer(10_010));
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 9_900 })).toBeNull();
    expect(clock.latencyOf({ ssrc: SSRC, participant: 7, rtp: 1_000, playedAt: 30_000 })).toBeNull();
  });
});

describe("SoundWatch", () => {
  function world(ask: (at: number) => Promise<SoundClockAnswer> = async (at) => answer(at)) {
    const state = { now: 1_000_000, asked: 0 };
    const watch = new SoundWatch({
      clock: () => state.now,
      ask: () => {
        state.asked += 1;
        return ask(state.now);
      },
    });
    const hear = (late: number, participant = 7) => watch.hear([{ ssrc: SSRC, participant, rtp: 1_000, playedAt: state.now - late }]);
    return { state, watch, hear };
  }

  it("is silent as long as nobody is heard, asks three times at first, then now and then", async () => {
    const { state, watch, hear } = world();
    expect(await watch.look()).toEqual(new Map());
    expect(state.asked).toBe(0);
    hear(0);
    await watch.look();
    expect(state.asked).toBe(3);
    for (let i = 0; i < 10; i += 1) {
      state.now += 2_000;
      hear(0);
      await watch.look();
    }
    expect(state.asked).toBe(5);
  });

  it("tells the first stamp of each, and nothing of who stopped", async () => {
    const { state, watch, hear } = world();
    hear(0);
    state.now += 10;
    hear(0);
    expect(await watch.look()).toEqual(new Map([[7, 40]]));
    state.now += 2_000;
    hear(2_000); /* the old source, which stays in the list for 10 s */
    expect(await watch.look()).toEqual(new Map());
  });

  it("asks at once for somebody new", async () => {
    const { state, watch, hear } = world();
    hear(0);
    await watch.look();
    state.now += 2_000;
    hear(0, 8);
    expect(await watch.look()).toEqual(new Map());
    expect(state.asked).toBe(4);
  });

  it("begins anew at another node", async () => {
    const { state, watch, hear } = world();
    hear(0);
    await watch.look();
    watch.renewed();
    hear(0);
    await watch.look();
    expect(state.asked).toBe(6);
  });

  it("asks an older server once, and goes on asking where it only failed", async () => {
    for (const [code, times] of [["unknown-message", 1], ["client-offline", 2]] as const) {
      const { state, watch, hear } = world(() => Promise.reject(new VoiceroomError({ code })));
      hear(0);
      expect(await watch.look()).toEqual(new Map());
      state.now += 11_000;
      hear(0);
      expect(await watch.look()).toEqual(new Map());
      expect(state.asked).toBe(times);
    }
  });
});
