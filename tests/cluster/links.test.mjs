// Goal: the process of a node dies, or is changed for another, while people on two nodes talk: what they say to each other goes on
// under the keys of before, at once, and waits neither for messages between nodes nor for etcd: nobody drops or refuses one datagram.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Person, rest } from '../lib/client.mjs';
import { startCluster } from '../lib/cluster.mjs';
import { Peers } from '../lib/peers.mjs';
import { nodeProcess } from '../lib/process.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

const APART_MS = 5200; // three deaths in ten seconds would start empty

describe('speech between nodes over the death of a process', () => {
  let cluster, peers, stop;
  const people = [];
  const died = new Map(); // node: when

  /** [{ear, mouth, ms}]: how long the one did not hear the other since the mark. */
  const pairs = async () => {
    const gaps = await peers.gaps();
    return people.flatMap((ear) => people.filter((p) => p !== ear).map((mouth) => (
      { ear, mouth, ms: gaps.find((g) => g.person === ear.number && g.csrc === mouth.id)?.ms ?? Infinity })));
  };
  const allHeard = () => until('everybody hears everybody', async () => {
    peers.mark();
    await sleep(400);
    return (await pairs()).every((p) => p.ms < 300);
  }, 2 * PATIENCE_MS, 50);
  /** Of the links, as the process counts them that answers: a new one begins with 0. */
  const links = async (node) => {
    const all = await node.metrics();
    const of = (name) => all[`voiceroom_${name}`];
    return {
      kept: of('kept_links'), heard: of('link_datagrams_total{direction="in"}'), said: of('link_datagrams_total{direction="out"}'),
      refused: of('link_refused_total'), dropped: of('link_dropped_total'), connected: of('peers_connected'), joined: of('cluster_joined'),
    };
  };

  before(async () => {
    const ends = [];
    stop = async () => { for (const end of ends.reverse()) await end(); };
    cluster = await startCluster({ after: (end) => ends.push(end) }, {
      nodes: 2, supervise: true, flags: { media_workers: 1, cluster_lease_s: 20 }, // a busy machine must not end one
    });
    peers = new Peers();
    const [a, b] = cluster.nodes;
    const { id } = await rest(a, cluster.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title: 'Links', entry: 'speak' });
    for (const [node, name] of [[a, 'ana'], [a, 'sam'], [b, 'lea']]) {
      const person = new Person(node, cluster.token(name), name);
      const peer = await peers.make(people.length);
      person.number = people.length;
      person.room = id;
      person.me = await rest(node, person.token, 'POST', `/v1/rooms/${id}/join`, { protocol: 1, capabilities: ['red'], sdp: peer.sdp });
      await Promise.all([peers.go(peer.number, person.me.sdp), person.connect()]);
      people.push(person);
    }
    await allHeard();
  });
  after(async () => {
    people.forEach((p) => p.close());
    await peers?.stop();
    await stop?.();
  });

  /* Sockets end with a process; sessions and transports do not. */
  const back = (node) => Promise.all(people.filter((p) => p.node === node).map((person) => (
    until(`${person.name} is back`, () => person.connect().catch((error) => {
      person.close();
      if (error.code === 'gone') throw error;
    }), PATIENCE_MS, 20))));

  async function over(word, node, end) {
    const other = cluster.nodes.find((n) => n !== node);
    const broken = people.filter((p) => p.node === node).map((p) => p.closed);
    const was = await links(other);
    const old = nodeProcess(node);
    await sleep(Math.max(0, (died.get(node) ?? 0) + APART_MS - Date.now()));
    died.set(node, Date.now());
    peers.mark();
    await sleep(200);
    end();
    await until('the next process', () => nodeProcess(node) !== undefined && nodeProcess(node) !== old, PATIENCE_MS, 5);
    const now = await until('speech goes both ways, and messages do', async () => {
      try {
        const seen = await links(node);
        return seen.heard > 10 && seen.said > 10 && seen.connected === 1 && seen.joined === 1 && seen;
      } catch { return false; } // it does not listen yet
    }, PATIENCE_MS, 20);
    const seen = await links(other);
    const heard = await pairs();
    const longest = (fits) => Math.max(0, ...heard.filter((p) => fits(p.ear.node === node, p.mouth.node === node)).map((p) => p.ms));
    console.log(`measured: ${word}: longest time not heard: its speakers elsewhere ${longest((ear, mouth) => !ear && mouth)} ms, others at its people `
      + `${longest((ear, mouth) => ear && !mouth)} ms, among its own people ${longest((ear, mouth) => ear && mouth)} ms; of that up to ${peers.late} ms because the clients were not run`);
    assert.equal(now.kept, 1, 'it found the keys');
    assert.deepEqual({ dropped: now.dropped, refused: now.refused }, { dropped: 0, refused: 0 }, 'it had every key from its first datagram on');
    assert.deepEqual({ dropped: seen.dropped, refused: seen.refused }, { dropped: was.dropped, refused: was.refused }, 'and so had the other one');
    assert.ok(seen.heard > was.heard && seen.said > was.said);
    await Promise.all(broken);
    await back(node);
    await allHeard();
  }

  const killed = (node) => () => process.kill(nodeProcess(node), 'SIGKILL');

  it('the process is killed where two talk', () => over('killed', cluster.nodes[0], killed(cluster.nodes[0])));

  it('and again', () => over('killed again', cluster.nodes[0], killed(cluster.nodes[0])));

  it('the process of the other node is killed', () => over('the other one killed', cluster.nodes[1], killed(cluster.nodes[1])));

  it('it was stopped first: the one before says nothing any more', async () => {
    const [node] = cluster.nodes;
    await over('stopped, then killed', node, () => {
      const process_ = nodeProcess(node);
      process.kill(process_, 'SIGSTOP');
      process.kill(process_, 'SIGKILL');
    });
  });

  it('another program takes its place', async () => {
    const [node] = cluster.nodes;
    await over('upgraded in place', node, () => process.kill(node.child.pid, 'SIGUSR2'));
  });
});
