// Goal: three real pages talk while the process of their node is killed again and again: nobody hears it. No packet is lost, no
// index of SRTP is used twice, no ICE event and no SDP, roles and mutes as before, and who is muted is never heard.
// KILLS and LOAD (listeners beside the pages) make it the long run of `make test-unheard`; SEED chooses instants and signals.
import assert from 'node:assert/strict';
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { act, enter, onStage } from '../lib/enter.mjs';
import { nodeProcess } from '../lib/process.mjs';
import { Node, scratch } from '../lib/voiceroomd.mjs';
import { chances } from './chances.mjs';
import { bench, BINARY, startCrowd } from './crowd.mjs';
import { killProcess, nextProcess } from './deaths.mjs';
import { sniff } from './sniff.mjs';

const KILLS = Number(process.env.KILLS ?? 3);
const LOAD = Number(process.env.LOAD ?? 0);
// On a machine with much else to do a start takes longer than the 100 ms after which waiting speech is dropped: there the figures
// are only told. `make test-unheard` asserts them.
const STRICT = process.env.STRICT === '1';
const SEED = Number(process.env.SEED ?? 1);
const APART_MS = 6000; // three deaths in ten seconds would start empty
const SIGNALS = /asan|tsan/.test(BINARY) ? ['SIGKILL'] : ['SIGKILL', 'SIGSEGV', 'SIGABRT']; // a sanitizer takes the others for faults

/* In the page: everything that a peer connection tells of, and what the library says of its state. */
function watch() {
  const pc = window.rig.connections.at(-1);
  window.rig.told = [];
  const note = (what) => window.rig.told.push(what);
  pc.addEventListener('iceconnectionstatechange', () => note(`ice ${pc.iceConnectionState}`));
  pc.addEventListener('connectionstatechange', () => note(`connection ${pc.connectionState}`));
  pc.addEventListener('signalingstatechange', () => note(`signaling ${pc.signalingState}`));
  pc.addEventListener('negotiationneeded', () => note('negotiationneeded'));
  window.rig.room.on('status', (status) => note(`status ${status}`));
  window.rig.before = { connections: window.rig.connections.length, exchanges: window.rig.exchanges, microphones: window.rig.microphones };
}

/* In the page: the port that its speech comes from. */
async function port() {
  const stats = [...(await window.rig.connections.at(-1).getStats()).values()];
  const transport = stats.find((s) => s.type === 'transport');
  const pair = stats.find((s) => s.id === transport.selectedCandidatePairId);
  return stats.find((s) => s.id === pair.localCandidateId).port;
}

const told = (page) => page.evaluate(() => ({
  told: window.rig.told,
  before: window.rig.before,
  now: { connections: window.rig.connections.length, exchanges: window.rig.exchanges, microphones: window.rig.microphones },
}));

/** Every person as this page sees him: what must be the same before and after. */
const people = (page) => page.evaluate(() => {
  const { participant, role, muted, muted_by_moderator } = window.rig.room.self;
  return { participant, role, muted, muted_by_moderator };
});

describe('kills that nobody hears', () => {
  let node, folder, browser, ana, ben, cy, all;
  before(async () => {
    node = new Node({ supervise: true, flags: { media_workers: 1, grace_s: 600 } }); // the listeners of LOAD have no socket
    folder = scratch('voicerooms-program-');
    node.program = join(folder, 'voiceroomd');
    copyFileSync(BINARY, node.program);
    await node.start();
    if (LOAD > 0) setPriority(node.child.pid, -10); // as the package's unit has it: here its clients want the same processors
    browser = await openBrowser();
    ana = await Page.open(browser, node, 'ana', 500);
    ben = await Page.open(browser, node, 'ben', 900);
    cy = await Page.open(browser, node, 'cy', 1300);
    all = [ana, ben, cy];
    const room = await enter(ana, { create: 'Unheard' });
    await enter(ben, { room });
    await enter(cy, { room });
    await onStage(ana, ben);
    await onStage(ana, cy);
    await act(ana, 'mutePerson', cy.id);
    await ana.untilHears([ben], all);
    await ben.untilHears([ana], all);
    await cy.untilHears([ana, ben], all);
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs `act` while all is watched, and judges what the pages and the wire have to say of it. */
  async function unheard(name, seconds, act) {
    const was = await Promise.all(all.map(people));
    for (const page of all) await page.evaluate(watch);
    const figures = await Promise.all(all.map((p) => p.evaluate(() => window.rig.inbound())));
    const wire = await sniff(bench('voiceroom-wire'), node.media);
    const crowd = LOAD > 0 ? await startCrowd(node, LOAD, seconds) : undefined;
    const signalling = [];
    let stale = 0; // of each process: its figures end with it
    await act(async (nth) => {
      // An own mute and its end need the socket, the session and the room.
      signalling.push(await ben.evaluate(async () => {
        const start = performance.now();
        await window.rig.room.mute();
        await window.rig.room.unmute();
        return performance.now() - start;
      }));
      await ana.neverHears([cy], 300);
      assert.deepEqual(await Promise.all(all.map(people)), was, `after ${name} ${nth}`);
      stale += (await node.metrics()).voiceroom_stale_dropped_total;
    });
    await sleep(1000);
    const heard = await crowd?.end();
    if (heard) console.log(`measured: ${LOAD} listeners: ${heard.received} of ${heard.expected} packets, delay p99 ${heard.delay_ms_p99} ms`);
    const { flows, drops, whole } = await wire.end();
    const later = await Promise.all(all.map((p) => p.evaluate(() => window.rig.inbound())));
    assert.equal(drops, 0, 'the sniffer saw all');
    assert.ok(whole, 'the sniffer understood all');
    const speech = flows.filter((f) => f.kind === 'rtp' && f.packets > 100);
    const ports = await Promise.all(all.map((p) => p.evaluate(port)));
    const own = speech.filter((f) => ports.includes(f.client));
    assert.ok(own.length >= all.length, 'the flows of the pages were seen');
    const missing = (some, way) => some.filter((f) => f.way === way).reduce((n, f) => n + f.missing, 0);
    const longest = (some, way) => Math.max(...some.filter((f) => f.way === way).map((f) => f.longest_ms));
    console.log(`measured: ${name}: longest time without a packet of the pages ${longest(own, 'down')} ms down, ${longest(own, 'up')} ms up; missing on the wire ` +
      `${missing(own, 'up')} up, ${missing(own, 'down')} down; sent again ${speech.reduce((n, f) => n + f.again, 0)}; dropped as too old ${stale}`);
    if (LOAD > 0) console.log(`measured: ${name}: of all: ${longest(speech, 'down')} ms down; missing ${missing(speech, 'up')} up, ${missing(speech, 'down')} down`);
    const lost = later.map((f, i) => f.packetsLost - figures[i].packetsLost);
    const concealed = later.map((f, i) => Math.round((f.concealedSamples - f.silentConcealedSamples - figures[i].concealedSamples + figures[i].silentConcealedSamples) / 48));
    console.log(`measured: ${name}: packets lost in the pages: ${lost.join(', ')}; concealed ms: ${concealed.join(', ')}; signalling and a command back in ${signalling.map(Math.round).join(', ')} ms`);
    assert.equal(flows.reduce((n, f) => n + f.reused, 0), 0, 'an index of SRTP was used twice');
    for (const page of all) {
      const { told: events, before: old, now } = await told(page);
      assert.deepEqual(events.filter((event) => STRICT || !event.startsWith('status')), [], `${page.name} was told`);
      assert.deepEqual(now, old);
    }
    if (STRICT) {
      assert.deepEqual(lost, [0, 0, 0]);
      assert.ok(longest(own, 'down') <= 60, `${longest(own, 'down')} ms without a packet`);
      if (heard) assert.equal(heard.received, heard.expected);
    }
    await ana.untilHears([ben], all);
    await cy.untilHears([ana, ben], all);
  }

  it(`${KILLS} in a row`, async () => {
    const chance = chances(SEED);
    await unheard(`${KILLS} kills`, (KILLS + 1) * (APART_MS + 1000) / 1000 + 5, async (judge) => {
      for (let i = 1; i <= KILLS; i++) {
        await sleep(APART_MS + 1000 * chance());
        await killProcess(node, SIGNALS[Math.floor(chance() * SIGNALS.length)]);
        await judge(i);
      }
    });
    assert.equal((await node.metrics()).voiceroom_node_deaths_total, KILLS);
  });

  it('another program takes over in place, and the old one again', async () => {
    await unheard('two upgrades', 15, async (judge) => {
      for (let i = 1; i <= 2; i++) {
        await sleep(1000);
        copyFileSync(BINARY, `${node.program}.new`);
        renameSync(`${node.program}.new`, node.program);
        const old = nodeProcess(node);
        const answer = await fetch(`${node.url}/v1/node/upgrade`, { method: 'POST', headers: { authorization: `Bearer ${node.admin()}` } });
        assert.equal(answer.status, 202);
        await nextProcess(node, old);
        await judge(i);
      }
    });
    assert.equal((await node.metrics()).voiceroom_node_upgrades_total, 2);
  });
});
