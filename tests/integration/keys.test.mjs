// Goal: one API key follows another without a break, and what a deleted key or a revoked token opened ends with it, for good.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { offer, Person, Refused, rest } from '../lib/client.mjs';
import { mint, Node } from '../lib/voiceroomd.mjs';

const refused = (status) => (error) => error instanceof Refused && error.status === status;
const unauthorized = (error) => error instanceof Refused && error.code === 'unauthorized';
const kids = async (node, token) => (await rest(node, token, 'GET', '/v1/keys')).keys.map((k) => k.kid);

/** Somebody who comes and goes: the end of his socket, with its code, or an error after `ms`. */
const ended = (person, ms = 5000) => Promise.race([person.closed,
  new Promise((_, failed) => { setTimeout(() => failed(new Error('the socket is still open')), ms).unref(); })]);

describe('API keys', () => {
  let node; let admin; let room;
  before(async () => {
    node = await new Node().start();
    admin = node.admin();
    room = await rest(node, admin, 'POST', '/v1/rooms', { title: 'Keys' });
  });
  after(() => node.stop());
  const remove = (kid, token = admin, query = '') => rest(node, token, 'DELETE', `/v1/keys/${kid}${query}`);

  it('are made with a secret that is told once, and listed without it', async () => {
    const made = await rest(node, admin, 'POST', '/v1/keys', { kid: 'shop-1' });
    assert.equal(made.kid, 'shop-1');
    assert.match(made.secret, /^[0-9a-z]{52}$/);
    const { keys } = await rest(node, admin, 'GET', '/v1/keys');
    assert.deepEqual(keys.map((k) => [k.kid, k.admin_file]), [['admin', true], ['shop-1', false]]);
    for (const key of keys) assert.ok(Math.abs(Date.parse(key.created_at) - Date.now()) < 60e3, key.created_at);
    assert.ok(!JSON.stringify(keys).includes(made.secret));
    await assert.rejects(rest(node, admin, 'POST', '/v1/keys', { kid: 'shop-1' }), refused(409));
    await remove('shop-1');
    await assert.rejects(remove('shop-1'), refused(404));
  });

  it('live side by side, and the old one ends at once, everywhere and over kill -9', async (t) => {
    const old = await rest(node, admin, 'POST', '/v1/keys', {});
    const fresh = await rest(node, admin, 'POST', '/v1/keys', {});
    assert.notEqual(old.kid, fresh.kid);
    const of = (key, user) => mint(key, user);
    const ana = await new Person(node, of(old, 'ana'), 'Ana').join(room.id);
    const ben = await new Person(node, of(fresh, 'ben'), 'Ben').join(room.id);
    const early = new Person(node, of(old, 'cy'), 'Cy');
    t.after(() => [ana, ben, early].forEach((p) => p.close()));
    Object.assign(early, { room: room.id, me: { resume_token: '' } });
    await early.connect().catch(() => {}); // only the socket is wanted
    await early.request('session:hello', { token: of(old, 'cy') });

    await remove(old.kid);
    await assert.rejects(rest(node, of(old, 'dee'), 'GET', '/v1/ice-servers'), refused(401));
    await assert.rejects(rest(node, of(old, 'dee'), 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, sdp: offer() }), refused(401));
    await assert.rejects(early.request('room:join', { room: room.id, sdp: offer() }), unauthorized);
    const late = new Person(node, of(old, 'dee'), 'Dee');
    t.after(() => late.close());
    Object.assign(late, { room: room.id, me: { resume_token: '' } });
    await late.connect().catch(() => {});
    await assert.rejects(late.request('session:hello', { token: of(old, 'dee') }), unauthorized);

    assert.equal((await ended(ana)).code, 4001, 'whom the old key let in goes');
    const left = await ben.event('room:participant-left', (e) => e.who === ana.id);
    assert.equal(left.reason, 'left');
    await assert.rejects(ana.connect(), unauthorized, 'his resume token as well');
    await ben.request('room:hand-raise');

    await node.kill9();
    await node.start();
    await assert.rejects(rest(node, of(old, 'ana'), 'GET', '/v1/ice-servers'), refused(401));
    await assert.rejects(ana.connect(node.url, { sdp: offer() }), unauthorized);
    await rest(node, of(fresh, 'ben'), 'GET', '/v1/ice-servers');
    await ben.connect(node.url, { sdp: offer() });
    assert.ok((await kids(node, admin)).includes(fresh.kid));
    await remove(fresh.kid);
    assert.equal((await ended(ben)).code, 4001);
  });

  it('a revoked token takes its sessions along, others of its key stay', async (t) => {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const eve = await new Person(node, node.token('eve', {}, { jti: 'eve-1', exp }), 'Eve').join(room.id);
    const fay = await new Person(node, node.token('fay', {}, { jti: 'fay-1' }), 'Fay').join(room.id);
    t.after(() => [eve, fay].forEach((p) => p.close()));
    await rest(node, admin, 'POST', '/v1/tokens/revoke', { jti: 'eve-1', exp });
    assert.equal((await ended(eve)).code, 4001);
    await fay.request('room:hand-raise');
    await fay.request('room:leave');
  });

  it('the last one and the one in admin-key.json stay, unless forced', async () => {
    await assert.rejects(remove('admin'), refused(409));
    const next = await rest(node, admin, 'POST', '/v1/keys', { kid: 'next' });
    await assert.rejects(remove('admin'), refused(409));
    const file = join(node.data, 'admin-key.json');
    writeFileSync(file, JSON.stringify({ kid: next.kid, secret: next.secret }));
    const now = mint(next, 'admin', { admin: true });
    await remove('admin', now);
    await assert.rejects(rest(node, admin, 'GET', '/v1/keys'), refused(401));
    await assert.rejects(remove('next', now), refused(409));
    await assert.rejects(remove('next', now, '?force=perhaps'), refused(422));
    await remove('next', now, '?force=true');
    await assert.rejects(rest(node, now, 'GET', '/v1/keys'), refused(401));
    await node.kill9();
    await node.start(); // no key is left: a new one is made, and the file names it
    assert.equal(node.key.kid, 'admin');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(!readFileSync(file, 'utf8').includes(next.secret));
    assert.deepEqual(await kids(node, node.admin()), ['admin']);
  });
});
