// Debian's firefox-esr with the page in it, over WebDriver BiDi.
import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import puppeteer from 'puppeteer-core';
import { PATIENCE_MS, until } from './voiceroomd.mjs';

/**
 * An address for the media of a node. Firefox uses no loopback address for media, and none at all without a default route. On a
 * machine without a network (a container) an address is put on lo, which needs root there.
 */
export function mediaAddress() {
  const found = () => Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;
  const routes = execFileSync('ip', ['-4', 'route', 'show', 'default'], { encoding: 'utf8' });
  if (found() && routes.trim()) return found();
  execFileSync('ip', ['addr', 'replace', '10.99.0.1/32', 'dev', 'lo']);
  execFileSync('ip', ['route', 'replace', 'default', 'dev', 'lo', 'src', '10.99.0.1']);
  return '10.99.0.1';
}

// In the page before the application: counts what is asked of the microphone and what a connection tells, and adds up what
// arrives. No AudioContext: without a sound card Firefox never starts one.
function prepare() {
  window.rig = { microphones: 0, connections: [], told: [] };
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
      for (const name of ['iceconnectionstatechange', 'connectionstatechange', 'negotiationneeded']) {
        this.addEventListener(name, () => window.rig.told.push(`${name} ${this.iceConnectionState} ${this.connectionState}`));
      }
    }
  };
  window.rig.inbound = async () => {
    const sum = { totalAudioEnergy: 0, packetsReceived: 0, packetsLost: 0, concealedSamples: 0, silentConcealedSamples: 0 };
    for (const report of (await window.rig.connections.at(-1)?.getStats())?.values() ?? []) {
      if (report.type !== 'inbound-rtp') continue;
      for (const name of Object.keys(sum)) sum[name] += report[name] ?? 0;
    }
    return sum;
  };
}

/** A window of Firefox; its microphone is a tone of `tone` Hz. */
export class Fox {
  static async open(tone) {
    const fox = new Fox();
    fox.browser = await puppeteer.launch({
      browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true,
      extraPrefsFirefox: {
        'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0, 'media.navigator.permission.disabled': true,
        'media.navigator.streams.fake': true, 'media.navigator.audio.fake_frequency': tone, 'intl.accept_languages': 'en',
      },
    });
    fox.page = await fox.browser.newPage();
    await fox.page.evaluateOnNewDocument(prepare);
    return fox;
  }

  evaluate(...args) { return this.page.evaluate(...args); }
  close() { return this.browser.close(); }
  inbound() { return this.evaluate(() => window.rig.inbound()); }

  /** Sound arrives: more of it half a second later. */
  async hearing() {
    const before = await this.inbound();
    await new Promise((done) => setTimeout(done, 500));
    return (await this.inbound()).totalAudioEnergy - before.totalAudioEnergy > 0.001;
  }

  shows() { return this.evaluate(() => document.body.innerText); }
  text(words, ms = PATIENCE_MS) { return until(`Firefox shows ${words}`, async () => (await this.shows()).includes(words), ms, 50); }

  /** Once it can be pressed: not while what it did before goes on. */
  press(name) {
    return until(`Firefox presses ${name}`, () => this.evaluate((wanted) => {
      const found = [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.innerText).trim() === wanted);
      const may = found !== undefined && !found.disabled && found.getAttribute('aria-busy') !== 'true';
      if (may) found.click();
      return may;
    }, name), PATIENCE_MS, 50);
  }

  /** As a listener into a room. */
  async join(node, room, name, title) {
    await this.page.goto(`${node.url}/#/room/${room}`);
    await this.text(title);
    await this.page.type('input[name="name"]', name);
    await this.press('Join and listen');
    await this.text('You are listening');
  }
}
