// Figures with ears: real pages on three nodes, whose tones are looked for in what plays.
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { enter, onStage } from '../lib/enter.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { now } from './clients.mjs';
import { keep, percentile, say, Scene, told } from './figures.mjs';

/** A browser that takes the machines of `world` for safe: else pages of theirs get no microphone. */
export function browserFor(world) {
  return openBrowser(undefined, [`--unsafely-treat-insecure-origin-as-secure=${world.nodes.map((n) => n.url).join(',')}`]);
}

/** Three pages on stage, one on each node. */
export async function threePages(world, browser) {
  const tones = [500, 900, 1300];
  const pages = [];
  for (const [i, name] of ['ana', 'ben', 'cy'].entries()) pages.push(await Page.open(browser, world.nodes[i], name, tones[i]));
  const room = await enter(pages[0], { create: 'Tones' });
  for (const page of pages.slice(1)) {
    await enter(page, { room });
    await onStage(pages[0], page);
  }
  for (const page of pages) await page.untilHears(pages.filter((p) => p !== page), pages);
  // What the client library goes through on its way back, for whom wants to know where the seconds go.
  for (const page of pages) {
    await page.evaluate(() => {
      window.rig.story = [];
      const tell = (text) => window.rig.story.push([Date.now(), text]);
      window.rig.room.on('status', (status) => tell(status));
      window.rig.room.on('media', (state) => tell(`media ${state}`));
      const native = window.fetch;
      window.fetch = async (url, options) => {
        tell(`asks ${new URL(url, location).host}`);
        try {
          const answer = await native(url, options);
          tell(`answered ${answer.status}${answer.ok ? '' : ` ${(await answer.clone().json().catch(() => ({}))).code}, wait ${answer.headers.get('retry-after')}`}`);
          return answer;
        } catch (error) { tell('not reached'); throw error; }
      };
    });
  }
  return { pages, room };
}

const carrying = (page, participant) => page.evaluate(async (id) => {
  for (const receiver of window.rig.connections.at(-1).getReceivers()) {
    const newest = (receiver.getContributingSources() ?? []).sort((a, b) => b.timestamp - a.timestamp)[0];
    if (newest?.source !== id) continue;
    for (const report of (await receiver.getStats()).values()) {
      if (report.type === 'inbound-rtp') return { concealed: report.concealedSamples, mid: report.mid };
    }
  }
  return null;
}, participant);

/** When the newest packet of this person came to this page; 0: none did. */
const newest = (page, participant) => page.evaluate((id) => Math.max(0, ...window.rig.connections.flatMap((pc) => pc.getReceivers())
  .flatMap((receiver) => receiver.getContributingSources() ?? []).filter((source) => source.source === id).map((source) => source.timestamp)), participant);

/** Milliseconds that were made up between the survivors, both ways, since `before`. */
async function gapsSince(before, x, y) {
  const after = [await carrying(x, y.id), await carrying(y, x.id)];
  return after.map((a, i) => (a && before[i] && a.mid === before[i].mid ? (a.concealed - before[i].concealed) / 48 : NaN));
}

const homeOf = async (world, page) => {
  const url = await page.evaluate(() => window.rig.room.node);
  return world.nodes.findIndex((n) => n.url === url);
};

/** A node is killed under its person: until he hears the others again and is heard by them. */
export async function people(world, kills = 20) {
  const scene = new Scene(world);
  const browser = await browserFor(world);
  try {
    const { pages, room } = await threePages(world, browser);
    const hears = [];
    const heard = [];
    const gaps = [];
    let owners = 0;
    for (let i = 0; i < kills; i++) {
      await scene.whole([room]);
      const homes = await Promise.all(pages.map((p) => homeOf(world, p)));
      // In turn the owner's node and one that is not, if somebody sits there; else whichever has people.
      const owner = await scene.owner(room);
      const at = homes.find((h) => (h === owner) === (i % 2 === 0)) ?? homes[0];
      owners += at === owner ? 1 : 0;
      const victims = pages.filter((_, k) => homes[k] === at);
      const survivors = pages.filter((_, k) => homes[k] !== at);
      for (const page of pages) await page.untilHears(pages.filter((p) => p !== page), pages, 15000);
      await sleep(500 + 211 * (i % 6));
      const before = survivors.length === 2 ? [await carrying(...[survivors[0], survivors[1].id]), await carrying(survivors[1], survivors[0].id)] : null;
      for (const page of pages) await page.evaluate(() => { window.rig.story.length = 0; });
      // Those who are cut off: only what comes over a new connection counts.
      for (const page of victims) await page.evaluate(() => { window.rig.connections.length = 0; });
      const wall = Date.now();
      const start = now();
      await world.nodes[at].kill9();
      const found = async (page, others, gone) => {
        // What the jitter buffer makes up of the last packets is no sound: theirs must be newer than the kill.
        for (const other of gone) await until(`${page.name} gets ${other.name}`, () => newest(page, other.id).then((t) => t > wall + 100), 25000);
        await page.untilHears(others, pages, 25000);
        return now() - start;
      };
      const mine = victims.map((page) => found(page, pages.filter((p) => p !== page), []));
      const theirs = survivors.map((page) => found(page, pages.filter((p) => p !== page), victims));
      const results = await Promise.allSettled([...mine, ...theirs]);
      for (const r of results) if (r.status === 'rejected') console.log(`  kill ${i}: ${r.reason.message}`);
      const value = (r) => (r.status === 'fulfilled' ? r.value : Infinity);
      const back = Math.max(...results.slice(0, mine.length).map(value));
      const audible = Math.max(...results.slice(mine.length).map(value), 0);
      hears.push(back);
      if (survivors.length > 0) heard.push(audible);
      if (before) gaps.push(...await gapsSince(before, ...survivors));
      if (Math.max(back, audible) > 4500) {
        console.log(`  kill ${i} (${at === owner ? 'owner' : 'not the owner'}, ${victims.map((v) => v.name)} there): hears after ${Math.round(back)} ms, is heard after ${Math.round(audible)} ms`);
        for (const v of victims) console.log(`    ${v.name}: ${(await v.evaluate(() => window.rig.story)).map(([t, what]) => `${t - wall} ${what}`).join('; ')}`);
      }
      await world.nodes[at].start();
    }
    say(`node killed under its people (${owners} of ${kills} times the owner): they hear again ${told(hears)}; are heard again ${told(heard)} (goal p95 5000, max 8000)`);
    const known = gaps.filter((g) => !Number.isNaN(g));
    if (known.length > 0) say(`meanwhile the survivors' concealment of each other: ${told(known)} (goal 60)`);
    keep('node killed under its people: they hear again', hears);
    keep('node killed under its people: they are heard again', heard);
    keep('node killed under its people: concealed among survivors', gaps);
    const all = [...hears, ...heard];
    return percentile(all, 0.95) <= 5000 && Math.max(...all) <= 8000;
  } finally {
    await browser.close();
  }
}
