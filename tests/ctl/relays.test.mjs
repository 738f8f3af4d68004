// Goal: doctor asks the relays that a node names for an allocation, with the node's own credentials: told apart are a good one (over
// UDP with a lost datagram, and over TCP in pieces), one with another secret, one that is not there, and none. The relay is a small one of this test, which
// checks what it is asked; `make test-turn` has a real coturn.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Ctl } from '../lib/ctl.mjs';
import { freePort, startNode } from '../lib/voiceroomd.mjs';

const COOKIE = Buffer.from([0x21, 0x12, 0xa4, 0x42]);
const attribute = (type, value) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
};

/** Answers one question as RFC 8656 says; `seen` gets what was granted. */
function answer(secret, seen, question) {
  const found = {};
  let signed;
  for (let at = 20; at < question.length;) {
    const [type, size] = [question.readUInt16BE(at), question.readUInt16BE(at + 2)];
    if (type === 8) signed = at;
    found[type] = question.subarray(at + 4, at + 4 + size);
    at += 4 + Math.ceil(size / 4) * 4;
  }
  const reply = (kind, ...attributes) => {
    const body = Buffer.concat(attributes);
    const head = Buffer.alloc(4);
    head.writeUInt16BE(question.readUInt16BE(0) | kind);
    head.writeUInt16BE(body.length, 2);
    return Buffer.concat([head, question.subarray(4, 20), body]);
  };
  const refused = () => reply(0x110, attribute(9, Buffer.from('\0\0\x04\x01Unauthorized', 'latin1')), attribute(0x14, Buffer.from('rooms')), attribute(0x15, Buffer.from('nonce')));
  if (signed === undefined) return refused();
  const name = String(found[6]);
  const password = createHmac('sha1', secret).update(name).digest('base64');
  const key = createHash('md5').update(`${name}:rooms:${password}`).digest();
  const text = Buffer.from(question.subarray(0, signed));
  text.writeUInt16BE(signed - 20 + 24, 2);
  if (!createHmac('sha1', key).update(text).digest().equals(found[8]) || Number(name.split(':')[0]) < Date.now() / 1000) return refused();
  seen.push(question.readUInt16BE(0) === 4 ? `back ${found[13].readUInt32BE(0)}` : `relay by ${found[0x19][0]}`);
  const port = Buffer.from([0, 1, 0x9c ^ COOKIE[0], 0x40 ^ COOKIE[1]]);
  const address = Buffer.from([192, 0, 2, 7].map((byte, i) => byte ^ COOKIE[i]));
  return reply(0x100, attribute(0x16, Buffer.concat([port, address])), attribute(13, Buffer.from([0, 0, 2, 0x58])));
}

test('doctor', async (t) => {
  const secret = randomBytes(16).toString('hex');
  const seen = [];
  const udp = createSocket('udp4');
  let first = true;
  udp.on('message', (message, from) => {
    if (!first) udp.send(answer(secret, seen, message), from.port, from.address);
    first = false; // the first one is lost
  });
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  t.after(() => udp.close());
  const tcp = createServer((socket) => {
    let waiting = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (part) => {
      waiting = Buffer.concat([waiting, part]);
      if (waiting.length < 20 || waiting.length < 20 + waiting.readUInt16BE(2)) return;
      const said = answer(secret, seen, waiting);
      waiting = Buffer.alloc(0);
      socket.write(said.subarray(0, 13));
      setTimeout(() => socket.write(said.subarray(13)), 20);
    });
  }).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  t.after(() => tcp.close());
  const [good, stream, nobody] = [`turn:127.0.0.1:${udp.address().port}`, `turn:127.0.0.1:${tcp.address().port}?transport=tcp`, `turn:127.0.0.1:${await freePort()}?transport=tcp`];

  const look = async (urls, own) => {
    const ctl = new Ctl(t);
    const node = await startNode(t, urls.length === 0 ? {} : { flags: { ice_urls: urls.join(','), ice_secret_file: ctl.file('turn-secret', `${own}\n`) } });
    const { code, out } = await new Ctl(t, node).run('doctor', '-o', 'json');
    return { code, rows: JSON.parse(out).filter((row) => row.check === 'relays').map(({ result, detail }) => [result, detail.replace(/ in \d+ ms/, '')]) };
  };
  const all = await look([good, stream, nobody], secret);
  assert.equal(all.code, 1);
  assert.deepEqual(all.rows.slice(0, 2), [['ok', `${good}: it allocates, at 192.0.2.7,`], ['ok', `${stream}: it allocates, at 192.0.2.7,`]]);
  assert.equal(all.rows[2][0], 'fail');
  assert.match(all.rows[2][1], /connect/i);
  assert.deepEqual(seen, ['relay by 17', 'back 0', 'relay by 17', 'back 0'], 'it gives back what it got');

  const other = await look([good], 'another secret that nobody shares');
  assert.deepEqual(other.rows, [['fail', `${good}: refused: 401 Unauthorized (another secret than the node's, or another clock)`]]);
  const [none] = (await look([])).rows;
  assert.equal(none[0], 'ok');
  assert.match(none[1], /none is named/);
});
