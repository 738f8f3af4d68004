// Goal: every command of voiceroomctl does what it says on a real node, in JSON and as a table.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import YAML from 'yaml';
import { Ctl } from '../lib/ctl.mjs';
import { Refused, people, rest, toStage } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

let node;
before(async () => { node = await new Node().start(); });
after(() => node.stop());

describe('rooms', () => {
  it('creates, lists, shows, updates, starts, ends and deletes', async (t) => {
    const ctl = new Ctl(t, node);
    const made = await ctl.json('room', 'create', 'Ära 語り', '--topic', 'Talk', '--tag', 'a', '--tag', 'b', '--capacity', 20,
      '--slow-hand', '1m', '--starts-at', '2099-01-01T00:00:00Z', '--passcode-file', ctl.file('code', 'secret\n'));
    assert.equal(made.title, 'Ära 語り');
    assert.deepEqual(made.tags, ['a', 'b']);
    assert.equal(made.slow_hand_s, 60);
    assert.equal(made.phase, 'scheduled');
    assert.equal(made.has_passcode, true);

    const listed = await ctl.json('room', 'list', '--phase', 'scheduled', '--search', 'Ära');
    assert.deepEqual(listed.map((r) => r.id), [made.id]);
    const names = await ctl.run('room', 'list', '--topic', 'Talk', '-o', 'name');
    assert.equal(names.out, `${made.id}\n`);
    assert.equal((await ctl.json('room', 'show', made.id)).id, made.id);
    const yaml = YAML.parse((await ctl.run('room', 'show', made.id, '-o', 'yaml')).out);
    assert.deepEqual(yaml, await rest(node, node.admin(), 'GET', `/v1/rooms/${made.id}`));

    const changed = await ctl.json('room', 'update', made.id, '--title', 'Neu', '--locked', 'yes', '--no-passcode', '--revision', made.revision);
    assert.deepEqual([changed.title, changed.locked, changed.has_passcode], ['Neu', true, false]);
    const stale = await ctl.run('room', 'update', made.id, '--title', 'X', '--revision', made.revision);
    assert.equal(stale.code, 5);
    assert.match(stale.err, /stale[^]*request: \S+ at http[^]*to do: /);

    assert.equal((await ctl.json('room', 'start', made.id)).phase, 'active');
    assert.equal((await ctl.json('room', 'end', made.id, '--reason', 'late', '--yes')).end_reason, 'late');
    assert.equal((await ctl.run('room', 'end', made.id, '--yes')).code, 5, 'gone');
    const gone = await ctl.run('room', 'delete', made.id, '--yes');
    assert.deepEqual([gone.code, gone.out], [0, '']);
    assert.equal((await ctl.run('room', 'show', made.id)).code, 3);
  });

  it('pages until --limit and says that there is more', async (t) => {
    const ctl = new Ctl(t, node);
    for (let i = 0; i < 105; i += 1) await rest(node, node.admin(), 'POST', '/v1/rooms', { title: `Page ${i}`, topic: 'Pages' });
    assert.equal((await ctl.json('room', 'list', '--topic', 'Pages', '--limit', 103)).length, 103);
    const some = await ctl.run('room', 'list', '--topic', 'Pages', '--limit', 5, '-o', 'jsonl');
    assert.equal(some.out.trim().split('\n').map((line) => JSON.parse(line)).length, 5);
    assert.match(some.err, /more rooms/);
  });

  it('aligns its table, also with wide letters', async (t) => {
    const ctl = new Ctl(t, node);
    for (const title of ['語り手', 'plain']) await rest(node, node.admin(), 'POST', '/v1/rooms', { title, topic: 'Width' });
    const { out } = await ctl.run('room', 'list', '--topic', 'Width', '--sort', 'title');
    const lines = out.trim().split('\n');
    assert.match(lines[0], /^ID +TITLE +PHASE +PEOPLE +SPEAKERS +HANDS +HOST$/);
    const columns = lines.map((line) => line.replace(/[\u3000-\u9fff]/g, 'xx').search(/PHASE|active/));
    assert.deepEqual(new Set(columns).size, 1, out);
    assert.doesNotMatch(out, /\x1b/, 'no colour without a terminal');
  });

  it('watches a room until it ends', async (t) => {
    const ctl = new Ctl(t, node);
    const { room, ana } = await people(t, node, ['ana']);
    let ended = false;
    const watching = ctl.raw(['room', 'watch', room.id, '--watch', '0.1', '-o', 'jsonl', ...ctl.key], { until: (out) => {
      if (out.includes('"joined"') && !ended) {
        ended = true;
        ana.request('room:end');
      }
      return false;
    } });
    const { code, out } = await watching;
    assert.equal(code, 0);
    const events = out.trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(events[0].event, 'joined');
    assert.equal(events[0].name, 'ana');
    assert.equal(events.at(-1).event, 'ended');
  });
});

describe('people', () => {
  it('mutes, promotes, demotes, invites, makes moderators, kicks', async (t) => {
    const ctl = new Ctl(t, node);
    const { room, ana, ben, cy } = await people(t, node, ['ana', 'ben', 'cy']);
    const list = await ctl.json('participant', 'list', room.id);
    assert.deepEqual(list.map((p) => p.name), ['ana', 'ben', 'cy']);
    assert.equal(list[1].user, 'ben');
    const on = (verb, who) => ctl.json('participant', verb, room.id, who.id);

    assert.equal((await ctl.run('participant', 'promote', room.id, ben.id)).code, 5, 'no hand is up');
    await ben.request('room:hand-raise');
    const hands = await ctl.run('hand', 'list', room.id);
    assert.match(hands.out, /^POSITION +PARTICIPANT +NAME +RAISED\n1 +\d+ +ben +\d{4}-/);
    assert.equal((await ctl.json('hand', 'accept', room.id, ben.id)).role, 'speaker');
    assert.equal((await on('mute', ben)).muted_by_moderator, true);
    assert.equal((await on('unmute', ben)).muted, false);
    assert.deepEqual(await ctl.json('participant', 'mute-all', room.id), { muted: 1 });
    assert.equal((await on('demote', ben)).role, 'listener');
    assert.equal((await on('invite', ben)).invited, true);
    await cy.request('room:hand-raise');
    assert.equal((await ctl.run('hand', 'decline', room.id, cy.id)).code, 0);
    assert.equal((await on('show', cy)).hand, null);
    await cy.request('room:hand-raise');
    assert.equal((await on('promote', cy)).role, 'speaker');
    assert.equal((await on('make-moderator', cy)).role, 'moderator');

    const kicked = await ctl.run('participant', 'kick', room.id, ben.id, '--reason', 'a b&c', '--yes');
    assert.equal(kicked.code, 0);
    assert.equal((await ben.event('room:kicked')).reason, 'a b&c');
    assert.equal((await ctl.run('participant', 'show', room.id, ben.id)).code, 3);
    assert.equal((await ctl.run('participant', 'kick', room.id, ana.id, '--yes')).code, 4, 'the creator');

    const audit = await ctl.json('audit', 'list', room.id);
    assert.ok(audit.some((entry) => entry.reason === 'a b&c' && /tester/.test(entry.by)), JSON.stringify(audit[0]));
    assert.match((await ctl.run('audit', 'list', room.id, '-o', 'wide')).out, /^NUMBER +AT +BY +ACT +TARGET +REASON +REQUEST/);
    const analytics = await ctl.json('analytics', 'room', room.id);
    assert.equal(analytics.peak, 3);
    assert.match((await ctl.run('analytics', 'room', room.id)).out, /^PEAK +3$/m);
  });

  it('moves nobody where there is one node, and says so', async (t) => {
    const ctl = new Ctl(t, node);
    const { room, ben } = await people(t, node, ['ana', 'ben']);
    const refused = await ctl.run('participant', 'move', room.id, ben.id, 'b');
    assert.equal(refused.code, 5);
    assert.match(refused.err, /runs alone: there is nowhere to move; it needs a cluster \(conflict, HTTP 409\)/);
    assert.equal((await ctl.run('participant', 'move', room.id, ben.id)).code, 2, 'where to?');
  });

  it('bans by number and by user, for a time, and lifts it', async (t) => {
    const ctl = new Ctl(t, node);
    const { room, ben } = await people(t, node, ['ana', 'ben']);
    const ban = await ctl.json('ban', 'add', room.id, '--participant', ben.id, '--for', '2h', '--reason', 'noise', '--yes');
    assert.equal(ban.reason, 'noise');
    assert.ok(Math.abs(Date.parse(ban.until) - Date.parse(ban.at) - 7200e3) < 2000);
    const other = await ctl.json('ban', 'add', room.id, '--user', 'dora', '--yes');
    assert.equal(other.until, null);
    assert.equal((await ctl.json('ban', 'list', room.id)).length, 2);
    assert.equal((await ctl.run('ban', 'remove', room.id, ban.id)).code, 0);
    const left = await ctl.run('ban', 'list', room.id);
    assert.match(left.out, new RegExp(`^BAN .*\\n${other.id} .*dora`));
    assert.equal((await ctl.run('ban', 'add', room.id, '--yes')).code, 2, 'whom?');
  });
});

describe('node and tokens', () => {
  it('mints tokens that the node takes, inspects and revokes them', async (t) => {
    const ctl = new Ctl(t, node);
    const made = await ctl.json('token', 'create', 'zoe', '--name', 'Zoë', '--room-create', '--ttl', '10m');
    const room = await rest(node, made.token, 'POST', '/v1/rooms', { title: 'Zoe' });
    assert.equal(room.host.name, 'Zoë');
    const plain = await ctl.run('token', 'create', 'zoe');
    assert.match(plain.out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    await assert.rejects(rest(node, plain.out.trim(), 'POST', '/v1/rooms', { title: 'No' }), (e) => e.status === 403);

    const seen = JSON.parse((await ctl.raw(['token', 'inspect', '-', '-o', 'json', ...ctl.key], { input: made.token })).out);
    assert.equal(seen.claims.sub, 'zoe');
    assert.equal(seen.verified, true);
    assert.equal(seen.expired, false);
    const other = ctl.file('other.json', JSON.stringify({ kid: 'admin', secret: 'x'.repeat(43) }));
    const foreign = await ctl.raw(['token', 'inspect', ctl.file('tok', made.token), '-o', 'json', '--key-file', other]);
    assert.equal(JSON.parse(foreign.out).verified, false);
    assert.equal((await ctl.raw(['token', 'inspect'], { input: 'junk' })).code, 2);

    assert.equal((await ctl.run('token', 'revoke', made.jti, '--yes')).code, 0);
    await assert.rejects(rest(node, made.token, 'GET', '/v1/ice-servers'), (e) => e instanceof Refused && e.status === 401);
    const refused = await ctl.raw(['room', 'list'], { env: { VOICEROOM_TOKEN: made.token } });
    assert.equal(refused.code, 4);
    assert.match(refused.err, /token inspect/);
  });

  it('shows the node, its log level, and examines it', async (t) => {
    const ctl = new Ctl(t, node);
    const shown = await ctl.json('node', 'show');
    assert.equal(shown.ready, true);
    assert.equal(shown.endpoint, node.url);
    assert.equal(typeof shown.rooms, 'number');
    assert.match((await ctl.run('node', 'show')).out, /^READY +yes$/m);

    assert.deepEqual(await ctl.json('log-level', 'set', 'warn'), { level: 'warn' });
    assert.deepEqual(await ctl.json('log-level', 'get'), { level: 'warn' });
    await ctl.json('log-level', 'set', 'info');

    const doctor = await ctl.json('doctor');
    const found = doctor.map((row) => [row.check, row.result]);
    // of this machine and of the minute, not of the program: how its kernel is set, how full it is
    const ofTheMachine = ['buffers', 'disk', 'files', 'libraries', 'stress'];
    assert.deepEqual(found.filter(([check]) => !ofTheMachine.includes(check)),
      [['reachable', 'ok'], ['ready', 'ok'], ['clock', 'ok'], ['version', 'ok'], ['certificate', 'ok'], ['ice-tcp', 'ok'], ['process', 'ok'], ['etcd', 'ok'], ['token', 'ok'], ['relays', 'ok']]);
    assert.deepEqual([...new Set(found.map(([check]) => check))].filter((check) => ofTheMachine.includes(check)).sort(), ofTheMachine);
    const libraries = doctor.filter((row) => row.check === 'libraries');
    assert.match(libraries.at(-1).detail, /^libssl3 3\.\S+, libsrtp2-1 2\S+, .*: (none with a hole known to us|see the lines above)$/);
    for (const { result, detail } of libraries.slice(0, -1)) assert.match(`${result} ${detail}`, /^warn (libssl3|coturn|etcd-server) \d\S+: .*CVE-/);
    const half = await ctl.run('doctor', '--endpoint', node.url, '--endpoint', 'http://127.0.0.1:9');
    assert.equal(half.code, 6);
    assert.match(half.out, /http:\/\/127\.0\.0\.1:9 +reachable +fail/);
  });
});
