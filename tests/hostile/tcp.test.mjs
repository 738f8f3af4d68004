// Goal: strangers at the port for speech by TCP are turned away, at once or after 5 s, hold no more than they may, and leave nothing behind.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { portBlock } from '../lib/ports.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const IDLE = 700; // more than the 512 that may be there without having proved themselves

describe('strangers at the TCP port for speech', () => {
  let node;
  const sockets = [];
  before(async () => {
    const base = await portBlock();
    node = new Node({ flags: { media_workers: 1, media_addresses: '127.0.0.1', media_tcp_port: base + 10 } });
    Object.assign(node, { port: base, media: base + 10 });
    await node.start();
  });
  after(async () => {
    sockets.forEach((socket) => socket.destroy());
    await node?.stop();
  });

  const figure = async (name) => (await node.metrics())[`voiceroom_media_tcp_${name}`];
  function dial(bytes) {
    const socket = net.connect({ host: '127.0.0.1', port: node.media, noDelay: true });
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => { socket.answered = true; });
    if (bytes) socket.write(bytes);
    return socket;
  }
  const frame = (bytes) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  /** A Binding request for a ufrag that nobody has, without a password. */
  const check = () => {
    const name = Buffer.from('nobody:stranger!');
    return Buffer.concat([Buffer.from([0, 1, 0, 4 + name.length, 0x21, 0x12, 0xa4, 0x42]), randomBytes(12), Buffer.from([0, 6, 0, name.length]), name]);
  };

  it('are closed without an answer for what is no check of ours', async () => {
    const began = await figure('refused_total{reason="unproved"}');
    const all = [
      dial('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), dial(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 252])), dial(Buffer.from([0xff, 0xff])),
      dial(frame(check())), dial(frame(Buffer.concat([Buffer.from([0x80, 0x6f]), randomBytes(100)]))), dial(frame(Buffer.concat([Buffer.from([22, 254, 253]), randomBytes(60)]))),
      ...Array.from({ length: 50 }, () => dial(Buffer.concat([Buffer.from([0, 40]), randomBytes(400)]))),
    ];
    await until('all are closed', () => all.every((socket) => socket.closed));
    assert.ok(all.every((socket) => !socket.answered));
    assert.equal(await figure('refused_total{reason="unproved"}'), began + all.length);
    assert.equal(await figure('connections'), 0);
  });

  it('who say nothing make way for the next, and are closed after 5 s', async () => {
    const accepted = await figure('accepted_total');
    const all = Array.from({ length: IDLE }, () => dial());
    await until('all have come', async () => (await figure('accepted_total')) === accepted + IDLE);
    assert.ok((await figure('connections')) <= 512, 'the oldest made way');
    const slow = setInterval(() => all.at(-1).write(Buffer.from([0])), 500); // empty frames, byte by byte, are no proof
    await until('all are closed', () => all.every((socket) => socket.closed));
    clearInterval(slow);
    assert.equal(await figure('connections'), 0);
    assert.ok((await fetch(`${node.url}/readyz`)).ok);
  });
});
