// Goal: in Firefox too one joins, hears, is heard, and comes back: the page in Debian's firefox-esr over WebDriver BiDi,
// against a page in Chromium.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { Fox, mediaAddress } from '../lib/firefox.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';
import { createRoom, openWindow, press, read, see, startHouse } from './hands.mjs';

describe('Firefox', { timeout: 300000 }, () => {
  let node, chromium, fox, ana;
  const ben = { name: 'Ben', tone: 900 };
  const text = (words, ms) => fox.text(words, ms);
  const button = (name) => fox.press(name);
  const hearing = () => fox.hearing();

  before(async () => {
    node = await startHouse({ media_addresses: mediaAddress() });
    chromium = await openBrowser();
    fox = await Fox.open(ben.tone);
    ana = await openWindow(chromium, node, 'Ana', 500);
  });
  after(async () => {
    await fox?.close();
    await chromium?.close();
    await node?.stop();
  });

  it('joins and hears', async () => {
    const room = await createRoom(ana, 'Ana', 'Both engines');
    await fox.join(node, room, 'Ben', 'Both engines');
    await until('Ben hears Ana', hearing, PATIENCE_MS, 50);
    assert.equal(await fox.evaluate(() => window.rig.microphones), 0);
  });

  it('sees who speaks, comes on stage, and is heard', async () => {
    await until('the ring of Ana', () => fox.evaluate(() => /^Ana\s*Host\s*speaking$/.test(document.querySelector('.person')?.innerText ?? '') || document.querySelector('.person[class*="ring-1"], .person[class*="ring-2"], .person[class*="ring-3"], .person[class*="ring-4"]') !== null), PATIENCE_MS, 50);
    await button('Raise hand (R)');
    await press(ana, 'button', 'Accept Ben');
    await text('You can be heard');
    await ana.untilHears([ben], [ben]);
    await button('Mute (M)');
    await text('You are muted');
    await ana.untilHears([], [ben]);
    await button('Unmute (M)');
    await ana.untilHears([ben], [ben]);
  });

  it('comes back by itself after the node was killed', async () => {
    await node.kill9();
    await text('The connection was lost.');
    await node.start();
    await until('the banner is gone', async () => !(await fox.shows()).includes('The connection was lost.'), 2 * PATIENCE_MS, 100);
    await until('Ben hears Ana again', hearing, PATIENCE_MS, 50);
    await ana.untilHears([ben], [ben]);
    await text('You can be heard');
    await read(ana, 'You can be heard');
    await see(ana, 'heading', 'On stage 2');
  });
});
