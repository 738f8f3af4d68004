// Real people of a run: Chromium pages with tones as voices, one on each node, in a room whose host acts on them as on anybody.
// What each hears is noted; at the end those who may speak must be heard, and nobody else.
import { setTimeout as sleep } from 'node:timers/promises';
import { Page } from '../lib/chromium.mjs';
import { enter } from '../lib/enter.mjs';
import { now } from './clients.mjs';
import { browserFor } from './measure_sound.mjs';

const VOICES = [['ana', 500], ['ben', 900], ['cy', 1300]];
const LOOK_EVERY = 150;
const HEARD = -60; // dB: a tone is near -15, its absence below -90
const BESIDE = 75; // Hz: no tone lies there
const STANDS_OUT = 10; // dB

export class Ears {
  constructor(run) { Object.assign(this, { run, pages: [], going: true }); }

  /** Pages in `room` on each node; answers what the host of the room may aim at. */
  async open(room) {
    const { world } = this.run;
    this.room = room;
    this.browser = await browserFor(world);
    for (const [i, [name, tone]] of VOICES.entries()) {
      this.pages.push(await Page.open(this.browser, world.nodes[i], name, tone));
      await enter(this.pages[i], { room });
    }
    this.loops = this.pages.map((page) => this.listen(page));
    return this.pages.map((page) => ({
      get participant() { return page.id; },
      raise: () => page.evaluate(() => window.rig.room.raiseHand()).then(() => true, () => true),
    }));
  }

  /** A click (speakers change, the machine stood still) has all frequencies in it: a tone stands out from those beside it. */
  async hear(page) {
    const others = this.pages.filter((p) => p !== page);
    const t = now();
    const last = page.heardLast ?? [];
    page.heardLast = [];
    const loud = await page.evaluate((f) => window.rig.hear(f), others.flatMap((p) => [p.tone, p.tone - BESIDE, p.tone + BESIDE]));
    const heard = others.filter((_, i) => loud[3 * i] > HEARD && loud[3 * i] > Math.max(loud[3 * i + 1], loud[3 * i + 2]) + STANDS_OUT);
    // One look alone is no proof: a tone that breaks off beside it sounds like many for a moment.
    for (const other of heard.filter((o) => last.includes(o))) {
      this.run.note({ kind: 'heard', t, room: this.room, listener: page.name, speaker: other.id });
    }
    page.heardLast = heard;
  }

  /** A page that was told that its place is gone joins anew, as its user would. */
  async again(page) {
    const status = await page.evaluate(() => window.rig.room.status);
    if (status === 'over') {
      page.node = this.run.world.nodes.find((n) => n.child && !n.dead) ?? page.node;
      await enter(page, { room: this.room });
    }
  }

  async listen(page) {
    while (this.going) {
      try {
        await this.hear(page);
        await this.again(page);
      } catch { /* its node is away just now */ }
      await sleep(LOOK_EVERY);
    }
  }

  /** Who should be heard is, by all others, within the time that is left; answers sentences about those who are not. */
  async settled(state, ms) {
    this.going = false;
    await Promise.all(this.loops);
    const may = (page) => {
      const person = state.participants.find((p) => p.participant === page.id);
      return person && person.role !== 'listener' && !person.muted_by_moderator && !person.muted_by_self;
    };
    const speaking = this.pages.filter(may);
    const results = await Promise.allSettled(this.pages.map((page) => page.untilHears(speaking.filter((p) => p !== page), this.pages, ms)));
    return results.filter((r) => r.status === 'rejected').map((r) => `(d) ${r.reason.message}`);
  }

  async close() {
    this.going = false;
    await this.browser?.close();
  }
}
