// A real cluster for a test: etcd members and nodes on this machine, in folders and on ports of their own.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { portBlock } from './ports.mjs';
import { keep, Node, PATIENCE_MS, scratch, until } from './voiceroomd.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const BINARY = process.env.VOICEROOMD ?? join(ROOT, 'build/release/nodes/voiceroomd');

class Member {
  constructor(name, folder) { Object.assign(this, { name, folder, log: '' }); }

  start(initial) {
    this.initial ??= initial;
    this.child = spawn('etcd', [
      '--name', this.name, '--data-dir', this.folder, '--listen-peer-urls', this.peer,
      '--initial-advertise-peer-urls', this.peer, '--listen-client-urls', this.client,
      '--advertise-client-urls', this.client, '--initial-cluster', this.initial,
      '--initial-cluster-state', 'new', '--logger', 'zap',
    ], { stdio: ['ignore', 'pipe', 'pipe'] });
    keep(this.child);
    this.child.stderr.on('data', (text) => { this.log = (this.log + text).slice(-20000); });
    this.exited = new Promise((done) => this.child.once('exit', done));
  }

  signal(name) { this.child.kill(name); }
  async kill9() { this.child.kill('SIGKILL'); await this.exited; }
}

export class Cluster {
  constructor(options = {}) {
    this.options = { nodes: 3, etcd: 1, flags: {}, ...options };
    this.folder = scratch('voicerooms-cluster-');
    this.members = [];
    this.nodes = [];
  }

  /** All nodes up and seen by each other, or nothing left running. */
  async start() {
    try {
      return await this.bringUp();
    } catch (error) {
      const said = this.nodes.map((node) => `${node.name}:\n${node.log.slice(-1500)}`).join('\n');
      await this.stop().catch(() => {});
      throw new Error(`${error.message}\n${said}`);
    }
  }

  async bringUp() {
    for (let i = 0; i < this.options.etcd; i++) {
      const member = new Member(`e${i}`, join(this.folder, `e${i}`));
      const base = await portBlock();
      member.peer = `http://127.0.0.1:${base}`;
      member.client = `http://127.0.0.1:${base + 1}`;
      this.members.push(member);
    }
    const initial = this.members.map((m) => `${m.name}=${m.peer}`).join(',');
    for (const member of this.members) member.start(initial);
    await until('etcd is healthy', async () => {
      try {
        return (await fetch(`${this.members[0].client}/health`)).ok;
      } catch { return false; }
    }, 2 * PATIENCE_MS, 50);
    this.secret = join(this.folder, 'secret');
    const made = spawnSync(BINARY, ['--data', join(this.folder, 'a'), '--cluster-secret', this.secret]);
    if (made.status !== 0) throw new Error(`no secret: ${made.stderr}`);
    for (let i = 0; i < this.options.nodes; i++) await this.make(i);
    await Promise.all(this.nodes.map((node) => node.start()));
    await this.together(this.nodes.length);
    return this;
  }

  async make(index) {
    const name = String.fromCharCode(97 + index);
    const base = await portBlock();
    const port = base;
    const node = new Node({
      ...this.options, data: join(this.folder, name), mediaPort: base + 10,
      flags: {
        node: name, cluster_etcd: this.members.map((m) => m.client).join(','), cluster_address: '127.0.0.1',
        cluster_secret_file: this.secret, cluster_port: base + 1, cluster_speech_port: base + 20, public_urls: `http://127.0.0.1:${port}`,
        ...this.options.flags, ...(this.options.each?.(index) ?? {}),
      },
    });
    node.port = port;
    node.name = name;
    this.nodes[index] = node;
    return node;
  }

  /** Until every living node sees `count` living ones. */
  together(count, ms = 2 * PATIENCE_MS) {
    return until(`all nodes see ${count}`, async () => {
      for (const node of this.nodes.filter((n) => n.child && !n.dead)) {
        const { nodes } = await (await fetch(`${node.url}/v1/nodes`, { headers: { authorization: `Bearer ${this.admin()}` } })).json();
        if (!nodes || nodes.filter((n) => n.alive).length !== count) return false;
      }
      return true;
    }, ms, 100);
  }

  // The keys are the cluster's: whichever node made them.
  admin() { return this.nodes[0].admin(); }
  token(user, voice, claims) { return this.nodes[0].token(user, voice, claims); }

  async stop() {
    const faults = [];
    for (const node of this.nodes) {
      if (node.child) {
        node.child.kill('SIGCONT');
        await node.stop().catch((error) => faults.push(error));
      }
    }
    for (const member of this.members.filter((m) => m.child)) {
      member.signal('SIGCONT');
      await member.kill9();
    }
    await sleep(0);
    rmSync(this.folder, { recursive: true, force: true });
    if (faults.length > 0 && !this.options.mayDie) throw faults[0];
  }
}

export async function startCluster(t, options) {
  const cluster = new Cluster(options);
  t.after(() => cluster.stop());
  return cluster.start();
}
