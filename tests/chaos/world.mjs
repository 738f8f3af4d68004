// Three machines in network namespaces: on each an etcd member and a node, on one bridge with us. Faults are real ones: signals,
// packets dropped by iptables, a full tmpfs.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { before } from '../lib/peers.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const BINARY = process.env.VOICEROOMD ?? join(ROOT, 'build/release/nodes/voiceroomd');
// Two runs side by side do not meet: each has a net of its own.
const NET = `10.77.${process.pid % 250}`;
const US = `${NET}.254`;

function run(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr || done.error}`);
  return done.stdout;
}
const attempt = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' });

/** A node inside of a namespace: as Node, but started there and reached by its address. */
class FarNode extends Node {
  constructor(host, options) {
    super(options);
    this.host = host;
    this.port = 8080;
    this.media = 20000;
    this.name = host.name;
  }

  get url() { return `http://${this.host.address}:8080`; }
  get wrap() { return this.host.entry; }
}

class Host {
  constructor(index, folder, tag, first) {
    this.first = first;
    this.index = index;
    this.name = String.fromCharCode(97 + index);
    this.address = `${NET}.${index + 1}`;
    this.space = `vr-${tag}-${this.name}`;
    this.folder = join(folder, this.name);
    this.etcdLog = '';
  }

  plug(bridge) {
    const ours = `v${bridge.slice(2)}${this.name}`;
    this.plugged = ours;
    attempt('ip', 'netns', 'del', this.space); // of a run that was killed
    run('ip', 'netns', 'add', this.space);
    run('ip', 'link', 'add', ours, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.space);
    run('ip', 'link', 'set', ours, 'master', bridge, 'up');
    this.inside('ip', 'addr', 'add', `${this.address}/24`, 'dev', 'eth0');
    this.inside('ip', 'link', 'set', 'eth0', 'up');
    this.inside('ip', 'link', 'set', 'lo', 'up');
    // A disk of its own, small enough to be filled.
    mkdirSync(join(this.folder, 'data'), { recursive: true });
    run('mount', '-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', join(this.folder, 'data'));
  }

  /** What a process of this machine is started by. */
  get entry() {
    const inside = ['ip', 'netns', 'exec', this.space];
    if (!this.first) return [inside[0], inside.slice(1)];
    const [nice, how] = before;
    return [nice, [...how, ...inside]];
  }

  inside(...command) { return run('ip', 'netns', 'exec', this.space, ...command); }

  startEtcd(all) {
    const url = (host, port) => `http://${host.address}:${port}`;
    const [program, how] = this.entry;
    this.etcd = spawn(program, [...how, 'etcd', '--name', this.name, '--data-dir', join(this.folder, 'etcd'),
      '--listen-peer-urls', url(this, 2380), '--initial-advertise-peer-urls', url(this, 2380), '--listen-client-urls', url(this, 2379),
      '--advertise-client-urls', url(this, 2379), '--initial-cluster', all.map((h) => `${h.name}=${url(h, 2380)}`).join(','),
      '--initial-cluster-state', 'new', '--logger', 'zap'], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.etcd.stderr.on('data', (text) => { this.etcdLog = (this.etcdLog + text).slice(-10000); });
    this.etcdGone = new Promise((done) => this.etcd.once('exit', done));
  }
}

let made = 0;

export class World {
  /** `first`: nodes and etcd run before all else here, as they would on machines of their own. */
  constructor({ tag = 'x', count = 3, flags = {}, first = false } = {}) {
    this.tag = `${tag}${process.pid % 1000}${String.fromCharCode(97 + (made++ % 26))}`;
    this.folder = mkdtempSync(join(tmpdir(), 'voicerooms-chaos-'));
    this.bridge = `vr${this.tag}`;
    this.flags = flags;
    this.hosts = [...Array(count).keys()].map((i) => new Host(i, this.folder, this.tag, first));
  }

  async start() {
    this.ended = (signal) => { this.stop().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143)); };
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, this.ended);
    attempt('ip', 'link', 'del', this.bridge);
    try {
      run('ip', 'link', 'add', this.bridge, 'type', 'bridge');
    } catch (error) {
      throw new Error(`no network namespaces here (this needs root, and a kernel that allows them): ${error.message}`);
    }
    run('ip', 'addr', 'add', `${US}/24`, 'dev', this.bridge);
    run('ip', 'link', 'set', this.bridge, 'up');
    for (const host of this.hosts) host.plug(this.bridge);
    for (const host of this.hosts) host.startEtcd(this.hosts);
    await until('etcd is healthy', async () => {
      try { return (await fetch(`http://${this.hosts[0].address}:2379/health`)).ok; } catch { return false; }
    }, 20000, 50);
    const secret = join(this.folder, 'secret');
    run(BINARY, '--data', join(this.hosts[0].folder, 'data'), '--cluster-secret', secret);
    for (const host of this.hosts) {
      host.node = new FarNode(host, {
        data: join(host.folder, 'data'), mayDie: true, mediaPort: 20000,
        flags: {
          node: host.name, http_address: host.address, guests: 'all', media_addresses: host.address,
          public_urls: `http://${host.address}:8080`, cluster_etcd: this.hosts.map((h) => `http://${h.address}:2379`).join(','),
          cluster_address: host.address, cluster_secret_file: secret, ...this.flags,
        },
      });
    }
    await Promise.all(this.hosts.map((host) => host.node.start()));
    return this;
  }

  get nodes() { return this.hosts.map((host) => host.node); }

  /** Who leads etcd: { host, term }, of the newest term of which a leader knows; null while none does. */
  async leads() {
    let newest = null;
    for (const host of this.hosts) {
      try {
        const answer = await fetch(`http://${host.address}:2379/v3/maintenance/status`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(1000) });
        const status = await answer.json();
        const term = Number(status.raftTerm);
        if (status.leader !== undefined && status.leader === status.header.member_id && !(newest?.term > term)) newest = { host, term };
      } catch { /* not this one */ }
    }
    return newest;
  }

  /** The host whose etcd member leads; null while none does. */
  async leader() { return (await this.leads())?.host ?? null; }

  /** Packets from `a` to `b` are lost; both ways with `both`. */
  cut(a, b, both = true) {
    b.inside('iptables', '-A', 'INPUT', '-s', a.address, '-j', 'DROP');
    if (both) a.inside('iptables', '-A', 'INPUT', '-s', b.address, '-j', 'DROP');
  }

  heal() { for (const host of this.hosts) host.inside('iptables', '-F', 'INPUT'); }

  fillDisk(host) { attempt('dd', 'if=/dev/zero', `of=${join(host.folder, 'data', 'ballast')}`, 'bs=1M', 'status=none'); }
  freeDisk(host) { rmSync(join(host.folder, 'data', 'ballast'), { force: true }); }

  async stop() {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, this.ended);
    for (const host of this.hosts) {
      host.node?.child?.kill('SIGCONT');
      host.etcd?.kill('SIGCONT');
    }
    await Promise.all(this.hosts.map((host) => host.node?.child && host.node.stop().catch(() => {})));
    for (const host of this.hosts) {
      if (host.etcd) {
        host.etcd.kill('SIGKILL');
        await host.etcdGone;
      }
      attempt('umount', '-l', join(host.folder, 'data'));
      attempt('ip', 'link', 'del', host.plugged);
      attempt('ip', 'netns', 'del', host.space);
    }
    attempt('ip', 'link', 'del', this.bridge);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
