// Goal: three real pages with three tones; each hears the two others and not himself; a muted one is silent at once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { act, enter, onStage } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node } from '../lib/voiceroomd.mjs';

describe('three pages in a room', () => {
  let node, browser, ana, ben, cy, all;
  before(async () => {
    node = await new Node().start();
    browser = await openBrowser();
    ana = await Page.open(browser, node, 'ana', 500);
    ben = await Page.open(browser, node, 'ben', 900);
    cy = await Page.open(browser, node, 'cy', 1300);
    all = [ana, ben, cy];
    const room = await enter(ana, { create: 'Tones' });
    await enter(ben, { room, quiet: false });
    await enter(cy, { room, prepared: true, quiet: false });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('a host is heard by listeners who hold no microphone', async () => {
    console.log(`measured: join to first sound decoded: ${ben.soundMs.toFixed(0)} and ${cy.soundMs.toFixed(0)} ms (answer after ${ben.joinMs.toFixed(0)} and, prepared, ${cy.joinMs.toFixed(0)} ms)`);
    await ben.untilHears([ana], all);
    await cy.untilHears([ana], all);
    assert.deepEqual(await ana.hears(all), []);
    assert.equal(await ben.evaluate(() => window.rig.microphones), 0);
  });

  it('a promoted listener asks for the microphone only then, and without a second SDP exchange', async () => {
    const before = await ben.evaluate(() => ({ exchanges: window.rig.exchanges, needed: window.rig.needed, pcs: window.rig.connections.length }));
    await onStage(ana, ben);
    const ms = await ana.untilHears([ben], all);
    const after = await ben.evaluate(() => ({ exchanges: window.rig.exchanges, needed: window.rig.needed, pcs: window.rig.connections.length }));
    assert.deepEqual(after, before);
    assert.equal(await ben.evaluate(() => window.rig.microphones), 1);
    console.log(`measured: promoted to heard ${ms} ms`);
  });

  it('each hears the two others and not himself', async () => {
    await onStage(ana, cy);
    await ana.untilHears([ben, cy], all);
    await ben.untilHears([ana, cy], all);
    await cy.untilHears([ana, ben], all);
    await ana.neverHears([ana]);
    await ana.untilHears([ben, cy], all);
  });

  it('who is muted by the host forwards no packet after the answer', async () => {
    // The slot that carries ben at ana's; its last packet's arrival is told by the browser itself.
    const times = await ana.evaluate(async (id) => {
      const pc = window.rig.connections.at(-1);
      const carries = (receiver) => (receiver.getContributingSources() ?? []).sort((a, b) => b.timestamp - a.timestamp)[0]?.source === id;
      const receiver = pc.getReceivers().find(carries);
      const asked = performance.timeOrigin + performance.now();
      await window.rig.room.mutePerson(id);
      const answered = performance.timeOrigin + performance.now();
      await new Promise((done) => setTimeout(done, 1500));
      let last = 0;
      for (const report of (await receiver.getStats()).values()) {
        if (report.type === 'inbound-rtp') last = report.lastPacketReceivedTimestamp;
      }
      return { asked, answered, last };
    }, ben.id);
    console.log(`measured: mute: answered after ${(times.answered - times.asked).toFixed(1)} ms, last packet ${(times.last - times.asked).toFixed(1)} ms after the request`);
    assert.ok(times.last > times.asked - 200, 'ben was heard until then');
    assert.ok(times.last - times.asked < 200, `last packet ${times.last - times.asked} ms after the request`);
    assert.ok(times.last <= times.answered + 5, 'no packet after the answer (5 ms for its way)');
    await ana.untilHears([cy], all);
    await cy.untilHears([ana], all);
  });

  it('stays silent whatever his client does, and is back when both agree', async () => {
    await ben.evaluate(() => window.rig.room.unmute().catch(() => {}));
    await ana.neverHears([ben], 700);
    await ana.untilHears([cy], all);
    await act(ana, 'unmutePerson', ben.id);
    await ana.untilHears([ben, cy], all);
  });

  it('nobody saw a packet lost, an error, or a second exchange', async () => {
    for (const page of all) {
      const inbound = await page.evaluate(() => window.rig.inbound());
      assert.equal(inbound.packetsLost, 0, page.name);
      assert.deepEqual(page.errors, [], page.name);
      assert.deepEqual(await page.evaluate(() => [window.rig.exchanges, window.rig.connections.length]), [1, 1], page.name);
    }
  });
});
