// Goal: who asked to be reminded of a scheduled room is told by the server, wherever he is connected, once it is time and once it
// begins; the webhooks hear of it; it outlives a kill; and nobody else hears anything.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it } from 'node:test';
import WebSocket from 'ws';
import { Person, rest } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const soon = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString().replace(/\.\d+/, '');

async function start(t, flags = {}) {
  const node = await new Node({ flags }).start();
  t.after(() => node.stop());
  return node;
}

/** A scheduled room of ana's. */
const plan = (node, minutes, more = {}) =>
  rest(node, node.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title: `In ${minutes}`, starts_at: soon(minutes), ...more });
const set = (node, user, room) => rest(node, node.token(user), 'PUT', `/v1/rooms/${room.id}/reminder`);
const kept = async (node, user) => (await rest(node, node.token(user), 'GET', '/v1/reminders')).reminders.map((one) => one.room);

/** A socket that has said who it is and is in no room: what it hears. */
async function lobby(t, node, user) {
  const heard = [];
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/ws`, 'voicerooms.v1');
  t.after(() => socket.terminate());
  socket.on('message', (text) => heard.push(JSON.parse(text)));
  await new Promise((done, failed) => { socket.once('open', done); socket.once('error', failed); });
  socket.send(JSON.stringify({ type: 'session:hello', id: 'h', token: node.token(user) }));
  await until('the answer to hello', () => heard.some((message) => message.id === 'h'));
  return heard;
}

const reminders = (heard) => heard.filter((message) => message.type === 'schedule:reminder');
const told = (heard, room, begun) => until(`reminder of ${room.title}, begun ${begun}`,
  () => reminders(heard).find((one) => one.room === room.id && one.begun === begun), 20000, 50);

describe('reminders', () => {
  it('are said in the lobby and in a room when it is time and when it begins, once each, to no one else', async (t) => {
    const node = await start(t);
    const room = await plan(node, 5);
    const far = await plan(node, 120);
    const answer = await set(node, 'ben', room);
    assert.deepEqual([answer.room, answer.title, answer.starts_at], [room.id, 'In 5', room.starts_at]);
    assert.equal(Date.parse(answer.starts_at) - Date.parse(answer.remind_at), 600_000);
    await set(node, 'ben', far);
    await set(node, 'ben', far); // again: the same
    assert.deepEqual((await kept(node, 'ben')).sort(), [room.id, far.id].sort());
    assert.deepEqual(await kept(node, 'cy'), []);
    const before = await lobby(t, node, 'ben');
    const other = await lobby(t, node, 'cy');
    const one = await told(before, room, false);
    assert.deepEqual([one.title, one.starts_at, one.epoch, one.sequence], ['In 5', room.starts_at, 0, 0]);
    // Who comes later, and who is in a room, hears it too; the room's own order is not disturbed.
    const open = await rest(node, node.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title: 'Open' });
    const ben = new Person(node, node.token('ben'), 'ben');
    await ben.join(open.id);
    t.after(() => ben.close());
    // The resume token alone names nobody's account: a token with it does.
    ben.close();
    await ben.connect(node.url, { token: ben.token });
    await told(ben.events, room, false);
    await rest(node, node.token('ana', { roomCreate: true }), 'POST', `/v1/rooms/${room.id}/start`);
    await told(before, room, true);
    await told(ben.events, room, true);
    assert.deepEqual(reminders(before).map((r) => [r.room, r.begun]), [[room.id, false], [room.id, true]]);
    assert.deepEqual(reminders(other), []);
    // A room that is over takes its reminders with it.
    await rest(node, node.token('ana', { roomCreate: true }), 'POST', `/v1/rooms/${room.id}/end`, {});
    assert.deepEqual(await kept(node, 'ben'), [far.id]);
  });

  it('are refused for what has begun or may not be seen, removed by DELETE, follow a room that is moved, and survive a kill', async (t) => {
    const node = await start(t);
    const host = node.token('ana', { roomCreate: true });
    const open = await rest(node, host, 'POST', '/v1/rooms', { title: 'Open' });
    const secret = await plan(node, 60, { visibility: 'private' });
    await assert.rejects(set(node, 'ben', open), { code: 'conflict' });
    await assert.rejects(set(node, 'ben', secret), { code: 'not-found' });
    await assert.rejects(rest(node, null, 'PUT', `/v1/rooms/${open.id}/reminder`), { status: 401 });
    const first = await plan(node, 60);
    const second = await plan(node, 61);
    await set(node, 'ben', first);
    await set(node, 'ben', second);
    await rest(node, node.token('ben'), 'DELETE', `/v1/rooms/${second.id}/reminder`);
    await rest(node, node.token('ben'), 'DELETE', `/v1/rooms/${second.id}/reminder`);
    assert.deepEqual(await kept(node, 'ben'), [first.id]);
    await node.kill9();
    await node.start();
    assert.deepEqual(await kept(node, 'ben'), [first.id]);
    const heard = await lobby(t, node, 'ben');
    await rest(node, node.token('ana', { roomCreate: true }), 'PATCH', `/v1/rooms/${first.id}`, { starts_at: soon(4) });
    await told(heard, first, false);
    assert.equal(reminders(heard).length, 1);
  });

  it('reach the webhooks once, with the user whom they are for; who is erased is forgotten', async (t) => {
    const node = await start(t, { webhook_allow: '127.0.0.0/8' });
    const got = [];
    const server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (part) => { body += part; });
      request.on('end', () => { got.push(JSON.parse(body)); response.writeHead(204).end(); });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => { server.closeAllConnections(); server.close(); });
    await rest(node, node.admin(), 'POST', '/v1/webhooks', { url: `http://127.0.0.1:${server.address().port}/`, types: ['schedule.reminder'] });
    const room = await plan(node, 5);
    await set(node, 'ben', room);
    await set(node, 'cy', room);
    await until('two events', () => got.length >= 2, 20000, 50);
    const last = await plan(node, 6); // when this one has come, the first ones would have come again
    await set(node, 'ben', last);
    await until('the last event', () => got.some((event) => event.data.room === last.id), 20000, 50);
    assert.equal(got.length, 3);
    assert.deepEqual(got.flatMap((event) => event.data.people.map((one) => one.user)).sort(), ['ben', 'ben', 'cy']);
    assert.ok(got.every((event) => event.type === 'schedule.reminder' && event.data.begun === false));
    assert.equal(got[0].data.starts_at, room.starts_at);
    const record = async (user) => (await rest(node, node.admin(), 'GET', `/v1/users/${user}`)).reminders;
    assert.deepEqual((await record('ben')).sort(), [room.id, last.id].sort());
    await rest(node, node.admin(), 'DELETE', '/v1/users/ben');
    await assert.rejects(record('ben'), { status: 404 }); // nothing at all is kept about him
    assert.deepEqual(await record('cy'), [room.id]);
  });
});
