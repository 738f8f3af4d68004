// Goal: a real certbot gets a certificate of an ACME server (Debian's pebble), and renews it under an open WebSocket, by the hook of the package.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Authority, serialOf, shakeHands } from '../lib/certificates.mjs';
import { offer, Person, rest } from '../lib/client.mjs';
import { portBlock } from '../lib/ports.mjs';
import { keep, Node, scratch, until } from '../lib/voiceroomd.mjs';

const HOOK = resolve(import.meta.dirname, '../../debian/certbot-deploy-hook');
const NAME = 'rooms.example';
process.env.NODE_NO_WARNINGS = '1';
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the ACME server's authority is made anew at each of its starts

test('certbot', async (t) => {
  const top = scratch('voicerooms-acme-');
  const authority = new Authority();
  t.after(() => { authority.remove(); rmSync(top, { recursive: true, force: true }); });
  const base = await portBlock();
  const [acme, management, http, names, https] = [0, 1, 2, 3, 4].map((i) => base + i);
  const pair = authority.issue();
  writeFileSync(join(top, 'acme.pem'), pair.certificate);
  writeFileSync(join(top, 'acme-key.pem'), pair.key, { mode: 0o600 });
  writeFileSync(join(top, 'pebble.json'), JSON.stringify({ pebble: {
    listenAddress: `127.0.0.1:${acme}`, managementListenAddress: `127.0.0.1:${management}`, certificate: join(top, 'acme.pem'),
    privateKey: join(top, 'acme-key.pem'), httpPort: http, tlsPort: http, ocspResponderURL: '', externalAccountBindingRequired: false } }));
  const servers = [
    spawn('pebble-challtestsrv', ['-defaultIPv4', '127.0.0.1', '-defaultIPv6', '', '-dns01', `127.0.0.1:${names}`, '-http01', '', '-https01', '', '-tlsalpn01', '', '-management', `127.0.0.1:${base + 5}`], { stdio: 'ignore' }),
    spawn('pebble', ['-config', join(top, 'pebble.json'), '-dnsserver', `127.0.0.1:${names}`], { stdio: 'ignore', env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' } }),
  ];
  for (const server of servers) keep(server);
  t.after(() => { for (const server of servers) server.kill('SIGKILL'); });
  await until('the ACME server', () => fetch(`https://localhost:${acme}/dir`).then((a) => a.ok, () => false));
  const root = Buffer.from(await (await fetch(`https://localhost:${management}/roots/0`)).arrayBuffer());

  // The hook lies where certbot looks for it, as a link into the package.
  const folder = join(top, 'tls');
  mkdirSync(join(top, 'letsencrypt/renewal-hooks/deploy'), { recursive: true });
  symlinkSync(HOOK, join(top, 'letsencrypt/renewal-hooks/deploy/voiceroom'));
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  const env = { ...process.env, HOOK_FOLDER: folder, HOOK_GROUP: group, REQUESTS_CA_BUNDLE: authority.file };
  const certbot = (...words) => promisify(execFile)('certbot', [...words, '--non-interactive', '--config-dir', join(top, 'letsencrypt'),
    '--work-dir', join(top, 'work'), '--logs-dir', join(top, 'logs'), '--server', `https://localhost:${acme}/dir`], { env, timeout: 60000 });
  await certbot('certonly', '--standalone', '--http-01-port', String(http), '-d', NAME, '--agree-tos', '--register-unsafely-without-email');
  // The first one is brought by hand: certbot calls the hooks of that folder for renewals.
  execFileSync(HOOK, { env: { ...env, RENEWED_LINEAGE: join(top, 'letsencrypt/live', NAME) } });
  const before = readFileSync(join(folder, 'fullchain.pem'), 'utf8');

  const node = await new Node({ flags: {
    https_address: '127.0.0.1', https_port: https, tls_certificate: join(folder, 'fullchain.pem'), tls_key: join(folder, 'privkey.pem') } }).start();
  t.after(() => node.stop());
  const serial = async () => (await shakeHands({ port: https, servername: NAME, ca: root })).serial;
  const first = await serial();
  const token = node.token('ana', { roomCreate: true });
  const room = await rest(node, token, 'POST', '/v1/rooms', { title: 'Test' });
  const ana = new Person(node, token, 'ana');
  t.after(() => ana.close());
  ana.me = await rest(node, token, 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, capabilities: [], sdp: offer() });
  ana.room = room.id;
  await ana.connect(`https://localhost:${https}`);

  await certbot('renew', '--force-renewal', '--no-random-sleep-on-renew');
  assert.notEqual(readFileSync(join(folder, 'fullchain.pem'), 'utf8'), before, 'the hook has brought it');
  await until('the renewed one is served', async () => await serial() !== first, 30000, 50);
  assert.equal((await ana.state()).room.id, room.id, 'the WebSocket of before lives');
  assert.equal(serialOf(ana.socket._socket), first);
});
