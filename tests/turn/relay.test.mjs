// Goal: the relay as we tell operators to run it (docs/examples/turnserver.conf, Debian's coturn) opens by credentials that
// voiceroomd made, and to nothing internal.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { after, before, describe, it } from 'node:test';
import { rest } from '../lib/client.mjs';
import { Ctl } from '../lib/ctl.mjs';
import { startRelay } from '../lib/relay.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const COOKIE = 0x2112a442;

// Private, loopback, link-local, metadata, shared, reserved; then the same through mapped and translated addresses.
const INTERNAL_4 = ['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.254', '127.0.0.1', '127.8.8.8',
  '169.254.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.0.2.1', '192.88.99.1', '192.168.0.1',
  '192.168.255.254', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255'];
const INTERNAL_6 = ['::', '::1', '::ffff:127.0.0.1', '::ffff:10.1.2.3', '::ffff:169.254.169.254', '::ffff:192.168.1.1', '::ffff:8.8.8.8',
  '64:ff9b::a00:1', '64:ff9b:1::a00:1', '100::1', '2001:db8::1', '2002:a00:1::1', 'fc00::1', 'fd12:3456:789a::1', 'fe80::1', 'febf::1', 'ff02::1'];

const bytesOf6 = (text) => {
  const tail = text.match(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/);
  if (tail) {
    const [a, b, c, d] = tail.slice(1).map(Number);
    text = text.slice(0, tail.index) + ((a << 8) | b).toString(16) + ':' + ((c << 8) | d).toString(16);
  }
  const [left, right] = text.split('::').map((side) => side.split(':').filter(Boolean));
  const groups = right === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(groups.flatMap((g) => [parseInt(g, 16) >> 8, parseInt(g, 16) & 255]));
};

/** STUN (RFC 8489) and as much of TURN (RFC 8656) as a permission needs. */
class Turn {
  constructor(port, username, credential) {
    Object.assign(this, { port, username, credential, socket: createSocket('udp4') });
    this.waiting = new Map();
    this.socket.on('message', (message) => this.waiting.get(message.toString('hex', 8, 20))?.(message));
  }

  attribute(type, value) {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  }

  peer(address, transaction) {
    const six = address.includes(':');
    const raw = six ? bytesOf6(address) : Buffer.from(address.split('.').map(Number));
    const mask = Buffer.concat([Buffer.from([0x21, 0x12, 0xa4, 0x42]), transaction]);
    const value = Buffer.alloc(4 + raw.length);
    value[1] = six ? 2 : 1;
    value.writeUInt16BE(9999 ^ 0x2112, 2);
    raw.forEach((byte, i) => { value[4 + i] = byte ^ mask[i]; });
    return this.attribute(0x0012, value);
  }

  /** { ok, code, realm, nonce } of the answer to one request, signed once a realm is known. */
  async ask(method, make = () => []) {
    const transaction = randomBytes(12);
    let body = Buffer.concat(make(transaction));
    if (this.realm) {
      body = Buffer.concat([body, this.attribute(0x0006, Buffer.from(this.username)), this.attribute(0x0014, Buffer.from(this.realm)), this.attribute(0x0015, this.nonce)]);
    }
    const head = Buffer.alloc(20);
    head.writeUInt16BE(method, 0);
    head.writeUInt32BE(COOKIE, 4);
    transaction.copy(head, 8);
    head.writeUInt16BE(body.length + (this.realm ? 24 : 0), 2);
    if (this.realm) {
      const key = createHash('md5').update(`${this.username}:${this.realm}:${this.credential}`).digest();
      body = Buffer.concat([body, this.attribute(0x0008, createHmac('sha1', key).update(head).update(body).digest())]);
    }
    const answer = await this.send(Buffer.concat([head, body]), transaction.toString('hex'));
    const out = { ok: (answer.readUInt16BE(0) & 0x0110) === 0x0100 };
    for (let at = 20; at + 4 <= answer.length; at += 4 + ((answer.readUInt16BE(at + 2) + 3) & ~3)) {
      const value = answer.subarray(at + 4, at + 4 + answer.readUInt16BE(at + 2));
      const type = answer.readUInt16BE(at);
      if (type === 0x0009) out.code = value[2] * 100 + value[3];
      if (type === 0x0014) out.realm = value.toString();
      if (type === 0x0015) out.nonce = Buffer.from(value);
      if (type === 0x8022) out.software = value.toString();
    }
    return out;
  }

  async send(packet, id) {
    for (let tries = 0; tries < 8; tries++) { // UDP: ask again
      const answer = await new Promise((done) => {
        const timer = setTimeout(() => done(null), 500 * (tries + 1));
        this.waiting.set(id, (message) => { clearTimeout(timer); done(message); });
        this.socket.send(packet, this.port, '127.0.0.1');
      });
      this.waiting.delete(id);
      if (answer) return answer;
    }
    throw new Error('the relay does not answer');
  }

  async allocate(family) {
    const wishes = () => [this.attribute(0x0019, Buffer.from([17, 0, 0, 0])), this.attribute(0x0017, Buffer.from([family, 0, 0, 0]))];
    const first = await this.ask(0x0003, wishes);
    if (first.code !== 401) return first;
    Object.assign(this, { realm: first.realm, nonce: first.nonce });
    return this.ask(0x0003, wishes);
  }

  permit(address) { return this.ask(0x0008, (transaction) => [this.peer(address, transaction)]); }
  close() { this.socket.close(); }
}

describe('relay', () => {
  let node, relay, port;
  const open = [];

  before(async () => {
    // On this machine it has loopback only: both kinds of relay address, so that each kind of peer is judged by the lists.
    relay = await startRelay({ more: ['relay-ip=127.0.0.1', 'relay-ip=::1'] });
    port = relay.port;
    node = await new Node({ flags: { ice_urls: `turn:127.0.0.1:${port}`, ice_secret_file: relay.secretFile, ice_credential_s: 600 } }).start();
  });
  after(async () => {
    open.forEach((turn) => turn.close());
    await relay?.stop();
    await node?.stop();
  });

  const enter = async (change = {}) => {
    const [server] = (await rest(node, node.token('ana'), 'GET', '/v1/ice-servers')).ice_servers;
    const turn = new Turn(port, change.username ?? server.username, change.credential ?? server.credential);
    open.push(turn);
    return turn;
  };

  it('lets in by what voiceroomd made, and nobody else', async () => {
    assert.equal((await (await enter()).allocate(1)).ok, true);
    assert.equal((await (await enter({ credential: 'guessed' })).allocate(1)).code, 401);
    const old = `${Math.floor(Date.now() / 1000) - 10}:ana`;
    const late = await enter({ username: old, credential: createHmac('sha1', relay.secret).update(old).digest('base64') });
    assert.equal((await late.allocate(1)).code, 401, 'its time is over');
  });

  it('grants a public address, so that the refusals below mean something', async () => {
    const [four, six] = [await enter(), await enter()];
    assert.equal((await four.allocate(1)).ok, true);
    assert.equal((await four.permit('8.8.8.8')).ok, true);
    assert.equal((await six.allocate(2)).ok, true);
    assert.equal((await six.permit('2a00:1450:4001:80b::200e')).ok, true);
  });

  it('grants none of forty internal addresses', async () => {
    const [four, six] = [await enter(), await enter()];
    assert.equal((await four.allocate(1)).ok, true);
    assert.equal((await six.allocate(2)).ok, true);
    assert.ok(INTERNAL_4.length + INTERNAL_6.length >= 40);
    const granted = [];
    for (const address of INTERNAL_4) if ((await four.permit(address)).ok) granted.push(address);
    for (const address of INTERNAL_6) if ((await six.permit(address)).ok) granted.push(address);
    for (const address of INTERNAL_6) if ((await four.permit(address)).ok) granted.push(`${address} (from IPv4)`);
    assert.deepEqual(granted, []);
  });

  it('allocates for voiceroomctl doctor, by every way that is named', async (t) => {
    const urls = [`turn:127.0.0.1:${relay.port}`, `turn:127.0.0.1:${relay.port}?transport=tcp`, `turns:127.0.0.1:${relay.tlsPort}?transport=tcp`];
    const own = await new Node({ flags: { ice_urls: urls.join(','), ice_secret_file: relay.secretFile } }).start();
    t.after(() => own.stop());
    const look = async (...more) => JSON.parse((await new Ctl(t, own).run('doctor', '-o', 'json', ...more)).out).filter((row) => row.check === 'relays');
    const [first, second, third] = await look('--ca-file', relay.authority);
    for (const [i, row] of [first, second, third].entries()) {
      assert.equal(row.result, 'ok', row.detail);
      assert.ok(row.detail.startsWith(`${urls[i]}: it allocates, at `), row.detail);
    }
    assert.deepEqual((await look()).map((row) => row.result), ['ok', 'ok', 'fail'], 'nobody vouches for its certificate');
  });

  it('does not say what it is', async () => {
    const turn = await enter();
    assert.equal((await turn.allocate(1)).software, undefined);
  });
});
