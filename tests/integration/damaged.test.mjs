// Goal: a damaged store stops the start with a clear sentence, and `--repair` brings back all that can be read.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rest } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const BINARY = process.env.VOICEROOMD ?? resolve(import.meta.dirname, '../../build/release/nodes/voiceroomd');
const run = (...args) => spawnSync(BINARY, args, { encoding: 'utf8', timeout: 60000 });

describe('a damaged store', () => {
  let data; let file; let lost; let sound; let node;

  before(async () => {
    data = mkdtempSync(join(tmpdir(), 'voicerooms-damaged-'));
    file = join(data, 'data.mdb');
    node = await new Node({ data }).start();
    lost = await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Hit by a stray write' });
    sound = await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Not hit at all' });
    await node.stop();
    const bytes = readFileSync(file);
    let hits = 0;
    for (let at = bytes.indexOf('stray write'); at !== -1; at = bytes.indexOf('stray write', at + 1)) {
      bytes.write('XXXXX', at);
      hits += 1;
    }
    assert.ok(hits > 0, 'the title stands in the file');
    writeFileSync(file, bytes);
  });

  after(() => rmSync(data, { recursive: true, force: true }));

  it('is not started on: the sentence names the file and the way out', () => {
    const end = run('--data', data, '--http-port', '18099', '--https-port', '0');
    assert.equal(end.status, 1, end.stderr);
    assert.match(end.stderr, /data\.mdb damaged .*--repair/);
    assert.ok(end.stderr.includes(data));
  });

  it('is repaired: what can be read is there again, the damaged file is kept', async () => {
    const end = run('--repair', '--data', data);
    assert.equal(end.status, 0, end.stderr);
    assert.match(end.stdout, /\d+ records .*lost: \d+ values/);
    assert.ok(readdirSync(data).some((name) => name.startsWith('data.mdb.damaged-')));
    node = await new Node({ data }).start();
    try {
      assert.equal((await rest(node, node.admin(), 'GET', `/v1/rooms/${sound.id}`)).title, 'Not hit at all');
      await assert.rejects(rest(node, node.admin(), 'GET', `/v1/rooms/${lost.id}`));
      await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Life goes on' });
      const twin = run('--repair', '--data', data);
      assert.equal(twin.status, 2, 'a folder in use is not touched');
    } finally {
      await node.stop();
    }
  });

  it('that was cut off is refused as clearly, and nothing is lost by a repair in vain', () => {
    truncateSync(file, 6000);
    const before = readFileSync(file);
    const start = run('--data', data, '--http-port', '18099', '--https-port', '0');
    assert.equal(start.status, 1);
    assert.match(start.stderr, /data\.mdb damaged/);
    const repair = run('--repair', '--data', data);
    if (repair.status !== 0) {
      assert.equal(repair.status, 1);
      assert.match(repair.stderr, /voiceroomd: \S/);
      assert.deepEqual(readFileSync(file), before);
    }
  });
});
