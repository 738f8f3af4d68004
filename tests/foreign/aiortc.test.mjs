// Goal: clients that are not ours join, hear and are heard: aiortc with aiortc, aiortc with Chromium.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rest } from '../lib/client.mjs';
import { enter } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { keep, Node, until } from '../lib/voiceroomd.mjs';

/** In the room until leave(), which resolves with all it said. */
function aiortc(node, token, room, tone, listen) {
  const args = [join(import.meta.dirname, 'aiortc_client.py'), node.url, token, room, tone, listen].map(String);
  const child = keep(spawn('/usr/bin/python3', args, { stdio: ['pipe', 'pipe', 'pipe'] }));
  const said = {};
  let errors = '';
  let rest = '';
  child.stdout.on('data', (text) => {
    rest += text;
    for (let at; (at = rest.indexOf('\n')) >= 0; rest = rest.slice(at + 1)) Object.assign(said, JSON.parse(rest.slice(0, at)));
  });
  child.stderr.on('data', (text) => { errors += text; });
  const ended = new Promise((done) => child.once('close', done));
  return {
    hears: () => until(`${listen} Hz, 6 dB below all else at most`, () => {
      if (child.exitCode !== null) throw new Error(`aiortc: ${errors}`);
      return said.heard_db > -6;
    }).catch((error) => { throw new Error(`${error.message}; it said ${JSON.stringify(said)}`); }),
    leave: async () => {
      child.stdin.end();
      assert.equal(await ended, 0, `aiortc: ${errors}`);
      return said;
    },
  };
}

describe('a foreign client', () => {
  let node;
  before(async () => { node = await new Node().start(); });
  after(() => node.stop());

  it('hears another foreign client and leaves by DELETE', async () => {
    const host = node.token('ana', { roomCreate: true });
    const room = await rest(node, host, 'POST', '/v1/rooms', { title: 'Foreign', entry: 'speak' });
    const speaker = (name) => node.token(name, { role: 'speaker' });
    const both = [aiortc(node, speaker('one'), room.id, 500, 900), aiortc(node, speaker('two'), room.id, 900, 500)];
    await Promise.all(both.map((client) => client.hears()));
    const [one, two] = await Promise.all(both.map((client) => client.leave()));
    console.log(`measured: aiortc joined ${one.joined} ms, connected ${one.connected} ms, first frame ${one.first_frame} ms`);
    for (const said of [one, two]) {
      assert.equal(said.left, 200);
    }
  });

  it('is heard by Chromium', async (t) => {
    const browser = await openBrowser(t);
    const ana = await Page.open(browser, node, 'ana', 700);
    const room = await enter(ana, { create: 'Mixed' });
    const radio = aiortc(node, node.token('radio', { role: 'speaker' }), room, 1100, 700);
    await ana.untilHears([{ name: 'radio', tone: 1100 }], [{ name: 'radio', tone: 1100 }, ana]);
    await radio.hears();
    assert.equal((await radio.leave()).left, 200);
    assert.deepEqual(ana.errors, []);
  });
});
