// Goal: with frames packed for the audience and packets sent together, a browser hears what it did without: every
// speaker, nothing lost or concealed, silence from who is muted, and no gap when a listener is let on the stage.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { act, enter, onStage } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

// Deep enough that a machine that stands still for a moment is not heard; flawed numbers are heard at any depth.
const BUFFER_MS = 500;
const ROUNDS = 3; // a machine that stood still for longer than that may spoil some, but not all

describe('packed and sent together', () => {
  let node, browser, ana, ben, ear, all;
  before(async () => {
    node = await new Node({ flags: { media_pack: 3, media_gso: true } }).start();
    browser = await openBrowser();
    all = [];
    for (const [i, name] of ['ana', 'ben', 'ear', 'fay', 'gus', 'hal'].entries()) {
      all.push(await Page.open(browser, node, name, 500 + 400 * i));
    }
    [ana, ben, ear] = all;
    const room = await enter(ana, { create: 'Levers' });
    for (const page of all.slice(1)) await enter(page, { room });
    await onStage(ana, ben);
    await ear.untilHears([ana, ben], all);
    await ear.evaluate((ms) => {
      for (const r of window.rig.connections.at(-1).getReceivers()) r.jitterBufferTarget = ms;
    }, BUFFER_MS);
    await sleep(3000); // until the buffer has grown
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  /** What some time, and `deed` in it, did to the listener. */
  async function cost(deed, ms) {
    const first = await ear.evaluate(() => window.rig.inbound());
    const start = Date.now();
    await deed();
    await sleep(ms);
    const then = await ear.evaluate(() => window.rig.inbound());
    const of = (name) => then[name] - first[name];
    return {
      perSecond: of('packetsReceived') * 1000 / (Date.now() - start), lost: of('packetsLost'),
      concealed: of('concealedSamples') - of('silentConcealedSamples'),
    };
  }

  const isClean = (figure) => figure.lost === 0 && figure.concealed === 0;

  it('two speakers come in a third of the packets, with nothing lost or concealed', async () => {
    const figures = [];
    while (figures.length < ROUNDS && !figures.some(isClean)) figures.push(await cost(async () => {}, 3000));
    console.log(`measured: packed by 3: ${JSON.stringify(figures)}`);
    assert.ok(figures.some(isClean), JSON.stringify(figures));
    for (const figure of figures) assert.ok(figure.perSecond < 50, `${figure.perSecond} packets a second`);
    assert.ok((await node.metrics()).voiceroom_packs_total > 100);
    await ear.untilHears([ana, ben], all);
  });

  it('nobody hears himself', async () => {
    for (const page of [ana, ben]) {
      const other = page === ana ? ben : ana;
      await page.untilHears([other], all);
      const sources = await page.evaluate(() => window.rig.connections.at(-1).getReceivers().flatMap((r) => r.getContributingSources().map((s) => s.source)));
      assert.ok(!sources.includes(page.id), `${page.name} is sent his own speech`);
    }
  });

  it('who goes on the stage hears on without a gap, frame by frame', async () => {
    const figures = [];
    while (figures.length < ROUNDS && !figures.some(isClean)) {
      figures.push(await cost(() => onStage(ana, ear), 2500));
      assert.ok(figures.at(-1).perSecond > 60, `${figures.at(-1).perSecond} packets a second`);
      await act(ana, 'demote', ear.id);
      // Packed again at the next pause of each speaker, where the longer way to the next packet is not heard.
      for (const page of [ana, ben]) await page.evaluate(() => { window.rig.gain.gain.value = 0; });
      await sleep(1000);
      for (const page of [ana, ben]) await page.evaluate(() => { window.rig.gain.gain.value = 0.5; });
      await ear.untilHears([ana, ben], all);
      await sleep(500);
      const again = await cost(async () => {}, 1500);
      assert.ok(again.perSecond < 60, `${again.perSecond} packets a second`);
    }
    console.log(`measured: to the stage: ${JSON.stringify(figures)}`);
    assert.ok(figures.some(isClean), JSON.stringify(figures));
  });

  it('who is muted is silent for all', async () => {
    await act(ana, 'muteAll');
    await until('ben is silent', async () => !(await ear.hears([ben])).length);
    await ear.untilHears([ana], all);
  });
});
