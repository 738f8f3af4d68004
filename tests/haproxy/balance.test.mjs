// Goal: docs/examples/haproxy.cfg is sound, and a real HAProxy of that file (addresses, ports and certificate of the test) sends
// people to nodes that are ready, fewer to one that works hard, nobody new to one that drains, and none to one that is dead.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { after, before, it } from 'node:test';
import { rest } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { portBlock } from '../lib/ports.mjs';
import { keep, until } from '../lib/voiceroomd.mjs';

const EXAMPLE = resolve(import.meta.dirname, '../../docs/examples/haproxy.cfg');
let cluster, proxy, front, stats;

/** A command on HAProxy's own socket. */
const ask = (command) => new Promise((done, failed) => {
  const socket = createConnection(stats);
  let text = '';
  socket.on('data', (data) => { text += data; });
  socket.on('end', () => done(text));
  socket.on('error', failed);
  socket.write(`${command}\n`); // it ends the connection itself
});
const servers = async () => {
  const [head, ...lines] = (await ask('show stat')).trim().split('\n').map((line) => line.split(','));
  return Object.fromEntries(lines.filter((l) => l[0] === 'nodes' && /^[abc]$/.test(l[1])).map((l) => [l[1], Object.fromEntries(head.map((name, i) => [name, l[i]]))]));
};

before(async () => {
  const agents = [];
  for (let i = 0; i < 3; i++) agents.push(await portBlock());
  cluster = await new Cluster({ etcd: 1, mayDie: true, each: (i) => ({ agent_port: agents[i] }) }).start();
  front = await portBlock();
  stats = join(cluster.folder, 'haproxy.sock');
  const pem = join(cluster.folder, 'rooms.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=rooms.example.org',
    '-keyout', join(cluster.folder, 'key.pem'), '-out', join(cluster.folder, 'cert.pem')], { stdio: 'ignore' });
  writeFileSync(pem, readFileSync(join(cluster.folder, 'cert.pem'), 'utf8') + readFileSync(join(cluster.folder, 'key.pem'), 'utf8'));
  let text = readFileSync(EXAMPLE, 'utf8').replace('log /dev/log local0', `stats socket ${stats}`).replace('maxconn 20000', 'maxconn 200').replace('/etc/haproxy/rooms.pem', pem).replace(':443 ssl', `127.0.0.1:${front} ssl`);
  cluster.nodes.forEach((node, i) => {
    const name = 'abc'[i];
    text = text.replaceAll(new RegExp(`server ${name} 10\\.0\\.0\\.\\d:8080 weight 100`, 'g'), `server ${name} 127.0.0.1:${node.port} weight 100 agent-port ${agents[i]}`)
      .replaceAll(new RegExp(`server ${name} 10\\.0\\.0\\.\\d:8080`, 'g'), `server ${name} 127.0.0.1:${node.port}`);
  });
  assert.doesNotMatch(text, /server . 10\.0\.0\./);
  const file = join(cluster.folder, 'haproxy.cfg');
  writeFileSync(file, text);
  execFileSync('haproxy', ['-c', '-f', file], { stdio: 'pipe' });
  proxy = keep(spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' }));
  await until('all are up', async () => Object.values(await servers().catch(() => ({}))).filter((s) => /^UP/.test(s.status) && s.agent_status).length === 3);
});
after(async () => {
  proxy?.kill('SIGKILL');
  await cluster?.stop();
});

it('nodes that are ready are up, and weigh what their stress leaves', async () => {
  const now = await servers();
  for (const name of 'abc') {
    assert.match(now[name].status, /^UP/);
    assert.ok(Number(now[name].weight) > 0 && Number(now[name].weight) <= 100, now[name].weight);
  }
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  for (let i = 0; i < 6; i++) assert.equal((await fetch(`https://127.0.0.1:${front}/healthz`)).status, 200);
  assert.equal((await fetch(`https://127.0.0.1:${front}/metrics`)).status, 403);
  const told = Object.values(await servers()).map((s) => Number(s.stot));
  assert.ok(told.every((count) => count > 0), told.join());
});

it('a drained node gets nobody new, and its place back', async () => {
  const [a, b] = cluster.nodes;
  await rest(a, cluster.admin(), 'POST', '/v1/nodes/b/drain', {});
  await until('b drains', async () => /DRAIN|MAINT/.test((await servers()).b.status));
  const before = Number((await servers()).b.stot);
  for (let i = 0; i < 6; i++) assert.equal((await fetch(`https://127.0.0.1:${front}/healthz`)).status, 200);
  assert.equal(Number((await servers()).b.stot), before);
  await rest(b, cluster.admin(), 'POST', '/v1/nodes/b/undrain', {});
  await until('b is back', async () => /^UP/.test((await servers()).b.status));
});

it('a dead node gets none', async () => {
  await cluster.nodes[2].kill9();
  await until('c is down', async () => /^DOWN/.test((await servers()).c.status));
  for (let i = 0; i < 6; i++) assert.equal((await fetch(`https://127.0.0.1:${front}/healthz`)).status, 200);
});
