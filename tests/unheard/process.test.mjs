// Goal: the process above a node (supervise) starts it again so fast that no port is ever refused, loses nothing durable, knows
// when to stop, takes the node with it, and lets another program take over in place.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { Node, freePort, scratch, startNode, until } from '../lib/voiceroomd.mjs';
import { Ctl } from '../lib/ctl.mjs';
import { alive, nodeProcess } from '../lib/process.mjs';

const BINARY = process.env.VOICEROOMD ?? resolve(import.meta.dirname, '../../build/release/nodes/voiceroomd');
const APART_MS = 6500;
const SANITIZED = /asan|tsan/.test(BINARY); // such a program reports SIGSEGV and the like by itself, and ends with a code

const supervised = (t, options = {}) => startNode(t, { ...options, supervise: true });

/** Connects again and again until told to stop; a port that refuses once makes `refused` 1. */
function knocking(port) {
  const seen = { tried: 0, refused: 0, running: true };
  seen.over = (async () => {
    while (seen.running) {
      await new Promise((done) => {
        const socket = connect(port, '127.0.0.1');
        seen.tried++;
        socket.once('connect', () => { socket.destroy(); done(); });
        socket.once('error', (error) => { seen.refused += error.code === 'ECONNREFUSED' ? 1 : 0; done(); });
      });
    }
  })();
  seen.end = () => { seen.running = false; return seen.over; };
  return seen;
}

const answers = async (node) => {
  try {
    return (await fetch(`${node.url}/readyz`)).ok;
  } catch { return false; }
};

/** The node's process dies of `signal`; the milliseconds until the next one serves. */
async function die(node, signal = 'SIGKILL') {
  const old = nodeProcess(node);
  const from = performance.now();
  process.kill(old, signal);
  await until('another process is the node', () => nodeProcess(node) !== undefined && nodeProcess(node) !== old, undefined, 1);
  await until('it answers', () => answers(node), undefined, 1);
  return performance.now() - from;
}

/** Deaths three within ten seconds are a loop: these tests wait them out where they mean single ones. */
async function apart(node) {
  const since = Date.now() - (node.diedAt ?? 0);
  if (since < APART_MS) await new Promise((done) => setTimeout(done, APART_MS - since));
  node.diedAt = Date.now();
}

test('a node that is killed is there again, at ports that never refuse, with its rooms', async (t) => {
  const node = await supervised(t);
  const headers = { authorization: `Bearer ${node.admin()}`, 'content-type': 'application/json' };
  const made = await fetch(`${node.url}/v1/rooms`, { method: 'POST', headers, body: JSON.stringify({ title: 'oak' }) });
  assert.equal(made.status, 201);
  const { id } = await made.json();
  const parent = node.child.pid;
  const knocks = knocking(node.port);
  const took = [];
  for (const signal of SANITIZED ? ['SIGKILL', 'SIGKILL'] : ['SIGKILL', 'SIGSEGV', 'SIGABRT']) {
    await apart(node);
    took.push(await die(node, signal));
  }
  await knocks.end();
  assert.equal(knocks.refused, 0, `${knocks.refused} of ${knocks.tried} connections were refused`);
  assert.equal(node.child.pid, parent);
  assert.equal((await fetch(`${node.url}/v1/rooms/${id}`, { headers })).status, 200);
  assert.equal((await node.metrics()).voiceroom_node_deaths_total, took.length);
  const reports = readdirSync(join(node.data, 'crash')).sort();
  assert.equal(reports.length, took.length);
  if (!SANITIZED) {
    const text = readFileSync(join(node.data, 'crash', reports[1]), 'utf8');
    assert.match(text, /signal 11[\s\S]*voiceroomd[\s\S]*died of signal 11/, text);
  }
  const { checks } = await (await fetch(`${node.url}/readyz`)).json();
  assert.equal(checks.process, 'died');
  console.log(`measured: from a death of the node's process to its next answer: ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`);
});

test('three deaths in ten seconds are an alarm, and start with nothing kept', async (t) => {
  const node = await supervised(t);
  const alarm = /"level":"error","msg":"three deaths in ten seconds/;
  let old;
  let kills = 0;
  for (; kills < 3 || !alarm.test(node.log); kills++) {
    assert.ok(kills < 6, node.log);
    // each before it serves; one that ended by itself, because a port was not free yet, is no death
    old = await until('another process is the node', () => [nodeProcess(node)].find((pid) => pid !== undefined && pid !== old), undefined, 1);
    process.kill(old, 'SIGKILL');
    await until('it is gone', () => !alive(old), undefined, 1);
  }
  await until('it answers', () => answers(node));
  assert.equal((await node.metrics()).voiceroom_node_empty_starts_total, 1);
  assert.equal((await (await fetch(`${node.url}/readyz`)).json()).checks.process, 'emptied');
});

test('the node ends with its parent, whatever that died of', async () => {
  const node = await new Node({ supervise: true }).start();
  const below = nodeProcess(node);
  await node.kill9();
  assert.equal(alive(below), false);
  await node.start(); // the ports and the store are free
  await node.stop();
});

test('a clean end is one, though the whole group hears the signal', async () => {
  const node = await new Node({ supervise: true }).start();
  const below = nodeProcess(node);
  process.kill(below, 'SIGTERM');
  process.kill(below, 'SIGINT');
  await node.stop(); // throws when the code is not 0
  assert.equal(alive(below), false);
  assert.match(node.log, /node has stopped/);
});

test('what can not start says so once, with its code', async (t) => {
  const first = await supervised(t);
  const flags = ['--supervise', 'true', '--data', first.data, '--http-address', '127.0.0.1', '--https-port', '0'];
  const second = spawnSync(BINARY, [...flags, '--http-port', String(await freePort()), '--media-port', String(first.media + 1)], { encoding: 'utf8', timeout: 20000 });
  assert.equal(second.status, 2, second.stderr);
  assert.match(second.stderr, /a node runs already/);
  const own = scratch('voicerooms-parent-');
  t.after(() => rmSync(own, { recursive: true, force: true }));
  const taken = spawnSync(BINARY, ['--supervise', 'true', '--data', own, '--http-address', '127.0.0.1', '--https-port', '0', '--http-port', String(first.port), '--media-port', String(first.media + 2)], { encoding: 'utf8', timeout: 20000 });
  assert.equal(taken.status, 2, taken.stderr);
  assert.match(taken.stderr, /TCP port \d+ of 127\.0\.0\.1 is in use/);
  assert.equal(taken.stderr.match(/in use/g).length, 1);
});

test('another program takes over in place, or nothing changes', async (t) => {
  const folder = scratch('voicerooms-program-');
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'voiceroomd');
  const put = (fill) => { fill(`${program}.new`); chmodSync(`${program}.new`, 0o755); renameSync(`${program}.new`, program); };
  put((to) => copyFileSync(BINARY, to));
  const node = new Node({ supervise: true });
  node.program = program;
  await node.start();
  t.after(() => node.stop());
  const parent = node.child.pid;
  const headers = { authorization: `Bearer ${node.admin()}` };
  const ask = async () => {
    const answer = await fetch(`${node.url}/v1/node/upgrade`, { method: 'POST', headers });
    assert.equal(answer.status, 202);
    return (await answer.json()).upgrades;
  };

  put((to) => writeFileSync(to, '#!/bin/sh\nexit 1\n'));
  const before = nodeProcess(node);
  await ask();
  await until('it is refused', () => /can't take over from this one in place/.test(node.log));
  assert.equal(nodeProcess(node), before);
  const about = await (await fetch(`${node.url}/v1/node/upgrade`, { headers })).json();
  assert.deepEqual({ upgrades: about.upgrades, refused: about.refused, why: about.why }, { upgrades: 0, refused: 1, why: 'it ended with 1 and said nothing' });

  // What it says reaches who asked, in one line, and the log.
  const ctl = new Ctl(t, node);
  put((to) => writeFileSync(to, `#!/bin/sh\nprintf 'voiceroomd: line 3: "porrt" is no setting\\nl\\303\\251ger\\n' >&2\nexit 1\n`));
  const refused = await ctl.run('node', 'upgrade');
  assert.equal(refused.code, 5, refused.err);
  assert.match(refused.err, /does not take over in place: line 3: "porrt" is no setting; l\?\?ger\n/);
  assert.match(refused.err, /to do: .*drain/);
  assert.match(node.log, /"porrt" is no setting/);
  put((to) => writeFileSync(to, `#!/bin/sh\nexec ${BINARY} --takes-over 1.0.7\n`));
  const other = await ctl.run('node', 'upgrade');
  assert.equal(other.code, 5, other.err);
  assert.match(other.err, /can't take over in place: what is kept has the layout 1\.0\.7, this program's .* is \d+\.\d+\.\d+\n/);
  assert.equal(nodeProcess(node), before);

  const knocks = knocking(node.port);
  for (let i = 0; i < 2; i++) { // forward, and back
    put((to) => copyFileSync(BINARY, to));
    const old = nodeProcess(node);
    const from = performance.now();
    if (i === 0) assert.equal(await ask(), i);
    else {
      const { code, err } = await ctl.run('node', 'upgrade');
      assert.equal(code, 0, err);
      assert.match(err, /has taken over/);
      assert.notEqual(nodeProcess(node), old, 'it was told once it was so');
    }
    await until('the new program serves', () => nodeProcess(node) !== undefined && nodeProcess(node) !== old, undefined, 1);
    await until('it answers', () => answers(node), undefined, 1);
    console.log(`measured: another program took over in ${(performance.now() - from).toFixed(0)} ms`);
    assert.equal(node.child.pid, parent);
    assert.equal((await node.metrics()).voiceroom_node_upgrades_total, i + 1);
    assert.equal(alive(old), false);
  }
  await knocks.end();
  assert.equal(knocks.refused, 0, `${knocks.refused} of ${knocks.tried} connections were refused`);
  assert.equal((await node.metrics()).voiceroom_node_deaths_total, 0);
  assert.equal(existsSync(join(node.data, 'crash')) && readdirSync(join(node.data, 'crash')).length > 0, false);
});

test('without a parent there is none to ask', async (t) => {
  const node = await startNode(t, { supervise: false });
  const answer = await fetch(`${node.url}/v1/node/upgrade`, { method: 'POST', headers: { authorization: `Bearer ${node.admin()}` } });
  assert.equal(answer.status, 409);
  const { code, err } = await new Ctl(t, node).run('node', 'upgrade');
  assert.notEqual(code, 0);
  assert.match(err, /no parent process/);
});
