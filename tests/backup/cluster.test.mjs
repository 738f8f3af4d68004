// Goal: a whole cluster comes back from nothing, from one backup: etcd's snapshot and the stores of its nodes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { people, Person, Refused, rest, toStage } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { Ctl } from '../lib/ctl.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

const PROGRAM = process.env.VOICEROOMD ? ['--voiceroomd', process.env.VOICEROOMD] : [];

describe('backup of a cluster', () => {
  let cluster, a, b, ctl, key, room, taken, file;
  const ends = [];
  const t = { after: (end) => ends.push(end) };
  const get = (node, path) => rest(node, cluster.admin(), 'GET', path);

  before(async () => {
    cluster = await new Cluster({ nodes: 2, etcd: 1, mayDie: true }).start();
    [a, b] = cluster.nodes;
    ctl = new Ctl(t, a);
    key = join(cluster.folder, 'backup-key');
    await ctl.json('backup', 'key', key);
  });
  after(async () => {
    for (const end of ends) await end();
    await cluster?.stop();
  });

  /** What it comes to once the room has an owner again: until then it is answered by "not now" (5xx). */
  const settled = (what, act) => until(what, () => act().catch((error) => {
    if (error instanceof Refused && error.status >= 500) return null;
    throw error;
  }), 2 * PATIENCE_MS, 200);

  /** On either node: settings, bans, who may do what. */
  const asItWas = async () => {
    for (const node of cluster.nodes) {
      const what = `on node ${node.name}`;
      const { title, created_at } = await until(`the room ${what}`, () => get(node, `/v1/rooms/${room}`).catch(() => null), 2 * PATIENCE_MS, 100);
      assert.deepEqual({ title, created_at }, { title: 'Kept', created_at: taken.room.created_at }, what);
      const ben = new Person(node, cluster.token('ben'), 'ben');
      const mallory = new Person(node, cluster.token('mallory'), 'mallory');
      try {
        await settled(`ben is in, ${what}`, () => ben.join(room));
        const seen = await settled(`ben is listed, ${what}`, async () => (await get(node, `/v1/rooms/${room}/participants`)).participants.find((p) => p.participant === ben.id));
        assert.equal(seen.role, 'moderator', what);
        await assert.rejects(settled(`mallory is refused, ${what}`, () => mallory.join(room)), (error) => error instanceof Refused && error.status === 403, what);
      } finally {
        ben.close();
        mallory.close();
      }
    }
  };

  it('is one file of all stores and etcd', async () => {
    const all = await people(t, a, ['ana', 'ben'], { title: 'Kept' });
    room = all.room.id;
    await toStage(all.ana, all.ben);
    await all.ana.request('room:make-moderator', { participant: all.ben.id });
    await all.ana.request('room:ban', { user: 'mallory' });
    await rest(b, cluster.admin(), 'POST', '/v1/bans', { user: 'eve', reason: 'spam' });
    await rest(b, cluster.admin(), 'POST', '/v1/keys', { kid: 'shop-2026' });
    await until('b is in sync', async () => (await get(a, '/v1/cluster/placement')).rooms.find((r) => r.room === room)?.in_sync !== '', 2 * PATIENCE_MS, 50);
    taken = { room: await get(a, `/v1/rooms/${room}`), keys: (await get(a, '/v1/keys')).keys.map((k) => k.kid).sort() };
    const made = await ctl.json('backup', 'create', join(cluster.folder, 'out'), '--backup-key', key, '--all',
      '--etcd', `http://127.0.0.1:1,${cluster.members[0].client}`);
    file = made.file;
    assert.deepEqual(made.parts.map((p) => p.name).sort(), ['etcd', 'store/a', 'store/b']);
    const parts = await ctl.json('backup', 'verify', file, '--backup-key', key, ...PROGRAM);
    assert.deepEqual(parts.map((p) => p.part).sort(), ['etcd', 'store/a', 'store/b']);
    assert.equal((await ctl.raw(['backup', 'restore', file, '--backup-key', key, '--to', join(cluster.folder, 'x'), ...PROGRAM])).code, 2, 'whose store?');
  });

  it('comes back from nothing', async () => {
    const [member] = cluster.members;
    for (const node of cluster.nodes) await node.kill9();
    await member.kill9();
    for (const folder of [a.data, b.data, member.folder]) rmSync(folder, { recursive: true });
    const started = Date.now();

    const snapshot = join(cluster.folder, 'etcd.db');
    for (const node of cluster.nodes) {
      await ctl.json('backup', 'restore', file, '--backup-key', key, '--to', node.data, '--node', node.name, ...PROGRAM);
    }
    await ctl.json('backup', 'restore', file, '--backup-key', key, '--etcd-snapshot', snapshot);
    const done = spawnSync('etcdctl', ['snapshot', 'restore', snapshot, '--data-dir', member.folder, '--name', member.name,
      '--initial-cluster', member.initial, '--initial-advertise-peer-urls', member.peer], { env: { ...process.env, ETCDCTL_API: '3' }, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    member.start();
    const starting = Promise.all(cluster.nodes.map((node) => node.start()));
    // Where etcd is another one by its id, or stands behind what a node has seen, the nodes wait until a person believes it.
    // All are there by then, so that the newest copy of each room is found.
    const state = async (node) => {
      const { code, out } = await ctl.run('cluster', 'status', '--endpoint', node.url, '-o', 'json');
      return code === 0 ? JSON.parse(out).state : '';
    };
    const there = async () => {
      const states = await Promise.all(cluster.nodes.map(state));
      return states.every((word) => ['joined', 'refused'].includes(word)) && states;
    };
    if ((await until('both have seen etcd', there, 2 * PATIENCE_MS, 100)).includes('refused')) await ctl.run('cluster', 'adopt', '--yes');
    await until('both have joined', async () => (await there() || ['']).every((word) => word === 'joined'), 2 * PATIENCE_MS, 100);
    await starting;
    const twice = await ctl.run('cluster', 'adopt', '--yes');
    assert.equal(twice.code, 5);
    assert.match(twice.err, /nothing to adopt/);
    await cluster.together(2);
    await asItWas();
    assert.deepEqual((await get(b, '/v1/bans')).bans.map((ban) => ban.user), ['eve']);
    assert.deepEqual((await get(b, '/v1/keys')).keys.map((k) => k.kid).sort(), taken.keys);
    console.log(`measured: a cluster was back, and let people in, ${((Date.now() - started) / 1000).toFixed(1)} s after everything was gone`);
  });
});
