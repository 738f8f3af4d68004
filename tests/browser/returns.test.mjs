// Goal: reload, a cut socket and a killed node bring a person back in his place, still muted if he was.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { act, enter, onStage } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node, PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

const self = (page) => page.evaluate(() => {
  const { participant, role, muted, muted_by_moderator } = window.rig.room.self;
  return { participant, role, muted, muted_by_moderator };
});

const token = (page) => page.evaluate(() => window.rig.room.resumeToken);
/** Each return brings a new token; the status alone may never have changed. */
const back = (page, old) => page.page.waitForFunction((before) => window.rig.room.status === 'live' && window.rig.room.resumeToken !== before, old, { timeout: PATIENCE_MS });

/* Runs in the page before the application: keeps every socket, so that a test can lose one. */
function keepSockets() {
  window.rig.sockets = [];
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...args) {
      super(...args);
      window.rig.sockets.push(this);
    }
  };
}

describe('coming back', () => {
  let node, browser;
  before(async () => {
    node = await new Node().start();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  async function three(create, prepare) {
    const pages = [];
    for (const [i, name] of ['ana', 'ben', 'cy'].entries()) pages.push(await Page.open(browser, node, name, 500 + 400 * i));
    for (const page of prepare ? pages : []) await page.page.addInitScript(prepare);
    const room = await enter(pages[0], { create });
    for (const page of pages.slice(1)) await enter(page, { room });
    return pages;
  }
  const close = (pages) => Promise.all(pages.map((p) => p.context.close()));

  it('after a reload, in role and muted as before', async () => {
    const [ana, ben, cy] = await three('Reload');
    await onStage(ana, ben);
    await act(ana, 'mutePerson', ben.id);
    const before = await self(ben);
    const resume = await ben.evaluate(() => window.rig.room.resumeToken);
    await enter(ben, { room: ben.room, resume });
    assert.deepEqual(await self(ben), before);
    assert.equal(before.muted_by_moderator, true);
    await cy.untilHears([ana], [ana, ben, cy]);
    await act(ana, 'unmutePerson', ben.id);
    await cy.untilHears([ana, ben], [ana, ben, cy]);
    await close([ana, ben, cy]);
  });

  it('after the socket was cut: others see reconnecting at most, sound goes on', async () => {
    const [ana, ben, cy] = await three('Cut');
    await onStage(ana, ben);
    await cy.untilHears([ana, ben], [ana, ben, cy]);
    const cdp = await ben.context.newCDPSession(ben.page);
    await cdp.send('Network.enable');
    await cdp.send('Network.emulateNetworkConditions', { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await new Promise((done) => setTimeout(done, 1500));
    await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await ben.page.waitForFunction(() => window.rig.room.status === 'live', null, { timeout: PATIENCE_MS });
    await cy.untilHears([ana, ben], [ana, ben, cy]);
    assert.equal((await self(ben)).role, 'speaker');
    await close([ana, ben, cy]);
  });

  it('after the socket alone was lost: at once, on the same connection, without a second exchange, and mute is kept', async () => {
    const [ana, ben, cy] = await three('Socket', keepSockets);
    await onStage(ana, ben);
    await cy.untilHears([ana, ben], [ana, ben, cy]);
    const { took, seen, before, now } = await ben.evaluate(async () => {
      const { room, connections, sockets } = window.rig;
      const figures = () => ({ connections: connections.length, exchanges: window.rig.exchanges, microphones: window.rig.microphones });
      const before = figures();
      const seen = [];
      const stops = [room.on('status', (status) => seen.push(status))];
      const start = performance.now();
      const back = new Promise((done) => stops.push(room.on('resumeToken', done)));
      sockets.at(-1).close();
      const muted = room.mute().catch(() => {}); // asked while there is no socket
      await back;
      const took = performance.now() - start;
      await muted;
      stops.forEach((stop) => stop());
      return { took, seen, before, now: figures() };
    });
    console.log(`measured: socket lost: back after ${Math.round(took)} ms`);
    assert.deepEqual(now, before);
    if (took < 1500) assert.deepEqual(seen, [], 'nobody is told of less than two seconds');
    await ben.page.waitForFunction(() => window.rig.room.self.muted_by_self, null, { timeout: PATIENCE_MS });
    await cy.untilHears([ana], [ana, ben, cy]);
    await act(ben, 'unmute');
    await cy.untilHears([ana, ben], [ana, ben, cy]);
    await close([ana, ben, cy]);
  });

  it('by themselves after kill -9 and restart of the node, with roles and mutes', async () => {
    const pages = await three('Killed');
    const [ana, ben, cy] = pages;
    await onStage(ana, ben);
    await onStage(ana, cy);
    await act(ana, 'mutePerson', cy.id);
    const before = await Promise.all(pages.map(self));
    const tokens = await Promise.all(pages.map(token));
    await node.kill9();
    await node.start();
    const up = Date.now();
    await until('ana hears ben again', async () => (await ana.hears(pages)).join() === 'ben');
    await ben.untilHears([ana], pages);
    console.log(`measured: node killed: heard again ${Date.now() - up} ms after it was ready`);
    for (const [i, page] of pages.entries()) await back(page, tokens[i]);
    assert.deepEqual(await Promise.all(pages.map(self)), before);
    assert.deepEqual(pages.flatMap((page) => page.errors.filter((line) => /Content.Security.Policy/i.test(line))), [], 'nobody tried an address that the page may not use');
    await close(pages);
  });
});
