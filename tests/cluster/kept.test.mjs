// Goal: in a cluster the process of a node dies under the people and rooms that live there, and is there again at once: it keeps its
// lease, no other node sees it go, its rooms stay, its people keep session and transport, those elsewhere hear of nobody's leaving.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Person, rest, toStage } from '../lib/client.mjs';
import { startCluster } from '../lib/cluster.mjs';
import { Peers } from '../lib/peers.mjs';
import { nodeProcess } from '../lib/process.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

const KILLS = 3;
const APART_MS = 5200; // three deaths in ten seconds would start empty

describe('a node of a cluster goes on over the death of its process', () => {
  let cluster, peers, room, ana, sam, lea, stop;

  before(async () => {
    const ends = [];
    stop = async () => { for (const end of ends.reverse()) await end(); };
    cluster = await startCluster({ after: (end) => ends.push(end) }, { nodes: 2, supervise: true, flags: { media_workers: 1 } });
    peers = new Peers();
    const [a, b] = cluster.nodes;
    const token = cluster.token('ana', { roomCreate: true });
    room = (await rest(a, token, 'POST', '/v1/rooms', { title: 'Kept' })).id;
    const enter = async (node, key, name, number) => {
      const peer = await peers.make(number);
      const person = new Person(node, key, name);
      person.room = room;
      person.me = await rest(node, key, 'POST', `/v1/rooms/${room}/join`, { protocol: 1, capabilities: ['red'], sdp: peer.sdp });
      await Promise.all([peers.go(peer.number, person.me.sdp), person.connect()]);
      return person;
    };
    ana = await enter(a, token, 'ana', 0);
    sam = await enter(a, cluster.token('sam'), 'sam', 1);
    lea = await enter(b, cluster.token('lea'), 'lea', 2);
    await toStage(ana, sam);
    await ana.request('room:mute', { participant: sam.id });
  });
  after(async () => {
    [ana, sam, lea].forEach((p) => p?.close());
    await peers?.stop();
    await stop?.();
  });

  const get = async (node, path) => (await fetch(`${node.url}${path}`, { headers: { authorization: `Bearer ${cluster.admin()}` } })).json();
  const placed = async (node) => (await get(node, '/v1/cluster/placement')).rooms?.find((r) => r.room === room);

  it(`${KILLS} times: nothing moves, nobody leaves`, async () => {
    const [a, b] = cluster.nodes;
    const was = await until('the owner is known', () => placed(b));
    let { epoch } = was;
    const roles = (s) => s.participants.map((p) => [p.participant, p.name, p.role, p.muted_by_moderator]);
    const before = roles(await lea.state());
    const sessions = [ana, sam].map((p) => [p.me.session, p.me.generation, p.me.participant]);
    for (let i = 0; i < KILLS; i++) {
      if (i > 0) await sleep(APART_MS);
      [ana, sam, lea].forEach((p) => { p.events = []; });
      let watching = true;
      let fewest = 2;
      const watch = (async () => {
        while (watching) {
          const { nodes } = await get(b, '/v1/nodes');
          fewest = Math.min(fewest, nodes?.filter((n) => n.alive).length ?? 0);
          await sleep(50);
        }
      })();
      const broken = [ana.closed, sam.closed];
      const from = performance.now();
      process.kill(nodeProcess(a), 'SIGKILL');
      await Promise.all(broken);
      for (const [at, person] of [ana, sam].entries()) {
        const answer = await until(`${person.name} is back`, () => person.connect().catch((error) => {
          person.close();
          if (error.code === 'gone') throw error;
        }), PATIENCE_MS, 20);
        const { media, session, generation, participant } = answer.result;
        assert.equal(media, 'kept');
        assert.deepEqual([session, generation, participant], sessions[at]);
      }
      // The owner decides again: an act by one here and one there.
      const decided = async (person, type, fields) => until(`${person.name}: ${type}`, async () => (await person.ask(type, fields)).ok, PATIENCE_MS, 50);
      await decided(lea, 'room:hand-raise');
      await decided(ana, 'room:hand-lower', { participant: lea.id });
      const took = performance.now() - from;
      await sleep(500);
      watching = false;
      await watch;
      assert.equal(fewest, 2, 'the other node saw it go');
      // In a new epoch: what the process before might still say is old.
      const now = await until('the owner has the room anew', async () => {
        const row = await placed(b);
        return row?.epoch > epoch ? row : undefined;
      });
      epoch = now.epoch;
      assert.equal(now.owner, was.owner);
      assert.equal(now.reason, 'kept over a restart of its node');
      assert.deepEqual(roles(await lea.state()), before);
      assert.equal(lea.socket.readyState, 1);
      const told = [ana, sam, lea].flatMap((p) => p.events.map((e) => e.type)).filter((type) => /left|ended|replaced/.test(type));
      assert.deepEqual(told, []);
      console.log(`measured: a node's process killed: its room, owned by the same node, decides again after ${Math.round(took)} ms`);
    }
  });

  it('a node dies whose people are in a room of another node', async () => {
    const [a, b] = cluster.nodes;
    const was = await until('the owner is known', () => placed(a));
    const place = [lea.me.session, lea.me.generation, lea.me.participant];
    await sleep(APART_MS);
    [ana, sam, lea].forEach((p) => { p.events = []; });
    const broken = lea.closed;
    process.kill(nodeProcess(b), 'SIGKILL');
    await broken;
    const answer = await until('lea is back', () => lea.connect().catch((error) => {
      lea.close();
      if (error.code === 'gone') throw error;
    }), PATIENCE_MS, 20);
    const { media, session, generation, participant } = answer.result;
    assert.deepEqual([media, session, generation, participant], ['kept', ...place]);
    await until('lea raises her hand', async () => (await lea.ask('room:hand-raise')).ok, PATIENCE_MS, 50);
    await ana.event('room:hand-raised', (e) => e.who === lea.id);
    await ana.request('room:hand-lower', { participant: lea.id });
    await lea.event('room:hand-lowered', (e) => e.who === lea.id);
    assert.deepEqual({ owner: (await placed(a)).owner, epoch: (await placed(a)).epoch }, { owner: was.owner, epoch: was.epoch });
    const told = [ana, sam].flatMap((p) => p.events.map((e) => e.type)).filter((type) => /participant|ended|replaced/.test(type));
    assert.deepEqual(told, [], 'nobody there has noticed');
  });
});
