// Goal: pages on three nodes hear each other; the owner's death is no gap for those who are not on it, and who was comes back.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { act, enter, onStage } from '../lib/enter.mjs';

/** Of the slot that carries this participant at this page. */
const carrying = (page, participant) => page.evaluate(async (id) => {
  for (const receiver of window.rig.connections.at(-1).getReceivers()) {
    const newest = (receiver.getContributingSources() ?? []).sort((a, b) => b.timestamp - a.timestamp)[0];
    if (newest?.source !== id) continue;
    for (const report of (await receiver.getStats()).values()) {
      if (report.type === 'inbound-rtp') return { concealed: report.concealedSamples, lost: report.packetsLost, mid: report.mid };
    }
  }
  return null;
}, participant);

const ROUNDS = 3; // a machine that stood still in one of them spoils that one
const LATE_MS = 15; // more than that is no speech server's doing

/** How late a timer was at worst until end() is called: what this machine itself adds to any delay. */
function lateness() {
  let worst = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 5);
    last = now;
  }, 5);
  return { end: () => { clearInterval(timer); return worst; } };
}

describe('three pages on three nodes', () => {
  let cluster, browser, ana, ben, cy, all;
  const begin = async () => {
    cluster = await new Cluster({ etcd: 1, mayDie: true }).start();
    browser = await openBrowser();
    ana = await Page.open(browser, cluster.nodes[0], 'ana', 500);
    ben = await Page.open(browser, cluster.nodes[1], 'ben', 900);
    cy = await Page.open(browser, cluster.nodes[2], 'cy', 1300);
    all = [ana, ben, cy];
    const room = await enter(ana, { create: 'Tones' });
    await enter(ben, { room });
    await enter(cy, { room });
  };
  const end = async () => {
    await browser?.close();
    await cluster?.stop();
  };
  const talk = async () => {
    await onStage(ana, ben);
    await onStage(ana, cy);
    await ana.untilHears([ben, cy], all);
    await ben.untilHears([ana, cy], all);
    await cy.untilHears([ana, ben], all);
  };
  before(begin);
  after(end);

  it('each hears the two others', async () => {
    await ben.untilHears([ana], all);
    await cy.untilHears([ana], all);
    await talk();
  });

  it('who is muted at one node is silent at all', async () => {
    await act(ana, 'mutePerson', cy.id);
    await ben.untilHears([ana], all);
    await act(ana, 'unmutePerson', cy.id).catch(() => {});
    await act(cy, 'unmute').catch(() => {});
    await ben.untilHears([ana, cy], all);
  });

  /** Five seconds from the owner's death: what ben and cy hear of each other. */
  async function kill() {
    await sleep(1500);
    const [ben0, cy0] = [await carrying(ben, cy.id), await carrying(cy, ben.id)];
    const start = Date.now();
    const machine = lateness();
    await cluster.nodes[0].kill9();
    let silent = 0;
    while (Date.now() - start < 5000) {
      const heard = await ben.hears([cy]);
      silent += heard.length === 0 ? 1 : 0;
      await sleep(40);
    }
    const [ben1, cy1] = [await carrying(ben, cy.id), await carrying(cy, ben.id)];
    const lateMs = machine.end();
    const gaps = [[ben0, ben1], [cy0, cy1]].map(([x, y]) => ((y.concealed - x.concealed) / 48).toFixed(1));
    console.log(`measured: owner killed: ${gaps.join(' and ')} ms concealed between the survivors in 5 s, lost ${ben1.lost - ben0.lost} and ${cy1.lost - cy0.lost}, not heard in ${silent} looks; the machine was late by ${lateMs.toFixed(0)} ms`);
    return { gaps, silent, lateMs, clean: silent === 0 && gaps.every((ms) => Number(ms) <= 60) };
  }

  it('the owner is killed: the others hear each other without a gap', async () => {
    let round = await kill();
    for (let rounds = 1; !round.clean && round.lateMs > LATE_MS && rounds < ROUNDS; rounds++) {
      await end();
      await begin();
      await talk();
      round = await kill();
    }
    assert.ok(round.gaps.every((ms) => Number(ms) <= 60), 'no gap is longer than 60 ms in all');
    assert.equal(round.silent, 0, 'cy was heard at ben\'s at each look');
  });

  it('who was on it comes back by another node, and is heard', async () => {
    const ms = await ben.untilHears([ana, cy], all);
    console.log(`measured: people of a killed owner heard again ${5000 + ms} ms after the kill at the latest`);
    await ana.untilHears([ben, cy], all);
  });
});
