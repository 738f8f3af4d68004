// Goal: five speakers on four slots over two shards; speakers change without renegotiation, loss or concealment.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { act, enter, onStage } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const loudness = (page, gain) => page.evaluate((g) => { window.rig.gain.gain.value = g; }, gain);

describe('slots', () => {
  let node, browser, pages, ear;
  before(async () => {
    node = await new Node({ flags: { media_workers: 2, shard_peers_max: 3 } }).start();
    browser = await openBrowser();
    pages = [];
    for (const [i, name] of ['ana', 'ben', 'cy', 'di', 'eve', 'ear'].entries()) {
      pages.push(await Page.open(browser, node, name, 500 + 350 * i));
    }
    const room = await enter(pages[0], { create: 'Five on four' });
    for (const [i, page] of pages.slice(1).entries()) {
      // where the next one goes is decided by a count that rooms tell once a second
      if (i === 2) await until('three are counted', async () => await counted() >= 3);
      await enter(page, { room });
    }
    for (const page of pages.slice(1, 5)) await onStage(pages[0], page);
    ear = pages[5];
  });
  /** How many people the node counts. */
  async function counted() {
    return Object.entries(await node.metrics()).filter(([k]) => k.startsWith('voiceroom_participants')).reduce((sum, [, v]) => sum + v, 0);
  }
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('the room has shards on both media workers', async () => {
    const metrics = await node.metrics();
    const shards = Object.entries(metrics).filter(([k]) => k.startsWith('voiceroom_shards')).reduce((sum, [, v]) => sum + v, 0);
    assert.equal(shards, 2);
  });

  it('a listener hears four of five, and the fifth once he is the louder', async () => {
    await loudness(pages[4], 0.02);
    await ear.untilHears(pages.slice(0, 4), pages);
    await loudness(pages[1], 0.01);
    await loudness(pages[4], 0.9);
    await until('eve is heard', async () => (await ear.hears(pages)).includes('eve'));
  });

  it('every speaker on either shard hears others of both', async () => {
    for (const page of pages.slice(0, 5)) {
      await until(`${page.name} hears three at least`, async () => (await page.hears(pages)).filter((n) => n !== page.name).length >= 3);
      // By the source that RTP names, and by ear.
      const sources = await page.evaluate(() => window.rig.connections.at(-1).getReceivers().flatMap((r) => r.getContributingSources().map((s) => s.source)));
      assert.ok(!sources.includes(page.id), `${page.name} is sent his own speech`);
      await page.neverHears([page]);
    }
  });

  it('speakers take turns without a jump in the numbers or a second exchange', async () => {
    const before = await ear.evaluate(() => window.rig.inbound());
    for (let turn = 0; turn < 6; turn++) {
      const loud = pages[turn % 5];
      for (const page of pages.slice(0, 5)) await loudness(page, page === loud ? 0.9 : 0.05);
      await sleep(900);
    }
    const after = await ear.evaluate(() => window.rig.inbound());
    assert.ok(after.packetsReceived - before.packetsReceived > 500);
    assert.equal(after.packetsLost - before.packetsLost, 0);
    assert.equal(await ear.evaluate(() => window.rig.exchanges), 1);
    assert.equal(await ear.evaluate(() => window.rig.microphones), 0);
  });

  it('moderation reaches both shards', async () => {
    for (const page of pages.slice(0, 5)) await loudness(page, 0.5);
    await act(pages[0], 'muteAll');
    await ear.untilHears([pages[0]], pages);
    await pages[3].untilHears([pages[0]], pages);
  });
});
