// Goal: the doors that are free for this machine, or closed to some, cannot be talked open.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { offer, people, Person, Refused, rest, toStage } from '../lib/client.mjs';
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

  it('of a private room: a stranger learns nothing of it, by no endpoint', async (t) => {
    const { room, ana } = await people(t, node, ['ana'], { visibility: 'private' });
    const none = '00000000000000000000000001';
    const asks = [
      ['GET', ''], ['PATCH', '', { title: 'x' }], ['DELETE', ''], ['POST', '/start'], ['POST', '/end', {}], ['GET', '/participants'],
      ['GET', `/participants/${ana.id}`], ['DELETE', `/participants/${ana.id}`], ['POST', `/participants/${ana.id}/mute`, {}],
      ['POST', '/mute-all'], ['GET', '/hands'], ['POST', `/hands/${ana.id}`, {}], ['DELETE', `/hands/${ana.id}`], ['GET', '/bans'],
      ['POST', '/bans', { user: 'ana' }], ['DELETE', `/bans/${none}`], ['GET', '/analytics'], ['GET', '/audit'], ['DELETE', `/chat/${none}`],
    ];
    for (const [method, path, body] of asks) {
      const [real, unreal] = await Promise.all([room.id, none].map((id) => rest(node, node.token('eve'), method, `/v1/rooms/${id}${path}`, body)
        .catch((error) => error.problem)));
      const plain = ({ instance, request_id: _, ...rest_ }) => rest_;
      assert.equal(real.status, 404, `${method} ${path}`);
      assert.deepEqual(plain(real), plain(unreal), `${method} ${path}`);
    }
  });

  it('keep their secrets: no token, passcode or key in the most talkative log; an act is found by its request id', async (t) => {
    const loud = await new Node({ flags: { log_level: 'debug' } }).start();
    try {
      const { room, ana, ben } = await people(t, loud, ['ana', 'ben'], { passcode: 'Op3n-Sesame' });
      await toStage(ana, ben);
      await rest(loud, ana.token, 'POST', `/v1/rooms/${room.id}/participants/${ben.id}/mute`, {}, { 'x-request-id': 'act-4711' });
      await rest(loud, null, 'POST', '/v1/guests', { name: 'Gus' });
      const { entries } = await rest(loud, ana.token, 'GET', `/v1/rooms/${room.id}/audit`);
      assert.equal(entries.find((e) => e.request_id === 'act-4711')?.act, 'room:mute');
      const lines = loud.log.split('\n').filter((l) => l.includes('"request_id":"act-4711"')).map((l) => JSON.parse(l));
      assert.ok(lines.some((l) => l.level === 'info' && l.act === 'room:mute' && l.room === room.id), 'the act');
      assert.ok(lines.some((l) => l.msg === 'request' && l.status === 200), 'the request');
      const secrets = ['Bearer', 'eyJ', 'Op3n-Sesame', ana.me.resume_token, ben.me.resume_token, loud.key.secret];
      assert.deepEqual(secrets.filter((secret) => loud.log.includes(secret)), []);
    } finally {
      await loud.stop();
    }
  });
});
