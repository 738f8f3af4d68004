// Goal: every client that was ever given out works against this server: the oldest kept tarball and the newest, and what
// the tree holds now.
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { names, runCase } from '../../web/client/conformance/run.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const COMPAT = resolve(import.meta.dirname, '../../web/client/compat');
const kept = readdirSync(COMPAT).filter((name) => name.endsWith('.tgz'))
  .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
const oldest = kept[0];
const newest = kept.at(-1);

let node, folder;
before(async () => {
  node = await new Node().start();
  folder = mkdtempSync(join(tmpdir(), 'voicerooms-client-'));
});
after(async () => {
  await node?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function unpack(tarball) {
  assert.equal(spawnSync('tar', ['xzf', join(COMPAT, tarball), '-C', folder]).status, 0);
  return join(folder, 'package');
}

for (const [title, tarball] of [['the tree', undefined], [`the oldest, ${oldest}`, oldest], [`the newest, ${newest}`, newest]]) {
  if (tarball === newest && newest === oldest) continue;
  describe(`conformance of ${title}`, () => {
    let env = {};
    before(() => { if (tarball) env = { VOICEROOMS_CLIENT: unpack(tarball) }; });
    after(() => tarball && rmSync(join(folder, 'package'), { recursive: true }));
    for (const name of names) it(name, () => runCase(name, { url: node.url, env }));
  });
}
