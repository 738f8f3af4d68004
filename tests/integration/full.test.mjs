// Goal: a full disk refuses writes with 507 and stops nothing else; when there is space again, writes go on without a
// restart. The data folder is a small file system of its own, so the test needs to be root; it fails where it cannot mount.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { people, Refused, rest, toStage } from '../lib/client.mjs';
import { Node, PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

describe('a full disk', () => {
  let data; let node;

  before(async () => {
    data = mkdtempSync(join(tmpdir(), 'voicerooms-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', data]);
    node = await new Node({ data }).start();
  });
  after(async () => {
    try {
      await node?.stop();
    } finally {
      execFileSync('umount', [data]);
      rmdirSync(data);
    }
  });

  const ballast = () => join(data, 'ballast');
  const fill = () => {
    const file = openSync(ballast(), 'w');
    for (let block = Buffer.alloc(65536); block.length > 0; block = block.subarray(0, block.length >> 1)) {
      try {
        for (;;) if (writeSync(file, block) < block.length) break;
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
      }
    }
    closeSync(file);
  };
  const create = () => rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'One more', description: 'x'.repeat(400) });
  /** Writes until one is refused: what was set free inside the file, and the reserve, are used up first. */
  const firstRefusal = async () => {
    for (let i = 0; i < 3000; i++) {
      try {
        await create();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return error;
      }
      if (i % 20 === 19) fill();
    }
    throw new Error('no write was ever refused');
  };

  it('refuses writes with 507, keeps on reading and talking, and recovers by itself', async (t) => {
    const { room, ana, ben } = await people(t, node, ['ana', 'ben']);
    await toStage(ana, ben);
    fill();
    const refusal = await firstRefusal();
    assert.equal(refusal.status, 507, refusal.message);
    assert.equal(refusal.problem.code, 'storage-full');

    // Reads, the sockets, and what is passing go on.
    assert.equal((await rest(node, node.admin(), 'GET', `/v1/rooms/${room.id}`)).title, 'Test');
    assert.ok((await rest(node, node.admin(), 'GET', '/v1/rooms?limit=5')).rooms.length > 0);
    assert.equal((await fetch(`${node.url}/healthz`)).status, 200);
    await ana.request('room:reaction', { reaction: '+1' });
    await ben.event('room:reaction');
    await ana.request('room:chat', { text: 'still here?' });
    await ben.event('room:chat', (e) => e.text === 'still here?');

    // A change of the room is refused too, and then it has not happened, for nobody.
    const locked = await ana.ask('room:lock', { locked: true });
    assert.equal(locked.code, 'storage-full', JSON.stringify(locked));
    assert.equal((await ben.state()).room.locked, false);
    assert.equal(ben.socket.readyState, 1);

    // But who must be silenced is silenced, and stays so: such acts are written to what the store keeps back.
    await until('a mute passes', async () => (await ana.ask('room:mute', { participant: ben.id })).ok, PATIENCE_MS, 200);
    const seen = (await ben.state()).participants.find((p) => p.participant === ben.id);
    assert.deepEqual([seen.role, seen.muted_by_moderator], ['speaker', true]);
    assert.equal((await ana.ask('room:unmute', { participant: ben.id })).code, 'storage-full', 'what opens waits for space');
    await until('a ban passes', async () => (await ana.ask('room:ban', { user: 'mallory', reason: 'noise' })).ok, PATIENCE_MS, 200);
    assert.equal((await ben.state()).participants.find((p) => p.participant === ben.id).muted_by_moderator, true);

    rmSync(ballast());
    await until('writes go on', () => create().catch(() => null), PATIENCE_MS, 200);
    await until('the room takes changes again', async () => (await ana.ask('room:lock', { locked: true })).ok, PATIENCE_MS, 200);
    const now = (await ben.state()).participants.find((p) => p.participant === ben.id);
    assert.equal(now.muted_by_moderator, true);
  });
});
