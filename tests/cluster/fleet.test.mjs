// Goal: what an administrator does with a fleet by voiceroomctl: move one person, spread the rooms anew, see the acts that wait for an owner.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { Person, rest } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { Ctl } from '../lib/ctl.mjs';
import { enter, onStage } from '../lib/enter.mjs';
import { until } from '../lib/voiceroomd.mjs';

describe('a fleet', () => {
  let cluster, a, b, c, ctl;
  const ends = [];
  before(async () => {
    cluster = await new Cluster({ etcd: 1 }).start();
    [a, b, c] = cluster.nodes;
    ctl = new Ctl({ after: (end) => ends.push(end) }, a);
  });
  after(async () => {
    for (const end of ends) await end();
    await cluster?.stop();
  });

  const owners = async () => Object.fromEntries((await ctl.json('cluster', 'placement')).map((r) => [r.room, r.owner]));
  const create = (title) => rest(a, cluster.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title });

  it('one person is moved to another node, and is heard all the time', async () => {
    const browser = await openBrowser();
    try {
      const ana = await Page.open(browser, a, 'ana', 500);
      const ben = await Page.open(browser, b, 'ben', 900);
      const room = await enter(ana, { create: 'Moving' });
      await enter(ben, { room });
      await onStage(ana, ben);
      await ana.untilHears([ben], [ana, ben]);
      await ben.untilHears([ana], [ana, ben]);
      await until('top names who talks', async () => {
        const { rooms } = await ctl.json('top');
        return rooms.find((r) => r.id === room).talking.toSorted().join() === 'ana,ben';
      }, 60000, 100);
      const left = await ana.evaluate(() => {
        window.rig.left = [];
        window.rig.room.on('event', (event) => { if (/left|reconnecting/.test(event.type)) window.rig.left.push(event.type); });
        return window.rig.left;
      });
      assert.deepEqual(left, []);
      const unknown = await ctl.run('participant', 'move', room, ben.id, 'nowhere');
      assert.equal(unknown.code, 2);
      assert.match(unknown.err, /no node has this name/);
      const there = await ctl.run('participant', 'move', room, ben.id, 'b');
      assert.equal(there.code, 5);
      assert.match(there.err, /on that node already/);

      assert.equal((await ctl.json('participant', 'move', room, ben.id, 'c')).participant, ben.id);
      await until('ben is on c', () => ben.evaluate((url) => window.rig.room.node === url, c.url), 30000, 50);
      await ben.page.waitForFunction(() => window.rig.room.status === 'live' && window.rig.connections.at(-1).connectionState === 'connected');
      await ana.untilHears([ben], [ana, ben]);
      await ben.untilHears([ana], [ana, ben]);
      await until('c counts him and b does not', async () => {
        const now = Object.fromEntries((await ctl.json('node', 'list')).map((n) => [n.node, n.participants]));
        return now.b === 0 && now.c === 1;
      }, 30000, 100);
      assert.equal((await ben.evaluate(() => window.rig.room.self)).role, 'speaker');
      assert.equal(await ben.evaluate(() => window.rig.room.selfParticipant), ben.id);
      assert.deepEqual(await ana.evaluate(() => window.rig.left), [], 'nobody saw him leave');
      assert.ok((await ctl.json('audit', 'list', room)).some((e) => e.act === 'room:move' && e.reason === `to ${c.url}`));
    } finally {
      await browser.close();
    }
  });

  it('the rooms are spread anew, one by one, and nobody in them notices', async () => {
    // A busy machine makes placement choose for itself: with the others drained all rooms are made on a.
    for (const name of ['b', 'c']) assert.equal((await ctl.run('node', 'drain', name, '--yes')).code, 0);
    const rooms = [];
    const people = [];
    await until('b and c drain', async () => (await ctl.json('node', 'list')).filter((n) => n.draining).length === 2);
    for (let i = 0; i < 6; i++) {
      rooms.push((await create(`Room ${i}`)).id);
      people.push(await new Person(a, cluster.token(`ana${i}`), `ana${i}`).join(rooms[i]));
    }
    await until('all live on a', async () => { const now = await owners(); return rooms.every((r) => now[r] === 'a'); });
    for (const name of ['b', 'c']) assert.equal((await ctl.run('node', 'undrain', name)).code, 0);
    await until('b and c take rooms', async () => !(await ctl.json('node', 'list')).some((n) => n.draining));
    const planned = await ctl.run('cluster', 'rebalance', '--dry-run', '-o', 'json');
    assert.equal(planned.code, 0, planned.err);
    const plan = JSON.parse(planned.out);
    assert.ok(plan.length > 0, planned.out);
    assert.ok(plan.every((m) => m.from === 'a' && m.state === 'planned' && /^a has \d+ rooms at \d+%, [bc] \d+ at \d+%/.test(m.reason)), planned.out);
    let now = await owners();
    assert.ok(rooms.every((r) => now[r] === 'a'), 'a dry run changes nothing');

    assert.equal((await ctl.run('cluster', 'rebalance')).code, 2, 'it asks first');
    const done = await ctl.run('cluster', 'rebalance', '--yes', '-o', 'json');
    assert.equal(done.code, 0, `${done.err}\n${done.out}`);
    const moves = JSON.parse(done.out);
    assert.ok(moves.length > 0 && moves.every((m) => m.state === 'done'), done.out);
    assert.match(done.err, /rooms are still to be handed over/);
    now = await owners();
    for (const move of moves) assert.equal(now[move.room], move.to, `${move.room} lives where it was put`);
    for (const person of people) {
      await until(`${person.name} acts`, async () => (await person.ask('room:lock', { locked: false })).code === 'forbidden', 30000, 100);
      assert.equal((await person.state()).participants.length, 1);
      person.close();
    }
  });

  it('acts without an owner are listed until one has taken them', async () => {
    const room = await create('Provisional');
    const ana = await new Person(a, cluster.token('ana', { roomCreate: true }), 'ana').join(room.id);
    const ben = await new Person(b, cluster.token('ben'), 'ben').join(room.id);
    assert.deepEqual(await ctl.json('cluster', 'provisional'), []);
    const [member] = cluster.members;
    member.signal('SIGSTOP');
    let answer;
    await until('a mute without an owner', async () => {
      answer = await fetch(`${a.url}/v1/rooms/${room.id}/participants/${ben.id}/mute`, {
        method: 'POST', headers: { authorization: `Bearer ${ana.token}` },
      });
      return answer.ok && answer.headers.get('voiceroom-provisional') === 'true';
    }, 60000, 200);
    const acts = await ctl.json('cluster', 'provisional');
    assert.deepEqual([acts[0].room, acts[0].act, acts[0].participant, acts[0].by, acts[0].node], [room.id, 'mute', ben.id, 'ana', 'a']);
    assert.match((await ctl.run('cluster', 'provisional')).out, /^AT +ROOM +ACT +PARTICIPANT +USER +BY +NODE +REASON\n\S+Z +\S+ +mute/);
    member.signal('SIGCONT');
    await until('the owner has taken it', async () => (await ctl.json('cluster', 'provisional')).length === 0, 60000, 200);
    const seen = await rest(b, cluster.admin(), 'GET', `/v1/rooms/${room.id}/participants/${ben.id}`);
    assert.equal(seen.muted_by_moderator, true);
    ana.close();
    ben.close();
  });
});
