// Goal: how voiceroomctl ends when things are not right, and that nothing changes unasked.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CTL, Ctl } from '../lib/ctl.mjs';
import { people, rest } from '../lib/client.mjs';
import { Node, freePort, startNode } from '../lib/voiceroomd.mjs';

let node;
before(async () => { node = await new Node().start(); });
after(() => node.stop());

const ROOM = '01jd8x3v5m9qk2t7w0c4f6h8na';

describe('usage: ends with 2 and says what to do', () => {
  const cases = [
    [['rom', 'list'], /did you mean 'room'/],
    [['room', 'lst'], /did you mean 'list'/],
    [['room', 'list', '--endpiont', 'x'], /did you mean 'endpoint'/],
    [['room', 'list', '-o', 'jsn'], /did you mean 'json'\? \(one of table/],
    [['room', 'show'], /ROOM is missing/],
    [['room', 'show', ROOM, 'more'], /one word too many/],
    [['participant', 'mute', ROOM, 'ben'], /PARTICIPANT is a number/],
    [['room', 'list', '--timeout', 'soon'], /needs a time/],
    [['room', 'list', '--timeout'], /--timeout needs TIME/],
    [['room', 'list', '--yes'], /--yes does not go with this command/],
    [['room', 'end', ROOM, '--watch', '1'], /--watch does not go/],
    [['room', 'list', '--endpoint', 'ftp://x'], /an endpoint looks like/],
    [['room', 'list', '--key-file', '/nowhere/key.json'], /key file .* cannot be read/],
    [['room', 'list', '--key-file', 'a', '--token-file', 'b'], /not both/],
    [['room', 'list', '--context', 'home'], /there is no /],
    [['room', 'update', ROOM], /nothing to change/],
    [['completion', 'tcsh'], /one of bash, zsh, fish/],
    [['log-level', 'set', 'loud'], /one of debug/],
    [[], /Usage:/],
    [['room'], /room create/],
  ];
  for (const [args, words] of cases) {
    it(args.join(' ') || 'nothing', async (t) => {
      const { code, out, err } = await new Ctl(t).raw(args);
      assert.deepEqual([code, out], [2, ''], err);
      assert.match(err, words);
    });
  }
});

describe('refusals and failures', () => {
  it('3: not found, with the request id', async (t) => {
    const { code, out, err } = await new Ctl(t, node).run('room', 'show', ROOM);
    assert.deepEqual([code, out], [3, '']);
    assert.match(err, /^error: .*\(not-found, HTTP 404\)\n {2}request: \S{10,} at http/);
    assert.equal((await new Ctl(t, node).run('room', 'show', '../../healthz')).code, 3, 'arguments are encoded');
  });

  it('4: denied, without a token and without the grant', async (t) => {
    const ctl = new Ctl(t, node);
    const nobody = await ctl.raw(['log-level', 'get']);
    assert.equal(nobody.code, 4);
    assert.match(nobody.err, /--key-file, --token-file, VOICEROOM_TOKEN/);
    const token = node.token('ben');
    assert.equal((await ctl.raw(['log-level', 'get'], { env: { VOICEROOM_TOKEN: token } })).code, 4);
    assert.equal((await ctl.raw(['log-level', 'get', '--token-file', ctl.file('t', `${token}\n`)])).code, 4);
  });

  it('2: a value that the node does not accept is named', async (t) => {
    const { code, err } = await new Ctl(t, node).run('room', 'create', 'x'.repeat(200));
    assert.equal(code, 2);
    assert.match(err, /value: +\/title/);
  });

  it('6: no node there; with a second endpoint it works', async (t) => {
    const ctl = new Ctl(t, node);
    const dead = `http://127.0.0.1:${await freePort()}`;
    const { code, err } = await ctl.run('room', 'list', '--endpoint', dead);
    assert.equal(code, 6);
    assert.match(err, /doctor/);
    assert.equal((await ctl.run('room', 'list', '--endpoint', dead, '--endpoint', node.url)).code, 0);
    assert.equal((await ctl.raw(['room', 'list', ...ctl.key], { env: { VOICEROOM_ENDPOINT: `${dead},${node.url}` } })).code, 0);
  });

  it('7: a server that does not answer; the next endpoint is not asked', async (t) => {
    const sockets = [];
    const server = createServer((socket) => sockets.push(socket));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => { sockets.forEach((s) => s.destroy()); server.close(); });
    const silent = `http://127.0.0.1:${server.address().port}`;
    const { code, err } = await new Ctl(t, node).run('room', 'create', 'Once', '--timeout', '0.2', '--endpoint', silent, '--endpoint', node.url);
    assert.equal(code, 7);
    assert.match(err, /within 0\.2 s/);
    const rooms = (await rest(node, node.admin(), 'GET', '/v1/rooms?q=Once')).rooms;
    assert.deepEqual(rooms, []);
  });
});

describe('TLS', () => {
  it('a certificate that nobody vouches for is refused (6), --ca-file vouches for it', async (t) => {
    const port = await freePort();
    const own = await startNode(t, { flags: { https_port: port, https_address: '127.0.0.1', tls_self_signed: true } });
    const ctl = new Ctl(t, own);
    const there = ['log-level', 'get', '-o', 'name', '--endpoint', `https://127.0.0.1:${port}`];
    const refused = await ctl.run(...there);
    assert.deepEqual([refused.code, refused.out], [6, '']);
    assert.match(refused.err, /certificate/i);
    const vouched = await ctl.run(...there, '--ca-file', join(own.data, 'tls-certificate.pem'));
    assert.deepEqual([vouched.code, vouched.out], [0, 'info\n'], vouched.err);
  });
});

describe('what destroys', () => {
  it('is refused without --yes, tried with --dry-run, shown with --curl; nothing changes', async (t) => {
    const ctl = new Ctl(t, node);
    const { room, ben } = await people(t, node, ['ana', 'ben']);
    const acts = [
      ['room', 'end', room.id], ['room', 'delete', room.id], ['participant', 'kick', room.id, ben.id],
      ['ban', 'add', room.id, '--participant', ben.id], ['token', 'revoke', 'some-jti'],
    ];
    for (const act of acts) {
      const asked = await ctl.run(...act);
      assert.deepEqual([asked.code, asked.out], [2, ''], act.join(' '));
      assert.match(asked.err, /--yes/);
      const dry = await ctl.run(...act, '--dry-run');
      assert.deepEqual([dry.code, dry.out], [0, ''], dry.err);
      assert.match(dry.err, /^dry run: nothing is changed; it would be (POST|DELETE) \/v1\//);
      const curl = await ctl.run(...act, '--curl', '--yes');
      assert.equal(curl.code, 0);
      assert.match(curl.out, /^curl -X (POST|DELETE) -H "Authorization: Bearer \$VOICEROOM_TOKEN" .*'http/);
      assert.doesNotMatch(curl.out, /eyJ/, 'no token in it');
    }
    assert.equal((await ctl.run('room', 'delete', ROOM, '--dry-run')).code, 3, 'a dry run looks at its target');
    assert.equal((await ctl.run('room', 'update', room.id, '--title', 'Dry', '--dry-run')).code, 0);
    const now = await rest(node, node.admin(), 'GET', `/v1/rooms/${room.id}`);
    assert.deepEqual([now.phase, now.title, now.counts.participants], ['active', 'Test', 2]);
    assert.deepEqual((await rest(node, node.admin(), 'GET', `/v1/rooms/${room.id}/bans`)).bans, []);
  });

  it('asks on a terminal, by the name of what it is about', async (t) => {
    const ctl = new Ctl(t, node);
    const room = await rest(node, node.admin(), 'POST', '/v1/rooms', { title: 'Asked about' });
    const line = [CTL, 'room', 'delete', room.id, ...ctl.key].map((word) => `'${word}'`).join(' ');
    const answer = (word) => execFileSync('script', ['-qec', line, '/dev/null'], { env: ctl.env, input: `${word}\n`, encoding: 'utf8' });
    assert.throws(() => answer('n'), (error) => error.status === 1 && /\(Asked about\) \[y\/N\][^]*not done/.test(error.stdout));
    assert.equal((await ctl.run('room', 'show', room.id)).code, 0, 'still there');
    assert.match(answer('y'), /is deleted/);
    assert.equal((await ctl.run('room', 'show', room.id)).code, 3);
  });

  it('--curl prints a line that a shell runs with the same effect', async (t) => {
    const ctl = new Ctl(t, node);
    const { out } = await ctl.run('room', 'create', "It's $HOME", '--curl');
    execFileSync('bash', ['-c', `${out.trim()} -sf`], { env: { ...process.env, VOICEROOM_TOKEN: node.admin() } });
    const { rooms } = await rest(node, node.admin(), 'GET', `/v1/rooms?q=${encodeURIComponent("It's")}`);
    assert.deepEqual(rooms.map((r) => r.title), ["It's $HOME"]);
  });
});

describe('contexts, watching, help', () => {
  it('takes node and key from the context file, and from ./data when nothing is said', async (t) => {
    const ctl = new Ctl(t, node);
    const none = { VOICEROOM_ENDPOINT: '' };
    mkdirSync(join(ctl.home, 'config/voicerooms'), { recursive: true });
    const key = join(node.data, 'admin-key.json');
    writeFileSync(join(ctl.home, 'config/voicerooms/contexts.json'), JSON.stringify({
      current: 'home',
      contexts: {
        home: { endpoint: node.url, key_file: key },
        token: { endpoints: [node.url], token_file: ctl.file('ben', node.token('ben')) },
      },
    }));
    assert.equal((await ctl.raw(['log-level', 'get', '-o', 'name'], { env: none })).out, 'info\n');
    assert.equal((await ctl.raw(['log-level', 'get', '--context', 'token'], { env: none })).code, 4);
    const wrong = await ctl.raw(['log-level', 'get', '--context', 'work'], { env: none });
    assert.deepEqual([wrong.code, /no context 'work'/.test(wrong.err)], [2, true]);

    const bare = new Ctl(t, node);
    mkdirSync(join(bare.home, 'data'));
    writeFileSync(join(bare.home, 'data/admin-key.json'), readFileSync(key));
    assert.equal((await bare.raw(['log-level', 'get'])).code, 0);
  });

  it('--watch reads again and again', async (t) => {
    const ctl = new Ctl(t, node);
    const { out } = await ctl.raw(['log-level', 'get', '-o', 'name', '--watch', '0.1', ...ctl.key],
      { until: (text) => text.split('\n').length > 3 });
    assert.match(out, /^(info\n){3}/);
  });

  it('every command has help, an example, and a place in the man page, completion and docs', async (t) => {
    const ctl = new Ctl(t);
    const help = (await ctl.raw(['--help'])).out;
    const commands = [...help.split('Flags:')[0].matchAll(/^ {2}([a-z][a-z-]*(?: [a-z][a-z-]*)?)(?: [A-Z[].*?)? {2,}\S/gm)].map((m) => m[1]);
    assert.ok(commands.length >= 36, commands.join());
    const man = (await ctl.raw(['man'])).out.replaceAll('\\-', '-');
    const docs = readFileSync(join(import.meta.dirname, '../../docs/voiceroomctl.md'), 'utf8');
    for (const command of commands) {
      const own = await ctl.raw([...command.split(' '), '--help']);
      assert.equal(own.code, 0, command);
      assert.match(own.out, new RegExp(`Example:\\n {2}voiceroomctl ${command}`));
      assert.ok(man.includes(`.SS "${command}`), `man: ${command}`);
      assert.ok(docs.includes(`\`${command}`), `docs: ${command}`);
    }
    assert.equal((await ctl.raw(['version'])).out.trim().split(/\s+/)[0], 'VOICEROOMCTL');
  });

  it('completes nouns, verbs, flags and values in bash', async (t) => {
    const ctl = new Ctl(t);
    const { out: script } = await ctl.raw(['completion', 'bash']);
    const complete = (...words) => execFileSync('bash', ['-c',
      `${script}\nCOMP_WORDS=(voiceroomctl "$@"); COMP_CWORD=$#; _voiceroomctl; printf '%s\\n' "\${COMPREPLY[@]}"`, 'x', ...words],
    { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(complete('ro'), ['room']);
    assert.deepEqual(complete('room', 'de'), ['delete']);
    assert.deepEqual(complete('room', 'delete', '--dr'), ['--dry-run']);
    assert.deepEqual(complete('room', 'list', '-o', 'js'), ['json', 'jsonl']);
    assert.deepEqual(complete('-o', 'json', 'log-level', 'set', 'w'), ['warn']);
    assert.match((await ctl.raw(['completion', 'zsh'])).out, /^#compdef voiceroomctl\n/);
    assert.match((await ctl.raw(['completion', 'fish'])).out, /__fish_seen_subcommand_from room; and __fish_seen_subcommand_from create" -l topic/);
    assert.ok(CTL);
  });
});
