// Goal: an act that a client sends again, because no answer came, has no second effect and gets the first answer again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { randomUUID } from 'node:crypto';
import { offer, people, rest } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

describe('an act sent twice', () => {
  let node;
  before(async () => { node = await new Node().start(); });
  after(() => node.stop());

  it('says a chat line once, also when it is sent again after a reconnect', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    const line = { text: 'hello', command_id: randomUUID() };
    const first = await ana.request('room:chat', line);
    await ana.drop();
    await ana.connect();
    const again = await ana.request('room:chat', line);
    assert.equal(again.result.message, first.result.message);
    const after = await ana.request('room:chat', { text: 'bye', command_id: randomUUID() });
    assert.notEqual(after.result.message, first.result.message);
    await ben.event('room:chat', (e) => e.text === 'bye');
    assert.deepEqual(ben.events.filter((e) => e.type === 'room:chat').map((e) => e.text), ['hello', 'bye']);
  });

  it('does not mute anew what was unmuted since', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    const mute = { participant: ben.id, command_id: randomUUID() };
    const first = await ana.request('room:mute', mute);
    await ana.request('room:unmute', { participant: ben.id });
    const again = await ana.request('room:mute', mute);
    assert.deepEqual(again.result, first.result);
    assert.equal((await ana.state()).participants.find((p) => p.participant === ben.id).muted_by_moderator, false);
  });

  it('is another act from another person, of another kind, and without a command_id', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    const command_id = randomUUID();
    const said = [
      await ana.request('room:chat', { text: 'a', command_id }), await ben.request('room:chat', { text: 'b', command_id }),
      await ana.request('room:chat', { text: 'c' }), await ana.request('room:chat', { text: 'c' }),
    ];
    assert.equal(new Set(said.map((s) => s.result.message)).size, 4);
    assert.equal((await ana.request('room:lock', { locked: true, command_id })).result.locked, true);
    for (const bad of [7, '', 'x'.repeat(65)]) {
      assert.equal((await ana.ask('room:chat', { text: 'd', command_id: bad })).code, 'invalid');
    }
  });

  it('bans once over REST, under an Idempotency-Key', async (t) => {
    const { ana } = await people(t, node, ['ana']);
    const path = `/v1/rooms/${ana.room}/bans`;
    const key = { 'idempotency-key': randomUUID() };
    const first = await rest(node, ana.token, 'POST', path, { user: 'zoe', reason: 'spam' }, key);
    assert.deepEqual(await rest(node, ana.token, 'POST', path, { user: 'zoe', reason: 'spam' }, key), first);
    assert.equal((await rest(node, ana.token, 'GET', `/v1/rooms/${ana.room}/audit`)).entries.filter((e) => e.act === 'room:ban').length, 1);
    await assert.rejects(rest(node, ana.token, 'POST', path, { user: 'max' }, key), (e) => e.status === 422);
    await rest(node, ana.token, 'DELETE', `${path}/${first.id}`);
    assert.deepEqual(await rest(node, ana.token, 'POST', path, { user: 'zoe', reason: 'spam' }, key), first);
    assert.deepEqual((await rest(node, ana.token, 'GET', path)).bans, []);
  });

  it('is known after a kill -9, when it was durable', async (t) => {
    const { ana } = await people(t, node, ['ana']);
    const ban = { user: 'zoe', reason: 'spam', command_id: randomUUID() };
    const first = await ana.request('room:ban', ban);
    await node.kill9();
    await node.start();
    await ana.connect(node.url, { protocol: 1, capabilities: [], sdp: offer() });
    const again = await ana.request('room:ban', ban);
    assert.equal(again.result.id, first.result.id);
    assert.equal((await rest(node, ana.token, 'GET', `/v1/rooms/${ana.room}/audit`)).entries.filter((e) => e.act === 'room:ban').length, 1);
  });
});
