// Goal: what an operator must hear of is seen in a real Prometheus with monitoring/rules.yml: nothing while all is well but what was
// prepared, then each alert for the node it is about. Real nodes, in a cluster and alone; only lost packets are made up, by a page that
// tells a real node's figures and one more. Windows of the rules are made thirty times shorter, waits sixty times; nothing else of them is changed.
// Needs Debian's prometheus, etcd, and root (a small file system).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Authority } from '../lib/certificates.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { freePort, portBlock } from '../lib/ports.mjs';
import { nodeProcess } from '../lib/process.mjs';
import { keep, Node, PATIENCE_MS, scratch, until } from '../lib/voiceroomd.mjs';

const RULES = resolve(import.meta.dirname, '../../monitoring/rules.yml');
const WINDOWS = 30;
const WAITS = 60;
const SECONDS = { s: 1, m: 60, h: 3600 };

/** The rules with every wait (`for: 5m`) and window (`[5m]`) shorter, by whole seconds: at least 1, a window at least 5. */
function fasterRules() {
  const shorter = (number, unit, times, least) => `${Math.max(least, Math.round(number * SECONDS[unit] / times))}s`;
  return readFileSync(RULES, 'utf8')
    .replaceAll(/\bfor: (\d+)([smh])\b/g, (_, n, unit) => `for: ${shorter(n, unit, WAITS, 1)}`)
    .replaceAll(/\[(\d+)([smh])\]/g, (_, n, unit) => `[${shorter(n, unit, WINDOWS, 5)}]`);
}

/** A node's figures, as another instance: of 100 packets a second that are forwarded it loses `part`. */
class Page {
  constructor(node) { Object.assign(this, { node, part: 0, lost: 0, sent: 0, at: Date.now() }); }

  async start() {
    this.server = createServer(async (request, response) => {
      const text = await fetch(`${this.node.url}/metrics`).then((answer) => answer.text(), () => null);
      if (text === null) {
        response.destroy(); // as the node itself, while its process is started again
        return;
      }
      const packets = (Date.now() - this.at) / 10;
      this.at = Date.now();
      this.sent += packets;
      this.lost += packets * this.part;
      response.end(text.replace(/^voiceroom_rtp_forwarded_total .*$/m, `voiceroom_rtp_forwarded_total ${Math.round(this.sent)}`)
        .replace(/^voiceroom_rtp_lost_downlink_total .*$/m, `voiceroom_rtp_lost_downlink_total ${Math.round(this.lost)}`));
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('alerts in a real Prometheus', () => {
  let authority, cluster, alone, disk, page, folder, prometheus, url;

  const ask = async (path) => (await (await fetch(`${url}/api/v1/${path}`)).json()).data;
  /** "VoiceroomNodeDown a", ... of those that fire. */
  const firing = async () => (await ask('alerts')).alerts.filter((a) => a.state === 'firing').map((a) => `${a.labels.alertname} ${a.labels.instance}`).sort();
  const fires = (...wanted) => until(`${wanted} fire`, async () => {
    const now = await firing();
    return wanted.every((one) => now.includes(one));
  }, 3 * PATIENCE_MS, 200);

  before(async () => {
    authority = new Authority();
    cluster = await new Cluster({ nodes: 2, etcd: 1, mayDie: true }).start();
    disk = mkdtempSync(join(tmpdir(), 'voicerooms-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', disk]);
    folder = scratch('voicerooms-prometheus-');
    const pair = authority.issue(undefined, { days: 7 });
    for (const name of ['certificate', 'key']) writeFileSync(join(folder, name), pair[name], { mode: 0o600 });
    alone = await new Node({
      data: disk, supervise: true,
      flags: { https_address: '127.0.0.1', https_port: await portBlock(), tls_certificate: join(folder, 'certificate'), tls_key: join(folder, 'key') },
    }).start();
    page = await new Page(alone).start();
    await watch({ a: cluster.nodes[0].port, b: cluster.nodes[1].port, c: alone.port, d: page.server.address().port });
  });
  after(async () => {
    try {
      prometheus?.kill('SIGKILL');
      page?.stop();
      for (const node of cluster?.nodes ?? []) if (node.child && !node.dead) await node.kill9();
      await cluster?.stop();
      await alone?.stop();
    } finally {
      if (disk) {
        execFileSync('umount', ['-l', disk]);
        rmdirSync(disk);
      }
      if (folder) rmSync(folder, { recursive: true, force: true });
      authority?.remove();
    }
  });

  /** Prometheus over these instances; returns once it has looked at each and judged the rules. */
  async function watch(ports) {
    const file = (name, text) => { writeFileSync(join(folder, name), text); return join(folder, name); };
    const port = await freePort();
    file('rules.yml', fasterRules());
    const conf = file('prometheus.yml', JSON.stringify({ // which YAML includes
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      scrape_configs: [{
        job_name: 'voiceroom',
        static_configs: Object.entries(ports).map(([instance, at]) => ({ targets: [`127.0.0.1:${at}`], labels: { instance } })),
      }],
    }));
    let log = '';
    url = `http://127.0.0.1:${port}`;
    prometheus = keep(spawn('prometheus', [`--config.file=${conf}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
      { stdio: ['ignore', 'ignore', 'pipe'] }));
    prometheus.stderr.on('data', (text) => { log += text; });
    await until('Prometheus has judged what it saw', async () => {
      assert.equal(prometheus.exitCode, null, log);
      const groups = await ask('rules').then((data) => data.groups, () => []);
      const targets = groups.length && (await ask('targets')).activeTargets;
      return targets && targets.length === 4 && targets.every((target) => target.health === 'up')
        && groups.every((group) => group.rules.every((rule) => rule.health === 'ok')) && (await firing()).includes('VoiceroomCertificateEnds c');
    }, 2 * PATIENCE_MS, 200);
  }

  // What tells of the machine and of the minute (late loops, figures that came late) says nothing of a node that is well.
  const BUSY = /^Voiceroom(NodeDown|LoopLag|Full|EtcdFails|PacketsDropped) /;

  it('a certificate near its end, and nothing else while all is well', async () => {
    const began = Date.now();
    await until('it was looked at for a while', async () => {
      // The page tells c's certificate, too.
      assert.deepEqual((await firing()).filter((one) => !/^VoiceroomCertificateEnds [cd]$/.test(one) && !BUSY.test(one)), []);
      return Date.now() - began > 4000;
    }, PATIENCE_MS, 500);
  });

  it('a disk nearly full, packets lost, a process that dies', async () => {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.floor(bavail * bsize * 0.95)));
    page.part = 0.1;
    process.kill(nodeProcess(alone), 'SIGKILL');
    await fires('VoiceroomDiskNearlyFull c', 'VoiceroomLoss d', 'VoiceroomNodeDies c');
    assert.ok(!(await firing()).includes('VoiceroomLoss c'), 'it names who loses');
  });

  it('a lease lost: on both nodes, when etcd is gone', async () => {
    await cluster.members[0].kill9();
    await fires('VoiceroomLeaseLost a', 'VoiceroomLeaseLost b');
  });

  it('a node down', async () => {
    await cluster.nodes[0].kill9();
    await fires('VoiceroomNodeDown a');
    await until('only that one', async () => !(await firing()).some((one) => /^VoiceroomNodeDown [bcd]$/.test(one)), PATIENCE_MS, 200);
  });

  it('what is over fires no more', async () => {
    page.part = 0;
    rmSync(join(disk, 'ballast'));
    await until('both are over', async () => !(await firing()).some((one) => /^Voiceroom(Loss d|DiskNearlyFull c)$/.test(one)), 2 * PATIENCE_MS, 200);
  });
});
