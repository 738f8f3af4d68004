// Goal: docs/examples/scaler acts on an advice that lasts, once, drains before it removes, and reads what a real node says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { it } from 'node:test';
import { CTL } from '../lib/ctl.mjs';
import { startNode } from '../lib/voiceroomd.mjs';

const SCALER = resolve(import.meta.dirname, '../../docs/examples/scaler');

it('an advice that lasts is carried out once', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'voiceroom-scaler-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  const fake = join(folder, 'ctl');
  writeFileSync(fake, `#!/bin/sh\nif [ "$1" = cluster ]; then cat ${folder}/advice; else echo "$@" >>${log}; test ! -e ${folder}/broken; fi\n`);
  chmodSync(fake, 0o755);
  const advise = (recommendation, node = null) => writeFileSync(join(folder, 'advice'), JSON.stringify({ recommendation, node, why: 'so' }));
  const call = (...more) => spawnSync(SCALER, ['--voiceroomctl', fake, '--state', join(folder, 'state'), '--add', `sh -c 'echo added >>${log}'`,
    '--remove', `sh -c 'echo removed $0 >>${log}'`, ...more], { encoding: 'utf8' });
  const done = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);

  advise('add');
  call();
  advise('keep');
  call();
  advise('add');
  for (let i = 0; i < 2; i++) assert.equal(call().status, 0);
  assert.deepEqual(done(), []);
  for (let i = 0; i < 5; i++) assert.equal(call().status, 0);
  assert.deepEqual(done(), ['added'], 'then it rests');
  advise('remove', 'b');
  for (let i = 0; i < 2; i++) call('--pause', '0');
  writeFileSync(join(folder, 'state'), JSON.stringify({ advice: ['remove', 'b'], calls: 2, rests_until: 0 }));
  assert.equal(call().status, 0);
  assert.deepEqual(done(), ['added', 'node drain b --wait --yes', 'removed b']);
  writeFileSync(join(folder, 'state'), JSON.stringify({ advice: ['remove', 'b'], calls: 2, rests_until: 0 }));
  writeFileSync(join(folder, 'broken'), '');
  assert.notEqual(call().status, 0);
  assert.deepEqual(done().slice(3), ['node drain b --wait --yes'], 'nobody is cut off');
});

it('reads what a node says', async (t) => {
  const node = await startNode(t);
  const state = join(node.data, 'scaler.json');
  const { status, stdout, stderr } = spawnSync(SCALER, ['--voiceroomctl', CTL, '--state', state, '--add', 'false', '--remove', 'false', '--',
    '--endpoint', node.url, '--key-file', join(node.data, 'admin-key.json')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^keep: one node at/);
});
