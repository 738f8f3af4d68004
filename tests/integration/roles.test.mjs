// Goal: who may do what, over every message of the socket and every moderating endpoint, role by role.
import assert from 'node:assert/strict';
import { before, after, describe, it } from 'node:test';
import { operations, requests } from '../contract/contract.mjs';
import { offer, people, rest, toStage } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const ROLES = ['host', 'moderator', 'speaker', 'listener'];

// 1: allowed. 0: `forbidden`. Else the code that this role gets although the act is not forbidden to it.
// The target is `victim`, a listener unless the row says otherwise.
const MESSAGES = [
  // message, fields, prepare(host, victim), host, moderator, speaker, listener
  ['room:mute', { target: 1 }, null, 1, 1, 0, 0],
  ['room:unmute', { target: 1 }, (h, v) => h.request('room:mute', { participant: v.id }), 1, 1, 0, 0],
  ['room:ask-unmute', { target: 1 }, (h, v) => h.request('room:mute', { participant: v.id }), 1, 1, 0, 0],
  ['room:mute-all', {}, null, 1, 1, 0, 0],
  ['room:promote', { target: 1 }, (h, v) => v.request('room:hand-raise'), 1, 1, 0, 0],
  ['room:hand-lower', { target: 1 }, (h, v) => v.request('room:hand-raise'), 1, 1, 0, 0],
  ['room:invite', { target: 1 }, null, 1, 1, 0, 0],
  ['room:demote', { target: 1 }, (h, v) => toStage(h, v), 1, 1, 0, 0],
  ['room:make-moderator', { target: 1 }, (h, v) => toStage(h, v), 1, 0, 0, 0],
  ['room:transfer-host', { target: 1 }, (h, v) => toStage(h, v), 1, 0, 0, 0],
  ['room:kick', { target: 1 }, null, 1, 1, 0, 0],
  ['room:ban', { target: 1 }, null, 1, 1, 0, 0],
  ['room:unban', { user: 'somebody' }, (h) => h.request('room:ban', { user: 'somebody' }), 1, 1, 0, 0],
  ['room:lock', { locked: true }, null, 1, 1, 0, 0],
  ['room:update', { title: 'New' }, null, 1, 1, 0, 0],
  ['room:end', {}, null, 1, 0, 0, 0],
  ['room:report', { target: 1, reason: 'rude' }, null, 1, 1, 1, 1],
  ['room:reaction', { reaction: '👍' }, null, 1, 1, 1, 1],
  ['room:chat', { text: 'hi' }, null, 1, 1, 1, 1],
  ['room:snapshot', {}, null, 1, 1, 1, 1],
  ['room:quality', { report: { loss: 0 } }, null, 1, 1, 1, 1],
  ['room:hand-raise', {}, null, 'conflict', 'conflict', 'conflict', 1],
  ['room:mute', {}, null, 1, 1, 1, 1],
  ['room:webrtc:ice-candidate', { candidate: '' }, null, 1, 1, 1, 1],
  ['room:chat-delete', {}, async (h, v) => ({ message: (await v.request('room:chat', { text: 'hi' })).result.message }), 1, 1, 0, 0],
  ['room:accept', {}, null, 'conflict', 'conflict', 'conflict', 'conflict'],
  ['room:decline', {}, null, 'conflict', 'conflict', 'conflict', 'conflict'],
  ['room:webrtc:offer', { sdp: 'v=0' }, null, 'bad-sdp', 'bad-sdp', 'bad-sdp', 'bad-sdp'],
  ['room:hand-lower', {}, null, 1, 1, 1, 1], // lowering twice is fine
  ['session:ping', {}, null, 1, 1, 1, 1],
  ['session:sound-clock', {}, null, 'conflict', 'conflict', 'conflict', 'conflict'], // without media nothing is heard
  ['session:hello', { token: 'x' }, null, 'conflict', 'conflict', 'conflict', 'conflict'], // this socket has its session: all came in by room:resume
  ['room:join', { room: '{room}', sdp: 'v=0' }, null, 'conflict', 'conflict', 'conflict', 'conflict'],
  ['room:resume', { room: '{room}', resume_token: 'x' }, null, 'conflict', 'conflict', 'conflict', 'conflict'],
  ['room:leave', {}, null, 1, 1, 1, 1],
];

// method, path with {room} {victim} ..., body (text: as SDP), prepare, host, moderator, speaker, listener, and a stranger with a token who never came in
const ENDPOINTS = [
  ['PATCH', '/v1/rooms/{room}', { title: 'New' }, null, 1, 1, 0, 0, 0],
  ['PATCH', '/v1/rooms/{room}', { passcode: 'x1' }, null, 1, 0, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/mute', undefined, null, 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/invite', undefined, null, 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/ask-unmute', undefined, (h, v) => h.request('room:mute', { participant: v.id }), 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/make-moderator', undefined, (h, v) => toStage(h, v), 1, 0, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/mute-all', undefined, null, 1, 1, 0, 0, 0],
  ['DELETE', '/v1/rooms/{room}/hands/{victim}', undefined, (h, v) => v.request('room:hand-raise'), 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/bans', undefined, null, 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/bans', { user: 'x' }, null, 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/analytics', undefined, null, 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/audit', undefined, null, 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/export', undefined, null, 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/diagnosis', undefined, null, 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/participants', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/rooms/{room}/hands', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/rooms/{room}', undefined, null, 1, 1, 1, 1, 1],
  ['POST', '/v1/rooms/{room}/participants/{victim}/unmute', {}, (h, v) => h.request('room:mute', { participant: v.id }), 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/promote', undefined, (h, v) => v.request('room:hand-raise'), 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/demote', undefined, (h, v) => toStage(h, v), 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/transfer-host', undefined, (h, v) => toStage(h, v), 1, 0, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/move', { node: 'b' }, null, 0, 0, 0, 0, 0], // the operator's
  ['POST', '/v1/rooms/{room}/hands/{victim}', undefined, null, 0, 0, 0, 0, 0],
  ['DELETE', '/v1/rooms/{room}/bans/{ban}', undefined, async (h) => ({ ban: (await h.request('room:ban', { user: 'somebody' })).result.id }), 1, 1, 0, 0, 0],
  ['DELETE', '/v1/rooms/{room}/chat/{message}', undefined, async (h, v) => ({ message: (await v.request('room:chat', { text: 'hi' })).result.message }), 1, 1, 0, 0, 0],
  ['GET', '/v1/rooms/{room}/participants/{victim}', undefined, null, 1, 1, 1, 1, 1],
  ['POST', '/v1/rooms/{room}/start', undefined, null, 'conflict', 0, 0, 0, 0],
  ['POST', '/v1/tokens/revoke', { jti: 'x' }, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/log-level', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/keys', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/ice-servers', undefined, null, 1, 1, 1, 1, 1],
  ['DELETE', '/v1/rooms/{room}/participants/{victim}', undefined, null, 1, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/end', {}, null, 1, 0, 0, 0, 0],
  ['GET', '/v1/rooms', undefined, null, 1, 1, 1, 1, 1],
  ['POST', '/v1/rooms', { title: 'Another' }, null, 1, 0, 0, 0, 0], // a grant of the token, not a role: the cast's host has it
  ['DELETE', '/v1/rooms/{room}', undefined, null, 'conflict', 0, 0, 0, 0], // it must have ended
  ['DELETE', '/v1/rooms/{room}', undefined, (h) => h.request('room:end'), 1, 0, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/join', { protocol: 1, sdp: offer() }, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/rooms/{room}/calendar', undefined, null, ...Array(5).fill('not-found')], // it has no time; all may see it
  ['PUT', '/v1/rooms/{room}/reminder', undefined, null, ...Array(5).fill('conflict')], // it has begun; all may see it
  ['DELETE', '/v1/rooms/{room}/reminder', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/reminders', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/calendar', undefined, null, 1, 1, 1, 1, 1],
  ['DELETE', '/v1/sessions/{session}', undefined, null, ...Array(5).fill('not-found')], // the victim's: nobody else has such a session
  ['DELETE', '/v1/sessions/{own}', undefined, null, 1, 1, 1, 1, 'not-found'],
  ['POST', '/v1/sessions/{session}/offer', 'v=0', null, ...Array(5).fill('not-found')],
  ['POST', '/v1/sessions/{own}/offer', 'v=0', null, 'bad-sdp', 'bad-sdp', 'bad-sdp', 'bad-sdp', 'not-found'],
  ['POST', '/v1/guests', { name: 'Guest' }, null, 1, 1, 1, 1, 1],
  ['PUT', '/v1/log-level', { level: 'info' }, null, 0, 0, 0, 0, 0],
  ['POST', '/v1/keys', {}, null, 0, 0, 0, 0, 0],
  ['DELETE', '/v1/keys/some', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/nodes', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/nodes/1', undefined, null, 0, 0, 0, 0, 0],
  ['POST', '/v1/nodes/1/drain', undefined, null, 0, 0, 0, 0, 0],
  ['POST', '/v1/nodes/1/undrain', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/cluster', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/v1/cluster/placement', undefined, null, 0, 0, 0, 0, 0],
  ['POST', '/v1/cluster/adopt', undefined, null, 0, 0, 0, 0, 0],
  ['GET', '/metrics', undefined, null, 1, 1, 1, 1, 1], // from this machine
  ['GET', '/healthz', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/readyz', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/openapi.json', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/openapi.yaml', undefined, null, 1, 1, 1, 1, 1],
  ['GET', '/v1/asyncapi.yaml', undefined, null, 1, 1, 1, 1, 1],
];

// Only for administrators: forbidden to every role.
const ADMINISTRATION = [
  ['GET', '/v1/bans'], ['POST', '/v1/bans', { user: 'x' }], ['GET', '/v1/bans/{room}'], ['DELETE', '/v1/bans/{room}'],
  ['GET', '/v1/filters'], ['POST', '/v1/filters', { word: 'x' }], ['DELETE', '/v1/filters/{room}'],
  ['GET', '/v1/audit'], ['GET', '/v1/audit/verify'], ['GET', '/v1/rooms/{room}/audit/verify'], ['POST', '/v1/rooms/{room}/restore', { restore: '01jd8x3v5m9qk2t7w0c4f6h8nb', piece: 0, rows: 'AA' }],
  ['GET', '/v1/reports'], ['GET', '/v1/reports/{room}'], ['POST', '/v1/reports/{room}/resolve', { outcome: 'other' }],
  ['GET', '/v1/users/victim'], ['GET', '/v1/users/victim/export'], ['DELETE', '/v1/users/victim'],
  ['GET', '/v1/webhooks'], ['POST', '/v1/webhooks', { url: 'https://example.org/' }], ['GET', '/v1/webhooks/{room}'], ['DELETE', '/v1/webhooks/{room}'],
  ['POST', '/v1/webhooks/{room}/test'], ['GET', '/v1/webhooks/{room}/deliveries'], ['POST', '/v1/webhooks/{room}/redeliver'],
  ['GET', '/v1/events'], ['GET', '/v1/analytics'], ['GET', '/v1/config'], ['POST', '/v1/config/check', {}], ['POST', '/v1/node/reload'],
  ['POST', '/v1/node/upgrade'], ['GET', '/v1/node/upgrade'], ['POST', '/v1/node/backup'], ['GET', '/v1/node/backup/{room}'], ['DELETE', '/v1/node/backup/{room}'], ['GET', '/v1/cluster/capacity'],
  ['GET', '/v1/cluster/rebalance/plan'], ['GET', '/v1/cluster/rebalance'], ['POST', '/v1/cluster/rebalance'], ['GET', '/v1/cluster/provisional'],
];
ENDPOINTS.push(...ADMINISTRATION.map(([method, path, body]) => [method, path, body, null, 0, 0, 0, 0, 0]));

async function cast(t, node) {
  const room = await people(t, node, ['host', 'moderator', 'speaker', 'listener', 'victim']);
  await toStage(room.host, room.moderator);
  await room.host.request('room:make-moderator', { participant: room.moderator.id });
  await toStage(room.host, room.speaker);
  return room;
}

describe('roles', () => {
  let node;
  before(async () => { node = await new Node().start(); });
  after(() => node.stop());

  it('has a row for every endpoint and every message of the contract', () => {
    const acts = ['mute', 'unmute', 'ask-unmute', 'promote', 'demote', 'invite', 'make-moderator', 'transfer-host', 'move'];
    const described = [...operations.values()].flatMap(({ method, path }) => (path.includes('{act}') ? acts.map((a) => [method, path.replace('{act}', a)]) : [[method, path]]));
    const missing = described.filter(([method, path]) => {
      const shape = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`);
      return !ENDPOINTS.some(([m, p]) => m.toLowerCase() === method && shape.test(p));
    });
    assert.deepEqual(missing, []);
    assert.deepEqual([...requests.keys()].filter((type) => !MESSAGES.some(([t]) => t === type)), []);
  });

  for (const [type, fields, prepare, ...expected] of MESSAGES) {
    it(`${type} ${JSON.stringify(fields)}`, async (t) => {
      for (const [i, role] of ROLES.entries()) {
        const room = await cast(t, node);
        const made = (await prepare?.(room.host, room.victim)) ?? {};
        const { target, ...rest } = fields;
        if (rest.room) rest.room = room.room.id;
        const answer = await room[role].ask(type, { ...rest, ...(made.message ? { message: made.message } : {}), ...(target ? { participant: room.victim.id } : {}) });
        const got = answer.type === 'room:error' ? answer.code : 1;
        assert.equal(got, expected[i] === 0 ? 'forbidden' : expected[i], `${type} by the ${role}: ${answer.detail ?? 'allowed'}`);
        for (const p of Object.values(room)) p.close?.();
      }
    });
  }

  async function attempt(room, role, method, path, body, made) {
    const token = room[role]?.token ?? node.token('stranger');
    const where = path.replace('{room}', room.room.id).replace('{victim}', room.victim.id).replace('{session}', room.victim.me.session)
      .replace('{own}', room[role]?.me.session ?? room.room.id).replace('{ban}', made.ban).replace('{message}', made.message);
    const sdp = typeof body === 'string';
    const answer = await fetch(node.url + where, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': sdp ? 'application/sdp' : 'application/json' }) },
      body: sdp || body === undefined ? body : JSON.stringify(body),
    });
    return answer.ok ? 1 : JSON.parse(await answer.text()).code;
  }

  for (const [method, path, body, prepare, ...expected] of ENDPOINTS) {
    it(`${method} ${path} ${body ? JSON.stringify(body).slice(0, 60) : ''}`, async (t) => {
      let room;
      for (const [i, role] of [...ROLES, 'stranger'].entries()) {
        if (!room || method !== 'GET') room = await cast(t, node); // reading changes nothing: all roles in one room
        const made = (await prepare?.(room.host, room.victim)) ?? {};
        const got = await attempt(room, role, method, path, body, made);
        assert.equal(got, expected[i] === 0 ? 'forbidden' : expected[i], `${method} ${path} by the ${role}`);
        if (method !== 'GET') for (const p of Object.values(room)) p.close?.();
      }
    });
  }

  it('gives nothing without a token, and 404 to those who may not see', async (t) => {
    const room = await cast(t, node);
    const secret = await rest(node, room.host.token, 'POST', '/v1/rooms', { title: 'Secret', visibility: 'private' });
    for (const [method, path] of ENDPOINTS.filter(([m, p]) => m !== 'GET' && p !== '/v1/guests')) {
      const where = path.replace('{room}', room.room.id).replace('{victim}', room.victim.id);
      await assert.rejects(rest(node, null, method, where, {}), (e) => e.status === 401, `${method} ${where}`);
    }
    await assert.rejects(rest(node, node.token('nosy'), 'GET', `/v1/rooms/${secret.id}`), (e) => e.status === 404);
    await assert.rejects(rest(node, node.token('nosy'), 'GET', `/v1/rooms/${secret.id}/participants`), (e) => e.status === 404);
  });

  it('lets an administrator act in a room without being in it', async (t) => {
    const room = await cast(t, node);
    await rest(node, node.admin(), 'POST', `/v1/rooms/${room.room.id}/participants/${room.speaker.id}/mute`);
    assert.equal((await room.host.state()).participants.find((p) => p.participant === room.speaker.id).muted_by_moderator, true);
    await rest(node, node.admin(), 'DELETE', `/v1/rooms/${room.room.id}/participants/${room.victim.id}`);
    await room.victim.event('room:kicked');
  });
});
