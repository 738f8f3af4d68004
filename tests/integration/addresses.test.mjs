// Goal: clients are told the addresses that lead to the node: for speech, also from outside of a NAT, and for REST and the socket.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { offer, rest } from '../lib/client.mjs';
import { freePort, startNode } from '../lib/voiceroomd.mjs';

const BINARY = process.env.VOICEROOMD ?? resolve(import.meta.dirname, '../../build/release/nodes/voiceroomd');
const outside = Object.values(networkInterfaces()).flat().filter((a) => !a.internal && !/^fe80/.test(a.address)).map((a) => a.address);

async function joinAnswer(node) {
  const token = node.token('ana', { roomCreate: true });
  const room = await rest(node, token, 'POST', '/v1/rooms', { title: 'Where?' });
  return rest(node, token, 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, sdp: offer() });
}

describe('addresses', () => {
  it('for speech behind a NAT: bound here, told as they are outside', async (t) => {
    const node = await startNode(t, { flags: { media_addresses: '127.0.0.1,127.0.0.1=203.0.113.7', media_workers: 1 } });
    const { sdp } = await joinAnswer(node);
    const told = new Set([...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)].map((m) => `${m[1]} ${m[2]}`));
    assert.deepEqual([...told].sort(), [`127.0.0.1 ${node.media}`, `203.0.113.7 ${node.media}`]);
  });

  it('for speech are judged by --check-config', () => {
    const check = (value) => spawnSync(BINARY, ['--check-config', '--media-addresses', value], { encoding: 'utf8', timeout: 10000 });
    assert.equal(check('10.0.0.5=203.0.113.7').status, 0);
    for (const wrong of ['10.0.0.5=example.org', '0.0.0.0=203.0.113.7', '10.0.0.5=2001:db8::1']) {
      assert.equal(check(wrong).status, 1, wrong);
      assert.match(check(wrong).stderr, /media_addresses/);
    }
  });

  it('of the node are those that are set', async (t) => {
    const node = await startNode(t, { flags: { public_urls: 'https://one.example,https://two.example' } });
    assert.deepEqual((await joinAnswer(node)).nodes, ['https://one.example', 'https://two.example']);
  });

  it('of the node are made from what it listens on where none are set', async (t) => {
    const closed = await startNode(t);
    assert.deepEqual((await joinAnswer(closed)).nodes, [`http://localhost:${closed.port}`]);
    const port = await freePort();
    const open = await startNode(t, { flags: { https_port: port, tls_self_signed: true } });
    const { nodes } = await joinAnswer(open);
    const want = outside.length > 0 ? outside.map((a) => `https://${a.includes(':') ? `[${a}]` : a}:${port}`) : [`http://localhost:${open.port}`];
    assert.deepEqual([...nodes].sort(), want.sort());
    for (const url of nodes) assert.ok(open.log.includes(`${url}/`), `${url} is printed at the start`);
  });
});
