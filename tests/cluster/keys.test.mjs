// Goal: a node gets other keys for its cluster (voiceroomd --new-cluster-keys): not while it runs, not without any; from its next
// start on the other nodes know it by the new ones, and rooms span them as before.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { it } from 'node:test';
import { Person, rest } from '../lib/client.mjs';
import { startCluster } from '../lib/cluster.mjs';
import { until } from '../lib/voiceroomd.mjs';

const BINARY = process.env.VOICEROOMD ?? resolve(import.meta.dirname, '../../build/release/nodes/voiceroomd');
const renew = (folder) => spawnSync(BINARY, ['--data', folder, '--new-cluster-keys'], { encoding: 'utf8' });

it('a node of two changes its keys', async (t) => {
  const cluster = await startCluster(t, { nodes: 2, flags: { media_workers: 1 } });
  const [a, b] = cluster.nodes;
  const room = (await rest(a, cluster.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title: 'Keys' })).id;
  const ana = await new Person(a, cluster.token('ana'), 'ana').join(room);
  t.after(() => ana.close());
  // What the node says of itself in etcd has its public key in it.
  const told = async () => {
    const range = { key: Buffer.from('/voiceroom/').toString('base64'), range_end: Buffer.from('/voiceroom0').toString('base64') };
    const answer = await fetch(`${cluster.members[0].client}/v3/kv/range`, { method: 'POST', body: JSON.stringify(range) });
    return (await answer.json()).kvs.map((pair) => Buffer.from(pair.value, 'base64').toString('latin1')).join('\n');
  };

  const running = renew(b.data);
  assert.equal(running.status, 2, running.stderr);
  assert.match(running.stderr, /run/);
  const nowhere = join(cluster.folder, 'nowhere');
  assert.equal(renew(nowhere).status, 1);
  assert.ok(!existsSync(nowhere));

  await b.stop();
  const keys = [renew(b.data), renew(b.data)].map((done) => {
    assert.equal(done.status, 0, done.stderr);
    return /^(\S{40}) is the new public key/.exec(done.stdout)[1];
  });
  assert.notEqual(keys[0], keys[1]);
  assert.ok(!(await told()).includes(keys[1]));
  await b.start();
  await cluster.together(2);
  assert.ok((await told()).includes(keys[1]));
  assert.ok(!(await told()).includes(keys[0]));

  const ben = await until('b has the room of a', () => new Person(b, cluster.token('ben'), 'ben').join(room).catch(() => undefined));
  t.after(() => ben.close());
  await until('each sees the other', async () => (await Promise.all([ana, ben].map((p) => p.state()))).every((s) => s.participants.length === 2));
});
