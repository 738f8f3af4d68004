// Goal: clients that are not ours join, hear and are heard: aiortc with aiortc, aiortc with Chromium.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rest } from '../lib/client.mjs';
import { enter } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node } from '../lib/voiceroomd.mjs';

function aiortc(node, token, room, tone, listen, seconds) {
  const args = [join(import.meta.dirname, 'aiortc_client.py'), node.url, token, room, tone, listen, seconds].map(String);
  const child = spawn('/usr/bin/python3', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = {};
  let errors = '';
  let rest = '';
  child.stdout.on('data', (text) => {
    rest += text;
    for (let at; (at = rest.indexOf('\n')) >= 0; rest = rest.slice(at + 1)) Object.assign(said, JSON.parse(rest.slice(0, at)));
  });
  child.stderr.on('data', (text) => { errors += text; });
  return new Promise((done, failed) => child.once('exit', (code) => (code === 0 ? done(said) : failed(new Error(`aiortc: ${errors}`)))));
}

describe('a foreign client', () => {
  let node;
  before(async () => { node = await new Node().start(); });
  after(() => node.stop());

  it('hears another foreign client and leaves by DELETE', async () => {
    const host = node.token('ana', { roomCreate: true });
    const room = await rest(node, host, 'POST', '/v1/rooms', { title: 'Foreign', entry: 'speak' });
    const speaker = (name) => node.token(name, { role: 'speaker' });
    const [one, two] = await Promise.all([
      aiortc(node, speaker('one'), room.id, 500, 900, 6), aiortc(node, speaker('two'), room.id, 900, 500, 6)]);
    console.log(`measured: aiortc joined ${one.joined} ms, connected ${one.connected} ms, first frame ${one.first_frame} ms`);
    for (const said of [one, two]) {
      assert.ok(said.heard_db > -6, `the other's tone: ${said.heard_db} dB`);
      assert.equal(said.left, 200);
    }
  });

  it('is heard by Chromium', async (t) => {
    const browser = await openBrowser(t);
    const ana = await Page.open(browser, node, 'ana', 700);
    const room = await enter(ana, { create: 'Mixed' });
    const heard = aiortc(node, node.token('radio', { role: 'speaker' }), room, 1100, 700, 8);
    await ana.untilHears([{ name: 'radio', tone: 1100 }], [{ name: 'radio', tone: 1100 }, ana]);
    const said = await heard;
    assert.ok(said.heard_db > -6, `Chromium's tone at aiortc: ${said.heard_db} dB`);
    assert.deepEqual(ana.errors, []);
  });
});
