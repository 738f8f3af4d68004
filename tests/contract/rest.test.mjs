// Goal: every operation of docs/openapi.yaml answers as the document says, in success and in refusal. contract.mjs holds each answer
// against its schema; here stands what is asked.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { offer, Person } from '../lib/client.mjs';
import { mint } from '../lib/voiceroomd.mjs';
import { call as callNode, nodeUnderTest, operations, seen } from './contract.mjs';

const NOBODY = '0'.repeat(26);

describe('REST', () => {
  let node, host, admin, ana, bob, room;
  const ends = [];
  const call = (id, want, options) => callNode(node, id, want, options);

  before(async () => {
    node = await nodeUnderTest({ after: (end) => ends.push(end) });
    host = node.token('contract-host', { roomCreate: true });
    admin = node.admin();
    ana = new Person(node, node.token('contract-ana'), 'Ana');
    bob = new Person(node, node.token('contract-bob'), 'Bob');
    room = (await call('createRoom', 201, { token: host, body: { title: 'Contract', topic: 'Tests', tags: ['one', 'two'], language: 'de' } })).body;
  });
  after(async () => {
    ana?.close();
    bob?.close();
    for (const end of ends) await end();
  });

  test('guests', async () => {
    const { body } = await call('createGuest', 201, { body: { name: '  Ana  ' } });
    assert.equal(body.name, 'Ana');
    await call('getRoom', 200, { token: body.token, id: room.id });
    await call('createGuest', 422, { body: { name: '' } });
    await call('createGuest', 422, { body: { name: 'x'.repeat(65) } });
    await call('createGuest', 422, { body: { name: 'a\u0007b' } });
    await call('createGuest', 422, { body: {} });
    await call('createGuest', 400, { body: '[1' });
    await call('createGuest', 413, { body: { name: 'x'.repeat(70000) } });
  });

  test('tokens', async () => {
    await call('listIceServers', 401);
    await call('listIceServers', 401, { token: 'a.b.c' });
    await call('listIceServers', 401, { token: node.token('x', {}, { exp: 1000 }) });
    await call('listIceServers', 200, { token: host });
    await call('getRoom', 401, { token: 'nonsense', id: room.id });
    await call('getRoom', 403, { token: node.token('x', { room: NOBODY }), id: room.id });
    await call('getRoom', 200, { token: node.token('x', { room: room.id }), id: room.id });
  });

  test('creation', async () => {
    await call('createRoom', 401, { body: { title: 'x' } });
    await call('createRoom', 403, { token: node.token('nobody'), body: { title: 'x' } });
    await call('createRoom', 422, { token: host, body: {} });
    await call('createRoom', 422, { token: host, body: { title: '' } });
    await call('createRoom', 422, { token: host, body: { title: 'x', visibility: 'secret' } });
    await call('createRoom', 422, { token: host, body: { title: 'x', capacity: 'many' } });
    await call('createRoom', 422, { token: host, body: { title: 'x', tags: Array(9).fill('t') } });
    await call('createRoom', 400, { token: host, body: 'not json' });
    await call('createRoom', 400, { token: host, body: '{"title":"a","title":"b"}' });
    await call('createRoom', 413, { token: host, body: { title: 'x', description: 'x'.repeat(70000) } });
    await call('createRoom', 415, { token: host, sdp: 'v=0' });
    const made = await call('createRoom', 201, { token: host, body: { title: 'Ünïcode "quoted"', description: 'two\nlines', future: 1 } });
    assert.equal(made.headers.get('location'), `/v1/rooms/${made.body.id}`);
    assert.equal(made.headers.get('etag'), `"r${made.body.revision}"`);
    assert.equal(made.body.title, 'Ünïcode "quoted"');
    assert.equal(made.body.phase, 'active');
    await call('deleteRoom', 204, { token: admin, id: made.body.id });
  });

  test('the same key makes one room', async () => {
    const key = { 'idempotency-key': `contract-${Date.now()}` };
    const body = { title: 'Once' };
    const first = await call('createRoom', 201, { token: host, body, headers: key });
    const again = await call('createRoom', 201, { token: host, body, headers: key });
    assert.equal(again.body.id, first.body.id);
    assert.equal(again.headers.get('location'), first.headers.get('location'));
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    const other = await call('createRoom', 422, { token: host, body: { title: 'Other' }, headers: key });
    assert.equal(other.body.code, 'idempotency-key-reused');
    await call('deleteRoom', 204, { token: admin, id: first.body.id });
  });

  test('the list: filter, search, sort, pages', async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) {
      ids.push((await call('createRoom', 201, { token: host, body: { title: `List ${i}`, topic: 'Paging', tags: [`t${i}`], language: i % 2 ? 'fr' : 'en' } })).body.id);
    }
    for (const sort of ['live', 'created', 'title', 'starts_at']) {
      const got = [];
      let cursor;
      for (let page = 0; page < 5; page++) {
        const { body, headers } = await call('listRooms', 200, { query: { topic: 'Paging', limit: 2, sort, ...(cursor ? { cursor } : {}) } });
        got.push(...body.rooms.map((r) => r.id));
        cursor = body.next_cursor;
        if (!cursor) break;
        assert.match(headers.get('link'), /^<\/v1\/rooms\?.*cursor=.*>; rel="next"$/);
        const linked = await fetch(node.url + headers.get('link').slice(1).split('>')[0]);
        assert.ok(linked.ok);
      }
      assert.deepEqual([...got].sort(), [...ids].sort(), sort);
      if (sort === 'created') assert.deepEqual(got, [...ids].reverse());
      if (sort === 'title') assert.deepEqual(got, ids);
    }
    assert.deepEqual((await call('listRooms', 200, { query: { tag: 'T3' } })).body.rooms.map((r) => r.id), [ids[3]]);
    assert.deepEqual((await call('listRooms', 200, { query: { q: 'list 2' } })).body.rooms.map((r) => r.id), [ids[2]]);
    assert.equal((await call('listRooms', 200, { query: { topic: 'Paging', language: 'fr' } })).body.rooms.length, 2);
    await call('endRoom', 200, { token: host, id: ids[0], body: { reason: 'over' } });
    assert.deepEqual((await call('listRooms', 200, { query: { topic: 'Paging', phase: 'ended' } })).body.rooms.map((r) => r.id), [ids[0]]);
    assert.equal((await call('listRooms', 200, { query: { topic: 'Paging' } })).body.rooms.length, 4);
    for (const query of [{ sort: 'size' }, { limit: 0 }, { limit: 101 }, { limit: 'x' }, { cursor: 'nonsense' }, { phase: 'never' }]) {
      await call('listRooms', 422, { query });
    }
    for (const id of ids) await call('deleteRoom', 204, { token: admin, id });
  });

  test('who may see what', async () => {
    const hidden = (await call('createRoom', 201, { token: host, body: { title: 'Hidden', visibility: 'private', topic: 'Secret', invited: ['contract-ana'] } })).body;
    const unlisted = (await call('createRoom', 201, { token: host, body: { title: 'Unlisted', visibility: 'unlisted', topic: 'Secret' } })).body;
    const list = async (token) => (await call('listRooms', 200, { token, query: { topic: 'Secret' } })).body.rooms.map((r) => r.id).sort();
    assert.deepEqual(await list(), []);
    assert.deepEqual(await list(bob.token), []);
    assert.deepEqual(await list(ana.token), [hidden.id]);
    assert.deepEqual(await list(admin), [hidden.id, unlisted.id].sort());
    await call('getRoom', 200, { token: bob.token, id: unlisted.id });
    await call('getRoom', 404, { token: bob.token, id: hidden.id });
    await call('listParticipants', 404, { token: bob.token, id: hidden.id });
    await call('listHands', 404, { token: bob.token, id: hidden.id });
    await call('getRoom', 200, { token: ana.token, id: hidden.id });
    await call('joinRoom', 403, { token: bob.token, id: hidden.id, body: { protocol: 1, sdp: offer() } });
    await call('deleteRoom', 204, { token: admin, id: hidden.id });
    await call('deleteRoom', 204, { token: admin, id: unlisted.id });
  });

  test('settings', async () => {
    const { headers, body } = await call('getRoom', 200, { id: room.id });
    assert.deepEqual(body.tags, ['one', 'two']);
    const etag = headers.get('etag');
    const changed = await call('updateRoom', 200, { token: host, id: room.id, body: { title: 'Changed', slow_hand_s: 0 }, headers: { 'if-match': etag } });
    assert.equal(changed.body.title, 'Changed');
    assert.notEqual(changed.headers.get('etag'), etag);
    await call('updateRoom', 412, { token: host, id: room.id, body: { title: 'Late' }, headers: { 'if-match': etag } });
    await call('updateRoom', 412, { token: host, id: room.id, body: { title: 'Late' }, headers: { 'if-match': '"other"' } });
    await call('updateRoom', 200, { token: host, id: room.id, body: { passcode: 'open sesame' } });
    assert.equal((await call('getRoom', 200, { id: room.id })).body.has_passcode, true);
    await call('joinRoom', 403, { token: node.token('contract-guesser'), id: room.id, body: { protocol: 1, sdp: offer(), passcode: 'wrong' } });
    await call('updateRoom', 200, { token: host, id: room.id, body: { passcode: '' } });
    await call('updateRoom', 403, { token: bob.token, id: room.id, body: { title: 'Mine' } });
    await call('updateRoom', 401, { id: room.id, body: { title: 'Mine' } });
    await call('updateRoom', 422, { token: host, id: room.id, body: { entry: 'shout' } });
    await call('updateRoom', 404, { token: host, id: NOBODY, body: { title: 'x' } });
    await call('getRoom', 404, { id: NOBODY });
    await call('getRoom', 404, { id: 'short' });
  });

  test('a scheduled room begins and ends', async () => {
    const starts_at = new Date(Date.now() + 3600e3).toISOString().replace(/\.\d+/, '');
    const later = (await call('createRoom', 201, { token: host, body: { title: 'Later', starts_at } })).body;
    assert.equal(later.phase, 'scheduled');
    assert.equal(later.starts_at, starts_at);
    const file = (await call('getRoomCalendar', 200, { token: bob.token, id: later.id })).body;
    const start = starts_at.replace(/[-:]/g, '').replace(/\.\d+/, '');
    assert.ok(file.includes(`UID:${later.id}@voicerooms\r\n`) && file.includes(`DTSTART:${start}\r\n`) && file.includes('SUMMARY:Later\r\n'), file);
    assert.ok((await call('getCalendar', 200, { token: bob.token })).body.includes(`UID:${later.id}@`));
    await call('getRoomCalendar', 404, { token: bob.token, id: NOBODY });
    await call('setReminder', 200, { token: bob.token, id: later.id });
    assert.equal((await call('listReminders', 200, { token: bob.token })).body.reminders[0].room, later.id);
    await call('removeReminder', 204, { token: bob.token, id: later.id });
    await call('setReminder', 404, { token: bob.token, id: NOBODY });
    await call('removeReminder', 404, { token: bob.token, id: 'nothing' });
    await call('listReminders', 401);
    await call('startRoom', 403, { token: bob.token, id: later.id });
    assert.equal((await call('startRoom', 200, { token: host, id: later.id })).body.phase, 'active');
    await call('startRoom', 409, { token: host, id: later.id });
    assert.ok(!(await call('getCalendar', 200)).body.includes(later.id));
    await call('getCalendar', 401, { token: 'not.a.token' });
    await call('deleteRoom', 409, { token: host, id: later.id });
    await call('endRoom', 403, { token: bob.token, id: later.id, body: {} });
    const ended = (await call('endRoom', 200, { token: host, id: later.id, body: { reason: 'enough' } })).body;
    assert.equal(ended.end_reason, 'enough');
    await call('endRoom', 410, { token: host, id: later.id });
    await call('joinRoom', 410, { token: bob.token, id: later.id, body: { protocol: 1, sdp: offer() } });
    await call('getAnalytics', 200, { token: host, id: later.id });
    await call('deleteRoom', 403, { token: bob.token, id: later.id });
    await call('deleteRoom', 204, { token: host, id: later.id });
    await call('getRoom', 404, { token: host, id: later.id });
    await call('deleteRoom', 404, { token: host, id: later.id });
  });

  test('joining', async () => {
    const join = (want, options) => call('joinRoom', want, { id: room.id, ...options });
    await join(401, { body: { protocol: 1, sdp: offer() } });
    await join(403, { token: node.token('x', { roomJoin: false }), body: { protocol: 1, sdp: offer() } });
    await join(422, { token: bob.token, body: { protocol: 1 } });
    await join(422, { token: bob.token, body: { protocol: 2, sdp: offer() } });
    assert.equal((await join(422, { token: bob.token, body: { protocol: 1, sdp: 'v=0\r\n' } })).body.code, 'bad-sdp');
    await join(400, { token: bob.token, body: '{' });
    await join(415, { token: bob.token, body: '{}', headers: { 'content-type': 'text/plain' } });
    await join(401, { body: { protocol: 1, sdp: offer(), resume_token: 'forged' } });
    await call('joinRoom', 404, { token: bob.token, id: NOBODY, body: { protocol: 1, sdp: offer() } });
    const { body, headers } = await join(201, { token: bob.token, body: { protocol: 1, capabilities: ['red', 'later'], sdp: offer() } });
    assert.equal(headers.get('location'), `/v1/sessions/${body.session}`);
    assert.equal(body.role, 'listener');
    assert.deepEqual(body.slots.map((s) => s.mid), ['1', '2', '3', '4']);
    assert.match(body.sdp, /a=ice-lite/);
    assert.equal(body.state.participants.find((p) => p.participant === body.participant)?.name, 'contract-bob');
    const resumed = await join(201, { body: { protocol: 1, sdp: offer(), resume_token: body.resume_token } });
    assert.equal(resumed.body.participant, body.participant);
    assert.ok(resumed.body.generation > body.generation);
    const restarted = await call('restartIce', 200, { token: bob.token, session: resumed.body.session, sdp: offer() });
    assert.match(restarted.body, /a=ice-ufrag:/);
    await call('restartIce', 404, { token: host, session: resumed.body.session, sdp: offer() });
    await call('restartIce', 422, { token: bob.token, session: resumed.body.session, sdp: 'v=0' });
    await call('restartIce', 415, { token: bob.token, session: resumed.body.session, body: {} });
    await call('restartIce', 401, { session: resumed.body.session, sdp: offer() });
    await call('deleteSession', 404, { token: host, session: resumed.body.session });
    await call('deleteSession', 401, { session: resumed.body.session });
    await call('deleteSession', 200, { token: bob.token, session: resumed.body.session });
    await call('deleteSession', 404, { token: bob.token, session: resumed.body.session });
  });

  test('WHIP and WHEP', async () => {
    const whip = await call('joinRoom', 201, { token: bob.token, id: room.id, sdp: offer({ slots: 0 }) });
    assert.match(whip.body, /a=recvonly/);
    const session = whip.headers.get('location').split('/').at(-1);
    await call('deleteSession', 200, { token: bob.token, session });
    const whep = await call('joinRoom', 201, { token: bob.token, id: room.id, sdp: offer({ slots: 1, sender: false }) });
    assert.match(whep.body, /a=sendonly/);
    await call('deleteSession', 200, { token: bob.token, session: whep.headers.get('location').split('/').at(-1) });
  });

  test('people, hands, moderation', async () => {
    const boss = new Person(node, host, 'Host');
    await boss.join(room.id);
    await ana.join(room.id);
    await bob.join(room.id);
    try {
      const at = (p, more = {}) => ({ id: room.id, p: p.id, ...more });
      const people = (await call('listParticipants', 200, { token: host, id: room.id })).body.participants;
      assert.deepEqual(people.map((p) => p.user).sort(), ['contract-ana', 'contract-bob', 'contract-host']);
      assert.equal((await call('getParticipant', 200, at(ana))).body.user, undefined);
      await call('getParticipant', 404, { id: room.id, p: 4000000000 });
      await call('getParticipant', 404, { id: room.id, p: 'x' });

      const raised = await call('raiseHand', 200, at(ana, { token: ana.token }));
      assert.equal(raised.body.hand.position, 1);
      await call('raiseHand', 403, at(ana, { token: bob.token }));
      await call('raiseHand', 401, at(ana));
      await call('raiseHand', 200, at(bob, { token: bob.token }));
      assert.deepEqual((await call('listHands', 200, { id: room.id })).body.hands.map((h) => h.participant), [ana.id, bob.id]);
      await call('lowerHand', 403, at(ana, { token: bob.token }));
      await call('lowerHand', 204, at(bob, { token: bob.token }));

      const act = (want, name, p, token, body) => call('actOnParticipant', want, at(p, { act: name, token, ...(body ? { body } : {}) }));
      await act(403, 'promote', ana, bob.token);
      await act(401, 'promote', ana);
      await act(409, 'promote', bob, host);
      assert.equal((await act(200, 'promote', ana, host)).body.role, 'speaker');
      assert.equal((await act(200, 'mute', ana, host)).body.muted_by_moderator, true);
      await act(403, 'mute', boss, ana.token);
      await act(200, 'ask-unmute', ana, host);
      assert.equal((await act(200, 'unmute', ana, host, { version: 0 })).body.muted, false);
      const own = (await act(200, 'mute', ana, ana.token)).body;
      assert.equal(own.muted_by_self, true);
      await act(412, 'unmute', ana, ana.token, { version: own.mute_version - 1 || 999 });
      await act(200, 'unmute', ana, ana.token, { version: own.mute_version });
      assert.ok((await call('muteAll', 200, { token: host, id: room.id })).body.muted >= 1);
      await call('muteAll', 403, { token: bob.token, id: room.id });
      assert.equal((await act(200, 'invite', bob, host)).body.invited, true);
      assert.equal((await act(200, 'demote', ana, host)).body.role, 'listener');
      assert.equal((await act(200, 'make-moderator', ana, host)).body.role, 'moderator');
      await act(403, 'make-moderator', bob, ana.token);
      assert.equal((await act(200, 'transfer-host', ana, host)).body.role, 'host');
      assert.equal((await act(200, 'transfer-host', boss, ana.token)).body.role, 'host');
      await act(404, 'dance', ana, host);
      await act(422, 'unmute', ana, host, { version: 'old' });
      await call('actOnParticipant', 404, { id: room.id, p: 4000000000, act: 'mute', token: host });

      const said = (await bob.request('room:chat', { text: 'to be taken back' })).result.message;
      await call('deleteChatMessage', 404, { token: host, id: room.id, message: NOBODY });
      await call('deleteChatMessage', 204, { token: bob.token, id: room.id, message: said });

      await call('kickParticipant', 403, at(boss, { token: bob.token }));
      await call('kickParticipant', 204, at(bob, { token: host, query: { reason: 'loud' } }));
      const end = await bob.closed;
      assert.equal(end.code, 4002);
      assert.equal(bob.events.at(-1).reason, 'loud');
      await call('kickParticipant', 404, at(bob, { token: host }));

      await call('createBan', 422, { token: host, id: room.id, body: { user: 'contract-bob', duration_s: -1 } });
      await call('createBan', 403, { token: bob.token, id: room.id, body: { participant: ana.id } });
      await call('createBan', 404, { token: host, id: room.id, body: { participant: 4000000000 } });
      const ban = (await call('createBan', 201, { token: host, id: room.id, body: { user: 'contract-bob', reason: 'again', duration_s: 600 } })).body;
      assert.equal(ban.user, 'contract-bob');
      assert.equal((await call('joinRoom', 403, { token: bob.token, id: room.id, body: { protocol: 1, sdp: offer() } })).body.code, 'banned');
      assert.deepEqual((await call('listBans', 200, { token: host, id: room.id })).body.bans.map((b) => b.id), [ban.id]);
      await call('listBans', 403, { token: bob.token, id: room.id });
      await call('listBans', 401, { id: room.id });
      await call('deleteBan', 403, { token: bob.token, id: room.id, ban: ban.id });
      await call('deleteBan', 204, { token: host, id: room.id, ban: ban.id });
      await call('deleteBan', 404, { token: host, id: room.id, ban: ban.id });

      const figures = (await call('getAnalytics', 200, { token: host, id: room.id })).body;
      assert.ok(figures.joins >= 3 && figures.unique >= 3 && figures.hands_raised >= 2, JSON.stringify(figures));
      await call('getAnalytics', 403, { token: bob.token, id: room.id });
      await boss.request('room:quality', { report: { rtt_ms: 40, loss: 0.25, jitter_ms: -5 } });
      const measured = (await call('getAnalytics', 200, { token: host, id: room.id })).body.quality;
      assert.deepEqual(measured, { loss: { count: 1, mean: 0.25, max: 0.25 }, rtt_ms: { count: 1, mean: 40, max: 40 } });
      const entries = (await call('getAudit', 200, { token: host, id: room.id })).body.entries;
      assert.ok(entries.some((e) => /kick/.test(e.act) && e.reason === 'loud'), JSON.stringify(entries.slice(0, 5)));
      assert.ok(entries.every((e, i) => i === 0 || e.at <= entries[i - 1].at));
      await call('getAudit', 403, { token: bob.token, id: room.id });
    } finally {
      boss.close();
    }
  });

  test('operation', async () => {
    assert.equal((await call('getHealth', 200)).body.status, 'ok');
    await call('getReady', 200);
    assert.match((await call('getMetrics', 200, { token: admin })).body, /^voiceroom_/m);
    await call('getLogLevel', 401);
    await call('getLogLevel', 403, { token: host });
    const before = (await call('getLogLevel', 200, { token: admin })).body;
    assert.equal((await call('setLogLevel', 200, { token: admin, body: { level: 'warn' } })).body.level, 'warn');
    await call('setLogLevel', 422, { token: admin, body: { level: 'loud' } });
    await call('setLogLevel', 400, { token: admin, body: '"warn"' });
    await call('setLogLevel', 403, { token: host, body: { level: 'warn' } });
    await call('setLogLevel', 200, { token: admin, body: before });
    const jti = `contract-${Date.now()}`;
    const doomed = node.token('contract-doomed', {}, { jti });
    await call('listIceServers', 200, { token: doomed });
    await call('revokeToken', 403, { token: host, body: { jti } });
    await call('revokeToken', 422, { token: admin, body: {} });
    await call('revokeToken', 400, { token: admin, body: '[]' });
    await call('revokeToken', 422, { token: admin, body: { jti, exp: 'soon' } });
    await call('revokeToken', 204, { token: admin, body: { jti } });
    await call('listIceServers', 401, { token: doomed });
  });

  test('keys', async () => {
    const { body } = await call('createKey', 201, { token: admin, body: { kid: 'contract' } });
    await call('createKey', 401, { body: {} });
    await call('createKey', 403, { token: host, body: {} });
    await call('createKey', 409, { token: admin, body: { kid: 'contract' } });
    for (const kid of ['', 'a b', 'guest', 'x'.repeat(33), 7]) await call('createKey', 422, { token: admin, body: { kid } });
    await call('createKey', 400, { token: admin, body: '[]' });
    assert.ok((await call('listKeys', 200, { token: admin })).body.keys.some((k) => k.kid === 'contract'));
    await call('listKeys', 403, { token: host });
    await call('listIceServers', 200, { token: mint(body, 'contract-new-key') });
    await call('deleteKey', 403, { token: host, kid: 'contract' });
    await call('deleteKey', 422, { token: admin, kid: 'contract', query: { force: 'maybe' } });
    await call('deleteKey', 409, { token: admin, kid: node.key.kid });
    await call('deleteKey', 204, { token: admin, kid: 'contract' });
    await call('deleteKey', 404, { token: admin, kid: 'contract' });
    await call('listIceServers', 401, { token: mint(body, 'contract-new-key') });
  });

  test('bans, filter, reports of the deployment', async () => {
    const ban = (await call('createDeploymentBan', 201, { token: admin, body: { user: 'contract-mallory', range: '192.0.2.0/24', reason: 'noise', duration_s: 60 } })).body;
    assert.ok(Date.parse(ban.until) - Date.parse(ban.at) === 60000);
    assert.deepEqual((await call('getDeploymentBan', 200, { token: admin, ban: ban.id })).body, ban);
    assert.ok((await call('listDeploymentBans', 200, { token: admin })).body.bans.some((b) => b.id === ban.id));
    for (const body of [{}, { user: '' }, { range: '10.0.0.1/8' }, { range: '::/0' }, { range: '0.0.0.0/4' }, { user: 'x', duration_s: -1 }, { user: 7 }, { user: 'a\u0001' }]) {
      await call('createDeploymentBan', 422, { token: admin, body });
    }
    await call('createDeploymentBan', 400, { token: admin, body: '[]' });
    await call('createDeploymentBan', 403, { token: host, body: { user: 'x' } });
    assert.equal((await call('joinRoom', 403, { token: node.token('contract-mallory'), id: room.id, body: { protocol: 1, sdp: offer() } })).body.code, 'banned');
    await call('deleteDeploymentBan', 204, { token: admin, ban: ban.id });
    await call('deleteDeploymentBan', 404, { token: admin, ban: ban.id });
    await call('getDeploymentBan', 404, { token: admin, ban: ban.id });
    await call('listDeploymentBans', 403, { token: host });

    const word = (await call('createFilter', 201, { token: admin, body: { word: 'contractword*', action: 'reject' } })).body;
    assert.equal((await call('createFilter', 201, { token: admin, body: { word: 'contractword*' } })).body.id, word.id, 'changed, not doubled');
    for (const body of [{}, { word: '' }, { word: '*' }, { word: 'x y/' }, { word: 'x', action: 'laugh' }, { word: 'x'.repeat(65) }]) await call('createFilter', 422, { token: admin, body });
    assert.equal((await call('listFilters', 200, { token: admin })).body.filters.find((f) => f.id === word.id).action, 'mask');
    await call('deleteFilter', 204, { token: admin, filter: word.id });
    await call('deleteFilter', 404, { token: admin, filter: word.id });
    await call('listFilters', 403, { token: host });

    const [eve, max] = await Promise.all(['contract-eve', 'contract-max'].map((name) => new Person(node, node.token(name), name).join(room.id)));
    const { report } = (await eve.request('room:report', { participant: max.id, reason: 'rude' })).result;
    eve.close();
    max.close();
    const seenReport = (await call('getReport', 200, { token: admin, report })).body;
    assert.deepEqual([seenReport.by.user, seenReport.target.user, seenReport.reason, seenReport.status], ['contract-eve', 'contract-max', 'rude', 'open']);
    assert.ok((await call('listReports', 200, { token: admin, query: { room: room.id } })).body.reports.some((r) => r.id === report));
    const own = node.token('contract-room-admin', { roomAdmin: true, room: room.id });
    await call('getReport', 200, { token: own, report });
    await call('getReport', 404, { token: node.token('x', { roomAdmin: true, room: NOBODY }), report });
    await call('listReports', 403, { token: host });
    await call('listReports', 422, { token: admin, query: { status: 'lost' } });
    for (const body of [{}, { outcome: 'shot' }, { outcome: 'other', note: 'x'.repeat(501) }]) await call('resolveReport', 422, { token: admin, report, body });
    assert.equal((await call('resolveReport', 200, { token: own, report, body: { outcome: 'warned', note: 'once' } })).body.note, 'once');
    await call('resolveReport', 409, { token: admin, report, body: { outcome: 'warned' } });
    await call('resolveReport', 404, { token: admin, report: NOBODY, body: { outcome: 'warned' } });
    assert.ok((await call('listReports', 200, { token: admin, query: { status: 'resolved' } })).body.reports.some((r) => r.id === report));

    assert.ok((await call('getDeploymentAudit', 200, { token: admin })).body.entries.some((e) => e.act === 'report:resolve'));
    await call('getDeploymentAudit', 403, { token: host });
    const verdict = (await call('verifyDeploymentAudit', 200, { token: admin })).body;
    assert.equal(verdict.sound, true);
    await call('verifyDeploymentAudit', 200, { token: admin, query: { number: verdict.last, hash: verdict.head } });
    assert.equal((await call('verifyDeploymentAudit', 200, { token: admin, query: { number: verdict.last, hash: '0'.repeat(64) } })).body.sound, false);
    await call('verifyDeploymentAudit', 422, { token: admin, query: { number: 1 } });
    assert.equal((await call('diagnoseRoom', 200, { token: host, id: room.id })).body.room, room.id);
    await call('diagnoseRoom', 403, { token: node.token('contract-nosy'), id: room.id });
    await call('diagnoseRoom', 404, { token: admin, id: NOBODY });
    assert.equal((await call('exportRoom', 200, { token: host, id: room.id })).body.room.id, room.id);
    await call('exportRoom', 403, { token: node.token('contract-nosy'), id: room.id });
    await call('exportRoom', 404, { token: admin, id: NOBODY });
    // A room out of a backup: its own row alone, as voiceroomd --store-rows writes it (store/commit.h, room_record.proto).
    const back = '01jd8x3v5m9qk2t7w0c4f6h8nb';
    const key = Buffer.from([...back].reduce((n, c) => n * 32n + BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(c)), 0n).toString(16).padStart(32, '0'), 'hex');
    const value = Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from('Back'), Buffer.from([0x40, 9, 0x48, 3, 0x80, 1, 1, 0x88, 1, 1, 0xa0, 1, 0x80, 0x89, 0x7a, 0xa8, 1, 0x80, 0x89, 0x7a])]);
    const row = Buffer.concat([Buffer.from([1, 2, 0, 16, 0, 0, 0, value.length]), key, value]).toString('base64url');
    const piece = (fields) => ({ token: admin, id: back, body: { restore: back, piece: 0, rows: row, ...fields } });
    await call('restoreRoom', 403, { ...piece({ last: true }), token: host });
    await call('restoreRoom', 422, piece({ rows: 'no base64!' }));
    await call('restoreRoom', 422, piece({ rows: 'AQID', last: true }));
    await call('restoreRoom', 409, piece({ piece: 3 }));
    await call('restoreRoom', 202, piece({ rows: row.slice(0, 8) }));
    assert.equal((await call('restoreRoom', 201, piece({ piece: 1, rows: row.slice(8), last: true }))).body.title, 'Back');
    assert.equal((await call('restoreRoom', 409, piece({ last: true }))).body.code, 'exists');
    await call('deleteRoom', 204, { token: admin, id: back });
    assert.equal((await call('verifyAudit', 200, { token: admin, id: room.id })).body.sound, true);
    await call('verifyAudit', 404, { token: admin, id: NOBODY });
    await call('verifyAudit', 403, { token: host, id: room.id });
  });

  test('users', async () => {
    const { body } = await call('getUser', 200, { token: admin, user: 'contract-max' });
    assert.equal(body.reports_about.length, 1);
    assert.ok(body.places.some((p) => p.room === room.id && p.name === 'contract-max'));
    await call('exportUser', 200, { token: admin, user: 'contract-max' });
    await call('getUser', 404, { token: admin, user: 'contract-never-seen' });
    await call('exportUser', 404, { token: admin, user: 'contract-never-seen' });
    await call('eraseUser', 404, { token: admin, user: 'contract-never-seen' });
    await call('eraseUser', 403, { token: host, user: 'contract-max' });
    const zed = new Person(node, node.token('contract-zed'), 'Zed');
    await zed.join(room.id);
    await call('eraseUser', 204, { token: admin, user: 'contract-zed' });
    await zed.closed;
    assert.equal((await call('getUser', 200, { token: admin, user: 'contract-zed' })).body.known, false);
    assert.equal((await call('verifyAudit', 200, { token: admin, id: room.id })).body.sound, true);
  });

  test('webhooks, events, figures, settings', async () => {
    const hook = (await call('createWebhook', 201, { token: admin, body: { url: 'https://hooks.invalid/x', types: ['room.created'], description: 'Contract' } })).body;
    for (const body of [{}, { url: 'ftp://x/' }, { url: 'https://u@x/' }, { url: 'http://example.org/' }, { url: 'https://127.0.0.1/' }, { url: 'https://[::1]/' }, { url: 'https://x/', types: 'all' }, { url: 'https://x/', types: ['a b'] }]) {
      await call('createWebhook', 422, { token: admin, body });
    }
    assert.equal((await call('getWebhook', 200, { token: admin, webhook: hook.id })).body.secret, undefined);
    assert.ok((await call('listWebhooks', 200, { token: admin })).body.webhooks.some((w) => w.id === hook.id));
    const sent = (await call('testWebhook', 202, { token: admin, webhook: hook.id })).body;
    assert.ok((await call('listDeliveries', 200, { token: admin, webhook: hook.id })).body.deliveries.some((d) => d.id === sent.id));
    assert.equal((await call('redeliver', 200, { token: admin, webhook: hook.id })).body.redelivered, 0);
    await call('redeliver', 422, { token: admin, webhook: hook.id, body: { id: 7 } });
    for (const id of ['testWebhook', 'listDeliveries', 'redeliver', 'getWebhook', 'deleteWebhook']) await call(id, 404, { token: admin, webhook: NOBODY });
    await call('listWebhooks', 403, { token: host });
    const { next } = (await call('listEvents', 200, { token: admin })).body;
    const made = (await call('createRoom', 201, { token: host, body: { title: 'Told' } })).body;
    let events = [];
    for (let i = 0; i < 50 && !events.some((e) => e.data.room === made.id); i++) {
      await new Promise((done) => setTimeout(done, 100));
      events = (await call('listEvents', 200, { token: admin, query: { after: next } })).body.events;
    }
    assert.equal(events.find((e) => e.data.room === made.id).type, 'room.created');
    await call('listEvents', 422, { token: admin, query: { after: 'x' } });
    await call('deleteRoom', 204, { token: admin, id: made.id });
    await call('deleteWebhook', 204, { token: admin, webhook: hook.id });
    assert.ok((await call('getSummary', 200, { token: admin })).body.rooms.active >= 1);
    await call('getSummary', 403, { token: host });
    assert.equal((await call('getConfig', 200, { token: admin })).body.guests, 'localhost');
    await call('getConfig', 403, { token: host });
    const yaml = { 'content-type': 'application/yaml' };
    assert.deepEqual((await call('checkConfig', 200, { token: admin, body: 'http_port: 80\n', headers: yaml })).body, { good: true, why: null });
    assert.match((await call('checkConfig', 200, { token: admin, body: 'http_prt: 80\n', headers: yaml })).body.why, /http_prt/);
    await call('checkConfig', 415, { token: admin, body: {} });
    assert.deepEqual((await call('reloadNode', 200, { token: admin })).body.needs_restart, []);
    await call('reloadNode', 403, { token: host });
    await call('upgradeNode', 403, { token: host });
    await call('upgradeNode', 409, { token: admin }); // 202 with a parent process: unheard/process.test.mjs
    await call('nodeUpgrades', 200, { token: admin });
    await call('nodeUpgrades', 403, { token: host });
    await call('makeBackup', 403, { token: host });
    const copy = (await call('makeBackup', 201, { token: admin })).body;
    await call('makeBackup', 409, { token: admin });
    assert.ok((await call('readBackup', 200, { token: admin, backup: copy.id })).body.length > 0);
    assert.equal((await call('readBackup', 200, { token: admin, backup: copy.id, query: { offset: copy.bytes } })).body, '');
    await call('readBackup', 400, { token: admin, backup: copy.id, query: { offset: 'x' } });
    await call('readBackup', 403, { token: host, backup: copy.id });
    await call('dropBackup', 204, { token: admin, backup: copy.id });
    await call('dropBackup', 404, { token: admin, backup: copy.id });
  });

  test('nodes, as far as one node alone has them', async () => {
    const [self] = (await call('listNodes', 200, { token: admin })).body.nodes;
    assert.equal((await call('getCapacity', 200, { token: admin })).body.taking, 1);
    assert.equal(self.self, true);
    assert.equal((await call('getNode', 200, { token: admin, node: self.node })).body.number, self.number);
    await call('getNode', 404, { token: admin, node: 'no-such-node' });
    assert.equal((await call('getCluster', 200, { token: admin })).body.state, 'alone');
    await call('getPlacement', 200, { token: admin });
    for (const id of ['drainNode', 'undrainNode', 'adoptCluster', 'rebalance']) await call(id, 409, { token: admin, node: self.node });
    for (const id of ['planRebalance', 'getRebalance']) assert.deepEqual((await call(id, 200, { token: admin })).body, { planned: 0, open: 0, done: 0, moves: [] });
    assert.deepEqual((await call('listProvisional', 200, { token: admin })).body, { acts: [] });
    for (const id of ['listNodes', 'getCluster', 'getCapacity', 'getPlacement', 'planRebalance', 'getRebalance', 'listProvisional']) await call(id, 403, { token: host });
  });

  test('the documents are served', async () => {
    const { body } = await call('getOpenApiJson', 200);
    assert.match((await call('getOpenApiYaml', 200)).body, /^openapi: 3\.1/);
    assert.match((await call('getAsyncApiYaml', 200)).body, /^asyncapi: 3\.0/);
    const { openapi } = await import('./contract.mjs');
    assert.deepEqual(body, openapi);
  });

  test('what every answer has', async () => {
    const given = await fetch(`${node.url}/healthz`, { headers: { 'x-request-id': 'mine-1.2_3' } });
    assert.equal(given.headers.get('x-request-id'), 'mine-1.2_3');
    const made = await fetch(`${node.url}/healthz`, { headers: { 'x-request-id': 'not valid!' } });
    assert.match(made.headers.get('x-request-id'), /^[A-Za-z0-9._-]{8,64}$/);
    const method = await fetch(`${node.url}/v1/rooms`, { method: 'PUT' });
    assert.equal(method.status, 405);
    assert.match(method.headers.get('allow') ?? '', /GET/);
    const nowhere = await fetch(`${node.url}/v1/nothing`);
    assert.equal(nowhere.status, 404);
    assert.equal((await nowhere.json()).code, 'not-found');
  });

  test('every operation was seen to succeed, and to refuse where it can', () => {
    const missing = [...operations].filter(([id]) => !['drainNode', 'undrainNode', 'adoptCluster', 'rebalance', 'upgradeNode'].includes(id) && // they need a cluster, or a parent process
       ![...seen].some((s) => s.startsWith(`${id} 2`))).map(([id]) => id);
    assert.deepEqual(missing, []);
    const refusals = [...operations].filter(([id, { operation }]) => Object.keys(operation.responses).some((c) => /^4/.test(c)) &&
      !['getOpenApiYaml', 'getAsyncApiYaml', 'getOpenApiJson', 'getMetrics'].includes(id) && ![...seen].some((s) => s.startsWith(`${id} 4`))).map(([id]) => id);
    assert.deepEqual(refusals, []);
  });
});

// Settings of its own, so never against a node that somebody else started.
if (!process.env.VOICEROOM_URL) describe('REST under other settings', () => {
  test('too many requests', async (t) => {
    const node = await nodeUnderTest(t, { rate_per_address: 25, rate_per_identity: 8 });
    const token = node.token('contract-eager');
    let last;
    for (let i = 0; i < 8; i++) {
      const { headers } = await callNode(node, 'listRooms', 200, { token });
      last = headers.get('ratelimit');
      assert.match(headers.get('ratelimit-policy'), /"address";q=25;w=60/);
    }
    assert.match(last, /"identity";r=0;t=\d+/);
    const { body, headers } = await callNode(node, 'listRooms', 429, { token });
    assert.equal(body.code, 'rate-limited');
    assert.ok(Number(headers.get('retry-after')) >= 1 && body.retry_after_ms >= 1);
    await callNode(node, 'listRooms', 200);
    // A guest's token counts ten times: what is left is too little for two.
    await callNode(node, 'createGuest', 201, { body: { name: 'Once' } });
    await callNode(node, 'createGuest', 429, { body: { name: 'Twice' } });
  });

  test('no guests', async (t) => {
    const node = await nodeUnderTest(t, { guests: 'off' });
    await callNode(node, 'createGuest', 403, { body: { name: 'Ana' } });
    await callNode(node, 'createRoom', 201, { token: node.admin(), body: { title: 'For keys only' } });
  });

  test('a join link', async (t) => {
    const node = await nodeUnderTest(t, { guests: 'link' });
    await callNode(node, 'createGuest', 201, { body: { name: 'Here' } }); // on the machine itself no code is needed
  });

  test('guests may create where that is on', async (t) => {
    const node = await nodeUnderTest(t, { guests_may_create: true });
    const guest = (await callNode(node, 'createGuest', 201, { body: { name: 'Ana' } })).body;
    const room = (await callNode(node, 'createRoom', 201, { token: guest.token, body: { title: 'Of a guest' } })).body;
    const joined = (await callNode(node, 'joinRoom', 201, { token: guest.token, id: room.id, body: { protocol: 1, sdp: offer() } })).body;
    assert.equal(joined.role, 'host');
  });

  test('a room and its bans are there after kill -9, and so is the cursor', async (t) => {
    const node = await nodeUnderTest(t);
    const host = node.token('contract-host', { roomCreate: true });
    const rooms = [];
    for (let i = 0; i < 3; i++) rooms.push((await callNode(node, 'createRoom', 201, { token: host, body: { title: `Kept ${i}` } })).body);
    const ban = (await callNode(node, 'createBan', 201, { token: host, id: rooms[0].id, body: { user: 'contract-bob', reason: 'kept' } })).body;
    const page = (await callNode(node, 'listRooms', 200, { query: { sort: 'title', limit: 2 } })).body;
    await node.kill9();
    await node.start();
    const rest = (await callNode(node, 'listRooms', 200, { query: { sort: 'title', limit: 2, cursor: page.next_cursor } })).body;
    assert.deepEqual([...page.rooms, ...rest.rooms].map((r) => r.id), rooms.map((r) => r.id));
    assert.deepEqual((await callNode(node, 'listBans', 200, { token: host, id: rooms[0].id })).body.bans, [ban]);
    assert.equal((await callNode(node, 'joinRoom', 403, { token: node.token('contract-bob'), id: rooms[0].id, body: { protocol: 1, sdp: offer() } })).body.code, 'banned');
  });
});
