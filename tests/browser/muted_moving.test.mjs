// Goal: who is muted while a new peer of his replaces the old one, here or on the other media worker, is silent from the answer on,
// though his client sends all the while.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Person, rest } from '../lib/client.mjs';
import { act, enter, onStage } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

// The mute is asked so long after the new join began: before its answer, while ICE and DTLS go on, when both peers are up, after the change.
const LATER_MS = [0, 5, 15, 30, 50, 80, 120, 200];

describe('muted while his peer is replaced', () => {
  let node, browser, ana, ben;
  before(async () => {
    node = await new Node({ flags: { media_workers: 2, shard_peers_max: 1 } }).start(); // each join changes the worker of the next one
    browser = await openBrowser();
    ana = await Page.open(browser, node, 'ana', 500);
    ben = await Page.open(browser, node, 'ben', 900);
    const room = await enter(ana, { create: 'Moving' });
    await enter(ben, { room });
    await onStage(ana, ben);
    await ana.untilHears([ben], [ana, ben]);
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  /** Ben joins anew beside his old connection, and sends on both whatever his client library thinks of it. */
  const rejoin = () => ben.evaluate(async (id) => {
    const speak = async (pc) => {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      await pc.getSenders()[0].replaceTrack(stream.getAudioTracks()[0]);
    };
    const old = window.rig.connections.length;
    const joined = window.voicerooms.client.join(id);
    for (let i = 0; i < 500 && window.rig.connections.length === old; i++) await new Promise((done) => setTimeout(done, 2));
    const pc = window.rig.connections.at(-1);
    window.rig.room = await joined;
    await speak(pc);
    for (let i = 0; i < 2000 && pc.connectionState !== 'connected'; i++) await new Promise((done) => setTimeout(done, 5));
    await speak(pc); // once more, in case the library has put its own word in between
    return /m=audio (\d+)/.exec(pc.remoteDescription.sdp)[1];
  }, ben.room);

  const sent = () => ben.evaluate(async () => {
    let packets = 0;
    for (const r of (await window.rig.connections.at(-1).getStats()).values()) if (r.type === 'outbound-rtp') packets += r.packetsSent;
    return packets;
  });

  /** By the browser's own clock: the mute's answer, and the last packet that came on any slot. */
  const muteAndListen = () => ana.evaluate(async (id) => {
    const asked = performance.timeOrigin + performance.now();
    await window.rig.room.mutePerson(id);
    const answered = performance.timeOrigin + performance.now();
    await new Promise((done) => setTimeout(done, 1500));
    let last = 0;
    for (const r of (await window.rig.connections.at(-1).getStats()).values()) {
      if (r.type === 'inbound-rtp') last = Math.max(last, r.lastPacketReceivedTimestamp ?? 0);
    }
    return { asked, answered, last };
  }, ben.id);

  it(`${LATER_MS.length} times: no packet after the answer, and heard again when it is lifted`, async () => {
    const ports = new Set();
    for (const [round, later] of LATER_MS.entries()) {
      const other = await new Person(node, node.token(`other${round}`), 'other').join(ben.room); // changes the count, so the worker
      await until('ben is heard', async () => (await ana.hears([ben])).length === 1);
      const moving = rejoin();
      await sleep(later);
      const times = await muteAndListen();
      ports.add(await moving);
      const before = await sent();
      await until('his client sends', async () => await sent() > before + 10);
      assert.ok(times.last <= times.answered + 5, `${later} ms after the join: a packet ${(times.last - times.answered).toFixed(1)} ms after the answer`);
      await ana.neverHears([ben]);
      const state = await rest(node, ana.token, 'GET', `/v1/rooms/${ben.room}/participants/${ben.id}`);
      assert.deepEqual([state.role, state.muted_by_moderator], ['speaker', true]);
      await act(ana, 'unmutePerson', ben.id);
      await ana.untilHears([ben], [ana, ben]);
      other.close();
    }
    assert.equal(ports.size, 2, 'both media workers had him');
    const audit = await rest(node, ana.token, 'GET', `/v1/rooms/${ben.room}/audit`);
    assert.equal(audit.entries.filter((e) => e.act === 'room:mute').length, LATER_MS.length);
  });
});
