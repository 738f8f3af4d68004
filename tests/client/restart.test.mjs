// Goal: a client over the death of its node's process, started again at once by its parent: the same person in the same place, as muted as
// before, without a word of the one who uses it. By the library in Node, whose transport never came up: the node says what became of it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Driver } from '../../web/client/conformance/driver.mjs';
import { REFERENCE } from '../../web/client/conformance/run.mjs';
import { rest } from '../lib/client.mjs';
import { nodeProcess } from '../lib/process.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

describe('the client over a restart of its node', () => {
  let node;
  const drivers = [];
  before(async () => { node = await new Node({ supervise: true }).start(); });
  after(async () => {
    await Promise.all(drivers.map((driver) => driver.end()));
    await node?.stop();
  });

  async function enter(room, name) {
    const driver = new Driver(REFERENCE);
    drivers.push(driver);
    await driver.ask('join', { url: node.url, token: node.token(name, { roomCreate: true }, { name }), room });
    await driver.state(`${name} is in`, (s) => s.status === 'live');
    return driver;
  }
  const facts = ({ self, participants, hands }) => ({
    self,
    people: participants.map(({ participant, role, muted_by_self, muted_by_moderator }) => ({ participant, role, muted_by_self, muted_by_moderator })),
    hands: hands.map(({ participant }) => participant),
  });

  it('is in its place again with role, mutes and queue, and acts go on', async () => {
    const { id } = await rest(node, node.token('Ana', { roomCreate: true }, { name: 'Ana' }), 'POST', '/v1/rooms', { title: 'Over a restart' });
    const [ana, ben, cy] = [await enter(id, 'Ana'), await enter(id, 'Ben'), await enter(id, 'Cy')];
    const { self: who } = await ben.ask('state');
    await ben.act('hand-raise');
    await ana.act('promote', { who });
    await ben.state('speaker', (_, self) => self.role === 'speaker');
    await ben.act('mute');
    await ana.act('mute-person', { who });
    await cy.act('hand-raise');
    const whole = (s) => s.status === 'live' && s.hands.length === 1 && s.participants.some((p) => p.participant === who && p.muted_by_self && p.muted_by_moderator);
    const all = [ana, ben, cy];
    const before = await Promise.all(all.map((one) => one.state('all of it', whole)));

    const dead = nodeProcess(node);
    process.kill(dead, 'SIGKILL');
    await until('another process', async () => ![undefined, dead].includes(nodeProcess(node)));
    const returned = await Promise.all(all.map((one, i) => one.state('back', (s) => whole(s) && s.resume_token !== before[i].resume_token)));
    assert.deepEqual(returned.map(facts), before.map(facts));
    await ben.act('chat', { text: 'still here' });
    await ana.event('chat', ({ text }) => text === 'still here');
    for (const one of all) assert.deepEqual(one.events.filter(({ event }) => event === 'over'), []);
  });
});
