// Debian's coturn with the file that operators are given (docs/examples/turnserver.conf): other ports, a secret and a certificate of
// the test's own, nothing else changed.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Authority } from './certificates.mjs';
import { freePort, keep, until } from './voiceroomd.mjs';

const CONF = resolve(import.meta.dirname, '../../docs/examples/turnserver.conf');

/** `more`: lines at the end of the file; `host`: where it listens. */
export async function startRelay({ host = '127.0.0.1', more = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'voicerooms-relay-'));
  const authority = new Authority();
  const secret = randomBytes(16).toString('hex');
  const port = await freePort();
  const tlsPort = await freePort();
  const pair = authority.issue(`IP:${host}`);
  let log = '';
  const file = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const secretFile = file('secret', secret);
  const text = readFileSync(CONF, 'utf8').replace('CHANGE-ME', secret).replace('listening-port=3478', `listening-port=${port}`)
    .replace('tls-listening-port=443', `tls-listening-port=${tlsPort}`).replace('/etc/coturn/fullchain.pem', file('c.pem', pair.certificate))
    .replace('/etc/coturn/privkey.pem', file('k.pem', pair.key));
  const lines = [text, `listening-ip=${host}`, `userdb=${join(folder, 'db')}`, `pidfile=${join(folder, 'pid')}`, ...more];
  const child = keep(spawn('turnserver', ['-c', file('turnserver.conf', `${lines.join('\n')}\n`)], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder }));
  const exited = new Promise((done) => child.once('exit', done));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => { log += part; });
  await until('the relay listens', () => new Promise((done) => {
    const socket = net.connect({ host, port }, () => { socket.destroy(); done(true); }).once('error', () => done(false));
  }), 20000, 50).catch((error) => { throw new Error(`${error.message}\n${log.slice(-3000)}`); });
  return {
    port, tlsPort, secret, secretFile, authority: authority.file,
    async stop() {
      child.kill('SIGKILL');
      await exited;
      authority.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
