// Goal: what docs/operations.md and docs/runbook.md tell an operator to type is good. Every command in them is run here against a
// real node, or the test that runs it is named below and must still hold it, or why it needs another machine. A command that
// stands in neither table fails, and so does one that nobody tells of any more. Settings and figures they name are there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { people, rest } from '../lib/client.mjs';
import { Ctl } from '../lib/ctl.mjs';
import { Node, scratch } from '../lib/voiceroomd.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const BINARY = process.env.VOICEROOMD ?? join(ROOT, 'build/release/nodes/voiceroomd');
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const PAGES = Object.fromEntries(['docs/operations.md', 'docs/runbook.md'].map((path) => [path, read(path)]));

/** Indented blocks, as lines without what a shell or YAML takes for a remark. */
const blocks = (text) => [...text.matchAll(/(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+/g)].map(([block]) => block.split('\n').map((line) => line.slice(4)));
const bare = (line) => line.replace(/(^|\s{2,})#.*$/, '').trim();
const PROGRAM = /^(voiceroom(ctl|d)|systemctl|systemd-analyze|journalctl|make|apt|curl|etcdctl|ETCDCTL_API=3|ansible-playbook|df|du|cd) /;
const WORDS = /^(node|room|cluster|backup|audit|webhook) [a-z]/; // voiceroomctl, left out

/** Every command of a page once, wherever it stands. */
function commands(text) {
  const inline = [...text.replace(/\n/g, ' ').matchAll(/`([^`]+)`/g)].map((m) => m[1]).filter((c) => PROGRAM.test(c) || WORDS.test(c));
  const typed = blocks(text).flat().map(bare).filter((line) => PROGRAM.test(line));
  return [...new Set([...typed, ...inline])];
}

/** Another test runs it: `text` stands there. */
const by = (path, text) => ({ path, text });
const SYSTEMD = { why: 'a machine with a systemd of its own; tests/ansible and tests/package have one' };
const LOOKS = { why: 'looks at the machine, not at ours' };

const ELSEWHERE = {
  'make package && apt install ./build/package/voiceroom_*.deb': by('tests/package/run', 'dpkg'),
  'systemctl status voiceroom': SYSTEMD,
  'systemctl reload voiceroom': SYSTEMD,
  'systemctl restart': SYSTEMD,
  'systemctl reset-failed voiceroom && systemctl start voiceroom': SYSTEMD,
  'systemctl list-timers certbot.timer': SYSTEMD,
  'systemd-analyze security voiceroom': by('tools/package', 'systemd-analyze security'),
  'journalctl -u voiceroom -o cat': SYSTEMD,
  'journalctl -u voiceroom -o cat -n 50': SYSTEMD,
  'journalctl --disk-usage': SYSTEMD,
  'cd ansible': { why: 'the next ones are run there' },
  'ansible-playbook -i inventories/mine/hosts.yml playbooks/site.yml --check --diff': by('tests/ansible/run', 'play site --check --diff'),
  'ansible-playbook -i inventories/mine/hosts.yml playbooks/site.yml': by('tests/ansible/run', 'play site'),
  'ansible-playbook -i inventories/mine/hosts.yml playbooks/upgrade.yml -e voiceroom_deb=~/voiceroom_0.2.0_amd64.deb': by('tests/ansible/run', 'play upgrade'),
  'ansible-playbook -i inventories/mine/hosts.yml playbooks/status.yml': by('tests/ansible/run', 'play status'),
  'apt install coturn': by('tools/setup', 'coturn'),
  'apt install voiceroom=VERSION': by('tests/package/run', 'dpkg'),
  'ETCDCTL_API=3 etcdctl snapshot restore etcd.db --data-dir ... --name ... --initial-cluster ... --initial-advertise-peer-urls ...':
    by('tests/backup/cluster.test.mjs', "'etcdctl', ['snapshot', 'restore', snapshot, '--data-dir'"),
  'backup restore FILE --backup-key KEY --etcd-snapshot etcd.db': by('tests/backup/cluster.test.mjs', "'--etcd-snapshot', snapshot"),
  'voiceroomctl backup restore FILE --backup-key KEY --room ROOM --endpoint NODE': by('tests/backup/room.test.mjs', "'--backup-key', key, '--room', id, '--endpoint', node.url"),
  'voiceroomctl cluster adopt': by('tests/backup/cluster.test.mjs', "'cluster', 'adopt'"),
  'voiceroomctl cluster rebalance': by('tests/cluster/fleet.test.mjs', "'cluster', 'rebalance'"),
  'voiceroomctl node undrain NODE': by('tests/cluster/fleet.test.mjs', "'node', 'undrain'"),
  'voiceroomctl node upgrade': by('tests/unheard/process.test.mjs', "'node', 'upgrade'"),
  'voiceroomctl room diagnose': by('tests/ctl/golden.test.mjs', 'room-diagnose'),
  'webhook redeliver': by('tests/ctl/golden.test.mjs', 'webhook-redeliver'),
  'voiceroomctl webhook redeliver': by('tests/ctl/golden.test.mjs', 'webhook-redeliver'),
  'voiceroomd --config FILE --new-cluster-keys': by('tests/cluster/keys.test.mjs', '--new-cluster-keys'),
  'voiceroomctl ban|filter|report|webhook|user': by('tests/ctl/golden.test.mjs', "'ban-add-all'"),
  'etcdctl endpoint health': { why: 'etcd with three members' },
  'etcdctl endpoint health --cluster': { why: 'etcd with three members' },
  'etcdctl endpoint status -w table': { why: 'etcd with three members' },
  'df -h /var/lib/voiceroom': LOOKS,
  'du -xh --max-depth=2 /var | sort -h | tail': LOOKS,
};
for (const what of ["grep -e 'Main process exited' -e Watchdog", "-o cat | grep 'the node died'", '-o cat | grep code=', "-o cat | grep -e 'the node died' -e 'go on over'", `-o cat | grep '"level":"error"'`]) {
  ELSEWHERE[`journalctl -u voiceroom ${what.startsWith('-o') ? '' : '| '}${what}`] = SYSTEMD;
}

const told = Object.values(PAGES).flatMap(commands);

describe('what an operator reads', () => {
  let node, ctl, room, folder;
  const ran = new Set();
  const ends = [];

  before(async () => {
    folder = scratch('voicerooms-docs-');
    mkdirSync(join(folder, 'data'), { mode: 0o700 });
    node = await new Node({ data: join(folder, 'data'), flags: { node: 'a', webhook_allow: '127.0.0.0/8' } }).start();
    const t = { after: (end) => ends.push(end) };
    ctl = new Ctl(t, node);
    room = (await people(t, node, ['ana', 'ben'], { title: 'Kept' })).room.id;
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
    if (!node.dead) await node.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The words of the page with this node's own for its examples; `command` must be one that is told. */
  const run = async (command, values = {}, more = []) => {
    assert.ok(told.includes(command), `nobody is told: ${command}`);
    ran.add(command);
    const words = command.split(' ').map((word) => values[word] ?? word);
    if (words[0] === 'voiceroomd') return spawnSync(BINARY, [...words.slice(1), ...more], { encoding: 'utf8', timeout: 60000 });
    const own = words[0] === 'voiceroomctl' ? words.slice(1) : words;
    return own.includes('--key-file') ? ctl.raw([...own, ...more]) : ctl.run(...own, ...more);
  };
  const good = async (command, values, more) => {
    const end = await run(command, values, more);
    assert.equal(end.code ?? end.status, 0, `${command}\n${end.err ?? end.stderr}`);
    return end.out ?? end.stdout;
  };

  it('acts', async () => {
    const own = await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Over' });
    await good('room delete', {}, [own.id, '--yes']);
    await good('voiceroomctl ban add', {}, ['all', '--user', 'mallory', '--reason', 'noise', '--yes']);
    await good('voiceroomctl user erase USER', { USER: 'ben' }, ['--yes']);
    const { webhook } = await rest(node, node.admin(), 'POST', '/v1/webhooks', { url: 'http://127.0.0.1:9/', types: ['room.ended'] }).then((w) => ({ webhook: w.id ?? w.webhook }));
    await good('webhook deliveries', {}, [webhook]);
    await good('voiceroomctl webhook deliveries', {}, [webhook]);
  });

  it('looks', async () => {
    assert.match(await good('voiceroomctl --key-file /var/lib/voiceroom/admin-key.json room list', { '/var/lib/voiceroom/admin-key.json': join(node.data, 'admin-key.json') }), /Kept/);
    for (const command of ['voiceroomctl node show', 'voiceroomctl cluster status', 'voiceroomctl cluster capacity', 'voiceroomctl cluster placement',
      'voiceroomctl audit list all', 'voiceroomctl audit verify all', 'voiceroomctl audit verify all -o json', 'voiceroomctl room list', 'voiceroomctl doctor', 'voiceroomctl node reload',
      'voiceroomd --help']) await good(command);
    assert.match(await good('voiceroomctl token create ana --room-create --ttl 8h'), /^\S+\.\S+\.\S+$/m);
    assert.match((await run('voiceroomctl doctor')).out, /reachable +ok/); // it may not like the machine
    await good('audit verify ROOM', { ROOM: room });
    const { last, head } = JSON.parse(await good('voiceroomctl audit verify all -o json'));
    await good('audit verify all --number LAST --hash HEAD', { LAST: last, HEAD: head });
    assert.notEqual((await run('audit verify all --number LAST --hash HEAD', { LAST: last, HEAD: '0'.repeat(64) })).code, 0);
    assert.ok((await fetch(`${node.url}/readyz`)).ok);
    ran.add('curl http://localhost:8080/readyz');
  });

  it('speaks REST', async () => {
    const lines = blocks(PAGES['docs/operations.md']).flat().map((line) => line.match(/^(GET|POST|DELETE) (\/v1\/keys\S*)(?: (\{.*?\}))?/)).filter(Boolean);
    assert.deepEqual(lines.map(([, method]) => method), ['POST', 'GET', 'DELETE']);
    await rest(node, node.admin(), 'POST', '/v1/keys', { kid: 'shop-2025' });
    for (const [, method, path, body] of lines) await rest(node, node.admin(), method, path, body && JSON.parse(body));
    assert.deepEqual((await rest(node, node.admin(), 'GET', '/v1/keys')).keys.map((k) => k.kid).filter((kid) => kid.startsWith('shop')), ['shop-2026']);
    await rest(node, node.admin(), 'PUT', '/v1/log-level', { level: 'debug' });
  });

  it('backs up and restores', async () => {
    const key = join(folder, 'backup-key');
    const out = join(folder, 'backups');
    const own = { '/etc/voiceroom/backup-key': key, '/var/backups/voiceroom': out, KEY: key };
    const program = ['--voiceroomd', BINARY];
    await good('voiceroomctl backup key /etc/voiceroom/backup-key', own);
    await good('voiceroomctl backup create /var/backups/voiceroom --backup-key /etc/voiceroom/backup-key --keep 7', own);
    const file = join(out, readdirSync(out)[0]);
    await good('voiceroomctl backup verify FILE --backup-key /etc/voiceroom/backup-key', { ...own, FILE: file }, program);
    const back = join(folder, 'back');
    assert.match(await good('voiceroomctl backup restore FILE --backup-key KEY --to DATA', { ...own, FILE: file, DATA: back }, program), /SECONDS/);
    assert.ok(existsSync(join(back, 'data.mdb')));
    assert.ok(told.includes('voiceroomctl backup create --keep'), 'the short form of it');
    ran.add('voiceroomctl backup create --keep');
  });

  it('repairs, and makes the secret of a cluster', async () => {
    await node.stop();
    const config = join(folder, 'voiceroom.yaml');
    writeFileSync(config, `data: ${node.data}\nnode: a\n`);
    const own = { FILE: config, '/etc/voicerooms/cluster-secret': join(folder, 'cluster-secret') };
    await good('voiceroomd --config FILE --cluster-secret /etc/voicerooms/cluster-secret', own);
    assert.ok(existsSync(join(folder, 'cluster-secret')));
    await good('voiceroomd --repair --config FILE', own);
  });

  it('writes settings', () => {
    const config = join(folder, 'settings.yaml');
    const secret = join(folder, 'turn-secret');
    writeFileSync(secret, 'x'.repeat(40), { mode: 0o600 });
    const taken = (text) => {
      writeFileSync(config, `data: ${folder}/settings\n${text.replaceAll('/etc/voiceroom/turn-secret', secret)}\n`);
      const { status, stderr, stdout } = spawnSync(BINARY, ['--config', config, '--check-config'], { encoding: 'utf8' });
      assert.equal(status, 0, `${text}\n${stdout}${stderr}`);
    };
    const yaml = blocks(PAGES['docs/operations.md']).filter((lines) => /^\w+:( |$)|^# \/etc/.test(lines[0]));
    assert.equal(yaml.length, 4, 'addresses behind NAT, relays, traces, a cluster');
    for (const lines of yaml) {
      const first = lines[0].split(':')[0];
      if (lines.filter((line) => line.startsWith(`${first}:`)).length > 1) lines.filter(Boolean).forEach(taken); // one or the other
      else taken(lines.join('\n'));
    }
  });

  it('finds every setting and figure that is named', () => {
    const help = spawnSync(BINARY, ['--help'], { encoding: 'utf8' }).stdout;
    const page = PAGES['docs/operations.md'];
    const settings = page.slice(page.indexOf('## Settings that matter'), page.indexOf('## Ports and firewall'));
    const names = [...settings.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)].map((m) => m[1]));
    assert.ok(names.length > 10);
    for (const name of names) assert.match(help, new RegExp(`^ +${name} `, 'm'), name);
    const table = page.slice(page.indexOf('| metrics ('), page.indexOf('**Traces**'));
    const figures = [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([a-z_]+)(?:\{\w+\})?`/g)].map((m) => m[1]));
    assert.ok(figures.length > 80);
    const source = ['nodes', 'cluster', 'actors'].flatMap((top) => readdirSync(join(ROOT, top), { recursive: true })
      .filter((name) => name.endsWith('.c')).map((name) => read(join(top, name)))).join('\n');
    for (const name of figures) assert.match(source, new RegExp(`\\b(voiceroom_)?${name}\\b`), name);
  });

  it('is told of targets and files that are there', () => {
    const makefile = read('Makefile');
    for (const [path, text] of Object.entries(PAGES)) {
      for (const [, target] of text.matchAll(/`make ([a-z-]+)`/g)) assert.match(makefile, new RegExp(`^${target}:`, 'm'), `${path}: make ${target}`);
      for (const [, name] of text.matchAll(/`((?:docs|monitoring|ansible|tests)\/[\w./-]+?)\/?`/g)) assert.ok(existsSync(join(ROOT, name)), `${path}: ${name}`);
    }
  });

  it('leaves no command out', () => {
    for (const [command, { path, text }] of Object.entries(ELSEWHERE)) {
      if (path) assert.ok(read(path).includes(text), `${path} no longer runs: ${command}`);
    }
    const left = told.filter((c) => !ran.has(c) && !(c in ELSEWHERE) && !/^make [a-z-]+$/.test(c));
    assert.deepEqual(left, [], 'commands that no test runs');
    const unsaid = Object.keys(ELSEWHERE).filter((c) => !told.includes(c));
    assert.deepEqual(unsaid, [], 'commands that no page tells');
  });
});
