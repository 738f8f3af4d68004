// Goal: what administrators decide at one node holds at all: bans of the whole deployment, withdrawn tokens, keys.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { offer, Person, rest } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { mint, until } from '../lib/voiceroomd.mjs';

describe('decided at one node', () => {
  let cluster, nodes, room, admin;
  before(async () => {
    cluster = await new Cluster({ etcd: 1 }).start();
    nodes = cluster.nodes;
    admin = cluster.admin();
    room = await rest(nodes[0], cluster.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title: 'Everywhere' });
  });
  after(() => cluster?.stop());
  /** Refused with this code, within 5 s; the last word is in the message when not. */
  const refused = async (make, code) => {
    let last = '';
    await until(`refused with ${code}`, async () => {
      const person = make();
      try {
        await person.join(room.id);
        person.close();
        last = 'let in';
      } catch (error) { last = error.code; }
      return last === code;
    }, 5000, 20).catch((error) => { throw new Error(`${error.message}, but ${last}`); });
  };

  it('a ban: who is there goes, and he is refused at every node within a second', async () => {
    const eve = await new Person(nodes[2], cluster.token('eve'), 'eve').join(room.id);
    const start = performance.now();
    await rest(nodes[0], admin, 'POST', '/v1/bans', { user: 'eve', reason: 'spam' });
    const ended = await eve.closed;
    const took = performance.now() - start;
    assert.equal(ended.code, 4002);
    for (const node of nodes) await refused(() => new Person(node, cluster.token('eve'), `eve at ${node.name}`), 'banned');
    console.log(`measured: a ban of the deployment ended a session on another node after ${Math.round(took)} ms, was refused at all nodes after ${Math.round(performance.now() - start)} ms`);
    assert.ok(took < 1000, `${took} ms`);
    const banned = (error) => error.code === 'banned';
    for (const node of nodes) {
      const path = `/v1/rooms/${room.id}/join`;
      const whip = await fetch(node.url + path, { method: 'POST', headers: { authorization: `Bearer ${cluster.token('eve')}`, 'content-type': 'application/sdp' }, body: offer() });
      assert.deepEqual([whip.status, (await whip.json()).code], [403, 'banned'], `WHIP at ${node.name}`);
      await assert.rejects(rest(node, cluster.token('eve'), 'POST', path, { protocol: 1, sdp: offer(), resume_token: eve.me.resume_token }), banned, `resume at ${node.name}`);
    }
  });

  it('a key made at one node signs for all, and is refused by all once it is gone', async () => {
    const key = await rest(nodes[1], admin, 'POST', '/v1/keys', { kid: 'second' });
    const token = mint(key, 'kay', {});
    await until('the key is known everywhere', async () => {
      const seen = await Promise.all(nodes.map((n) => rest(n, token, 'GET', '/v1/ice-servers').then(() => true, () => false)));
      return seen.every(Boolean);
    }, 5000, 20);
    const kay = await new Person(nodes[0], token, 'kay').join(room.id);
    const start = performance.now();
    await rest(nodes[2], admin, 'DELETE', '/v1/keys/second');
    assert.equal((await kay.closed).code, 4001);
    await until('the key is refused everywhere', async () => {
      const seen = await Promise.all(nodes.map((n) => rest(n, token, 'GET', '/v1/ice-servers').then(() => true, () => false)));
      return !seen.some(Boolean);
    }, 5000, 20);
    console.log(`measured: a deleted key was refused at all nodes after ${Math.round(performance.now() - start)} ms, its session on another node ended`);
  });

  it('a revoked token is refused everywhere within 5 s', async () => {
    const token = cluster.token('rev', {}, { jti: 'jti-of-rev' });
    await rest(nodes[1], token, 'GET', '/v1/ice-servers');
    const start = performance.now();
    await rest(nodes[0], admin, 'POST', '/v1/tokens/revoke', { jti: 'jti-of-rev' });
    await until('refused everywhere', async () => {
      const seen = await Promise.all(nodes.map((n) => rest(n, token, 'GET', '/v1/ice-servers').then(() => true, () => false)));
      return !seen.some(Boolean);
    }, 5000, 20);
    console.log(`measured: a revoked token was refused at all nodes after ${Math.round(performance.now() - start)} ms`);
  });
});
