// Certificates for tests: an authority of one's own, and what it vouches for. Needs the openssl program.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

export class Authority {
  constructor(name = 'Voicerooms test authority') {
    this.folder = mkdtempSync(join(tmpdir(), 'voicerooms-ca-'));
    this.file = join(this.folder, 'ca.pem');
    this.key = join(this.folder, 'ca-key.pem');
    this.made = 0;
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
      '-subj', `/CN=${name}`, '-keyout', this.key, '-out', this.file);
  }

  get pem() { return readFileSync(this.file); }

  /** A pair for `names` ("DNS:a,IP:1.2.3.4"): { certificate, key } as PEM texts, and its serial. */
  issue(names = 'DNS:localhost,IP:127.0.0.1', { days = 10 } = {}) {
    const at = join(this.folder, String(++this.made));
    mkdirSync(at);
    const file = (name) => join(at, name);
    writeFileSync(file('ext'), `subjectAltName=${names}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=node',
      '-keyout', file('key'), '-out', file('csr'));
    openssl('x509', '-req', '-in', file('csr'), '-CA', this.file, '-CAkey', this.key, '-set_serial', String(1000 + this.made),
      '-days', String(days), '-extfile', file('ext'), '-out', file('certificate'));
    return {
      certificate: readFileSync(file('certificate'), 'utf8'), key: readFileSync(file('key'), 'utf8'),
      serial: (1000 + this.made).toString(16).toUpperCase().padStart(4, '0'),
    };
  }

  remove() { rmSync(this.folder, { recursive: true, force: true }); }
}

/** Put a text in the place of a file at once, as whoever renews certificates should. */
export function replaceFile(path, text) {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Shake hands with 127.0.0.1: { serial, protocol, cipher }; `ca` must have vouched. The serial as `issue` gives it. */
export const shakeHands = ({ port, ca, ...options }) => new Promise((done, failed) => {
  const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca, rejectUnauthorized: true, ...options }, () => {
    const about = { serial: serialOf(socket), protocol: socket.getProtocol(), cipher: socket.getCipher().name };
    socket.destroy();
    done(about);
  });
  socket.once('error', failed);
});

/** Of the certificate that the other end of a TLS socket has shown, as `issue` gives it. */
export const serialOf = (socket) => socket.getPeerCertificate().serialNumber.padStart(4, '0');
