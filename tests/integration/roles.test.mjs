// Goal: who may do what, over every message of the socket and every moderating endpoint, role by role.
import assert from 'node:assert/strict';
import { before, after, describe, it } from 'node:test';
import { people, rest, toStage } from '../lib/client.mjs';
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
  ['room:leave', {}, null, 1, 1, 1, 1],
];

// method, path with {room} {victim}, body, prepare, host, moderator, speaker, listener; a number: the status when allowed
const ENDPOINTS = [
  ['PATCH', '/v1/rooms/{room}', { title: 'New' }, null, 1, 1, 0, 0],
  ['PATCH', '/v1/rooms/{room}', { passcode: 'x1' }, null, 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/mute', undefined, null, 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/invite', undefined, null, 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/ask-unmute', undefined, (h, v) => h.request('room:mute', { participant: v.id }), 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/make-moderator', undefined, (h, v) => toStage(h, v), 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/mute-all', undefined, null, 1, 1, 0, 0],
  ['DELETE', '/v1/rooms/{room}/hands/{victim}', undefined, (h, v) => v.request('room:hand-raise'), 1, 1, 0, 0],
  ['GET', '/v1/rooms/{room}/bans', undefined, null, 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/bans', { user: 'x' }, null, 1, 1, 0, 0],
  ['GET', '/v1/rooms/{room}/analytics', undefined, null, 1, 1, 0, 0],
  ['GET', '/v1/rooms/{room}/audit', undefined, null, 1, 1, 0, 0],
  ['GET', '/v1/rooms/{room}/participants', undefined, null, 1, 1, 1, 1],
  ['GET', '/v1/rooms/{room}/hands', undefined, null, 1, 1, 1, 1],
  ['GET', '/v1/rooms/{room}', undefined, null, 1, 1, 1, 1],
  ['POST', '/v1/rooms/{room}/participants/{victim}/unmute', {}, (h, v) => h.request('room:mute', { participant: v.id }), 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/promote', undefined, (h, v) => v.request('room:hand-raise'), 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/demote', undefined, (h, v) => toStage(h, v), 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/participants/{victim}/transfer-host', undefined, (h, v) => toStage(h, v), 1, 0, 0, 0],
  ['POST', '/v1/rooms/{room}/hands/{victim}', undefined, null, 0, 0, 0, 0],
  ['DELETE', '/v1/rooms/{room}/bans/{ban}', undefined, async (h) => ({ ban: (await h.request('room:ban', { user: 'somebody' })).result.id }), 1, 1, 0, 0],
  ['DELETE', '/v1/rooms/{room}/chat/{message}', undefined, async (h, v) => ({ message: (await v.request('room:chat', { text: 'hi' })).result.message }), 1, 1, 0, 0],
  ['GET', '/v1/rooms/{room}/participants/{victim}', undefined, null, 1, 1, 1, 1],
  ['POST', '/v1/rooms/{room}/start', undefined, null, 'conflict', 0, 0, 0],
  ['POST', '/v1/tokens/revoke', { jti: 'x' }, null, 0, 0, 0, 0],
  ['GET', '/v1/log-level', undefined, null, 0, 0, 0, 0],
  ['GET', '/v1/keys', undefined, null, 0, 0, 0, 0],
  ['GET', '/v1/ice-servers', undefined, null, 1, 1, 1, 1],
  ['DELETE', '/v1/rooms/{room}/participants/{victim}', undefined, null, 1, 1, 0, 0],
  ['POST', '/v1/rooms/{room}/end', {}, null, 1, 0, 0, 0],
];

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

  for (const [type, fields, prepare, ...expected] of MESSAGES) {
    it(`${type} ${JSON.stringify(fields)}`, async (t) => {
      for (const [i, role] of ROLES.entries()) {
        const room = await cast(t, node);
        const made = (await prepare?.(room.host, room.victim)) ?? {};
        const { target, ...rest } = fields;
        const answer = await room[role].ask(type, { ...rest, ...(made.message ? { message: made.message } : {}), ...(target ? { participant: room.victim.id } : {}) });
        const got = answer.type === 'room:error' ? answer.code : 1;
        assert.equal(got, expected[i] === 0 ? 'forbidden' : expected[i], `${type} by the ${role}: ${answer.detail ?? 'allowed'}`);
        for (const p of Object.values(room)) p.close?.();
      }
    });
  }

  for (const [method, path, body, prepare, ...expected] of ENDPOINTS) {
    it(`${method} ${path} ${body ? JSON.stringify(body) : ''}`, async (t) => {
      for (const [i, role] of ROLES.entries()) {
        const room = await cast(t, node);
        const made = (await prepare?.(room.host, room.victim)) ?? {};
        const where = path.replace('{room}', room.room.id).replace('{victim}', room.victim.id)
          .replace('{ban}', made.ban).replace('{message}', made.message);
        let got = 1;
        try {
          await rest(node, room[role].token, method, where, body);
        } catch (error) {
          got = error.code ?? String(error);
        }
        assert.equal(got, expected[i] === 0 ? 'forbidden' : expected[i], `${method} ${where} by the ${role}`);
        for (const p of Object.values(room)) p.close?.();
      }
    });
  }

  it('gives nothing without a token, and 404 to those who may not see', async (t) => {
    const room = await cast(t, node);
    const secret = await rest(node, room.host.token, 'POST', '/v1/rooms', { title: 'Secret', visibility: 'private' });
    for (const [method, path] of ENDPOINTS.filter(([m]) => m !== 'GET').map(([m, p]) => [m, p])) {
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
