// Goal: a certificate is renewed under talking people, and a bad one changes nothing.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { Authority, replaceFile, serialOf, shakeHands } from '../lib/certificates.mjs';
import { offer, Person, rest } from '../lib/client.mjs';
import { freePort, Node, until } from '../lib/voiceroomd.mjs';

process.env.NODE_NO_WARNINGS = '1';
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // who vouches is looked at where it matters, below

describe('certificates', () => {
  const authority = new Authority();
  const folder = mkdtempSync(join(tmpdir(), 'voicerooms-certs-'));
  const file = join(folder, 'certificate.pem');
  const key = join(folder, 'key.pem');
  const first = authority.issue();
  let node, port, room, ana;

  const hands = (options = {}) => shakeHands({ port, ca: authority.pem, ...options });
  const served = (pair) => until(`serial ${pair.serial}`, async () => (await hands()).serial === pair.serial, 30000, 50);
  const logged = (text, times = 1) => until(`log: ${text}`, () => node.log.split(text).length > times, 30000, 50);
  const metric = async (name) => (await node.metrics())[`voiceroom_certificate_${name}`];

  before(async () => {
    writeFileSync(file, first.certificate);
    writeFileSync(key, first.key, { mode: 0o600 });
    port = await freePort();
    node = await new Node({ flags: { https_address: '127.0.0.1', https_port: port, tls_certificate: file, tls_key: key } }).start();
    const token = node.token('ana', { roomCreate: true });
    room = await rest(node, token, 'POST', '/v1/rooms', { title: 'Test' });
    ana = new Person(node, token, 'ana');
    ana.me = await rest(node, token, 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, capabilities: [], sdp: offer() });
    ana.room = room.id;
    await ana.connect(`https://localhost:${port}`);
  });
  after(async () => {
    ana?.close();
    await node?.stop();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are spoken by TLS 1.2 with forward secrecy and 1.3 only', async () => {
    assert.equal((await hands()).protocol, 'TLSv1.3');
    for (const cipher of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
      assert.equal((await hands({ maxVersion: 'TLSv1.2', ciphers: cipher })).cipher, cipher);
    }
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256' };
    await assert.rejects(hands(weak));
    await assert.rejects(hands({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }));
  });

  it('that somebody vouches for make browsers stay with HTTPS', async () => {
    const headers = (path) => new Promise((done, failed) => {
      https.get({ host: '127.0.0.1', port, path, headers: { host: 'localhost' } }, (answer) => {
        answer.resume();
        done(answer.headers);
      }).once('error', failed);
    });
    for (const path of ['/healthz', '/', '/v1/none']) {
      assert.equal((await headers(path))['strict-transport-security'], 'max-age=15552000', path);
    }
    assert.equal((await fetch(`${node.url}/healthz`)).headers.get('strict-transport-security'), null, 'means nothing without TLS');
  });

  it('are replaced under an open WebSocket', async () => {
    const next = authority.issue();
    await served(first);
    replaceFile(key, next.key);
    replaceFile(file, next.certificate);
    await served(next);
    assert.equal((await ana.state()).room.id, room.id, 'the socket of before lives');
    assert.equal(serialOf(ana.socket._socket), first.serial);
    assert.ok(await metric('not_after_seconds') > Date.now() / 1000 + 9 * 86400);
  });

  it('are replaced between a connection and its first word', async () => {
    const pairs = [authority.issue(), authority.issue()];
    for (const pair of [...pairs, ...pairs]) {
      const early = await new Promise((done, failed) => {
        const socket = net.connect({ host: '127.0.0.1', port }, () => done(socket)).once('error', failed);
      });
      // Accepted by now: what came after it was answered.
      await hands();
      replaceFile(key, pair.key);
      replaceFile(file, pair.certificate);
      await served(pair);
      await new Promise((done, failed) => {
        const socket = tls.connect({ socket: early, servername: 'localhost', ca: authority.pem, rejectUnauthorized: true }, () => { socket.destroy(); done(); });
        socket.once('error', failed);
      });
    }
  });

  it('that are broken, mismatched or over are refused, told, and mended', async () => {
    const [good, other] = [authority.issue(), authority.issue()];
    const { serial } = await hands();
    const refusals = [
      ['key values mismatch', () => replaceFile(file, other.certificate), () => replaceFile(key, good.key)],
      ['certificate.pem', () => replaceFile(file, 'no certificate at all\n')],
      ['key.pem', () => { replaceFile(file, good.certificate); replaceFile(key, 'no key at all\n'); }],
      ['has run out', () => { const old = authority.issue(undefined, { days: 0 }); replaceFile(key, old.key); replaceFile(file, old.certificate); }],
    ];
    for (const [text, ...steps] of refusals) {
      const before = await metric('refused_total');
      const from = node.log.length;
      for (const step of steps) step();
      await until(`refused: ${text}`, async () => await metric('refused_total') > before, 30000, 50);
      await until(`told: ${text}`, () => node.log.slice(from).split('\n').some((line) => line.includes('the old one stays') && line.includes(text)), 30000, 50);
      assert.equal((await hands()).serial, serial, text);
    }
    replaceFile(key, good.key);
    replaceFile(file, good.certificate);
    await served(good);
    assert.equal((await ana.state()).room.id, room.id);
  });

  it('are read again by SIGHUP and by REST; with a bad pair nothing of the settings is taken', async () => {
    const read = node.log.split('the configuration was read again').length;
    node.child.kill('SIGHUP');
    await logged('the configuration was read again', read);
    const admin = node.admin();
    assert.deepEqual((await rest(node, admin, 'POST', '/v1/node/reload')), { applied: ['tls_certificate'], needs_restart: [] });
    replaceFile(file, 'broken');
    await assert.rejects(rest(node, admin, 'POST', '/v1/node/reload'), (error) => error.status === 422 && /certificate\.pem/.test(error.message));
    node.child.kill('SIGHUP');
    await logged('the configuration is refused, the old one stays');
    assert.equal((await ana.state()).room.id, room.id);
  });

  it('behind links, as certbot keeps them, are seen', async (t) => {
    const live = mkdtempSync(join(tmpdir(), 'voicerooms-live-'));
    t.after(() => rmSync(live, { recursive: true, force: true }));
    const put = (number, pair) => {
      mkdirSync(join(live, 'archive'), { recursive: true });
      for (const [name, text] of [['fullchain', pair.certificate], ['privkey', pair.key]]) {
        writeFileSync(join(live, 'archive', `${name}${number}.pem`), text);
        symlinkSync(`archive/${name}${number}.pem`, join(live, `${name}.new`));
        renameSync(join(live, `${name}.new`), join(live, `${name}.pem`));
      }
    };
    const [one, two] = [authority.issue(), authority.issue()];
    put(1, one);
    const own = await freePort();
    const other = await new Node({ flags: { https_address: '127.0.0.1', https_port: own, hsts_s: 0,
      tls_certificate: join(live, 'fullchain.pem'), tls_key: join(live, 'privkey.pem') } }).start();
    t.after(() => other.stop());
    assert.equal((await hands({ port: own })).serial, one.serial);
    put(2, two);
    await until('the second', async () => (await hands({ port: own })).serial === two.serial, 30000, 50);
  });

  it('that nobody gave are not made up: no HTTPS, and the node says what to do', async (t) => {
    const own = await freePort();
    const other = await new Node({ flags: { https_address: '127.0.0.1', https_port: own } }).start();
    t.after(() => other.stop());
    await assert.rejects(shakeHands({ port: own, ca: authority.pem }), { code: 'ECONNREFUSED' });
    assert.match(other.log, /no HTTPS: there is no tls_certificate/);
    assert.match(other.log, /not yet: HTTPS needs tls_certificate/);
  });

  it('of the node itself promise nothing to browsers', async (t) => {
    const own = await freePort();
    const other = await new Node({ flags: { https_address: '127.0.0.1', https_port: own, tls_self_signed: true } }).start();
    t.after(() => other.stop());
    const answer = await fetch(`https://127.0.0.1:${own}/healthz`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('strict-transport-security'), null);
  });
});
