// Goal: a room's life over the public interfaces, as the people in it see it.
import assert from 'node:assert/strict';
import { before, after, describe, it } from 'node:test';
import { digestOf, offer, people, Person, Refused, rest, toStage } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const refused = (code) => (error) => error instanceof Refused && error.code === code;

describe('a room', () => {
  let node;
  before(async () => { node = await new Node().start(); });
  after(() => node.stop());

  it('gives a joiner the list of who is here, and tells the others', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    const names = ben.me.state.participants.map((p) => [p.name, p.role]).sort();
    assert.deepEqual(names, [['ana', 'host'], ['ben', 'listener']]);
    assert.equal(ben.me.protocol, 1);
    assert.equal(ben.me.slots.length, 4);
    assert.match(ben.me.sdp, /a=ice-lite/);
    const joined = await ana.event('room:participant-joined', (e) => e.participant.participant === ben.id);
    assert.equal(joined.participant.name, 'ben');
    assert.ok(joined.sequence > 0 && joined.epoch > 0 && joined.room === ben.room);
  });

  it('tells the others when somebody leaves', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await ben.request('room:leave');
    const left = await ana.event('room:participant-left', (e) => e.who === ben.id);
    assert.equal(left.reason, 'left');
    assert.equal((await ben.closed).code, 4002);
    assert.equal((await ana.state()).participants.length, 1);
  });

  it('keeps the order of raised hands and tells each his place', async (t) => {
    const { ana, ben, cy, di } = await people(t, node, ['ana', 'ben', 'cy', 'di']);
    for (const p of [cy, ben, di]) await p.request('room:hand-raise');
    const hands = (await ana.state()).hands;
    assert.deepEqual(hands.map((h) => [h.participant, h.position]), [[cy.id, 1], [ben.id, 2], [di.id, 3]]);
    await ana.request('room:promote', { participant: cy.id });
    await until('di is second', () => di.events.some((e) => e.type === 'room:hand-position' && e.position === 2));
    await ana.request('room:hand-lower', { participant: ben.id });
    const lowered = await ben.event('room:hand-lowered', (e) => e.who === ben.id);
    assert.equal(lowered.reason, 'declined');
    assert.deepEqual((await ana.state()).hands.map((h) => h.participant), [di.id]);
    assert.equal((await ana.state()).participants.find((p) => p.participant === cy.id).role, 'speaker');
  });

  it('promotes only a raised hand, and makes a speaker of the invited who accepts', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await assert.rejects(ana.request('room:promote', { participant: ben.id }), refused('conflict'));
    await assert.rejects(ben.request('room:accept'), refused('conflict'));
    await ana.request('room:invite', { participant: ben.id });
    await ben.event('room:invited');
    await ben.request('room:accept');
    const change = await ana.event('room:role-changed', (e) => e.participant.participant === ben.id);
    assert.equal(change.participant.role, 'speaker');
    assert.equal(change.from, 'listener');
  });

  it('has two mutes: nobody lifts a moderator\'s but a moderator, nobody unmutes another', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await toStage(ana, ben);
    await ana.request('room:mute', { participant: ben.id });
    const muted = await ben.event('room:muted', (e) => e.participant.participant === ben.id);
    assert.equal(muted.participant.muted_by_moderator, true);
    assert.equal(muted.by, ana.id);
    await ben.ask('room:unmute');
    let me = (await ana.state()).participants.find((p) => p.participant === ben.id);
    assert.equal(me.muted_by_moderator, true);
    await ben.request('room:mute');
    await ana.request('room:unmute', { participant: ben.id });
    me = (await ana.state()).participants.find((p) => p.participant === ben.id);
    assert.deepEqual([me.muted, me.muted_by_self, me.muted_by_moderator], [true, true, false]);
    await ana.request('room:ask-unmute', { participant: ben.id });
    const asked = await ben.event('room:unmute-asked');
    await ben.request('room:unmute', { version: asked.mute_version });
    me = (await ana.state()).participants.find((p) => p.participant === ben.id);
    assert.equal(me.muted, false);
  });

  it('keeps mute and role over every kind of return', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await toStage(ana, ben);
    await ana.request('room:mute', { participant: ben.id });
    await ben.drop();
    await ben.connect();
    assert.equal(ben.me.role, 'speaker');
    const again = new Person(node, ben.token, 'ben');
    t.after(() => again.close());
    await again.join(ben.room, { resume_token: ben.me.resume_token });
    assert.equal(again.id, ben.id);
    const fresh = new Person(node, ben.token, 'ben');
    t.after(() => fresh.close());
    await fresh.join(ben.room);
    assert.equal(fresh.id, ben.id);
    assert.equal(fresh.me.role, 'speaker');
    const mine = fresh.me.state.participants.find((p) => p.participant === ben.id);
    assert.equal(mine.muted_by_moderator, true);
    await again.event('session:replaced');
    assert.equal((await again.closed).code, 4002);
  });

  it('sends the kicked away, and keeps the banned out at join and resume', async (t) => {
    const { ana, ben, cy } = await people(t, node, ['ana', 'ben', 'cy']);
    await ana.request('room:kick', { participant: ben.id, reason: 'noise' });
    assert.equal((await ben.event('room:kicked')).reason, 'noise');
    assert.deepEqual(ben.events.filter((e) => e.type === 'room:error'), [], 'he is told why, not that his media is lost');
    assert.equal((await ben.closed).code, 4002);
    await ana.request('room:ban', { participant: cy.id, reason: 'spam', duration_s: 3600 });
    const banned = await cy.event('room:banned');
    assert.equal(banned.reason, 'spam');
    assert.ok(Date.parse(banned.until) > Date.now());
    await cy.closed;
    const again = new Person(node, cy.token, 'cy');
    await assert.rejects(again.join(cy.room), refused('banned'));
    await assert.rejects(again.join(cy.room, { resume_token: cy.me.resume_token }), refused('banned'));
    const { bans } = await rest(node, ana.token, 'GET', `/v1/rooms/${cy.room}/bans`);
    assert.deepEqual(bans.map((b) => [b.name, b.reason]), [['cy', 'spam']]);
    await ana.request('room:unban', { ban: bans[0].id });
    await again.join(cy.room);
    again.close();
    const back = new Person(node, ben.token, 'ben');
    await back.join(ben.room);
    back.close();
  });

  it('refuses beyond capacity, saying so', async (t) => {
    const { room } = await people(t, node, ['ana', 'ben'], { capacity: 2 });
    const cy = new Person(node, node.token('cy'), 'cy');
    await assert.rejects(cy.join(room.id), refused('room-full'));
  });

  it('refuses more speakers than there are places', async (t) => {
    const { ana, ben, cy } = await people(t, node, ['ana', 'ben', 'cy'], { speaker_capacity: 2 });
    await toStage(ana, ben);
    await cy.request('room:hand-raise');
    await assert.rejects(ana.request('room:promote', { participant: cy.id }), refused('stage-full'));
    assert.equal((await ana.state()).hands.length, 1);
  });

  it('asks for the passcode and knows a wrong one', async (t) => {
    const { room } = await people(t, node, ['ana'], { visibility: 'private', passcode: 'sesame street' });
    const ben = new Person(node, node.token('ben'), 'ben');
    await assert.rejects(ben.join(room.id, { passcode: 'sesame' }), refused('wrong-passcode'));
    await ben.join(room.id, { passcode: 'sesame street' });
    ben.close();
  });

  it('stays shut when it is locked, but not for those inside', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await ana.request('room:lock', { locked: true });
    const cy = new Person(node, node.token('cy'), 'cy');
    await assert.rejects(cy.join(ana.room), refused('locked'));
    await ben.drop();
    await ben.connect();
    ben.close();
  });

  it('disconnects everybody at its end, with the reason, and keeps the analytics', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await toStage(ana, ben);
    await ben.request('room:reaction', { reaction: '👏' });
    await ana.request('room:end', { reason: 'that was it' });
    for (const p of [ana, ben]) {
      assert.equal((await p.event('room:ended')).reason, 'that was it');
      assert.equal((await p.closed).code, 4002);
    }
    const seen = await rest(node, ana.token, 'GET', `/v1/rooms/${ana.room}/analytics`);
    assert.deepEqual([seen.joins, seen.unique, seen.peak, seen.hands_raised, seen.reactions], [2, 2, 2, 1, 1]);
    assert.equal((await rest(node, ana.token, 'GET', `/v1/rooms/${ana.room}`)).phase, 'ended');
    await assert.rejects(new Person(node, ben.token, 'ben').join(ana.room), (e) => ['gone', 'conflict'].includes(e.code));
  });

  it('carries chat and reactions, limits them, lets moderators delete', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    const sent = await ben.request('room:chat', { text: 'hello\nthere' });
    const line = await ana.event('room:chat');
    assert.deepEqual([line.text, line.name, line.message], ['hello\nthere', 'ben', sent.result.message]);
    await ana.request('room:chat-delete', { message: line.message });
    await ben.event('room:chat-deleted', (e) => e.message === line.message);
    // Ten in 10 s: all at once, as a slow server would be given time between them.
    const answers = await Promise.all([...Array(20).keys()].map((i) => ben.ask('room:chat', { text: `line ${i}` })));
    const limited = answers.filter((a) => a.code === 'rate-limited');
    assert.ok(limited.length >= 2, `${limited.length} of 20 were refused`);
    assert.ok(limited[0].retry_after_ms > 0);
  });

  it('is told apart by its digest: every client can compute it', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await ben.request('room:hand-raise');
    const state = await ana.state();
    assert.equal(state.digest, digestOf(state));
    const told = await ana.event('room:digest', (e) => e.sequence === state.sequence, 12000);
    assert.equal(told.digest, state.digest);
  });

  it('hands on the host\'s role, but the creator cannot be removed', async (t) => {
    const { ana, ben, cy } = await people(t, node, ['ana', 'ben', 'cy']);
    await toStage(ana, ben);
    await ana.request('room:make-moderator', { participant: ben.id });
    await ana.request('room:transfer-host', { participant: ben.id });
    const state = await cy.state();
    const role = (p) => state.participants.find((x) => x.participant === p.id).role;
    assert.deepEqual([role(ana), role(ben)], ['moderator', 'host']);
    await assert.rejects(ben.request('room:kick', { participant: ana.id }), refused('forbidden'));
    await assert.rejects(ben.request('room:ban', { participant: ana.id }), refused('forbidden'));
  });

  it('raises its sequence by one with each change, for everybody the same', async (t) => {
    const { ana, ben } = await people(t, node, ['ana', 'ben']);
    await ben.request('room:hand-raise');
    await ben.request('room:hand-lower');
    await ana.request('room:update', { title: 'Renamed' });
    await ben.event('room:updated');
    const passing = new Set(['room:digest', 'room:hand-position', 'room:unmute-asked', 'room:active-speakers', 'room:chat', 'room:reaction']);
    const numbers = ben.events.filter((e) => !passing.has(e.type)).map((e) => e.sequence);
    assert.deepEqual(numbers, [...numbers.keys()].map((i) => numbers[0] + i));
  });

  it('lists, finds, pages and shows rooms', async () => {
    const token = node.token('lister', { roomCreate: true });
    for (const title of ['Zebra talk', 'Zebra news', 'Zebra night']) {
      await rest(node, token, 'POST', '/v1/rooms', { title, topic: 'animals', language: 'en', tags: ['stripes'] });
    }
    const first = await rest(node, token, 'GET', '/v1/rooms?q=zebra&limit=2&sort=title');
    assert.deepEqual(first.rooms.map((r) => r.title), ['Zebra news', 'Zebra night']);
    const second = await rest(node, token, 'GET', `/v1/rooms?q=zebra&limit=2&sort=title&cursor=${encodeURIComponent(first.next_cursor)}`);
    assert.deepEqual(second.rooms.map((r) => r.title), ['Zebra talk']);
    assert.equal(second.next_cursor, null);
    assert.equal((await rest(node, token, 'GET', '/v1/rooms?tag=stripes&topic=animals')).rooms.length, 3);
  });

  it('makes a room once for one idempotency key, and changes it by ETag only when it is fresh', async () => {
    const token = node.token('maker', { roomCreate: true });
    const key = { 'idempotency-key': 'k-1' };
    const one = await rest(node, token, 'POST', '/v1/rooms', { title: 'Once' }, key);
    const two = await rest(node, token, 'POST', '/v1/rooms', { title: 'Once' }, key);
    assert.equal(one.id, two.id);
    await assert.rejects(rest(node, token, 'POST', '/v1/rooms', { title: 'Other' }, key), (e) => e.status === 422);
    const shown = await fetch(`${node.url}/v1/rooms/${one.id}`, { headers: { authorization: `Bearer ${token}` } });
    const etag = shown.headers.get('etag');
    await rest(node, token, 'PATCH', `/v1/rooms/${one.id}`, { title: 'Twice' }, { 'if-match': etag });
    await assert.rejects(rest(node, token, 'PATCH', `/v1/rooms/${one.id}`, { title: 'Thrice' }, { 'if-match': etag }), (e) => e.status === 412);
  });

  it('lets guests in on localhost', async () => {
    const guest = await rest(node, null, 'POST', '/v1/guests', { name: 'Gus' });
    const room = await rest(node, guest.token, 'POST', '/v1/rooms', { title: 'Guests' });
    const gus = await new Person(node, guest.token, 'Gus').join(room.id);
    assert.equal(gus.me.role, 'host');
    gus.close();
  });

  it('takes a WHIP-shaped POST and DELETE', async (t) => {
    const { ana } = await people(t, node, ['ana']);
    const token = node.token('encoder', { role: 'speaker' });
    const answer = await fetch(`${node.url}/v1/rooms/${ana.room}/join`, {
      method: 'POST', headers: { 'content-type': 'application/sdp', authorization: `Bearer ${token}` }, body: offer({ slots: 0 }),
    });
    assert.equal(answer.status, 201);
    assert.match(answer.headers.get('content-type'), /^application\/sdp/);
    const place = answer.headers.get('location');
    assert.match(await answer.text(), /a=recvonly/);
    await ana.event('room:participant-joined', (e) => e.participant.name === 'encoder');
    const gone = await fetch(new URL(place, node.url), { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
    assert.equal(gone.status, 200);
    await ana.event('room:participant-left');
  });

  it('answers what it does not know by name and id, and goes on', async (t) => {
    const { ana } = await people(t, node, ['ana']);
    const answer = await ana.ask('room:dance');
    assert.deepEqual([answer.type, answer.code], ['room:error', 'unknown-message']);
    assert.match(answer.detail, /room:dance/);
    ana.socket.send('this is not JSON');
    await ana.event('room:error', (e) => e.code === 'bad-wire');
    assert.ok((await ana.state()).room.id);
  });
});
