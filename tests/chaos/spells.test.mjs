// What is told of a fault is what the acts say: never lost, lost and back while it lasts, back only when it is over, never back.
import assert from 'node:assert/strict';
import test from 'node:test';
import { control, gapsBy } from './spells.mjs';

/** Acts each 100 ms from 0 on, answered at once but for those asked within one of `away`. */
const acts = (end, ...away) => [...Array(end / 100).keys()].map((i) => 100 * i)
  .map((t0) => ({ t0, t1: t0 + 5, good: !away.some(([from, to]) => t0 >= from && t0 < to) }));

test('control that was never lost is said to be so', () => {
  const { pause, ...rest } = control(acts(10000), 1000, 8000, 9990);
  assert.deepEqual(rest, { lost: false });
  assert.ok(pause <= 100, `${pause}`);
});
test('control that comes back while the fault lasts is told from its beginning', () => assert.deepEqual(
  control(acts(12000, [1000, 6000]), 1000, 9000, 11990), { pause: 5005, lost: true, during: 5005 }));
test('one that is lost later too: until the last time', () => assert.equal(
  control(acts(12000, [1000, 2000], [5000, 7000]), 1000, 9000, 11990).during, 6005));
test('control that comes back after healing is told from there', () => assert.deepEqual(
  control(acts(12000, [3000, 9500]), 1000, 9000, 11990), { pause: 6600, lost: true, after: 505 }));
test('control that does not come back is no figure', () => assert.equal(control(acts(12000, [3000, 12000]), 1000, 9000, 12000).after, Infinity));
test('an answer that never came and one that came late do not count before they are there', () => {
  const late = [{ t0: 1100, t1: 4000, good: true }, { t0: 1200, good: false }];
  assert.equal(control([...late, { t0: 4050, t1: 4400, good: true }], 1000, 4300, 4450).during, 3000);
});
test('a pause after healing is not the fault\'s', () => assert.deepEqual(
  control(acts(12000, [9100, 10000]), 1000, 9000, 11990), { pause: 1000, lost: false }));

test('gaps are told apart: among those who stay, and with those at the node that is away', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((node) => ({ node }));
  const gaps = [{ ear: b, mouth: c, ms: 20 }, { ear: c, mouth: b, ms: 10 }, { ear: a, mouth: b, ms: 9000 }, { ear: b, mouth: a, ms: 9100 }];
  assert.deepEqual(gapsBy(gaps, 'a'), { among: 20, across: 9100 });
  assert.deepEqual(gapsBy(gaps.slice(0, 2), 'a'), { among: 20, across: undefined });
  assert.deepEqual(gapsBy([], 'a'), { among: undefined, across: undefined });
});
