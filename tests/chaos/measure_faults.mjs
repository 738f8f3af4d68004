// Each fault of the nemesis by itself, several times: what survivors hear of each other, when the room decides again, and how long
// after healing all tell the same. `make chaos-figures FIGURES="faults=5"`; `faults=5,2` measures the third row alone.
import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../lib/client.mjs';
import { Peers } from '../lib/peers.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { now } from './clients.mjs';
import { FAULTS } from './faults.mjs';
import { keep, percentile, say, Scene } from './figures.mjs';
import { control, gapsBy } from './spells.mjs';
import { heard, talker } from './talkers.mjs';

const OWNER = 'owner';
const OTHER = 'other';

/** `at`: which node it strikes; `away`: control is not there while it lasts, as it is meant; `dies`: nobody can sit there. */
const ROWS = [
  { row: 'nothing (what this machine adds)' },
  { row: 'owner killed', fault: 'node killed', at: OWNER, dies: true },
  { row: 'another node killed', fault: 'node killed', at: OTHER, dies: true },
  { row: 'owner stopped', fault: 'node stopped', at: OWNER },
  { row: 'owner cut off', fault: 'network split', at: OWNER },
  { row: 'another node cut off', fault: 'network split', at: OTHER },
  { row: 'owner deaf, but heard', fault: 'one-way split', at: OWNER },
  { row: 'etcd leader killed', fault: 'etcd leader killed' },
  { row: 'etcd leader stopped', fault: 'etcd leader stopped' },
  { row: 'etcd without quorum', fault: 'etcd without quorum', away: true },
  { row: 'owner\'s disk full', fault: 'disk full', at: OWNER, away: true },
  { row: 'another node\'s disk full', fault: 'disk full', at: OTHER },
];

const LOOKED_AT = 8000; // ms; a lease ends within 6 s, so what a fault does has begun by then
const BACK_FOR = 1500; // ms for which control is there again before the fault is ended
const AT_MOST = 16000; // ms for a fault that keeps control away
const ACT_EVERY = 125; // ms; a session may send 50 messages in 5 s
const TRIES = 3;
const HEAL_WITHIN = 30000;
const GAP = 60; // ms; less is no gap
const GOALS = { among: GAP, control95: 8000, control: 12000, one: 10000 };

/** Mutes and unmutes without pause, and without waiting for answers. Of the two an unmute is what needs an owner who can keep what he
 *  decides: a mute goes on where it is only provisional, and where the disk is full. */
class Acts {
  constructor(host, target) { Object.assign(this, { host, target, list: [], going: true, loop: null }); }

  begin() {
    this.loop = (async () => {
      for (let i = 0; this.going; i++) {
        const act = { t0: now() };
        const opens = i % 2 === 1;
        if (opens) this.list.push(act);
        this.host.ask(opens ? 'room:unmute' : 'room:mute', { participant: this.target.id }).then((answer) => {
          Object.assign(act, { t1: now(), good: answer.type !== 'room:error' && answer.provisional !== true, why: answer.code ?? (answer.provisional ? 'provisional' : 'ok') });
        }, (error) => Object.assign(act, { why: error.message }));
        await sleep(ACT_EVERY);
      }
    })();
    return this;
  }

  /** Since when acts are acknowledged; undefined: they are not. */
  backSince() {
    const known = this.list.filter((a) => a.why !== undefined);
    const bad = known.findLastIndex((a) => !a.good);
    return known[bad + 1]?.t1;
  }

  why() {
    const counts = {};
    for (const a of this.list) counts[a.why ?? 'no answer yet'] = (counts[a.why ?? 'no answer yet'] ?? 0) + 1;
    return JSON.stringify(counts);
  }

  async end() {
    this.going = false;
    await this.loop;
  }
}

/** Until all of `watchers` tell the same; milliseconds since `start`. One whose socket broke comes back by himself, as a client would. */
async function oneState(scene, watchers, start) {
  let last;
  while (now() - start < HEAL_WITHIN) {
    last = await Promise.all(watchers.map((w) => w.state().then((s) => s.digest, (error) => `${w.name}: ${error.message}`)));
    if (new Set(last).size === 1) return now() - start;
    await Promise.all(watchers.filter((w) => w.socket?.readyState !== 1).map((w) => scene.back(w).catch(() => {})));
    await sleep(200);
  }
  console.log(`    no one state within ${HEAL_WITHIN} ms: ${last.join(' ')}`);
  return Infinity;
}

/** A room over three nodes with an owner; who acts and who speaks sit where the fault leaves them, one speaker at the node it strikes. */
async function people(scene, peers, { at, dies }, name) {
  const room = await scene.room(`host-${name}`, scene.nodes[0], { entry: 'speak', speaker_capacity: 50 });
  let host = await scene.join(`host-${name}`, scene.nodes[1], room);
  await scene.whole([room]);
  const owner = await until('the room has an owner', async () => { const n = await scene.owner(room); return n < 0 ? null : { n }; });
  const turn = peers.persons % 2;
  const struck = at === undefined ? undefined : scene.world.hosts[at === OWNER ? owner.n : (owner.n + 1 + turn) % 3];
  const stay = scene.nodes.filter((n) => n !== struck?.node);
  const seats = dies ? stay : scene.nodes;
  const far = stay.find((n, i) => n !== scene.nodes[owner.n] && (i >= turn || at === OTHER)) ?? stay[0]; // whose commands go over the network, where they can
  if (host.node !== far) host = await scene.elsewhere(host, far);
  const target = await scene.join(`target-${name}`, stay.find((n) => n !== far), room);
  const watchers = await Promise.all(seats.map((node) => scene.join(`watch-${node.name}-${name}`, node, room)));
  const talkers = await Promise.all(seats.map((node) => talker(scene, peers, node, room, `talk-${node.name}-${name}`)));
  await scene.whole([room]);
  await until('everybody hears everybody', async () => {
    peers.mark();
    const since = now();
    await sleep(400);
    return (await heard(peers, talkers, since)).every((g) => g.ms < 300);
  }, 30000, 50);
  return { room, host, target, watchers, talkers, struck };
}

/** Until control was lost and is there again, or for as long as the fault can still take it away. */
async function hold(row, acts, begin) {
  const fault = FAULTS[row.fault];
  for (;;) {
    await sleep(100);
    const lasted = now() - begin;
    const back = acts.backSince();
    if (lasted >= AT_MOST || (row.away && lasted >= fault.lasts)) return;
    if (lasted >= Math.max(LOOKED_AT, fault?.lasts ?? 0) && back !== undefined && now() - back > BACK_FOR) return;
  }
}

/** A machine that stood still may have cost a lease: then they come again. */
async function gather(scene, peers, row, name) {
  for (let tries = 1; ; tries++) {
    try {
      await scene.whole();
      return await people(scene, peers, row, `${name}-${tries}`);
    } catch (error) {
      if (tries === TRIES) throw error;
      console.log(`    once more: ${error.message}`);
      await sleep(1000);
    }
  }
}

async function once(world, scene, peers, row, name) {
  const { room, host, target, watchers, talkers, struck } = await gather(scene, peers, row, name);
  const acts = new Acts(host, target).begin();
  const fault = FAULTS[row.fault];
  try {
    await sleep(700 + 137 * (peers.persons % 7)); // at all phases of the lease
    const quiet = await heard(peers, talkers, now());
    peers.mark();
    const marked = now();
    await sleep(300);
    const where = struck ?? await fault?.aim?.(world) ?? world.hosts[peers.persons % 3];
    const led = await world.leads();
    const begin = now();
    if (await fault?.begin(world, where) === false) throw new Error(`${row.fault} was not felt`);
    await hold(row, acts, begin);
    const ended = now();
    await fault?.end(world, where);
    const healed = now();
    await until('acts are acknowledged after healing', () => acts.list.some((a) => a.good && a.t0 >= healed), HEAL_WITHIN, 50)
      .catch(() => console.log(`    no act within ${HEAL_WITHIN} ms after healing: ${acts.why()}`));
    await acts.end();
    const looked = now();
    if (row.dies) watchers.push(await scene.join(`watch-${where.name}-${name}`, where.node, room));
    const one = await oneState(scene, watchers, healed);
    const leads = await world.leads();
    const etcd = `${led?.host.name} of term ${led?.term} -> ${leads?.host.name} of ${leads?.term}`;
    const gaps = gapsBy(await heard(peers, talkers, marked), struck?.node);
    const seen = control(acts.list, begin, healed, looked);
    // Who was cut off is heard, and hears, until the fault begins: what is longer than it came after healing.
    const cut = gaps.across !== undefined && gaps.across > 0.8 * (ended - begin) ? Math.max(0, gaps.across - (ended - begin)) : undefined;
    return { among: gaps.among, before: Math.max(...quiet.map((g) => g.ms)), late: peers.late, ...seen, one: fault ? one : undefined, speech: cut, why: acts.why(), at: struck?.name, etcd };
  } finally {
    await acts.end();
    for (const t of talkers) peers.end(t.peer);
    for (const p of [host, target, ...watchers, ...talkers]) p.close();
    await rest(world.nodes[0], scene.admin, 'DELETE', `/v1/rooms/${room}`).catch(() => {});
  }
}

const short = (ms) => (ms === undefined || Number.isNaN(ms) ? '-' : Number.isFinite(ms) ? String(Math.round(ms)) : 'never');
const three = (list) => (list.length === 0 ? '-' : [0.5, 0.95, 1].map((p) => short(percentile(list, p))).join(' / '));

/** A column of the table: what of each round is a figure, and what to say where there is none. */
const COLUMNS = [
  ['gap among survivors', (r) => r.among],
  ['of it at most, as the clients were not run', (r) => r.late],
  ['longest time without an acknowledged act', (r) => r.pause],
  ['control again, from the fault\'s begin', (r) => r.during, (rounds) => (rounds.every((r) => !r.lost) ? 'never lost' : '-')],
  ['control again, from healing', (r) => r.after, (rounds) => (rounds.every((r) => !r.lost) ? 'never lost' : rounds.every((r) => r.during !== undefined) ? 'was there' : '-')],
  ['one state, from healing', (r) => r.one],
  ['speech with the struck node again, from healing', (r) => r.speech],
];

function table(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)));
  for (const line of lines) console.log(`  ${line.map((cell, i) => cell.padEnd(widths[i])).join('  ')}`);
}

/** Outside of which goal this row is; what the people of this program were late by is no fault of a node. */
function beyond(row, rounds) {
  const over = [];
  if (rounds.some((r) => r.among > GOALS.among + r.late)) over.push(`a gap among survivors is longer than ${GOALS.among} ms`);
  const times = rounds.map((r) => r.during).filter((t) => t !== undefined);
  if (row.dies && percentile(times, 0.95) > GOALS.control95) over.push(`control took longer than ${GOALS.control95} ms at p95`);
  if (Math.max(0, ...times) > GOALS.control) over.push(`control took longer than ${GOALS.control} ms`);
  if (!row.away && rounds.some((r) => r.after !== undefined)) over.push('control came back only when the fault was over');
  if (rounds.some((r) => r.after > GOALS.one || r.one > GOALS.one)) over.push('no decided state 10 s after healing');
  return over;
}

/** Every fault `times` times, or that of row `only` alone: a table, and each figure for the JSON. */
export async function faults(world, times = 5, only = undefined) {
  const scene = new Scene(world);
  const peers = new Peers();
  const rows = ROWS.filter((_, i) => only === undefined || i === only);
  const lines = [['fault (p50 / p95 / max, ms)', 'rounds', ...COLUMNS.map(([title]) => title)]];
  const over = [];
  const start = now();
  console.log(`  ${rows.length} faults, ${times} times each, about 20 s a time: ${Math.ceil(rows.length * times / 3)} minutes`);
  try {
    for (const [i, row] of rows.entries()) {
      const rounds = [];
      for (let k = 0; k < times; k++) {
        const said = `${Math.round((now() - start) / 1000)} s: ${row.row}, ${k + 1} of ${times}`;
        try {
          const r = await once(world, scene, peers, row, `${i}-${k}`);
          rounds.push(r);
          console.log(`  ${said}: gap ${short(r.among)} (before ${short(r.before)}, clients late ${short(r.late)}), no act for ${short(r.pause)}, control ${short(r.during)} / ${short(r.after)}, `
            + `one state ${short(r.one)}, speech ${short(r.speech)}; at ${r.at ?? '-'}, etcd's leader ${r.etcd}; acts ${r.why}`);
        } catch (error) {
          console.log(`  ${said}: not measured: ${error.message}`);
          world.heal();
          for (const host of world.hosts) if (host.node.dead) await host.node.start();
        }
      }
      lines.push([row.row, `${rounds.length} of ${times}`, ...COLUMNS.map(([, of, none]) => {
        const known = rounds.map(of).filter((v) => v !== undefined);
        return known.length === 0 ? (rounds.length > 0 && none?.(rounds)) || 'not measured' : three(known) + (known.length < rounds.length ? ` of ${known.length}` : '');
      })]);
      for (const [title, of] of COLUMNS) keep(`${row.row}: ${title}`, [...Array(times).keys()].map((k) => (rounds[k] ? of(rounds[k]) : undefined)));
      if (rounds.length < times) over.push(`${row.row}: only ${rounds.length} of ${times} rounds were measured`);
      over.push(...beyond(row, rounds).map((text) => `${row.row}: ${text}`));
    }
  } finally {
    await peers.stop();
  }
  say(`faults: ${rows.length} kinds in ${Math.round((now() - start) / 60000)} min`);
  table(lines);
  for (const text of over) console.log(`  ${text}`);
  return over.length === 0;
}
faults.nodesFirst = true;
