// Real Chromium pages with tones as microphones, and ears that find those tones in what arrives.
import { chromium } from 'playwright-core';
import { PATIENCE_MS } from './voiceroomd.mjs';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream',
  '--disable-features=WebRtcHideLocalIpsWithMdns', '--disable-renderer-backgrounding', '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows', '--allow-loopback-in-peer-connection',
];

export async function openBrowser(t, more = [], executablePath = '/usr/bin/chromium') {
  const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...more], headless: true });
  t?.after(() => browser.close());
  return browser;
}

// Runs in the page before the application: counts getUserMedia, gives a tone for a microphone, keeps every
// RTCPeerConnection so that the test can listen to it and count SDP exchanges.
function prepare(tone) {
  window.rig = { microphones: 0, connections: [], exchanges: 0, tone, needed: 0 };
  navigator.mediaDevices.getUserMedia = async () => {
    window.rig.microphones++;
    const context = new AudioContext({ sampleRate: 48000 });
    await context.resume();
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = window.rig.tone;
    gain.gain.value = 0.5;
    const out = context.createMediaStreamDestination();
    oscillator.connect(gain).connect(out);
    oscillator.start();
    window.rig.gain = gain;
    return out.stream;
  };
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      window.rig.connections.push(this);
      this.addEventListener('negotiationneeded', () => { window.rig.needed++; });
    }

    async setRemoteDescription(description) {
      window.rig.exchanges++;
      return super.setRemoteDescription(description);
    }
  };
  const analysers = new WeakMap();
  let context;
  /** Loudness in dB of each frequency in what arrives on all live connections now. */
  window.rig.hear = async (frequencies) => {
    context ??= new AudioContext({ sampleRate: 48000 });
    await context.resume();
    const loud = frequencies.map(() => -200);
    for (const pc of window.rig.connections.filter((c) => !['closed', 'failed'].includes(c.connectionState))) {
      for (const { track } of pc.getReceivers()) {
        if (!track || track.kind !== 'audio') continue;
        if (!analysers.has(track)) {
          const analyser = context.createAnalyser();
          analyser.fftSize = 4096;
          analyser.smoothingTimeConstant = 0;
          context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
          analysers.set(track, analyser);
        }
        const bins = new Float32Array(2048);
        analysers.get(track).getFloatFrequencyData(bins);
        frequencies.forEach((f, i) => {
          const at = Math.round(f / (48000 / 4096));
          loud[i] = Math.max(loud[i], bins[at - 1], bins[at], bins[at + 1]);
        });
      }
    }
    return loud;
  };
  /** Sums over all inbound audio of the newest connection. */
  window.rig.inbound = async () => {
    const sum = { packetsReceived: 0, packetsLost: 0, concealedSamples: 0, silentConcealedSamples: 0, totalSamplesReceived: 0, fecPacketsReceived: 0, jitterBufferDelay: 0, jitterBufferEmittedCount: 0 };
    const pc = window.rig.connections.at(-1);
    for (const report of (await pc.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      for (const name of Object.keys(sum)) sum[name] += report[name] ?? 0;
    }
    return sum;
  };
  /** The inbound audio of the newest connection that received most: the slot that carried the talk. */
  window.rig.busiest = async () => {
    const reports = [...(await window.rig.connections.at(-1).getStats()).values()].filter((r) => r.type === 'inbound-rtp');
    return reports.sort((a, b) => b.packetsReceived - a.packetsReceived)[0];
  };
}

const HEARD = -60; // dB: a tone of ours is near -15, its absence below -90
const BESIDE = 75; // Hz: no tone of ours lies there
const STANDS_OUT = 10; // dB

export class Page {
  /** @param node a Node; @param tone in Hz; `rewrite` may change the SDP answer (a relay's port). */
  static async open(browser, node, name, tone, { rewrite } = {}) {
    const page = new Page();
    Object.assign(page, { node, name, tone, errors: [] });
    page.context = await browser.newContext({ viewport: { width: 900, height: 800 } });
    page.page = await page.context.newPage();
    page.page.on('pageerror', (error) => page.errors.push(String(error)));
    page.page.on('console', (line) => { if (line.type() === 'error') page.errors.push(line.text()); });
    await page.page.addInitScript(prepare, tone);
    if (rewrite) {
      await page.page.route('**/v1/rooms/*/join', async (route) => {
        const answer = await route.fetch();
        const text = await answer.text();
        let body = text;
        if (answer.ok()) {
          const json = JSON.parse(text);
          json.sdp = rewrite(json.sdp);
          body = JSON.stringify(json);
        }
        await route.fulfill({ response: answer, body });
      });
    }
    return page;
  }

  /** In the page. What never answers there (the figures of a connection that is closed meanwhile) is an error, not the end of the suite. */
  async evaluate(...args) {
    let timer;
    const late = new Promise((_, failed) => {
      timer = setTimeout(() => failed(new Error(`${this.name}'s page does not answer; errors: ${this.errors.slice(-5).join(' | ')}`)), 4 * PATIENCE_MS);
    });
    try {
      return await Promise.race([this.page.evaluate(...args), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Which of `pages` are heard now, by their tones. */
  async hears(pages) {
    const loud = await this.evaluate((f) => window.rig.hear(f), pages.map((p) => p.tone));
    return pages.filter((_, i) => loud[i] > HEARD).map((p) => p.name);
  }

  /**
   * For `ms`, none of `pages` is heard. A click (speakers change, the machine stood still) has all frequencies in it; only
   * what stands out from the ones beside it is a tone.
   */
  async neverHears(pages, ms = 500) {
    const places = pages.flatMap((p) => [p.tone, p.tone - BESIDE, p.tone + BESIDE]);
    const limit = Date.now() + ms;
    do {
      const loud = await this.evaluate((f) => window.rig.hear(f), places);
      const heard = pages.filter((_, i) => loud[3 * i] > HEARD && loud[3 * i] > Math.max(loud[3 * i + 1], loud[3 * i + 2]) + STANDS_OUT);
      if (heard.length > 0) throw new Error(`${this.name} hears ${heard.map((p) => p.name)}: ${loud.map(Math.round)} dB`);
      await new Promise((done) => setTimeout(done, 20));
    } while (Date.now() < limit);
  }

  /** Waits until exactly `expected` of `all` are heard; answers the milliseconds. */
  async untilHears(expected, all, ms = PATIENCE_MS) {
    const start = Date.now();
    const names = expected.map((p) => p.name).sort().join();
    let heard;
    for (;;) {
      heard = (await this.hears(all)).sort().join();
      if (heard === names) return Date.now() - start;
      if (Date.now() - start > ms) throw new Error(`${this.name} hears [${heard}] and not [${names}] after ${ms} ms; errors: ${this.errors.slice(0, 5).join(' | ')}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}
