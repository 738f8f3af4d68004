// Goal: a real browser whose network lets no UDP through joins, speaks and hears by the node's own ICE-TCP, and what it does not take
// costs the others nothing. tests/turn has the same through a relay. Run as root, in a network of its own (tests/run).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Blocked } from '../lib/blocked.mjs';
import { Page } from '../lib/chromium.mjs';
import { rest } from '../lib/client.mjs';
import { enter } from '../lib/enter.mjs';
import { nodeProcess } from '../lib/process.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

describe("a network without UDP, by the node's own ICE-TCP", () => {
  let net, node;
  before(async () => {
    net = await Blocked.make();
    node = await net.node({ media_addresses: `${net.address},${net.address6}` });
    node.options.supervise = true;
    node.options.flags.media_tcp_port = node.media; // the same number, as the manual recommends
    await node.start();
    await net.browsers([node]);
  });
  after(async () => {
    await net?.close();
    await node?.stop();
  });

  const figure = async (name) => (await node.metrics())[`voiceroom_media_tcp_${name}`];

  it('speaks and hears, with IPv4 and IPv6, and again after its connection was cut', async (t) => {
    const { room, ana, ben, through } = await net.talk(t, node, 'ICE-TCP');
    assert.deepEqual([through.protocol, through.to, through.relay], ['tcp', 'tcp', undefined]);
    assert.ok([net.address, net.address6].includes(through.address), through.address);
    const { listeners } = await rest(node, node.admin(), 'GET', `/v1/rooms/${room}/diagnosis`);
    assert.deepEqual(listeners.map((one) => `${one.name} by ${one.path.transport}`).sort(), ['ana by udp', 'ben by tcp']);
    const accepted = await figure('accepted_total');
    net.run('ss', '-K', 'dport', '=', String(node.media));
    const start = Date.now();
    await until('a new connection', async () => (await figure('accepted_total')) > accepted);
    await ben.untilHears([ana], [ana, ben]);
    await ana.untilHears([ben], [ana, ben]);
    console.log(`measured: connection cut: both hear again after ${Date.now() - start} ms`);
    await ben.context.close();
    await until('his connections are closed with him', async () => (await figure('connections')) === 0);
    await ana.untilHears([], [ana, ben]);
  });

  it("hears again after its node's process died", async (t) => {
    const { ana, ben } = await net.talk(t, node, 'Killed');
    const start = Date.now();
    process.kill(nodeProcess(node), 'SIGKILL');
    // The counts begin anew with the process.
    await until('a connection to the next process', () => figure('accepted_total').then((count) => count > 0, () => false));
    await ben.untilHears([ana], [ana, ben]);
    await ana.untilHears([ben], [ana, ben]);
    console.log(`measured: process killed: who comes by TCP hears, and is heard, ${Date.now() - start} ms later`);
  });

  it('costs nobody anything when it takes nothing any more', async (t) => {
    await until('nobody of before is left', async () => (await figure('connections')) === 0);
    net.run('ip', '-6', 'address', 'flush', 'dev', 'vr-shut', 'scope', 'global');
    const { room, ana, ben, through } = await net.talk(t, node, 'Stalled');
    const dan = await Page.open(net.open, node, 'dan', 1300);
    t.after(() => dan.context.close());
    await enter(dan, { room });
    await dan.untilHears([ana, ben], [ana, ben, dan]);
    assert.equal(through.address, net.address);
    const memory = () => Number(readFileSync(`/proc/${nodeProcess(node)}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
    /** What dan has received by each of his slots, or by the one named. */
    const figures = async (id) => {
      const slots = await dan.evaluate(async () => [...(await window.rig.connections.at(-1).getStats()).values()].filter((r) => r.type === 'inbound-rtp'));
      return id ? { ...slots.find((slot) => slot.id === id), at: Date.now() } : { slots, at: Date.now() };
    };
    const [before, had, dropped] = [await figures(), memory(), await figure('dropped_total')];
    // Nothing of the node's speech reaches him, nor its arrival the node.
    const stall = ['INPUT', '-p', 'tcp', '--sport', String(node.media), '-j', 'DROP'];
    net.run('iptables', '-w', '10', '-A', ...stall);
    await until('speech for him is dropped', async () => (await figure('dropped_total')) > dropped + 100, 2 * PATIENCE_MS);
    assert.ok((await figure('connections')) > 0, 'he is still there');
    await dan.untilHears([ana], [ana, dan]);
    const busiest = (await dan.evaluate(() => window.rig.busiest())).id; // ana's: ben's has stood still
    const now = await figures(busiest);
    net.run('iptables', '-w', '10', '-D', ...stall);
    const then = { ...before.slots.find((slot) => slot.id === busiest), at: before.at };
    const more = (name) => now[name] - then[name];
    const seconds = more('at') / 1000;
    const pace = more('packetsReceived') / seconds;
    const delay = 1000 * more('jitterBufferDelay') / more('jitterBufferEmittedCount');
    console.log(`measured: beside a stalled connection for ${seconds.toFixed(1)} s: ${pace.toFixed(0)} packets/s, buffer ${delay.toFixed(0)} ms, `
      + `${((more('concealedSamples') - more('silentConcealedSamples')) / 48).toFixed(0)} ms concealed; the node ${memory() - had} KB larger`);
    assert.ok(pace > 35, `${pace} packets a second`);
    assert.ok(memory() - had < 8 * 1024, `${memory() - had} KB more`);
    await ben.untilHears([ana], [ana, ben]);
    await ana.untilHears([ben], [ana, ben]);
  });
});
