// Goal: certbot's deploy hook, called as certbot calls it, brings a renewed certificate to a node that people are connected to.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { Authority, serialOf, shakeHands } from '../lib/certificates.mjs';
import { offer, Person, rest } from '../lib/client.mjs';
import { freePort, Node, scratch, until } from '../lib/voiceroomd.mjs';

const HOOK = resolve(import.meta.dirname, '../../debian/certbot-deploy-hook');
process.env.NODE_NO_WARNINGS = '1';
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // who vouches is looked at in `serial`

test('the hook of certbot', async (t) => {
  const authority = new Authority();
  t.after(() => authority.remove());
  const top = scratch('voicerooms-certbot-');
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const folder = join(top, 'tls');
  const lineage = join(top, 'live/rooms.example');
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  const hook = (env) => spawnSync(HOOK, [], { encoding: 'utf8', env: { PATH: process.env.PATH, HOOK_FOLDER: folder, HOOK_GROUP: group, ...env } });
  /** As certbot keeps it: links into an archive. */
  const renew = (number) => {
    const pair = authority.issue();
    mkdirSync(join(top, 'archive'), { recursive: true });
    mkdirSync(lineage, { recursive: true });
    for (const [name, text] of [['fullchain', pair.certificate], ['privkey', pair.key]]) {
      writeFileSync(join(top, `archive/${name}${number}.pem`), text, { mode: 0o600 });
      rmSync(join(lineage, `${name}.pem`), { force: true });
      symlinkSync(`../../archive/${name}${number}.pem`, join(lineage, `${name}.pem`));
    }
    const done = hook({ RENEWED_LINEAGE: lineage, RENEWED_DOMAINS: 'rooms.example' });
    assert.equal(done.status, 0, done.stderr);
    assert.deepEqual(readdirSync(folder).sort(), ['fullchain.pem', 'privkey.pem']);
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o640, name);
    return pair;
  };

  const none = hook({});
  assert.notEqual(none.status, 0);
  assert.match(none.stderr, /RENEWED_LINEAGE/);
  const first = renew(1);
  const port = await freePort();
  const node = await new Node({ flags: {
    https_address: '127.0.0.1', https_port: port, tls_certificate: join(folder, 'fullchain.pem'), tls_key: join(folder, 'privkey.pem') } }).start();
  t.after(() => node.stop());
  const serial = async () => (await shakeHands({ port, ca: authority.pem })).serial;
  const token = node.token('ana', { roomCreate: true });
  const room = await rest(node, token, 'POST', '/v1/rooms', { title: 'Test' });
  const ana = new Person(node, token, 'ana');
  t.after(() => ana.close());
  ana.me = await rest(node, token, 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, capabilities: [], sdp: offer() });
  ana.room = room.id;
  await ana.connect(`https://localhost:${port}`);
  assert.equal(await serial(), first.serial);

  const second = renew(2);
  await until('the renewed one is served', async () => await serial() === second.serial, 30000, 50);
  assert.equal((await ana.state()).room.id, room.id, 'the WebSocket of before lives');
  assert.equal(serialOf(ana.socket._socket), first.serial);

  // A renewal that is not whole leaves what was there.
  rmSync(join(lineage, 'fullchain.pem'));
  assert.notEqual(hook({ RENEWED_LINEAGE: lineage }).status, 0);
  assert.equal(await serial(), second.serial);
});
