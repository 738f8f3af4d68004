#!/usr/bin/env node
// `make chaos MINUTES=n SEED=s`: three real nodes and three etcd members in namespaces, people who act all the time, faults drawn
// from the seed; afterwards the judge reads the history. Exit 0: nothing was lost, nothing doubled. The history is kept.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../lib/client.mjs';
import { mint } from '../lib/voiceroomd.mjs';
import { check } from './checker.mjs';
import { Client, now } from './clients.mjs';
import { Ears } from './ears.mjs';
import { FAULTS, fire } from './faults.mjs';
import { percentile } from './figures.mjs';
import { World } from './world.mjs';

const MINUTES = Number(process.env.MINUTES ?? process.argv[2] ?? 1);
const SEED = Number(process.env.SEED ?? process.argv[3] ?? 1);
const ROOMS = 5;
const PEOPLE = 5; // in each room, beside its host
const ACT_EVERY = 110; // the server closes a socket that sends more than 50 messages in 5 s
const BUFFERED = 1000; // a browser beside three nodes and three etcd members keeps more in its jitter buffer than it would alone
const WITNESS_EVERY = 20; // ms
const LATE = 50; // ms; a timer of a machine that is not busy is on time within a few
const ALL_FAULTS = 2; // minutes in which each is fired once, with its pause, and five hosts do more than
const LEAST_ACTS = 1000;
const LEAST_HEARD = 50; // a minute; three pages look 7 times a second
const OUT = resolve(import.meta.dirname, '../../build/chaos');

let state = SEED >>> 0 || 1; // mulberry32
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let x = state;
  x = Math.imul(x ^ (x >>> 15), x | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
}
const pick = (list) => list[Math.floor(random() * list.length)];

class Run {
  constructor(world) {
    this.world = world;
    this.key = world.nodes[0].key;
    this.adminToken = mint(this.key, 'admin', { admin: true, roomCreate: true });
    this.history = [];
    this.returns = [];
    this.clients = [];
    this.over = new Promise((done) => { this.finish = done; });
    this.going = true;
  }

  /** A timer that looks whether this machine runs at all: what it is late, everything beside it may be late too. */
  witness() {
    let due = now() + WITNESS_EVERY;
    this.clock = setInterval(() => {
      const ms = now() - due;
      if (ms > LATE) this.note({ kind: 'late', t: now(), ms });
      due = now() + WITNESS_EVERY;
    }, WITNESS_EVERY);
  }

  token(user) { return mint(this.key, user, { roomCreate: true }); }
  note(record) { this.history.push(record); }
  returned(record) {
    this.returns.push(record.ms);
    this.note(record);
  }

  async people() {
    for (let r = 0; r < ROOMS; r++) {
      const host = `host${r}`;
      const made = await rest(this.world.nodes[r % 3], this.token(host), 'POST', '/v1/rooms', { title: `Room ${r}` });
      const group = { room: made.id, host: new Client(this, made.id, host, r % 3), others: [] };
      await group.host.join();
      for (let p = 0; p < PEOPLE; p++) {
        const client = new Client(this, made.id, `u${r}-${p}`, (r + p) % 3);
        await client.join();
        group.others.push(client);
      }
      group.targets = [...group.others];
      this.clients.push(group);
    }
    // The last room has voices: the host's acts are heard, or rather not.
    this.ears = new Ears(this);
    const { host, room, targets } = this.clients.at(-1);
    for (const voice of await this.ears.open(room)) {
      await voice.raise();
      await host.person.ask('room:promote', { participant: voice.participant });
      targets.push(voice);
    }
  }

  /** The host of each room acts, without pause, until the run ends. */
  async drive(group) {
    while (this.going) {
      const target = pick(group.targets);
      const roll = random();
      if (roll < 0.3) await group.host.act('room:mute', { participant: target.participant }, 'mute', target.participant, true);
      else if (roll < 0.5) await group.host.act('room:unmute', { participant: target.participant }, 'mute', target.participant, false);
      else if (roll < 0.65 && await target.raise()) await group.host.act('room:promote', { participant: target.participant }, 'role', target.participant, 'speaker');
      else if (roll < 0.8) await group.host.act('room:demote', { participant: target.participant }, 'role', target.participant, 'listener');
      else {
        const user = `stranger${Math.floor(random() * 8)}`;
        if (roll < 0.9) await group.host.act('room:ban', { user, reason: 'chaos' }, 'ban', user, true);
        else await group.host.act('room:unban', { user }, 'ban', user, false);
      }
      await sleep(ACT_EVERY + random() * 60);
    }
  }
}

async function nemesis(run, end) {
  let names = [];
  while (now() < end) {
    if (names.length === 0) names = Object.keys(FAULTS).sort(() => random() - 0.5);
    const name = names.pop();
    const struck = { kind: 'fault', t: now(), name };
    run.note(struck);
    console.log(`${(now() / 1000).toFixed(1)} s  ${name}`);
    if (!await fire(run.world, name, pick)) struck.name = `${name}, not felt`; // not one that was fired
    run.note({ kind: 'undone', t: now() });
    // The last one is judged from the moment it is undone.
    if (now() < end) await sleep(3000 + random() * 4000);
  }
  run.world.heal();
  run.note({ kind: 'healed', t: now() });
}

/** All that a person was told of his room; bans are told apart from the digest. */
const told = (final) => `${final.digest} ${[...final.bans].sort()}`;

/** Until all in a room tell the same, or the limit has passed; what each told last is noted. */
async function agreeRoom(run, group, limit) {
  // A room is healed once its owner decides again: until then all may agree about what is still provisional.
  const someone = group.others[0].participant;
  for (let act; now() < limit && !(act?.outcome === 'ok' && !act.provisional); await sleep(100)) {
    act = await group.host.act('room:mute', { participant: someone }, 'mute', someone, true);
  }
  for (;;) {
    const all = [group.host, ...group.others];
    const finals = await Promise.all(all.map((c) => c.final().catch((error) => ({ missing: `${c.user}: ${error.message}` }))));
    const missing = finals.filter((f) => f.missing);
    if ((missing.length === 0 && new Set(finals.map(told)).size === 1) || now() > limit) {
      finals.filter((f) => !f.missing).forEach((f) => run.note(f));
      missing.forEach((f) => run.note({ kind: 'missing', room: group.room, ...f }));
      return;
    }
    await sleep(250);
  }
}

function agree(run) {
  const limit = now() + 12000;
  return Promise.all(run.clients.map((group) => agreeRoom(run, group, limit)));
}

async function main() {
  const world = new World({ tag: 'c' });
  let ears;
  let faults = ['the run did not come to its end'];
  try {
    await world.start();
    const run = new Run(world);
    run.witness();
    await run.people();
    ears = run.ears;
    const drivers = run.clients.map((group) => run.drive(group));
    const whole = MINUTES >= ALL_FAULTS;
    await nemesis(run, now() + MINUTES * 60000);
    run.going = false;
    await Promise.all(drivers);
    const judged = now();
    await agree(run);
    const voices = await run.ears.settled(await run.clients.at(-1).host.person.state(), Math.max(2000, 10000 - (now() - judged)));
    run.finish();
    clearInterval(run.clock);
    run.clients.forEach((group) => [group.host, ...group.others].forEach((c) => c.end()));
    faults = check(run.history, { acknowledged: whole ? LEAST_ACTS : 50, faults: whole ? Object.keys(FAULTS) : [], buffered: BUFFERED });
    const heard = run.history.filter((r) => r.kind === 'heard').length;
    if (heard < LEAST_HEARD * MINUTES) faults.push(`only ${heard} times was anybody heard: no verdict about who must not be`);
    faults.push(...voices);
    for (const lost of run.history.filter((r) => r.kind === 'missing')) faults.push(`(d) no state from ${lost.missing}`);
    mkdirSync(OUT, { recursive: true });
    writeFileSync(join(OUT, `history-${SEED}.json`), run.history.map((r) => JSON.stringify(r)).join('\n'));
    const acts = run.history.filter((r) => r.kind === 'act');
    const late = run.history.filter((r) => r.kind === 'late').map((r) => r.ms);
    const count = (o) => acts.filter((a) => a.outcome === o).length;
    console.log(`measured: chaos seed ${SEED}: ${count('ok')} acknowledged (${acts.filter((a) => a.provisional).length} provisional), `
      + `${count('refused')} refused, ${count('unknown')} unknown, ${run.history.filter((r) => r.kind === 'event').length} events, ${heard} times heard; `
      + `${run.returns.length} returns, p50 ${Math.round(percentile(run.returns, 0.5))} ms, p95 ${Math.round(percentile(run.returns, 0.95))} ms, max ${Math.round(Math.max(0, ...run.returns))} ms; `
      + `the machine stood still for ${Math.round(late.reduce((a, b) => a + b, 0))} ms, at most ${Math.round(Math.max(0, ...late))} ms at once`);
  } finally {
    await ears?.close().catch(() => {});
    for (const host of world.hosts) {
      if (host.node) {
        mkdirSync(OUT, { recursive: true });
        writeFileSync(join(OUT, `node-${host.name}-${SEED}.log`), host.node.log);
      }
    }
    await world.stop();
  }
  faults.slice(0, 40).forEach((f) => console.log(`  ${f}`));
  console.log(`${faults.length === 0 ? 1 : 0} passed, ${faults.length === 0 ? 0 : 1} failed`);
  process.exit(faults.length === 0 ? 0 : 1);
}

await main();
