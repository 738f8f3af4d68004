// Small things that all measurements share: percentiles, waiting for a whole cluster, who owns a room, a person who acts.
import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../lib/client.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { now, Voice } from './clients.mjs';

export const percentile = (list, p) => (list.length === 0 ? NaN
  : [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * p))]);

/** "p50 1200 ms, p95 2000 ms, max 2100 ms of 20" */
export const told = (list, digits = 0) => `p50 ${percentile(list, 0.5).toFixed(digits)} ms, p95 ${percentile(list, 0.95).toFixed(digits)} ms, `
  + `max ${Math.max(...list).toFixed(digits)} ms of ${list.length}`;

export const say = (text) => console.log(`measured: ${text}`);

/** All that was measured, for who wants numbers and not sentences: [{ what, unit, count, p50, p95, max }]; null: not measured. */
export const noted = [];

/** Keeps the figures of `list`; what is no number was not measured. */
export function keep(what, list, unit = 'ms') {
  const known = list.filter((v) => typeof v === 'number' && !Number.isNaN(v));
  const at = (p) => (known.length === 0 ? null : Number.isFinite(percentile(known, p)) ? Math.round(10 * percentile(known, p)) / 10 : 'never');
  noted.push({ what, unit, count: known.length, missing: list.length - known.length, p50: at(0.5), p95: at(0.95), max: at(1) });
  return noted.at(-1);
}

/** What a measurement asks of a world: who lives, who owns, who comes from where. */
export class Scene {
  constructor(world) {
    this.world = world;
    this.nodes = world.nodes;
    this.key = this.nodes[0].key;
    this.admin = this.nodes[0].admin();
  }

  token(user) { return this.nodes[0].token(user, { roomCreate: true }); }

  /** A node tells of the rooms that it has to do with: so all are asked, and the newest epoch of a room is believed. */
  async placement() {
    const rooms = new Map();
    for (const node of this.nodes.filter((n) => n.child && !n.dead && !n.stopped)) {
      const answer = await fetch(`${node.url}/v1/cluster/placement`,
        { headers: { authorization: `Bearer ${this.admin}` }, signal: AbortSignal.timeout(2000) }).catch(() => null);
      for (const row of (await answer?.json().catch(() => null))?.rooms ?? []) {
        const known = rooms.get(row.room);
        if (!known || row.epoch > known.epoch || (row.epoch === known.epoch && row.in_sync)) rooms.set(row.room, row);
      }
    }
    return [...rooms.values()];
  }

  /** Index of the room's owner; -1 while nobody is. */
  async owner(room) {
    const row = (await this.placement()).find((r) => r.room === room);
    return row ? this.nodes.findIndex((n) => n.name === row.owner) : -1;
  }

  /** All nodes see all, and each of `rooms` has a second node in sync. */
  async whole(rooms = []) {
    await until('all nodes see each other', async () => {
      for (const node of this.nodes) {
        const { nodes } = await rest(node, this.admin, 'GET', '/v1/nodes').catch(() => ({ nodes: [] }));
        if (nodes.filter((n) => n.alive).length !== this.nodes.length) return false;
      }
      return true;
    }, 30000, 100);
    let rows = [];
    await until('all rooms have a node in sync', async () => {
      rows = await this.placement().catch(() => []);
      return rooms.every((room) => rows.find((r) => r.room === room)?.in_sync);
    }, 20000, 100).catch((error) => {
      throw new Error(`${error.message}: ${rooms.map((room) => JSON.stringify(rows.find((r) => r.room === room) ?? room)).join(' ')} of ${rows.length}`);
    });
  }

  async room(host, node, settings = {}) {
    return (await rest(node, this.token(host), 'POST', '/v1/rooms', { title: host, ...settings })).id;
  }

  join(user, node, room) { return new Voice(node, this.token(user), user).join(room); }

  /** The same user at another node. He leaves and joins: a resume from a living session would be a move, which waits for a
   *  media path that these people do not have. */
  async elsewhere(person, node) {
    await person.request('room:leave').catch(() => {});
    person.close();
    return this.join(person.name, node, person.room);
  }

  /** His socket breaks, and he resumes where he is. */
  async back(person) {
    await person.drop();
    await person.connect();
    return person;
  }
}

/** Asks again and again, without waiting for answers, until `fits` is true of one: milliseconds since `start`. */
export async function answered(make, fits, start = now(), ms = 30000) {
  let took;
  const heard = {};
  const count = (what) => { heard[what] = (heard[what] ?? 0) + 1; };
  while (took === undefined && now() - start < ms) {
    make().then((answer) => {
      if (took === undefined && fits(answer)) took = now() - start;
      count(answer.code ?? (answer.provisional ? 'provisional' : `epoch ${answer.epoch}`));
    }, (error) => count(error.message));
    await sleep(200); // 50 messages in 5 s are the most that a socket may send
  }
  if (took === undefined) console.log(`  not within ${ms} ms: ${JSON.stringify(heard)}`);
  return took ?? Infinity;
}
