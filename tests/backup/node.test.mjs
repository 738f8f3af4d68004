// Goal: a backup that was taken while people acted brings a node back after everything of it is gone: rooms, bans, roles and keys
// as they were; one deleted room comes back alone; what is damaged, sealed otherwise or in use is refused with a sentence.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { people, Person, Refused, rest, toStage } from '../lib/client.mjs';
import { Ctl } from '../lib/ctl.mjs';
import { Node, scratch } from '../lib/voiceroomd.mjs';

const PROGRAM = process.env.VOICEROOMD ? ['--voiceroomd', process.env.VOICEROOMD] : [];

describe('backup of a node', () => {
  let node, ctl, folder, key, room, taken;
  const ends = [];
  const t = { after: (end) => ends.push(end) };
  const get = (path) => rest(node, node.admin(), 'GET', path);
  const newest = () => join(folder, 'out', readdirSync(join(folder, 'out')).sort().at(-1));

  /** Settings, and who may do what: ben comes back as a moderator, mallory not at all. */
  const asItWas = async () => {
    const { id, title, topic, created_at, host } = await get(`/v1/rooms/${room}`);
    assert.deepEqual({ id, title, topic, created_at, host }, {
      id: room, title: 'Kept', topic: 'Backup', created_at: taken.room.created_at, host: taken.room.host });
    const ben = new Person(node, node.token('ben'), 'ben');
    const mallory = new Person(node, node.token('mallory'), 'mallory');
    try {
      await ben.join(room);
      assert.equal((await get(`/v1/rooms/${room}/participants`)).participants.find((p) => p.participant === ben.id).role, 'moderator');
      await assert.rejects(mallory.join(room), (error) => error instanceof Refused && error.status === 403);
    } finally {
      ben.close();
      mallory.close();
    }
  };

  before(async () => {
    folder = scratch('voicerooms-backup-');
    const data = join(folder, 'data');
    mkdirSync(data, { mode: 0o700 });
    node = await new Node({ data, flags: { node: 'one' } }).start();
    ctl = new Ctl(t, node);
    key = join(folder, 'key');
    const made = await ctl.json('backup', 'key', key);
    assert.match(made.key, /^[0-9a-f]{16}$/);
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.equal((await ctl.raw(['backup', 'key', key])).code, 5, 'a key is never replaced');
  });
  after(async () => {
    for (const end of ends) await end();
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is taken while people act', async () => {
    const all = await people(t, node, ['ana', 'ben', 'cy'], { title: 'Kept', topic: 'Backup' });
    room = all.room.id;
    await toStage(all.ana, all.ben);
    await all.ana.request('room:make-moderator', { participant: all.ben.id });
    await all.ana.request('room:ban', { user: 'mallory', reason: 'noise' });
    await rest(node, node.admin(), 'POST', '/v1/bans', { user: 'eve', reason: 'spam' });
    await rest(node, node.admin(), 'POST', '/v1/keys', { kid: 'shop-2026' });

    let acts = 0;
    let over = false;
    const acting = (async () => {
      for (; !over; acts++) await rest(node, node.admin(), 'POST', '/v1/rooms', { title: `Act ${acts}`, topic: 'Acts' });
    })();
    const made = [];
    for (let i = 0; i < 4; i++) {
      const before = acts;
      made.push(await ctl.json('backup', 'create', join(folder, 'out'), '--backup-key', key, '--keep', 2));
      assert.equal(made[i].parts[0].name, 'store/one');
      while (acts === before) await new Promise((done) => setTimeout(done, 5));
      await new Promise((done) => setTimeout(done, 1001 - (Date.now() % 1000))); // names tell seconds apart
    }
    over = true;
    await acting;
    assert.deepEqual(made.map((m) => m.removed.length), [0, 0, 1, 1]);
    const listed = await ctl.json('backup', 'list', join(folder, 'out'));
    assert.deepEqual(listed.map((row) => join(folder, 'out', row.file)), made.slice(2).map((m) => m.file));
    assert.ok(listed.every((row) => (statSync(join(folder, 'out', row.file)).mode & 0o777) === 0o600));

    taken = {
      room: await get(`/v1/rooms/${room}`), bans: await get(`/v1/rooms/${room}/bans`), everywhere: await get('/v1/bans'),
      keys: await get('/v1/keys'), audit: await get(`/v1/rooms/${room}/audit`), acts,
    };
    const last = await ctl.json('backup', 'create', join(folder, 'out'), '--backup-key', key);
    const [part] = await ctl.json('backup', 'verify', last.file, '--backup-key', key, ...PROGRAM);
    assert.equal(part.part, 'store/one');
    assert.ok(part.records > acts);
  });

  it('refuses what it cannot trust, and what is in use', async () => {
    const file = newest();
    const whole = readFileSync(file);
    const other = join(folder, 'other-key');
    await ctl.json('backup', 'key', other);
    const verify = async (bytes, with_) => {
      const path = join(folder, 'broken.vrbackup');
      writeFileSync(path, bytes);
      const { code, err } = await ctl.raw(['backup', 'verify', path, '--backup-key', with_, ...PROGRAM]);
      return `${code} ${err}`;
    };
    assert.match(await verify(whole, other), /^4 .*made with another key/);
    assert.match(await verify(whole.subarray(0, whole.length - 1), key), /^1 .*its end is missing/);
    assert.match(await verify(whole.subarray(0, 30), key), /^1 .*damaged/);
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] ^= 1;
    assert.match(await verify(flipped, key), /^1 .*damaged/);
    assert.match(await verify(Buffer.from('something else, and long enough to be a head of a backup'), key), /^1 .*no backup/);
    assert.match(await verify(whole, join(folder, 'nothing')), /^2 /);

    const live = await ctl.raw(['backup', 'restore', file, '--backup-key', key, '--to', node.data, '--replace', ...PROGRAM]);
    assert.equal(live.code, 5);
    assert.match(live.err, /a node runs on/);
    assert.equal((await ctl.raw(['backup', 'restore', file, '--backup-key', key, '--to', node.data, '--room', room, ...PROGRAM])).code, 5);
    const aside = join(folder, 'aside');
    assert.equal((await ctl.raw(['backup', 'restore', join(folder, 'broken.vrbackup'), '--backup-key', other, '--to', aside, ...PROGRAM])).code, 4);
    assert.equal(existsSync(join(aside, 'data.mdb')), false);
    assert.equal((await ctl.raw(['backup', 'restore', file, '--backup-key', key])).code, 2);
    const left = readdirSync(folder).filter((name) => name.startsWith('restore-'));
    assert.deepEqual(left, []);
  });

  it('brings everything back from nothing', async () => {
    const file = newest();
    await node.kill9();
    rmSync(node.data, { recursive: true });
    const done = await ctl.json('backup', 'restore', file, '--backup-key', key, '--to', node.data, ...PROGRAM);
    assert.equal(done.node, 'one');
    console.log(`measured: ${done.records} records restored in ${done.seconds} s`);
    assert.deepEqual(readdirSync(node.data).sort(), ['data.mdb', 'voiceroomd.lock']);
    await node.start();

    await asItWas();
    assert.deepEqual(await get(`/v1/rooms/${room}/bans`), taken.bans);
    assert.deepEqual(await get('/v1/bans'), taken.everywhere);
    assert.deepEqual((await get('/v1/keys')).keys.map((k) => k.kid).sort(), taken.keys.keys.map((k) => k.kid).sort());
    const entries = (await get(`/v1/rooms/${room}/audit`)).entries;
    assert.deepEqual(entries.slice(-taken.audit.entries.length).map((e) => e.hash), taken.audit.entries.map((e) => e.hash));
    const titles = (await ctl.json('room', 'list', '--topic', 'Acts', '--phase', 'active,scheduled,ended', '--limit', 10000)).length;
    assert.equal(titles, taken.acts);
    assert.equal((await ctl.run('audit', 'verify', room)).code, 0);
  });

  it('brings one room back, and changes nothing else', async () => {
    const file = newest();
    const later = (await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Later' })).id;
    await rest(node, node.admin(), 'POST', `/v1/rooms/${room}/end`, {}).catch(() => {});
    await ctl.run('room', 'delete', room, '--yes');
    assert.equal((await ctl.run('room', 'show', room)).code, 3);
    await node.kill9();
    const done = await ctl.json('backup', 'restore', file, '--backup-key', key, '--to', node.data, '--room', room, ...PROGRAM);
    assert.equal(done.room, room);
    assert.ok(done.records >= 4);
    const unknown = await ctl.raw(['backup', 'restore', file, '--backup-key', key, '--to', node.data, '--room', '0'.repeat(26), ...PROGRAM]);
    assert.match(`${unknown.code} ${unknown.err}`, /^3 .*the backup has no such room/);
    const again = await ctl.raw(['backup', 'restore', file, '--backup-key', key, '--to', node.data, '--room', room, ...PROGRAM]);
    assert.match(again.err, /the room is there/);
    await node.start();
    assert.deepEqual(await get(`/v1/rooms/${room}/bans`), taken.bans);
    assert.equal((await get(`/v1/rooms/${later}`)).title, 'Later');
    await asItWas();
  });
});
