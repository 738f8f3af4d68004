// Goal: one command gives a stranger a cluster: `make cluster` (tools/cluster) prints three addresses, a guest's room made at one is
// joined at the others, and after Ctrl-C and the same command again it is there. In a network of its own (tests/run): its ports are fixed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Person, rest } from '../lib/client.mjs';
import { keep, scratch, until } from '../lib/voiceroomd.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const PATIENCE = 60000; // of a busy machine, for six processes

describe('make cluster', () => {
  let data, child, printed, nodes, room, host;

  const start = async () => {
    printed = '';
    child = keep(spawn(join(ROOT, 'tools/cluster'), ['--data', data, ...(process.env.VOICEROOMD ? ['--binary', process.env.VOICEROOMD] : [])], { stdio: ['ignore', 'pipe', 'inherit'] }));
    child.stdout.on('data', (text) => { printed += text; });
    await until('it prints that it runs', () => /Ctrl-C ends it/.test(printed) || child.exitCode !== null, PATIENCE, 50);
    nodes = [...printed.matchAll(/node \w +(http:\S+)/g)].map(([, url]) => ({ url }));
  };
  /** As Ctrl-C does. */
  const stop = async () => {
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGINT');
    return gone;
  };
  const guest = async (node, name) => (await rest(node, null, 'POST', '/v1/guests', { name })).token;

  before(async () => {
    data = scratch('voicerooms-command-');
    await start();
  });
  after(async () => {
    if (child.exitCode === null) await stop();
    rmSync(data, { recursive: true, force: true });
  });

  it('prints the addresses of three nodes and three members of etcd', () => {
    assert.equal(new Set(nodes.map((node) => node.url)).size, 3, printed);
    assert.equal(printed.match(/^etcd: (.*)$/m)[1].split(', ').length, 3);
  });

  it('guests at three nodes are in one room', async () => {
    host = await guest(nodes[0], 'ana');
    room = (await rest(nodes[0], host, 'POST', '/v1/rooms', { title: 'One room' })).id;
    const people = [await new Person(nodes[0], host, 'ana').join(room)];
    for (const [i, name] of [[1, 'ben'], [2, 'eve']]) people.push(await new Person(nodes[i], await guest(nodes[i], name), name).join(room));
    for (const person of people) {
      const { participants } = await person.state();
      assert.deepEqual(participants.map((p) => p.name).sort(), ['ana', 'ben', 'eve']);
    }
    await people[1].request('room:hand-raise');
    await people[2].event('room:hand-raised');
    people.forEach((person) => person.close());
  });

  it('ends cleanly, and started again the room is there, at each node', async () => {
    assert.equal(await stop(), 0);
    await start();
    for (const [i, node] of nodes.entries()) {
      const found = await until(`node ${i} knows the room`, () => guest(node, 'late').then((token) => rest(node, token, 'GET', `/v1/rooms/${room}`)).catch(() => null), PATIENCE, 200);
      assert.equal(found.title, 'One room');
    }
  });
});
