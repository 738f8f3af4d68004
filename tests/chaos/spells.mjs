// What acts that were asked without pause say about a fault: pure, times in milliseconds of one clock.

const NOTICED = 1000; // who waits less than that for an answer has not been refused anything

/**
 * `acts`: [{t0, t1, good}], t1 undefined while there is no answer; the fault was there from `begin` to `healed`; looked at until `end`.
 * {pause: the longest time without an acknowledged act, lost: whether one was noticed, during: from the beginning of the fault until acts
 *  are acknowledged again for as long as it lasts, undefined when that was not before healing, after: from healing until they are}
 */
export function control(acts, begin, healed, end) {
  const good = acts.filter((a) => a.good && a.t1 >= begin && a.t1 <= end).map((a) => a.t1).sort((a, b) => a - b);
  const pauses = [];
  let from = begin;
  for (const t of [...good, end]) {
    pauses.push({ from, to: t, ms: t - from });
    from = t;
  }
  const noticed = pauses.filter((p) => p.ms > NOTICED && p.from < healed);
  const seen = { pause: Math.max(...pauses.map((p) => p.ms)), lost: noticed.length > 0 };
  const until = noticed.at(-1);
  if (until === undefined) return seen;
  if (until.to < healed) return { ...seen, during: until.to - begin };
  return { ...seen, after: until === pauses.at(-1) ? Infinity : until.to - healed }; // the last one ends where nobody looked any more
}

/** Of gaps [{ear, mouth, ms}] between people at nodes: the longest among those who stay, and the longest with somebody at `away`. */
export function gapsBy(gaps, away) {
  const longest = (list) => (list.length === 0 ? undefined : Math.max(...list.map((g) => g.ms)));
  const touches = (g) => g.ear.node === away || g.mouth.node === away;
  return { among: longest(gaps.filter((g) => !touches(g))), across: longest(gaps.filter((g) => touches(g) && g.ear.node !== g.mouth.node)) };
}
