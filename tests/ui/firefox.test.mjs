// Goal: in Firefox too one joins, hears, is heard, and comes back: the page in Debian's firefox-esr over WebDriver BiDi,
// against a page in Chromium.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import puppeteer from 'puppeteer-core';
import { openBrowser } from '../lib/chromium.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';
import { createRoom, openWindow, press, read, see, startHouse } from './hands.mjs';

// Firefox uses no loopback address for media, and none at all without a default route. On a machine without a network
// (a container) an address is put on lo, which needs root there.
function address() {
  const found = () => Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;
  const routes = execFileSync('ip', ['-4', 'route', 'show', 'default'], { encoding: 'utf8' });
  if (found() && routes.trim()) return found();
  execFileSync('ip', ['addr', 'replace', '10.99.0.1/32', 'dev', 'lo']);
  execFileSync('ip', ['route', 'replace', 'default', 'dev', 'lo', 'src', '10.99.0.1']);
  return '10.99.0.1';
}

// In the page before the application: counts what is asked of the microphone, and adds up the sound that arrives. No
// AudioContext: without a sound card Firefox never starts one.
function prepare() {
  window.rig = { microphones: 0, connections: [] };
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wish) => {
    window.rig.microphones++;
    return open(wish);
  };
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      window.rig.connections.push(this);
    }
  };
  window.rig.energy = async () => {
    let sum = 0;
    for (const report of (await window.rig.connections.at(-1)?.getStats())?.values() ?? []) {
      if (report.type === 'inbound-rtp') sum += report.totalAudioEnergy ?? 0;
    }
    return sum;
  };
}

describe('Firefox', { timeout: 300000 }, () => {
  let node, chromium, firefox, ana, page;
  const ben = { name: 'Ben', tone: 900 };
  /** Sound arrives: more of it half a second later. */
  const hearing = async () => {
    const before = await page.evaluate(() => window.rig.energy());
    await new Promise((done) => setTimeout(done, 500));
    return await page.evaluate(() => window.rig.energy()) - before > 0.001;
  };
  const text = (words, ms = PATIENCE_MS) => until(`Ben reads ${words}`, async () => (await page.evaluate(() => document.body.innerText)).includes(words), ms, 50);
  const button = (name) => until(`Ben presses ${name}`, () => page.evaluate((wanted) => {
    const found = [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.innerText).trim() === wanted);
    found?.click();
    return found !== undefined;
  }, name), PATIENCE_MS, 50);

  before(async () => {
    node = await startHouse({ media_addresses: address() });
    chromium = await openBrowser();
    firefox = await puppeteer.launch({
      browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true,
      extraPrefsFirefox: {
        'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0, 'media.navigator.permission.disabled': true,
        'media.navigator.streams.fake': true, 'media.navigator.audio.fake_frequency': 900, 'intl.accept_languages': 'en',
      },
    });
    ana = await openWindow(chromium, node, 'Ana', 500);
    page = await firefox.newPage();
    await page.evaluateOnNewDocument(prepare);
  });
  after(async () => {
    await firefox?.close();
    await chromium?.close();
    await node?.stop();
  });

  it('joins and hears', async () => {
    const room = await createRoom(ana, 'Ana', 'Both engines');
    await page.goto(`${node.url}/#/room/${room}`);
    await text('Both engines');
    await page.type('input[name="name"]', 'Ben');
    await button('Join and listen');
    await text('You are listening');
    await until('Ben hears Ana', hearing, PATIENCE_MS, 50);
    assert.equal(await page.evaluate(() => window.rig.microphones), 0);
  });

  it('sees who speaks, comes on stage, and is heard', async () => {
    await until('the ring of Ana', () => page.evaluate(() => /^Ana\s*Host\s*speaking$/.test(document.querySelector('.person')?.innerText ?? '') || document.querySelector('.person[class*="ring-1"], .person[class*="ring-2"], .person[class*="ring-3"], .person[class*="ring-4"]') !== null), PATIENCE_MS, 50);
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
    await until('the banner is gone', async () => !(await page.evaluate(() => document.body.innerText)).includes('The connection was lost.'), 2 * PATIENCE_MS, 100);
    await until('Ben hears Ana again', hearing, PATIENCE_MS, 50);
    await ana.untilHears([ben], [ben]);
    await text('You can be heard');
    await read(ana, 'You can be heard');
    await see(ana, 'heading', 'On stage 2');
  });
});
