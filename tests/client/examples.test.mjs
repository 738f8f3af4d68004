// Goal: what docs/client.md shows is what is in the tree, and it runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Person } from '../lib/client.mjs';
import { keep, Node, until } from '../lib/voiceroomd.mjs';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the examples of docs/client.md', () => {
  let node;
  const running = [];
  before(async () => { node = await new Node().start(); });
  after(async () => {
    running.forEach((child) => child.kill('SIGKILL'));
    await node?.stop();
  });

  function run(name, ...args) {
    const file = join(ROOT, 'web/client/examples', name);
    const child = keep(spawn(process.execPath, ['--experimental-websocket', '--no-warnings', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
    child.said = '';
    child.stdout.on('data', (text) => { child.said += text; });
    child.stderr.on('data', (text) => { child.said += text; });
    child.ended = new Promise((done) => child.once('exit', done));
    child.says = (words) => until(`${name} says ${words}`, () => words.exec(child.said)).catch((error) => {
      throw new Error(`${error.message}\n${child.said}`);
    });
    running.push(child);
    return child;
  }

  it('are the files of the tree', () => {
    const page = readFileSync(join(ROOT, 'docs/client.md'), 'utf8');
    const shown = [...page.matchAll(/<!-- example: (\S+) -->\n```js\n([\s\S]*?)\n```/g)];
    assert.equal(shown.length, 2);
    for (const [, path, text] of shown) assert.equal(text, readFileSync(join(ROOT, path), 'utf8').trimEnd(), path);
  });

  it('run: one opens the stage, the other listens, and "bye" ends both', async () => {
    const bot = run('moderate.mjs', node.url);
    const [id] = await bot.says(/^[0-9a-z]{26}$/m);
    const ear = run('listen.mjs', node.url, id);
    await ear.says(/in "Open stage" as a listener/);
    await ear.says(/connection: live/);
    const poet = await new Person(node, node.token('poet'), 'poet').join(id);
    await poet.request('room:hand-raise');
    await poet.event('room:role-changed', (e) => e.participant.participant === poet.id && e.participant.role === 'speaker');
    await poet.request('room:reaction', { reaction: '👏' });
    await ear.says(/poet 👏/);
    await poet.request('room:chat', { text: 'bye' });
    await ear.says(/poet: bye[\s\S]*over: ended thank you all/);
    assert.equal(await ear.ended, 0, ear.said);
    assert.equal(await bot.ended, 0, bot.said);
    poet.close();
  });
});
