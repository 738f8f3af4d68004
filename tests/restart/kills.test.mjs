// Goal: 20 times kill -9 while people talk: rooms, bans, roles, hand order and mutes as they were; media back within 3 s (p95).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { offer, people, rest } from '../lib/client.mjs';
import { enter, onStage } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const KILLS = 20;

describe('kill -9 while people talk', () => {
  let node, browser;
  before(async () => {
    node = await new Node().start();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('keeps rooms, bans, roles, mutes and the order of hands', async (t) => {
    const room = await people(t, node, ['host', 'mod', 'sam', 'lea', 'max', 'zoe']);
    const { host, mod, sam, lea, max, zoe } = room;
    for (const p of [mod, sam]) {
      await p.request('room:hand-raise');
      await host.request('room:promote', { participant: p.id });
    }
    await host.request('room:make-moderator', { participant: mod.id });
    await host.request('room:mute', { participant: sam.id });
    await host.request('room:ban', { participant: zoe.id, reason: 'spam' });
    for (const p of [max, lea]) await p.request('room:hand-raise');
    const picture = (s) => ({
      hands: s.hands.map((h) => [h.participant, h.position]),
      people: s.participants.map((p) => [p.participant, p.role, p.muted_by_self, p.muted_by_moderator]).sort((a, b) => a[0] - b[0]),
      title: s.room.title,
    });
    const before = picture(await host.state());
    await node.kill9();
    await node.start();
    await host.connect(node.url, { protocol: 1, capabilities: ['red'], sdp: offer() });
    assert.deepEqual(picture(await host.state()), before);
    const { bans } = await rest(node, host.token, 'GET', `/v1/rooms/${host.room}/bans`);
    assert.deepEqual(bans.map((b) => b.reason), ['spam']);
    await assert.rejects(rest(node, zoe.token, 'POST', `/v1/rooms/${host.room}/join`, { protocol: 1, sdp: 'v=0' }));
  });

  it(`brings sound back ${KILLS} times`, async () => {
    const ana = await Page.open(browser, node, 'ana', 500);
    const ben = await Page.open(browser, node, 'ben', 900);
    const room = await enter(ana, { create: 'Talk' });
    await enter(ben, { room });
    await onStage(ana, ben);
    const both = [ana, ben];
    const times = [];
    for (let i = 0; i < KILLS; i++) {
      await ana.untilHears([ben], both);
      await ben.untilHears([ana], both);
      await sleep(300 + 37 * i);
      const killed = Date.now();
      await node.kill9();
      await until('silence', async () => (await ana.hears(both)).length === 0);
      await node.start();
      await ana.untilHears([ben], both);
      await ben.untilHears([ana], both);
      times.push(Date.now() - killed);
    }
    times.sort((a, b) => a - b);
    const p95 = times[Math.ceil(0.95 * times.length) - 1];
    console.log(`measured: ${KILLS} kills: sound back after p50 ${times[times.length >> 1]} p95 ${p95} max ${times.at(-1)} ms, counted from the kill`);
    assert.ok(p95 <= 3000, `p95 ${p95} ms`);
    assert.equal(await ben.evaluate(() => window.rig.room.self.role), 'speaker');
  });
});
