// Goal: who can reach the node over a relay alone hears at the first join: the page knows the relay before it gathers anything.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { enter } from '../lib/enter.mjs';
import { freePort, keep, Node, until } from '../lib/voiceroomd.mjs';

/* Runs in the page before the application: its connections may take no way but a relay's. */
function relayOnly() {
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(config) {
      super({ ...config, iceTransportPolicy: 'relay' });
    }
  };
}

describe('a page behind a firewall', () => {
  const folder = mkdtempSync(join(tmpdir(), 'voicerooms-relay-page-'));
  let node, browser, relay, log = '';

  before(async () => {
    const secret = randomBytes(16).toString('hex');
    const port = await freePort();
    writeFileSync(join(folder, 'secret'), secret);
    // Unlike a real one (docs/examples/turnserver.conf) it may talk to this machine: here is nothing else.
    writeFileSync(join(folder, 'turnserver.conf'), [`listening-port=${port}`, 'listening-ip=127.0.0.1', 'relay-ip=127.0.0.1', 'realm=test',
      'use-auth-secret', `static-auth-secret=${secret}`, 'allow-loopback-peers', 'no-tls', 'no-dtls', 'no-cli', 'log-file=stdout', 'simple-log',
      `userdb=${join(folder, 'db')}`, `pidfile=${join(folder, 'pid')}`, ''].join('\n'));
    relay = keep(spawn('turnserver', ['-c', join(folder, 'turnserver.conf')], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder }));
    relay.exited = new Promise((done) => relay.once('exit', done));
    for (const stream of [relay.stdout, relay.stderr]) stream.on('data', (part) => { log += part; });
    await until('the relay listens', () => new Promise((done) => {
      const socket = net.connect({ host: '127.0.0.1', port }, () => { socket.destroy(); done(true); }).once('error', () => done(false));
    }), 20000, 50).catch((error) => { throw new Error(`${error.message}\n${log.slice(-3000)}`); });
    node = await new Node({ flags: { ice_urls: `turn:127.0.0.1:${port}`, ice_secret_file: join(folder, 'secret') } }).start();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
    relay?.kill('SIGKILL');
    await relay?.exited;
    rmSync(folder, { recursive: true, force: true });
  });

  it('hears at its first join, on its first connection', async () => {
    const ana = await Page.open(browser, node, 'ana', 500);
    const room = await enter(ana, { create: 'Over a relay' });
    for (const prepared of [false, true]) {
      const ben = await Page.open(browser, node, 'ben', 900);
      await ben.page.addInitScript(relayOnly);
      await enter(ben, { room, prepared });
      await ben.untilHears([ana], [ana]);
      const found = await ben.evaluate(() => window.rig.connections.map((pc) => pc.getConfiguration().iceTransportPolicy));
      assert.deepEqual(found, ['relay'], 'one connection, and still no other way for it');
    }
  });
});
