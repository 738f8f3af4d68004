// Goal: strangers get nothing, and do no harm while people join.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { people } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const LOAD = process.env.VOICEROOM_LOAD ?? join(resolve(import.meta.dirname, '../..'), 'build/release/bench/voiceroom-load');

/** A UDP socket that counts what it sends and gets. */
async function stranger(t, port) {
  const socket = createSocket('udp4');
  await new Promise((done) => socket.bind(0, '127.0.0.1', done));
  const it = { sent: 0, got: 0, replies: [] };
  socket.on('message', (data) => { it.got += data.length; it.replies.push(data); });
  it.send = (data) => { it.sent += data.length; socket.send(data, port, '127.0.0.1'); };
  t.after(() => socket.close());
  return it;
}

const attribute = (type, value) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
};

/** A Binding request (RFC 8489) with MESSAGE-INTEGRITY under `password` and FINGERPRINT; PRIORITY and ICE-CONTROLLING as RFC 8445, 7.1.1 asks. */
function check(username, password) {
  const head = Buffer.concat([Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), randomBytes(12)]);
  const user = Buffer.concat([attribute(0x0006, Buffer.from(username)), attribute(0x0024, randomBytes(4)), attribute(0x802a, randomBytes(8))]);
  head.writeUInt16BE(user.length + 24, 2);
  const mac = createHmac('sha1', password).update(head).update(user).digest();
  const sofar = Buffer.concat([head, user, attribute(0x0008, mac)]);
  sofar.writeUInt16BE(sofar.length - 20 + 8, 2);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE((crc32(sofar) ^ 0x5354554e) >>> 0);
  return Buffer.concat([sofar, attribute(0x8028, crc)]);
}

describe('strangers', () => {
  let node;
  before(async () => { node = await new Node({ flags: { media_addresses: '127.0.0.1', media_workers: 1 } }).start(); });
  after(() => node.stop());

  it('get no byte for STUN without the right password, DTLS, RTP or noise', async (t) => {
    const { ana } = await people(t, node, ['ana']);
    const ufrag = /a=ice-ufrag:(\S+)/.exec(ana.me.sdp)[1];
    const them = await stranger(t, node.media);
    for (let i = 0; i < 200; i++) {
      them.send(check(`${ufrag}:abcd`, 'wrong password of some length'));
      them.send(check('nobody:abcd', 'wrong'));
      them.send(Buffer.concat([Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), randomBytes(12)]));
      them.send(Buffer.concat([Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1]), randomBytes(99)]));
      them.send(Buffer.concat([Buffer.from([0x80, 111]), randomBytes(100)]));
      them.send(Buffer.concat([Buffer.from([0x80, 200]), randomBytes(60)]));
      them.send(randomBytes(1 + (i % 1400)));
    }
    await sleep(500);
    assert.equal(them.got, 0);
    assert.ok((await ana.state()).room.id, 'the node lives');
  });

  it('get no more bytes than they sent, even who proves his way, until DTLS begins', async (t) => {
    const { ana } = await people(t, node, ['ana']);
    const ufrag = /a=ice-ufrag:(\S+)/.exec(ana.me.sdp)[1];
    const password = /a=ice-pwd:(\S+)/.exec(ana.me.sdp)[1];
    const theirs = 'abcd';
    const client = await stranger(t, node.media);
    for (let i = 0; i < 50; i++) client.send(check(`${ufrag}:${theirs}`, password));
    await until('valid checks are answered', () => client.got > 0);
    await sleep(400);
    console.log(`measured: 50 checks: ${client.sent} bytes in, ${client.got} bytes out`);
    assert.ok(client.got <= client.sent, `${client.got} of ${client.sent}`);
  });

  it('do not stop 200 people from joining by 5000 forged ClientHellos a second', async () => {
    const { stdout } = await promisify(execFile)(LOAD, ['--url', node.url, '--key', join(node.data, 'admin-key.json'),
      '--listeners', '200', '--seconds', '3', '--flood', '5000', '--pid', String(node.child.pid)]);
    const seen = JSON.parse(stdout);
    console.log(`measured: 200 joins under ${seen.flooded} forged hellos: ${seen.failed} failed, p50 ${seen.join_up_ms_p50} p95 ${seen.join_up_ms_p95} ms`);
    assert.equal(seen.failed, 0);
    assert.ok(seen.flooded > 1000);
  });

  it('and without them: delivery, delay and memory', async () => {
    const { stdout } = await promisify(execFile)(LOAD, ['--url', node.url, '--key', join(node.data, 'admin-key.json'),
      '--listeners', '300', '--seconds', '4', '--pid', String(node.child.pid)]);
    const seen = JSON.parse(stdout);
    console.log(`measured: 1 speaker, 300 listeners: ${seen.received} of ${seen.expected} packets, delay p50 ${seen.delay_ms_p50} p99 ${seen.delay_ms_p99} ms, ${seen.rss_kb_per_listener} KB a listener, ${seen.cpu_us_per_packet} us CPU a packet`);
    assert.equal(seen.received, seen.expected);
    assert.equal(seen.failed, 0);
  });
});
