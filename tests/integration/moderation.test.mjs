// Goal: moderation that holds: bans of the whole deployment at every way in, what is erased is gone, logs that stay whole, guesses that
// are limited, and other people's ids that are not there.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Person, offer, people, rest } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

async function start(t, flags = {}) {
  const node = await new Node({ flags }).start();
  t.after(() => node.stop());
  return node;
}
const admin = (node, method, path, body) => rest(node, node.admin(), method, path, body);
const banned = (e) => e.status === 403 && e.code === 'banned';

/** WHIP: plain SDP. */
async function whip(node, token, room) {
  const answer = await fetch(`${node.url}/v1/rooms/${room}/join`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' }, body: offer() });
  return answer.ok ? 'in' : (await answer.json()).code;
}

describe('bans of the whole deployment', () => {
  it('end what runs at once, and refuse join, WHIP, resume by token and resume alone, in every room', async (t) => {
    const node = await start(t);
    const { room, ana, ben } = await people(t, node, ['ana', 'ben']);
    const other = await rest(node, ana.token, 'POST', '/v1/rooms', { title: 'Other' });
    const elsewhere = await new Person(node, ben.token, 'ben').join(other.id);
    t.after(() => elsewhere.close());
    const from = Date.now();
    const ban = await admin(node, 'POST', '/v1/bans', { user: 'ben', reason: 'noise' });
    await Promise.all([ben.closed, elsewhere.closed]);
    assert.ok(Date.now() - from < 1000, `${Date.now() - from} ms`);
    assert.equal(ben.events.at(-1).type, 'room:banned');
    assert.equal((await ben.closed).code, 4002);
    await ana.event('room:participant-left', (e) => e.who === ben.id, 2000);
    for (const id of [room.id, other.id]) {
      await assert.rejects(new Person(node, ben.token, 'ben').join(id), banned);
      assert.equal(await whip(node, ben.token, id), 'banned');
    }
    const again = { protocol: 1, sdp: offer(), resume_token: ben.me.resume_token };
    await assert.rejects(rest(node, null, 'POST', `/v1/rooms/${room.id}/join`, again), banned);
    await assert.rejects(rest(node, ben.token, 'POST', `/v1/rooms/${room.id}/join`, again), banned);
    const socket = new Person(node, ben.token, 'ben');
    socket.room = room.id;
    socket.me = ben.me;
    await assert.rejects(socket.connect(node.url, { sdp: offer() }), (e) => e.code === 'banned');
    socket.close();
    await node.kill9();
    await node.start();
    await assert.rejects(new Person(node, ben.token, 'ben').join(room.id), banned, 'after a kill, too');
    await admin(node, 'DELETE', `/v1/bans/${ban.id}`);
    await new Person(node, ben.token, 'ben').join(room.id).then((p) => t.after(() => p.close()));
  });

  it('hold for a range of addresses, but not for administrators, and only for their time', async (t) => {
    const node = await start(t);
    const { room, ana } = await people(t, node, ['ana']);
    await admin(node, 'POST', '/v1/bans', { range: '127.0.0.0/8', duration_s: 3 });
    await ana.closed;
    await assert.rejects(new Person(node, ana.token, 'ana').join(room.id), banned);
    await new Person(node, node.token('chief', { admin: true }), 'chief').join(room.id).then((p) => t.after(() => p.close()));
    await until('the ban is over', () => new Person(node, ana.token, 'ana').join(room.id).then((p) => { t.after(() => p.close()); return true; }, () => false), 8000, 250);
  });
});

describe('words', () => {
  it('are masked or refused in chat and names', async (t) => {
    const node = await start(t);
    await admin(node, 'POST', '/v1/filters', { word: 'badword' });
    await admin(node, 'POST', '/v1/filters', { word: 'never*', action: 'reject' });
    const { room, ana } = await people(t, node, ['ana']);
    await ana.request('room:chat', { text: 'a BADWORD here' });
    assert.equal((await ana.event('room:chat')).text, 'a ******* here');
    await assert.rejects(ana.request('room:chat', { text: 'neverland' }), (e) => e.code === 'invalid');
    await assert.rejects(new Person(node, node.token('x', {}, { name: 'Neverman' }), 'x').join(room.id), (e) => e.code === 'invalid');
    const masked = await new Person(node, node.token('y', {}, { name: 'Mr B4dw0rd' }), 'y').join(room.id);
    t.after(() => masked.close());
    assert.equal((await ana.event('room:participant-joined', (e) => e.participant.participant === masked.id)).participant.name, 'Mr *******');
  });

  it('judges what a room is called, when it is made and when it changes', async (t) => {
    const node = await start(t);
    await admin(node, 'POST', '/v1/filters', { word: 'badword' });
    await admin(node, 'POST', '/v1/filters', { word: 'never*', action: 'reject' });
    const token = node.token('rude', { roomCreate: true }, { name: 'Badword Bob' });
    const refused = (pointer) => (e) => e.status === 422 && e.code === 'invalid' && e.problem.errors[0].pointer === pointer;
    const made = await rest(node, token, 'POST', '/v1/rooms', { title: 'A b4dword show', topic: 'Badword', description: 'no badword', tags: ['badword', 'fine'] });
    assert.deepEqual([made.title, made.topic, made.description, made.tags, made.host.name], ['A ******* show', '*******', 'no *******', ['*******', 'fine'], '******* Bob']);
    for (const [field, value] of [['title', 'Neverland'], ['topic', 'never'], ['description', 'never again'], ['tags', ['nevermore']]]) {
      await assert.rejects(rest(node, token, 'POST', '/v1/rooms', { title: 'Fine', [field]: value }), refused(`/${field}`), field);
      await assert.rejects(rest(node, token, 'PATCH', `/v1/rooms/${made.id}`, { [field]: value }), refused(`/${field}`), field);
    }
    assert.equal((await rest(node, token, 'PATCH', `/v1/rooms/${made.id}`, { title: 'Still BADWORD' })).title, 'Still *******');
    const { ana } = await people(t, node, ['ana']);
    await assert.rejects(ana.request('room:update', { title: 'Never mind' }), (e) => e.code === 'invalid');
    await ana.request('room:update', { title: 'My badword' });
    assert.equal((await ana.event('room:updated')).room.title, 'My *******');
  });
});

describe('an erased user', () => {
  it('is nobody any more: in rooms, logs, reports, and in the bytes of the store', async (t) => {
    const node = await start(t);
    const secret = 'Zebulon-Unmistakable';
    const { room, ana } = await people(t, node, ['ana']);
    const zeb = await new Person(node, node.token('zeb-user-17', {}, { name: secret }), secret).join(room.id);
    await zeb.request('room:report', { participant: ana.id, reason: 'about ana' });
    await ana.request('room:report', { participant: zeb.id, reason: 'about that man' });
    assert.equal((await admin(node, 'GET', '/v1/users/zeb-user-17')).reports_about.length, 1);
    await admin(node, 'DELETE', '/v1/users/zeb-user-17');
    await zeb.closed;
    const seen = await admin(node, 'GET', '/v1/users/zeb-user-17');
    assert.equal(seen.known, false);
    assert.doesNotMatch(JSON.stringify(seen), /Zebulon|about that man/);
    for (const path of [`/v1/rooms/${room.id}/export`, `/v1/rooms/${room.id}/audit`, '/v1/reports?status=all', '/v1/audit', '/v1/users/ana/export']) {
      assert.doesNotMatch(JSON.stringify(await admin(node, 'GET', path)), /Zebulon|zeb-user|about that man/, path);
    }
    for (const path of [`/v1/rooms/${room.id}/audit/verify`, '/v1/audit/verify']) assert.equal((await admin(node, 'GET', path)).sound, true, path);
    assert.equal((await ana.request('room:chat', { text: 'the room goes on' })).ok, true);
    await node.kill9();
    for (const name of readdirSync(node.data)) {
      assert.ok(!readFileSync(join(node.data, name)).includes(secret), name);
    }
    await node.start();
  });
});

describe('guesses', () => {
  it('at passcodes are limited for one identity and for one address', async (t) => {
    const node = await start(t);
    const { room } = await people(t, node, ['ana'], { passcode: 'right' });
    const guess = (user, passcode) => rest(node, node.token(user), 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, sdp: offer(), passcode }).then(() => 'in', (e) => e.code);
    const one = [];
    for (let i = 0; i < 8; i += 1) one.push(await guess('eve', `wrong${i}`));
    assert.deepEqual([one.filter((c) => c === 'wrong-passcode').length, one.at(-1)], [5, 'rate-limited']);
    assert.equal(await guess('eve', 'right'), 'rate-limited', 'not even the right one');
    const many = [];
    for (let i = 0; i < 25; i += 1) many.push(await guess(`eve-${i}`, 'wrong'));
    assert.equal(many.at(-1), 'rate-limited');
  });

  it('at tokens are limited for one address', async (t) => {
    const node = await start(t, { rate_per_address: 40 });
    const codes = [];
    for (let i = 0; i < 60; i += 1) codes.push((await fetch(`${node.url}/v1/ice-servers`, { headers: { authorization: `Bearer ${node.token('x').slice(0, -3)}${i}ab` } })).status);
    assert.ok(codes.every((c) => c === 401 || c === 429));
    assert.ok(codes.filter((c) => c === 401).length <= 40, String(codes));
    assert.equal(codes.at(-1), 429);
  });
});

describe('ids of others', () => {
  it('are not there', async (t) => {
    const node = await start(t);
    const { room, ana, ben } = await people(t, node, ['ana', 'ben']);
    const secret = await rest(node, ana.token, 'POST', '/v1/rooms', { title: 'Secret', visibility: 'private' });
    const mine = await rest(node, ben.token, 'GET', `/v1/rooms/${room.id}`);
    assert.equal(mine.id, room.id);
    const not = (e) => e.status === 404;
    for (const [method, path] of [['GET', `/v1/rooms/${secret.id}`], ['GET', `/v1/rooms/${secret.id}/participants`], ['GET', `/v1/rooms/${secret.id}/audit`], ['GET', `/v1/rooms/${secret.id}/export`],
      ['GET', `/v1/rooms/${secret.id}/bans`], ['POST', `/v1/rooms/${secret.id}/end`], ['DELETE', `/v1/rooms/${secret.id}`], ['DELETE', `/v1/sessions/${ana.me.session}`]]) {
      await assert.rejects(rest(node, ben.token, method, path, method === 'POST' ? {} : undefined), not, `${method} ${path}`);
    }
    const { report } = (await ben.request('room:report', { participant: ana.id, reason: 'x' })).result;
    const other = node.token('z', { roomAdmin: true, room: secret.id });
    await assert.rejects(rest(node, other, 'GET', `/v1/reports/${report}`), not);
    await assert.rejects(rest(node, other, 'POST', `/v1/reports/${report}/resolve`, { outcome: 'other' }), not);
    assert.deepEqual((await rest(node, other, 'GET', '/v1/reports')).reports, []);
    for (const path of ['/v1/rooms/00000000000000000000000001', '/v1/rooms/00000000000000000000000001/audit', '/v1/rooms/00000000000000000000000001/audit/verify']) {
      await assert.rejects(admin(node, 'GET', path), not, path); // the deployment's own log has no room
    }
  });
});
