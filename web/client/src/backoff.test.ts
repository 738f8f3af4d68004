/* Goal: waits grow, never above the limit, spread over the whole range, and honour Retry-After. */

import { expect, it } from "vitest";
import { Backoff, patientBackoff } from "./backoff.js";

it("doubles the range up to the limit", () => {
  const backoff = new Backoff({ random: () => 0.999999 });
  expect([1, 2, 3, 4, 5, 6, 7].map(() => backoff.next())).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
});

it("draws from the whole range, but never spins", () => {
  const backoff = new Backoff({ random: () => 0 });
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([0, 50, 50]);
  const half = new Backoff({ random: () => 0.5 });
  expect(half.next()).toBe(125);
});

it("waits at least as long as the server asks, with jitter on top", () => {
  expect(new Backoff({ random: () => 0.5 }).next(3000)).toBe(3125);
});

it("starts again after reset, and survives a long outage", () => {
  const backoff = new Backoff({ random: () => 0.999999 });
  for (let tries = 0; tries < 3000; tries += 1) {
    expect(backoff.next()).toBeLessThanOrEqual(5000);
  }
  backoff.reset();
  expect(backoff.next()).toBe(250);
});

it("looks at once, and often, for a restarted node, within 2 s for a minute, and is patient only after that", () => {
  const backoff = patientBackoff(() => 0.999999);
  const waits = Array.from({ length: 76 }, () => backoff.next());
  expect(waits.slice(0, 6)).toEqual([100, 200, 400, 500, 500, 500]);
  expect(Math.max(...waits.slice(0, 66))).toBe(2000);
  expect(Math.max(...waits)).toBe(5000);
  backoff.reset();
  expect(backoff.next()).toBe(100);
});
