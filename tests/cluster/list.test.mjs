// Goal: the list of rooms is the deployment's, whichever node is asked, page by page, and no silent node holds it up.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rest } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { until } from '../lib/voiceroomd.mjs';

describe('rooms of three nodes', () => {
  let cluster, nodes, made;
  /** All pages, from the first. */
  const list = async (node, token, query = '') => {
    const rooms = [];
    let cursor = null;
    do {
      const page = await rest(node, token, 'GET', `/v1/rooms?${query}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      rooms.push(...page.rooms);
      cursor = page.next_cursor;
    } while (cursor);
    return rooms;
  };
  const titles = (rooms) => rooms.map((room) => room.title);
  const create = (node, who, body) => rest(node, cluster.token(who, { roomCreate: true }), 'POST', '/v1/rooms', body);
  before(async () => {
    cluster = await new Cluster({ etcd: 1, nodes: 3 }).start();
    nodes = cluster.nodes;
    made = [];
    for (let i = 0; i < 12; i++) {
      const when = i % 3 === 0 ? { starts_at: new Date(Date.now() + 3600000 + i * 60000).toISOString() } : {};
      made.push(await create(nodes[i % 3], 'ana', { title: `Room ${String(i).padStart(2, '0')}`, topic: i % 2 ? 'odd' : 'even', visibility: 'public', ...when }));
    }
    made.push(await create(nodes[1], 'ben', { title: 'Closed', visibility: 'private' }));
  });
  after(() => cluster?.stop());

  it('are listed by each node, each once, in order, however small the page', async () => {
    const all = titles(made).filter((title) => title !== 'Closed').sort();
    for (const node of nodes) {
      for (const limit of [1, 4, 5, 100]) {
        const rooms = await list(node, cluster.token('cleo'), `sort=title&limit=${limit}`);
        assert.deepEqual(titles(rooms), all, `node ${node.name}, pages of ${limit}`);
      }
      assert.deepEqual(new Set((await list(node, cluster.token('cleo'), 'limit=3')).map((room) => room.id)), new Set(made.slice(0, 12).map((room) => room.id)), `by people, node ${node.name}`);
    }
  });

  it('are found by words, topic and phase, and a private one by its host alone', async () => {
    for (const node of nodes) {
      assert.deepEqual(titles(await list(node, cluster.token('cleo'), 'q=room%200&topic=odd&sort=title')), ['Room 01', 'Room 03', 'Room 05', 'Room 07', 'Room 09'], node.name);
      assert.deepEqual(titles(await list(node, cluster.token('cleo'), 'phase=scheduled&sort=starts_at&limit=2')), ['Room 00', 'Room 03', 'Room 06', 'Room 09'], node.name);
      assert.deepEqual(titles(await list(node, cluster.token('ben'), 'q=closed')), ['Closed'], node.name);
      assert.deepEqual(await list(node, cluster.token('cleo'), 'q=closed'), [], node.name);
      assert.equal((await list(node, cluster.admin())).length, 13, node.name);
    }
  });

  it('that change are shown as their owner has them', async () => {
    const [room] = made;
    const host = cluster.token('ana', { roomCreate: true });
    await rest(nodes[0], host, 'PATCH', `/v1/rooms/${room.id}`, { title: 'Another name' });
    await rest(nodes[2], host, 'POST', `/v1/rooms/${made[1].id}/end`, {});
    for (const node of nodes) {
      const rooms = titles(await list(node, host, 'sort=title'));
      assert.ok(rooms.includes('Another name') && !rooms.includes('Room 00') && !rooms.includes('Room 01'), `${node.name}: ${rooms}`);
    }
  });

  it('are listed within two seconds though a node is silent, and all are there again when it is', async () => {
    const silent = nodes[2];
    silent.child.kill('SIGSTOP');
    const start = performance.now();
    const rooms = await list(nodes[0], cluster.admin(), 'limit=100&phase=active,scheduled');
    const took = performance.now() - start;
    silent.child.kill('SIGCONT');
    assert.ok(took < 2000, `${took} ms`);
    assert.ok(rooms.length > 0);
    await until('all are listed', async () => (await list(nodes[0], cluster.admin())).length === 12, 30000, 100);
  });
});
