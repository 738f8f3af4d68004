// Goal: every command gives the table and the JSON that were kept as examples (tests/ctl/golden), on a real node. What differs
// from run to run (ids, times, hashes, ports) stands there as a word. GOLDEN=write keeps new ones: read them before.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { join } from 'node:path';
import { Ctl } from '../lib/ctl.mjs';
import { people, rest, toStage } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const FOLDER = join(import.meta.dirname, 'golden');
let node, hooks, received, ctl, room, ban, everywhere, report, webhook, filter, scheduled;
const ends = [];
const t = { after: (end) => ends.push(end) };

/** Ids by their order of appearance in the test, so that it shows where the same one comes again. */
function plain(text) {
  return text
    .replaceAll(node.url, '<endpoint>').replaceAll(node.data, '<data>').replace(/127\.0\.0\.1:\d+/g, '<hook>')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>')
    .replace(/\b[0-9a-f]{64}\b/g, '<hash>').replace(/whsec_[\w+/=]+/g, '<secret>').replace(/msg_[0-7][0-9a-hjkmnp-tv-z]{25}/g, '<message>')
    .replace(/\b[0-7][0-9a-hjkmnp-tv-z]{25}\b/g, '<id>')
    .replace(/("(?:epoch|stay_s|mean_stay_s|spoke_s|stress|number|media_port|http_port|packets_in|packets_out|bytes_in|bytes_out|sockets|next)": )[\d.]+/g, '$1<n>')
    .replace(/^(golden +1 +yes +no +\d+ +\d+ +)[\d.]+ *$/gm, '$1<n>').replace(/^(golden +up +\d+ +\d+ +)\d+%/gm, '$1<n>%').replace(/^(golden +)[\d.]+( +\d+ +\d+ +yes +no)/gm, '$1<n>$2')
    .replace(/^<endpoint> +libraries +warn .*\n/gm, '').replace(/\{\s*"endpoint": "<endpoint>",\s*"check": "libraries",\s*"result": "warn",\s*"detail": "[^"]*"\s*\},\s*/g, '')
    .replace(/^(<endpoint> +(?:disk|files|stress|ice-tcp|buffers|libraries)) .*$/gm, '$1  <n>').replace(/("check": "(?:disk|files|stress|ice-tcp|buffers|libraries)",\s*"result": )"\w+",\s*"detail": "[^"]*"/g, '$1"<n>"')
    .replace(/("after_loss": |one node at )[\d.]+/g, '$1<n>').replace(/"node": "[^"]*"/g, '"node": "<node>"').replace(/"version": "[^"]*"/g, '"version": "<version>"')
    .replace(/http:\/\/localhost:\d+/g, '<url>').replace(/in [\d.]+ ms/g, 'in <n> ms').replace(/clock is \d+ s (?:ahead of|behind)/g, 'clock is <n> s off')
    .replace(/^(MEAN-STAY-S|SPEAKERS|SOCKETS) .*$/gm, '$1  <n>').replace(/(\S) {2,}/g, '$1  ').replace(/[ \t]+\n/g, '\n');
}

/** Rooms stand there by their ids, which differ. */
const order = (name, text) => (name === 'cluster-placement' ? text.split('\n').sort().join('\n') : text);

function compare(name, text) {
  const path = join(FOLDER, name);
  if (process.env.GOLDEN === 'write') writeFileSync(path, text);
  assert.ok(existsSync(path), `no example ${name}; GOLDEN=write makes it`);
  assert.equal(text, readFileSync(path, 'utf8'), name);
}

before(async () => {
  received = [];
  hooks = http.createServer((request, answer) => { request.resume(); received.push(request.headers); answer.statusCode = 204; answer.end(); });
  await new Promise((done) => hooks.listen(0, '127.0.0.1', done));
  node = await new Node({ flags: { webhook_allow: '127.0.0.0/8', node: 'golden' } }).start();
  ctl = new Ctl(t, node);
  const all = await people(t, node, ['ana', 'ben', 'cy'], { topic: 'Golden' });
  room = all.room.id;
  await toStage(all.ana, all.ben);
  await all.cy.request('room:hand-raise');
  ban = (await all.ana.request('room:ban', { user: 'mallory', reason: 'noise' })).result.id;
  everywhere = (await rest(node, node.admin(), 'POST', '/v1/bans', { user: 'eve', range: '192.0.2.0/24', reason: 'spam' })).id;
  report = (await all.cy.request('room:report', { participant: all.ben.id, reason: 'rude' })).result.report;
  filter = 'badword*';
  await rest(node, node.admin(), 'POST', '/v1/filters', { word: filter });
  webhook = (await rest(node, node.admin(), 'POST', '/v1/webhooks', { url: `http://127.0.0.1:${hooks.address().port}/`, types: ['room.ended'] })).id;
  await until('the list knows of all', async () => {
    const [{ counts }] = (await rest(node, node.admin(), 'GET', '/v1/rooms?topic=Golden')).rooms;
    return counts.participants === 3 && counts.speakers === 2 && counts.hands === 1;
  });
  scheduled = (await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Later', starts_at: '2099-01-01T00:00:00Z' })).id;
});
after(async () => {
  for (const end of ends) await end();
  await node.stop();
  hooks.close();
});

// What only reads: table and JSON of the same state. name, words
const READ = [
  ['room-list', () => ['room', 'list', '--topic', 'Golden']], ['room-show', () => ['room', 'show', room]], ['room-export', () => ['room', 'export', room]], ['room-diagnose', () => ['room', 'diagnose', scheduled]],
  ['participant-list', () => ['participant', 'list', room]], ['participant-show', () => ['participant', 'show', room, 2]],
  ['hand-list', () => ['hand', 'list', room]],
  ['ban-list', () => ['ban', 'list', room]], ['ban-show', () => ['ban', 'show', room, ban]],
  ['ban-list-all', () => ['ban', 'list', 'all']], ['ban-show-all', () => ['ban', 'show', 'all', everywhere]],
  ['audit-list', () => ['audit', 'list', room]], ['audit-list-all', () => ['audit', 'list', 'all']],
  ['audit-tail', () => ['audit', 'tail', room, '--looks', 1]],
  ['audit-verify', () => ['audit', 'verify', room]], ['audit-verify-all', () => ['audit', 'verify', 'all']],
  ['report-list', () => ['report', 'list']], ['report-show', () => ['report', 'show', report]],
  ['filter-list', () => ['filter', 'list']], ['user-show', () => ['user', 'show', 'cy']], ['user-export', () => ['user', 'export', 'cy']],
  ['webhook-list', () => ['webhook', 'list']], ['webhook-deliveries', () => ['webhook', 'deliveries', webhook]],
  ['schedule-list', () => ['schedule', 'list']], ['analytics-room', () => ['analytics', 'room', room]], ['analytics-summary', () => ['analytics', 'summary']],
  ['node-list', () => ['node', 'list']], ['cluster-status', () => ['cluster', 'status']], ['cluster-placement', () => ['cluster', 'placement']],
  ['cluster-capacity', () => ['cluster', 'capacity']], ['cluster-provisional', () => ['cluster', 'provisional']],
  ['log-level-get', () => ['log-level', 'get']], ['config-check', () => ['config', 'check', ctl.file('good.yaml', 'http_port: 80\n')]],
  ['top', () => ['top']], ['doctor', () => ['doctor']],
];
// What changes: once, as a table and then (another such act) as JSON.
const CHANGE = [
  ['hand-accept', ['hand', 'accept', () => room, 3]], ['participant-mute', ['participant', 'mute', () => room, 2]], ['participant-unmute', ['participant', 'unmute', () => room, 2]],
  ['participant-mute-all', ['participant', 'mute-all', () => room]], ['participant-demote', ['participant', 'demote', () => room, 3]],
  ['participant-invite', ['participant', 'invite', () => room, 3]], ['room-update', ['room', 'update', () => room, '--title', 'Golden room']],
  ['ban-add-all', ['ban', 'add', 'all', '--user', 'kim', '--for', '1h', '--reason', 'noise', '--yes']],
  ['ban-remove-all', ['ban', 'remove', 'all', () => everywhere]], ['ban-add', ['ban', 'add', () => room, '--user', 'dora', '--yes']], ['ban-remove', ['ban', 'remove', () => room, () => ban]],
  ['filter-add', ['filter', 'add', 'worse', '--action', 'reject']], ['filter-remove', ['filter', 'remove', () => filter]],
  ['report-resolve', ['report', 'resolve', () => report, 'warned', '--note', 'first time']],
  ['webhook-add', ['webhook', 'add', () => `http://127.0.0.1:${hooks.address().port}/x`, '--type', 'room.created']],
  ['webhook-test', ['webhook', 'test', () => webhook]], ['webhook-redeliver', ['webhook', 'redeliver', () => webhook]],
  ['webhook-remove', ['webhook', 'remove', () => webhook, '--yes']],
  ['schedule-create', ['schedule', 'create', '2099-02-01T00:00:00Z', 'Much later']], ['schedule-cancel', ['schedule', 'cancel', () => scheduled, '--yes']],
  ['participant-kick', ['participant', 'kick', () => room, 3, '--reason', 'noise', '--yes']], ['user-erase', ['user', 'erase', 'cy', '--yes']],
  ['log-level-set', ['log-level', 'set', 'warn']], ['node-reload', ['node', 'reload']], ['room-end', ['room', 'end', () => room, '--yes']],
  ['room-delete', ['room', 'delete', () => room, '--yes']],
];
// Tested elsewhere in this folder, or not the same from one day to the next.
const ELSEWHERE = ['participant move', 'cluster rebalance', 'room create', 'room start', 'room watch', 'hand decline', 'participant promote', 'participant make-moderator', 'token create', 'token inspect', 'token revoke',
  'node show', 'node upgrade', 'config show', 'events', 'node drain', 'node undrain', 'cluster adopt', 'backup key', 'backup create', 'backup list', 'backup verify', 'backup restore', 'completion', 'man', 'version'];

describe('examples', () => {
  for (const [name, words] of READ) {
    it(name, async () => {
      const table = await ctl.run(...words());
      assert.equal(table.code, 0, table.err);
      compare(`${name}.txt`, order(name, plain(table.out)));
      const json = await ctl.run(...words(), '-o', 'json');
      if (name !== 'audit-tail') JSON.parse(json.out);
      compare(`${name}.json`, order(name, plain(json.out)));
    });
  }

  for (const [name, words] of CHANGE) {
    it(name, async () => {
      const line = words.map((w) => (typeof w === 'function' ? w() : w));
      const { code, out, err } = await ctl.run(...line, '-o', 'json');
      assert.equal(code, 0, err);
      compare(`${name}.json`, plain(out));
      compare(`${name}.err`, plain(err));
    });
  }

  it('there is one for every command of the table', async () => {
    const { out } = await ctl.raw(['--help']);
    const section = out.slice(out.indexOf('Commands:') + 9, out.indexOf('\nFlags:'));
    const commands = section.trim().split('\n').map((l) => l.trim().split(/\s{2,}/)[0].split(' ').filter((w) => /^[a-z-]+$/.test(w)).join(' '));
    assert.ok(commands.length > 60, String(commands.length));
    const shown = new Set([...READ, ...CHANGE].map(([name]) => name.replace(/-all$/, '').replace('log-level-', 'log-level ').replace(/^(\w+)-(?!level)/, '$1 ')).concat(ELSEWHERE, ['participant mute-all']));
    assert.deepEqual(commands.filter((c) => !shown.has(c)), []);
  });
});

describe('what follows', () => {
  it('events come as they happen', async () => {
    let ended = false;
    const following = ctl.raw(['events', '--watch', '0.2', '-o', 'jsonl', ...ctl.key], { until: (out) => { ended ||= out.includes('room.created'); return ended; } });
    await until('an event', async () => { // the first ones may come before it looks
      await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Seen' });
      await new Promise((done) => setTimeout(done, 200));
      return ended;
    }, 15000);
    const { out } = await following;
    const seen = out.trim().split('\n').slice(0, -1).concat(out.endsWith('\n') ? out.trim().split('\n').slice(-1) : []).map((line) => JSON.parse(line));
    assert.ok(seen.some((e) => e.type === 'room.created' && e.data.title === 'Seen'), out);
  });
});
