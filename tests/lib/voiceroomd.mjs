// A real voiceroomd for a test: own data folder, own ports, ended and removed with the test.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, portBlock } from './ports.mjs';
import { alive, nodeProcess } from './process.mjs';

export { freePort };

const ROOT = resolve(import.meta.dirname, '../..');
const BINARY = process.env.VOICEROOMD ?? join(ROOT, 'build/release/nodes/voiceroomd');

/** How long anything is waited for that has no bound of its own: for ever, on the slowest machine. */
export const PATIENCE_MS = 30000;

const MEMORY = '/dev/shm';
const ROOMY = 2 ** 30; // bytes: what three nodes and three members of etcd may write ahead of need

/**
 * A new folder for what a server writes. In memory where there is room: what a disk shared with others makes it wait for is
 * not what these tests ask, and what survives kill -9 does so there too.
 */
export function scratch(name) {
  let top = tmpdir();
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize > ROOMY) top = MEMORY;
  } catch { /* there is none */ }
  return mkdtempSync(join(top, name));
}

// What a test started ends with it, whatever became of the test.
const children = new Set();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Remembers a child process until it ends. */
export function keep(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

const b64 = (value) => Buffer.from(value).toString('base64url');

/** An access token as an operator's back end would mint it. */
export function mint(key, user, voice = {}, claims = {}) {
  const now = Math.floor(Date.now() / 1000);
  const head = b64(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: key.kid }));
  const body = b64(JSON.stringify({
    iss: key.kid, sub: user, name: claims.name ?? user, iat: now, exp: now + 3600,
    voice: { roomJoin: true, roomList: true, ...voice }, ...claims,
  }));
  const sign = createHmac('sha256', Buffer.from(key.secret)).update(`${head}.${body}`).digest('base64url');
  return `${head}.${body}.${sign}`;
}

export class Node {
  constructor(options = {}) {
    this.options = options;
    this.data = options.data ?? scratch('voicerooms-test-');
    this.keep = options.data !== undefined;
    this.log = '';
  }

  async start() {
    if (this.port === undefined) {
      const base = await portBlock();
      this.port = base;
      this.media = this.options.mediaPort ?? base + 10;
    }
    this.media ??= this.options.mediaPort;
    const flags = {
      data: this.data, http_address: '127.0.0.1', http_port: this.port, https_port: 0, media_port: this.media,
      web: join(ROOT, 'web/app/dist'), docs: join(ROOT, 'docs'), guests: 'localhost', log_level: 'info',
      rate_per_address: 0, rate_per_identity: 0, shutdown_s: 12, ...this.options.flags,
    };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, String(value)]);
    const [program, before] = this.wrap ?? [this.program ?? BINARY, []];
    const from = this.log.length;
    // Most tests signal the process that they started, and mean the node itself.
    const { supervise } = this.options;
    const env = { VOICEROOM_SUPERVISE: 'false', ...process.env, ...(supervise === undefined ? {} : { VOICEROOM_SUPERVISE: String(supervise) }), ...this.options.env };
    this.child = spawn(program, this.wrap ? [...before, BINARY, ...args] : args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    keep(this.child);
    this.exited = new Promise((done) => this.child.once('exit', (code, signal) => done({ code, signal })));
    this.dead = false;
    this.exited.then(() => { this.dead = true; });
    this.child.stdout.on('data', (text) => { this.log += text; });
    this.child.stderr.on('data', (text) => { this.log += text; });
    const limit = Date.now() + 2 * PATIENCE_MS;
    for (;;) {
      if (this.dead) throw new Error(`voiceroomd ended at start:\n${this.log.slice(-4000)}`);
      if (Date.now() > limit) {
        await this.kill9();
        throw new Error(`voiceroomd is not ready after ${2 * PATIENCE_MS} ms:\n${this.log.slice(-4000)}`);
      }
      try {
        // Its own word too: what answers at this port could be another one.
        if ((await fetch(`${this.url}/readyz`)).ok && this.log.includes('node is ready', from)) break;
      } catch { /* not listening yet */ }
      await sleep(20);
    }
    return this;
  }

  get url() { return `http://127.0.0.1:${this.port}`; }
  get key() { return JSON.parse(readFileSync(join(this.data, 'admin-key.json'), 'utf8')); }
  token(user, voice, claims) { return mint(this.key, user, voice, claims); }
  admin() { return this.token('admin', { admin: true, roomCreate: true }); }

  async kill9() {
    const below = this.options.supervise ? nodeProcess(this) : undefined;
    this.child.kill('SIGKILL');
    await this.exited;
    // With a parent process the node ends a moment after it.
    while (below !== undefined && alive(below)) await sleep(5);
  }

  /** A clean end; throws when it was not one, or when a sanitizer complained. */
  async stop() {
    if (!this.dead) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 2 * PATIENCE_MS);
    const end = await this.exited;
    clearTimeout(timer);
    if (!this.keep) rmSync(this.data, { recursive: true, force: true });
    if (/(ERROR|WARNING): \w+Sanitizer|runtime error:/.test(this.log)) throw new Error(`sanitizer:\n${this.log.slice(-8000)}`);
    if (end.code !== 0 && !this.options.mayDie) {
      throw new Error(`voiceroomd ended with ${end.code ?? end.signal}:\n${this.log.slice(-4000)}`);
    }
  }

  /** Figures of /metrics by name (labels as part of the name). */
  async metrics() {
    const text = await (await fetch(`${this.url}/metrics`, { headers: { authorization: `Bearer ${this.admin()}` } })).text();
    return Object.fromEntries(text.split('\n').filter((l) => l && l[0] !== '#').map((l) => {
      const at = l.lastIndexOf(' ');
      return [l.slice(0, at), Number(l.slice(at + 1))];
    }));
  }
}

/** Start a node that ends with the test (or suite) `t`. */
export async function startNode(t, options) {
  const node = await new Node(options).start();
  t.after(() => node.stop());
  return node;
}

/** Wait until `probe` gives something truthy; the message says what was waited for. */
export async function until(what, probe, ms = PATIENCE_MS, step = 15) {
  const limit = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > limit) throw new Error(`not seen within ${ms} ms: ${what}`);
    await sleep(step);
  }
}
