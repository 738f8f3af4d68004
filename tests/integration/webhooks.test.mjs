// Goal: events reach webhooks signed, in order for each room, through failures, a kill and a dead letter; and never an address that
// is not meant to be reached.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { describe, it } from 'node:test';
import { people, rest } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

/** A receiver whose answers the test decides: `answer(request, body)` gives a status, or an object of status and headers. */
async function receiver(t, answer = () => 204) {
  const got = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => {
      const how = answer(request, body, got);
      const { status, headers = {} } = typeof how === 'number' ? { status: how } : how;
      got.push({ headers: request.headers, body, event: JSON.parse(body), status, url: request.url });
      response.writeHead(status, headers).end();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { got, url: `http://127.0.0.1:${server.address().port}/hook` };
}

async function start(t, flags = {}) {
  const node = await new Node({ flags: { webhook_allow: '127.0.0.0/8', ...flags } }).start();
  t.after(() => node.stop());
  return node;
}

const add = (node, url, types = []) => rest(node, node.admin(), 'POST', '/v1/webhooks', { url, types });
const deliveries = async (node, hook) => (await rest(node, node.admin(), 'GET', `/v1/webhooks/${hook.id}/deliveries`)).deliveries;
const create = (node, title) => rest(node, node.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title });

function verify(hook, { headers, body }) {
  const key = Buffer.from(hook.secret.replace('whsec_', ''), 'base64');
  const mine = createHmac('sha256', key).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${mine}`);
  assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 60);
}

describe('webhooks', () => {
  it('tells what happens in a room, signed, in order, without names', async (t) => {
    const node = await start(t);
    const { got, url } = await receiver(t);
    const hook = await add(node, url);
    const { room, ana, ben } = await people(t, node, ['ana', 'ben']);
    await ben.request('room:hand-raise');
    await ana.request('room:promote', { participant: ben.id });
    await ana.request('room:mute', { participant: ben.id });
    await ana.request('room:report', { participant: ben.id, reason: 'Something private' });
    await ana.request('room:kick', { participant: ben.id, reason: 'Something else' });
    await ana.request('room:end');
    await until('the end', () => got.some((g) => g.event.type === 'room.ended'));
    got.forEach((g) => verify(hook, g));
    const types = got.map((g) => g.event.type);
    for (const type of ['room.created', 'room.participant_joined', 'room.hand_raised', 'room.role_changed', 'room.participant_muted', 'moderation.reported',
      'moderation.kicked', 'room.participant_left', 'room.ended']) assert.ok(types.includes(type), `${type}: ${types}`);
    const sequences = got.map((g) => g.event.data.sequence);
    assert.deepEqual(sequences, [...sequences].sort((a, b) => a - b));
    assert.ok(got.every((g) => g.event.data.room === room.id));
    assert.ok(got.every((g) => !/Something|"name"/.test(g.body)), 'no name, no text of a person');
    const muted = got.find((g) => g.event.type === 'room.participant_muted').event.data;
    assert.deepEqual(muted.people.map((p) => p.user).sort(), ['ana', 'ben']);
    assert.equal(new Set(got.map((g) => g.headers['webhook-id'])).size, got.length);
  });

  it('tries again, keeps the order of a room, and lets other rooms pass', async (t) => {
    const node = await start(t);
    let refuse = null;
    const { got, url } = await receiver(t, (request, body) => (refuse && body.includes(refuse) ? 503 : 200));
    await add(node, url, ['room.created', 'room.ended']);
    const held = await create(node, 'Held');
    await until('created', () => got.length === 1);
    refuse = held.id;
    await rest(node, node.admin(), 'POST', `/v1/rooms/${held.id}/end`, {});
    await until('one failure', () => got.some((g) => g.status === 503));
    const other = await create(node, 'Other');
    await until('the other room is not held up', () => got.some((g) => g.status === 200 && g.event.data.room === other.id));
    refuse = null;
    await until('delivered in the end', () => got.some((g) => g.status === 200 && g.event.type === 'room.ended'));
    const ends = got.filter((g) => g.event.type === 'room.ended');
    assert.equal(new Set(ends.map((g) => g.headers['webhook-id'])).size, 1, 'one message, one id');
  });

  it('loses nothing to kill -9', async (t) => {
    const node = await start(t);
    let up = false;
    const { got, url } = await receiver(t, () => (up ? 200 : 500));
    await add(node, url, ['room.created']);
    const rooms = [];
    for (let i = 0; i < 20; i += 1) rooms.push((await create(node, `Kept ${i}`)).id);
    await node.kill9(); // right after the last answer
    up = true;
    await node.start();
    await until('all of them', () => rooms.every((id) => got.some((g) => g.status === 200 && g.event.data.room === id)), 30000);
  });

  it('gives up after the last attempt, and sends again when told to', async (t) => {
    const node = await start(t, { webhook_attempts: 2 });
    let up = false;
    const { got, url } = await receiver(t, () => (up ? 200 : 404));
    const hook = await add(node, url, ['room.created']);
    const room = await create(node, 'Dead');
    const [dead] = await until('a dead letter', async () => {
      const list = (await deliveries(node, hook)).filter((d) => d.status === 'dead');
      return list.length ? list : null;
    });
    assert.equal(dead.attempts, 2);
    assert.match(dead.error, /HTTP 404/);
    assert.equal(got.length, 2);
    up = true;
    assert.deepEqual(await rest(node, node.admin(), 'POST', `/v1/webhooks/${hook.id}/redeliver`, { id: 'msg_other' }), { redelivered: 0 });
    assert.deepEqual(await rest(node, node.admin(), 'POST', `/v1/webhooks/${hook.id}/redeliver`, { id: dead.id }), { redelivered: 1 });
    await until('delivered', () => got.some((g) => g.status === 200 && g.event.data.room === room.id));
    assert.equal(got.at(-1).headers['webhook-id'], dead.id);
    await until('nothing is left', async () => (await deliveries(node, hook)).length === 0);
  });

  it('does not follow redirects; 410 ends it', async (t) => {
    const node = await start(t, { webhook_attempts: 1 });
    const inner = await receiver(t);
    const outer = await receiver(t, () => ({ status: 302, headers: { location: inner.url } }));
    const hook = await add(node, outer.url, ['room.created']);
    await create(node, 'Redirected');
    const [dead] = await until('refused', async () => { const d = await deliveries(node, hook); return d.length && d[0].status === 'dead' ? d : null; });
    assert.match(dead.error, /HTTP 302/);
    assert.equal(inner.got.length, 0);
    const gone = await receiver(t, () => 410);
    const last = await add(node, gone.url, ['room.created']);
    await create(node, 'Gone');
    await until('disabled', async () => (await rest(node, node.admin(), 'GET', `/v1/webhooks/${last.id}`)).disabled);
    const before = gone.got.length;
    await create(node, 'Not told');
    await rest(node, node.admin(), 'POST', `/v1/webhooks/${hook.id}/test`);
    await until('the other one was told', () => outer.got.some((g) => g.event.type === 'webhook.test'));
    assert.equal(gone.got.length, before);
  });

  it('reaches no inward address: as an address, as a name, by another notation', async (t) => {
    const node = await start(t, { webhook_allow: '192.0.2.0/24', webhook_attempts: 1 });
    let connections = 0;
    const listener = net.createServer((socket) => { connections += 1; socket.destroy(); });
    await new Promise((done) => listener.listen(0, '127.0.0.1', done));
    t.after(() => listener.close());
    const { port } = listener.address();
    const refused = [`http://127.0.0.1:${port}/`, `https://127.0.0.1:${port}/`, `https://[::1]:${port}/`, `https://[::ffff:127.0.0.1]:${port}/`, 'https://10.0.0.1/',
      'https://169.254.169.254/latest/meta-data/', 'https://0.0.0.0/', 'ftp://example.org/', 'file:///etc/passwd', `https://a@127.0.0.1:${port}/`, 'https://100.64.0.1/'];
    for (const url of refused) await assert.rejects(add(node, url), (e) => e.status === 422, url);
    // Names, and notations that only the resolver knows, are judged when they are connected to.
    for (const host of ['localhost', '127.1', '2130706433', '0x7f000001', 'localhost.']) {
      const hook = await add(node, `https://${host}:${port}/`, ['room.created']);
      await rest(node, node.admin(), 'POST', `/v1/webhooks/${hook.id}/test`);
      const [dead] = await until(`${host} is refused`, async () => { const d = await deliveries(node, hook); return d.length && d[0].status === 'dead' ? d : null; });
      assert.match(dead.error, /private|resolve/, `${host}: ${dead.error}`);
    }
    assert.equal(connections, 0);
  });
});
