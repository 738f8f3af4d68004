// Goal: the process of a node dies in the middle of a drain and of a change of owner: the drain goes on to its end, each room has
// one owner, everybody hears everybody, roles and mutes are as before, and nobody is sent about. SEED chooses the instants.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { rest } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { listened, listenFor, mayListen } from '../lib/ear.mjs';
import { act, enter, onStage } from '../lib/enter.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { chances } from './chances.mjs';
import { killProcess } from './deaths.mjs';

const PATIENCE = 60000; // of a busy machine
const APART_MS = 5200; // three deaths of a node in ten seconds would start it empty
const ROUNDS = Number(process.env.ROUNDS ?? 1);

describe('kills while people and rooms move', () => {
  let cluster, browser, ana, ben, cy, all, room;
  const chance = chances(Number(process.env.SEED ?? 1));
  before(async () => {
    cluster = await new Cluster({ etcd: 1, supervise: true }).start();
    browser = await openBrowser();
    ana = await Page.open(browser, cluster.nodes[0], 'ana', 500);
    ben = await Page.open(browser, cluster.nodes[1], 'ben', 900);
    cy = await Page.open(browser, cluster.nodes[2], 'cy', 1300);
    all = [ana, ben, cy];
    for (const page of all) await mayListen(page);
    room = await enter(ana, { create: 'Moves' });
    await enter(ben, { room });
    await enter(cy, { room });
    await onStage(ana, ben);
    await onStage(ana, cy);
    await act(ana, 'mutePerson', cy.id);
    await ana.untilHears([ben], all, PATIENCE);
    await ben.untilHears([ana], all, PATIENCE);
    await cy.untilHears([ana, ben], all, PATIENCE);
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  const ask = (method, path, body) => until(`${method} ${path}`, async () => {
    for (const node of cluster.nodes) { // any node answers; one of them may be between two processes
      try { return await rest(node, cluster.admin(), method, path, body); } catch (error) { if (error.status && error.status !== 503) throw error; }
    }
    return undefined;
  }, PATIENCE, 50);
  const owner = async () => (await ask('GET', '/v1/cluster/placement')).rooms.find((r) => r.room === room)?.owner;
  const shown = (node) => ask('GET', `/v1/nodes/${node.name}`);
  const people = (page) => page.evaluate(() => {
    const { participant, role, muted, muted_by_moderator } = window.rig.room.self;
    return { participant, role, muted, muted_by_moderator };
  });
  let killed = 0;
  const kill = async (node) => {
    killed = Date.now();
    await killProcess(node, 'SIGKILL', PATIENCE);
  };

  /** The owner's node is drained, and `victim` (chosen by it) dies within the next second. */
  async function round(name, victim) {
    await sleep(Math.max(0, killed + APART_MS - Date.now()));
    const from = await until('the room has an owner', owner, PATIENCE, 100);
    const node = cluster.nodes.find((n) => n.name === from);
    const was = await Promise.all(all.map(people));
    await Promise.all([listenFor(ana, [ben]), listenFor(ben, [ana]), listenFor(cy, [ana, ben])]);
    await ask('POST', `/v1/nodes/${node.name}/drain`);
    const wait = 600 * chance();
    await sleep(wait);
    await kill(victim(node));
    await until(`${node.name} has nothing left`, async () => {
      const now = await shown(node);
      return now.draining && now.rooms === 0 && now.participants === 0;
    }, PATIENCE, 100);
    await ana.neverHears([cy], 500);
    await ana.untilHears([ben], all, PATIENCE);
    await ben.untilHears([ana], all, PATIENCE);
    await cy.untilHears([ana, ben], all, PATIENCE);
    const heard = await Promise.all(all.map(listened));
    console.log(`measured: ${name}, killed ${wait.toFixed(0)} ms after the drain began: longest time a tone was not heard ` +
      `${heard.map((h) => h.gaps.map((g) => g.toFixed(0)).join('/')).join(', ')} ms; moves ${heard.map((h) => h.moves)}`);
    assert.deepEqual(await Promise.all(all.map(people)), was);
    // Connections made: the death may have broken the first try of somebody who was on his way.
    assert.ok(heard.every((h) => h.moves <= 2), 'nobody is sent about');
    const now = await until('another node owns the room', async () => {
      const name = await owner();
      return name !== from && name;
    }, PATIENCE, 100);
    assert.ok(now);
    // The room decides: an act and its end.
    await ben.evaluate(async () => { await window.rig.room.mute(); await window.rig.room.unmute(); });
    await ana.untilHears([ben], all, PATIENCE);
    await ask('POST', `/v1/nodes/${node.name}/undrain`);
    await until('it takes rooms again', async () => !(await shown(node)).draining, PATIENCE);
  }

  it(`the drained node's process, ${ROUNDS} times`, async () => {
    for (let i = 0; i < ROUNDS; i++) await round('the node that gives', (node) => node);
  });

  it(`the process of a node that takes over, ${ROUNDS} times`, async () => {
    for (let i = 0; i < ROUNDS; i++) {
      await round('a node that takes', (node) => cluster.nodes.filter((n) => n !== node)[i % 2]);
    }
  });
});
