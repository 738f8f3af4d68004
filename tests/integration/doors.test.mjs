// Goal: the doors that are free for this machine, or closed to some, cannot be talked open.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { offer, people, Person, Refused, rest } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const refused = (...codes) => (error) => error instanceof Refused && codes.includes(error.code);

/** A request with headers that fetch would not send. */
const raw = (node, method, path, headers = {}, body) => new Promise((done, failed) => {
  const request = http.request({ host: '127.0.0.1', port: node.port, method, path, headers }, (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; });
    answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }));
  });
  request.on('error', failed);
  request.end(body);
});

describe('doors', () => {
  let node;
  before(async () => { node = await new Node({ flags: { guests: 'link' } }).start(); });
  after(() => node.stop());

  const guest = (headers, body = { name: 'Eve' }) => raw(node, 'POST', '/v1/guests',
    { 'content-type': 'application/json', ...headers }, JSON.stringify(body));

  it('for guests of this machine open by its own names only', async () => {
    for (const host of ['localhost', `localhost:${node.port}`, 'LocalHost:1', '127.0.0.1', `127.0.0.1:${node.port}`, '[::1]', '[::1]:80']) {
      assert.equal((await guest({ host })).status, 201, host);
    }
    for (const host of ['evil.example', `evil.example:${node.port}`, 'localhost.evil.example', '127.0.0.1.evil.example',
      'evil.example:127.0.0.1', '128.0.0.1', 'localhostx']) {
      assert.equal((await guest({ host })).status, 403, `a page that gave its own name our address: ${host}`);
    }
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip']) {
      assert.equal((await guest({ host: 'localhost', [name]: '127.0.0.1' })).status, 403, `a proxy speaks for others: ${name}`);
    }
    assert.equal((await raw(node, 'GET', '/metrics', { host: 'evil.example' })).status, 401);
    assert.equal((await raw(node, 'GET', '/metrics', { host: 'localhost' })).status, 200);
  });

  it('of the stage stay shut for a token without canPublish, whatever the role it names', async (t) => {
    const { room, ana } = await people(t, node, ['ana']);
    const mo = new Person(node, node.token('mo', { role: 'speaker', canPublish: false }), 'mo');
    t.after(() => mo.close());
    await mo.join(room.id);
    assert.equal(mo.me.role, 'listener');
    await assert.rejects(mo.request('room:hand-raise'), refused('forbidden'));
    await assert.rejects(ana.request('room:invite', { participant: mo.id }), refused('forbidden'));
    const no = new Person(node, node.token('no', { canRequestToSpeak: false }), 'no');
    t.after(() => no.close());
    await no.join(room.id);
    await assert.rejects(no.request('room:hand-raise'), refused('forbidden'));
    await ana.request('room:invite', { participant: no.id });
    await no.request('room:accept');
  });

  it('are shut for a revoked token everywhere, for its resume token too', async (t) => {
    const { room } = await people(t, node, ['ana']);
    const token = node.token('rex', {}, { jti: 'jti-of-rex' });
    const rex = new Person(node, token, 'rex');
    t.after(() => rex.close());
    await rex.join(room.id);
    await rest(node, node.admin(), 'POST', '/v1/tokens/revoke', { jti: 'jti-of-rex' });
    const fresh = { protocol: 1, sdp: offer() };
    await assert.rejects(rest(node, token, 'POST', `/v1/rooms/${room.id}/join`, fresh), refused('unauthorized'));
    const back = { ...fresh, resume_token: rex.me.resume_token };
    await assert.rejects(rest(node, token, 'POST', `/v1/rooms/${room.id}/join`, back), refused('unauthorized'));
    await assert.rejects(rest(node, null, 'POST', `/v1/rooms/${room.id}/join`, back), refused('unauthorized'));
    await assert.rejects(rex.connect(), refused('unauthorized'));
    await assert.rejects(rex.connect(node.url, { sdp: offer() }), refused('unauthorized'));
  });
});
