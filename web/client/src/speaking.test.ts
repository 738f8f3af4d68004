/* Goal: rings follow speech: on at the first loud packet, off after a pause, not fooled by old sources. */

import { expect, it } from "vitest";
import { levelFromDbov, levelStep, SpeakingTracker } from "./speaking.js";

it("shows who is loud, and drops him after the pause", () => {
  const tracker = new SpeakingTracker();
  expect(tracker.update(0, [{ participant: 7, level: 0.2, timestamp: 1 }])).toEqual(new Map([[7, 0.2]]));
  expect(tracker.update(100, [{ participant: 7, level: 0.2, timestamp: 2 }])).toBeUndefined();
  expect(tracker.update(400, [])).toBeUndefined();
  expect(tracker.update(600, [])).toEqual(new Map());
});

it("does not take a source that stays in the list for speech", () => {
  const tracker = new SpeakingTracker();
  tracker.update(0, [{ participant: 7, level: 0.2, timestamp: 5 }]);
  for (let now = 100; now <= 500; now += 100) {
    tracker.update(now, [{ participant: 7, level: 0.2, timestamp: 5 }]);
  }
  expect(tracker.update(600, [{ participant: 7, level: 0.2, timestamp: 5 }])).toBeUndefined();
  expect(tracker.update(700, [{ participant: 7, level: 0.2, timestamp: 6 }])).toEqual(new Map([[7, 0.2]]));
});

it("silence and room noise make no ring", () => {
  const tracker = new SpeakingTracker();
  expect(tracker.update(0, [{ participant: 7, level: 0, timestamp: 1 }])).toBeUndefined();
  expect(tracker.update(100, [{ participant: 7, level: 0.004, timestamp: 2 }])).toBeUndefined();
});

it("levels of RFC 6464 and steps of the ring", () => {
  expect(levelFromDbov(0)).toBe(1);
  expect(levelFromDbov(127)).toBe(0);
  expect(levelFromDbov(20)).toBeCloseTo(0.1);
  expect([0, 0.005, 0.01, 0.03, 0.1, 0.3, 1].map(levelStep)).toEqual([0, 0, 1, 2, 3, 4, 4]);
});
