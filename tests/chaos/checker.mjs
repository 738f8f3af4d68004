// Judges the history of a run: what clients asked, what they were answered, what they saw and heard. Pure: a list of records
// in, a list of sentences out, empty when all is well. Times are milliseconds of one monotonic clock.
//
//   {kind: 'act', t0, t1, client, room, what, target, value, outcome: 'ok' | 'refused' | 'unknown', epoch, sequence, provisional, unconfirmed}
//        unconfirmed: the answer said that not all shards have closed yet; they do on first contact.
//        what: 'mute' | 'role' | 'ban'; value: what it is afterwards. 'unknown': no answer came; it may have happened, even later.
//   {kind: 'event', t, client, room, epoch, sequence, type}
//   {kind: 'gone', t, client, room, participant, waited}: his place had been given up, `waited` ms after he was last in it; he joined anew
//   {kind: 'late', t, ms}: this machine came to look `ms` later than it meant to
//   {kind: 'heard', t, room, listener, speaker}
//   {kind: 'fault', t, name}   {kind: 'undone', t}, of the fault before it   {kind: 'healed', t}
//   {kind: 'final', t, client, room, digest, mutes: {participant: bool}, roles: {participant: role}, bans: [user]}

const after = (a, b) => a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);
const place = (r) => `(${r.epoch}, ${r.sequence})`;
const SILENT_WITHIN = 500; // invariant 2, across nodes
const BUFFERED = 400; // sound already in a receiver's buffer does not count; `expected.buffered` says otherwise
const AGREE_WITHIN = 10000;
const CONTACT_WITHIN = 5000; // invariant 4: once they reach each other
const GRACE = 15000; // grace_s of the nodes
const SLACK = 1000;

const by = (list, key) => {
  const groups = new Map();
  for (const item of list) {
    const name = key(item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
};

/** (a) One order of effects: nobody sees it go back, nobody sees another effect in the same place. */
function oneOrder(events) {
  const faults = [];
  const seen = new Map();
  for (const [who, list] of by(events, (e) => `${e.client} in ${e.room}`)) {
    let last = null;
    for (const event of list) {
      if (last && after(last, event)) faults.push(`(a) ${who} saw ${event.type} ${place(event)} after ${last.type} ${place(last)}`);
      last = event;
      const name = `${event.room} ${place(event)}`;
      if (seen.has(name) && seen.get(name) !== event.type) {
        faults.push(`(a) ${name} is ${seen.get(name)} for one and ${event.type} for ${event.client}`);
      }
      seen.set(name, event.type);
    }
  }
  return faults;
}

/** (b) Once an effect of a newer epoch was acknowledged, none of an older one is begun and acknowledged. */
function fenced(acts) {
  const faults = [];
  for (const [room, list] of by(acts.filter((a) => a.outcome === 'ok' && !a.provisional), (a) => a.room)) {
    const ends = [...list].sort((a, b) => a.t1 - b.t1);
    for (const act of list) {
      const newer = ends.find((other) => other.t1 < act.t0 && other.epoch > act.epoch);
      if (newer) {
        faults.push(`(b) ${room}: ${act.what} of epoch ${act.epoch} asked at ${act.t0} was acknowledged, `
          + `after epoch ${newer.epoch} had acknowledged one at ${newer.t1}`);
      }
    }
  }
  return faults;
}

/** What a subject may be at the end: by the last acknowledged act, and by those whose outcome nobody knows. Who joined anew after
 *  his place was given up has lost the role that he was given before. */
function mayBe(acts, gone) {
  const values = allowed(acts);
  if (gone.some((g) => acts.every((a) => a.outcome === 'refused' || a.t0 < g.t))) values.add('listener');
  return values;
}

function allowed(acts) {
  const known = acts.filter((a) => a.outcome === 'ok' && !a.provisional);
  // A ban is no event that all see, so several acts may stand in one place: then the one that was asked later is the last.
  const later = (act, best) => after(act, best) || (!after(best, act) && act.t0 > best.t0);
  const last = known.reduce((best, act) => (best === null || later(act, best) ? act : best), null);
  const open = acts.filter((a) => a.outcome === 'unknown');
  // A provisional act is taken over by the next owner in an epoch of its own: it stands unless an act after it undid it.
  const marks = acts.filter((a) => a.outcome === 'ok' && a.provisional);
  const values = new Set(open.map((a) => a.value));
  const lastMark = marks.reduce((best, act) => (best === null || act.t1 > best.t1 ? act : best), null);
  if (lastMark && (last === null || last.t0 <= lastMark.t1)) {
    values.add(lastMark.value);
    if (last !== null && last.t1 >= lastMark.t0) values.add(last.value); // side by side: either order
  } else if (last !== null) {
    values.add(last.value);
  } else {
    values.add(undefined); // nothing that is certain: as it began
  }
  return values;
}

function finalValue(state, what, target) {
  if (what === 'mute') return state.mutes[target];
  if (what === 'role') return state.roles[target];
  return state.bans.includes(target);
}

/** (c) No acknowledged change is lost; provisional ones hold once all is healed. */
function nothingLost(acts, finals, gone) {
  const faults = gone.filter((g) => g.waited < GRACE - SLACK).map((g) => (
    `(c) ${g.room}: the place of ${g.client} was given up ${Math.round(g.waited)} ms after he was lost, ${GRACE} are promised`));
  for (const [, list] of by(acts, (a) => `${a.room} ${a.what} ${a.target}`)) {
    const { room, what, target } = list[0];
    const values = mayBe(list, what === 'role' ? gone.filter((g) => g.room === room && g.participant === target) : []);
    for (const state of finals.filter((f) => f.room === room)) {
      const is = finalValue(state, what, target);
      const gone = what !== 'ban' && is === undefined; // banned or left: no place to look at
      if (!values.has(undefined) && !gone && !values.has(is)) {
        faults.push(`(c) ${room}: ${what} of ${target} is ${is} for ${state.client}, acknowledged was ${[...values].join(' or ')}`);
      }
    }
  }
  return faults;
}

/** (d) All agree within 10 s after healing. */
function oneState(finals, healed) {
  const faults = [];
  for (const [room, list] of by(finals, (f) => f.room)) {
    const digests = by(list, (f) => f.digest);
    if (digests.size > 1) {
      faults.push(`(d) ${room}: ${[...digests].map(([digest, who]) => `${digest} for ${who.map((w) => w.client).join(', ')}`).join('; ')}`);
    }
    for (const state of list) {
      if (healed !== undefined && state.t - healed > AGREE_WITHIN) {
        faults.push(`(d) ${room}: ${state.client} needed ${Math.round(state.t - healed)} ms after healing`);
      }
    }
  }
  return faults;
}

const SILENCES = { mute: (v) => v === true, role: (v) => v === 'listener', ban: (v) => v === true };

/** Pairs of times: each fault, from its beginning until it was undone, which it is before the next one. */
function spans(history) {
  const list = [];
  for (const { kind, t } of history) {
    if (list.length > 0 && list.at(-1)[1] === Infinity && ['fault', 'undone', 'healed'].includes(kind)) list.at(-1)[1] = t;
    if (kind === 'fault') list.push([t, Infinity]);
  }
  return list;
}

/** From when on nobody hears him: the answer; where a shard had not confirmed, the end of the fault that keeps it away. */
function silentFrom(act, between) {
  const kept = act.unconfirmed ? between.find(([from, to]) => from <= act.t1 && act.t1 <= to + CONTACT_WITHIN) : undefined;
  return kept === undefined ? act.t1 : kept[1] + CONTACT_WITHIN;
}

/** When each closing act must have come true. One that repeats another changes nothing, and waits for the same shards as that. */
function deadlines(order, between) {
  const standing = new Map();
  const from = new Map();
  for (const act of order) {
    const name = `${act.room} ${act.what} ${act.target}`;
    if (!SILENCES[act.what](act.value)) {
      standing.delete(name);
    } else if (act.outcome === 'ok') {
      if (act.unconfirmed) standing.set(name, act);
      from.set(act, Math.max(silentFrom(act, between), standing.has(name) ? silentFrom(standing.get(name), between) : 0));
    }
  }
  return from;
}

/** (e) Who was silenced is not heard: from the answer on, until something that opens is asked for. Time in which this machine
 *  stood still is nobody's. */
function silent(acts, heard, buffered, between, late) {
  const faults = [];
  const order = [...acts].filter((a) => a.outcome !== 'refused').sort((a, b) => a.t0 - b.t0);
  const from = deadlines(order, between);
  const stood = (t0, t1) => late.filter((l) => l.t >= t0 && l.t <= t1).reduce((sum, l) => sum + l.ms, 0);
  for (const [act, start] of from) {
    const opened = order.find((o) => o.room === act.room && o.target === act.target && o.what === act.what
      && !SILENCES[o.what](o.value) && o.t1 > act.t0);
    const until = opened === undefined ? Infinity : opened.t0;
    const bad = heard.find((h) => h.room === act.room && h.speaker === act.target
      && h.t > start + SILENT_WITHIN + buffered + stood(act.t0, h.t) && h.t < until);
    if (bad) {
      faults.push(`(e) ${act.room}: ${act.target} was heard by ${bad.listener} ${Math.round(bad.t - act.t1)} ms after the answer to ${act.what}, `
        + `in which the machine stood still for ${Math.round(stood(act.t0, bad.t))} ms`);
    }
  }
  return faults;
}

/** `expected`: {acknowledged: least number of acknowledged changes, faults: [names that must have been fired], buffered: ms} */
export function check(history, expected = {}) {
  const of = (kind) => history.filter((r) => r.kind === kind);
  const acts = of('act');
  const finals = of('final');
  const healed = of('healed').at(-1)?.t;
  const faults = [
    ...oneOrder(of('event')), ...fenced(acts), ...nothingLost(acts, finals, of('gone')), ...oneState(finals, healed),
    ...silent(acts, of('heard'), expected.buffered ?? BUFFERED, spans(history), of('late')),
  ];
  const acknowledged = acts.filter((a) => a.outcome === 'ok').length;
  if (acknowledged < (expected.acknowledged ?? 0)) {
    faults.push(`only ${acknowledged} changes were acknowledged, ${expected.acknowledged} are needed for a verdict`);
  }
  const fired = new Set(of('fault').map((f) => f.name));
  for (const name of expected.faults ?? []) if (!fired.has(name)) faults.push(`the fault "${name}" was never fired`);
  if (finals.length === 0) faults.push('nobody told a final state');
  return faults;
}
