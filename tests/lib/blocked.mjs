// A second network, joined to this one by a cable, in which no UDP gets through: as behind a strict company's firewall. Needs
// root, and a network of the test's own (tests/run).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser, Page } from './chromium.mjs';
import { enter, onStage } from './enter.mjs';
import { portBlock } from './ports.mjs';
import { keep, Node, until } from './voiceroomd.mjs';

const ip = (...words) => execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] });

/** How the newest connection of a page carries its sound: its selected pair. */
const path = (page) => page.evaluate(async () => {
  const all = [...(await window.rig.connections.at(-1).getStats()).values()];
  const transport = all.find((r) => r.type === 'transport');
  const pair = all.find((r) => r.id === transport.selectedCandidatePairId);
  const [local, remote] = [pair.localCandidateId, pair.remoteCandidateId].map((id) => all.find((r) => r.id === id));
  return { protocol: local.protocol, type: local.candidateType, relay: local.relayProtocol, to: remote.protocol, address: remote.address };
});

export class Blocked {
  /** The addresses of this side, which the other side reaches. */
  address = '10.77.0.1';
  address6 = 'fd77::1';

  static async make() {
    const all = new Blocked();
    // Nothing but a process that is in the other network: it goes away with the test, and the cable with it.
    all.holder = keep(spawn('unshare', ['--net', 'sleep', '86400'], { stdio: 'ignore' }));
    const ours = readlinkSync('/proc/self/ns/net');
    await until('the other network is there', () => {
      try { return readlinkSync(`/proc/${all.holder.pid}/ns/net`) !== ours; } catch { return false; }
    });
    ip('link', 'add', 'vr-open', 'type', 'veth', 'peer', 'name', 'vr-shut', 'netns', String(all.holder.pid));
    ip('address', 'add', `${all.address}/24`, 'dev', 'vr-open');
    ip('-6', 'address', 'add', `${all.address6}/64`, 'dev', 'vr-open', 'nodad');
    ip('link', 'set', 'vr-open', 'up');
    all.run('ip', 'link', 'set', 'lo', 'up');
    all.run('ip', 'address', 'add', '10.77.0.2/24', 'dev', 'vr-shut');
    all.run('ip', '-6', 'address', 'add', 'fd77::2/64', 'dev', 'vr-shut', 'nodad');
    all.run('ip', 'link', 'set', 'vr-shut', 'up');
    for (const tables of ['iptables', 'ip6tables']) {
      for (const way of ['INPUT', 'OUTPUT', 'FORWARD']) all.run(tables, '-w', '10', '-A', way, '-p', 'udp', '-j', 'DROP');
    }
    // A browser that is launched by this path is one of the other network.
    all.folder = mkdtempSync(join(tmpdir(), 'voicerooms-blocked-'));
    all.chromium = join(all.folder, 'chromium');
    writeFileSync(all.chromium, `#!/bin/sh\nexec nsenter --net=/proc/${all.holder.pid}/ns/net /usr/bin/chromium "$@"\n`);
    chmodSync(all.chromium, 0o755);
    return all;
  }

  /** A command in the other network. */
  run(...words) {
    return execFileSync('nsenter', [`--net=/proc/${this.holder.pid}/ns/net`, ...words], { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
  }

  /** Datagrams that the other side has wanted to send and did not. */
  blocked() {
    return Number(this.run('iptables', '-w', '10', '-vnxL', 'OUTPUT').match(/^\s*(\d+)\s+\d+\s+DROP/m)[1]);
  }

  /** A node on this side that the other side reaches, not started yet: it has its ports. */
  async node(flags) {
    const node = new Node({ flags: { http_address: '*', media_workers: 1, media_addresses: this.address, ...flags } });
    node.port = await portBlock();
    node.media = node.port + 10;
    return node;
  }

  /** Two browsers, in the open and behind the wall. The second one takes pages of `nodes` for safe ones, with a microphone, and any certificate. */
  async browsers(nodes) {
    const origins = nodes.map((node) => `http://${this.address}:${node.port}`);
    this.shut = await openBrowser(undefined, [`--unsafely-treat-insecure-origin-as-secure=${origins.join()}`, '--ignore-certificate-errors'], this.chromium);
    this.open = await openBrowser();
  }

  /** Ana is in the open, ben behind the wall; both speak, both hear. `through`: his path. */
  async talk(t, node, title) {
    const there = Object.create(node, { url: { value: `http://${this.address}:${node.port}` } });
    const ana = await Page.open(this.open, node, 'ana', 500);
    const ben = await Page.open(this.shut, there, 'ben', 900);
    t.after(() => Promise.all([ana, ben].map((page) => page.context.close())));
    const blocked = this.blocked();
    const room = await enter(ana, { create: title });
    const start = Date.now();
    await enter(ben, { room });
    await ben.untilHears([ana], [ana, ben]);
    const heard = Date.now() - start;
    await onStage(ana, ben);
    await ana.untilHears([ben], [ana, ben]);
    await ben.untilHears([ana], [ana, ben]);
    assert.equal((await path(ana)).protocol, 'udp', 'who has UDP uses it');
    assert.ok(this.blocked() > blocked, 'the wall stands: UDP was tried');
    console.log(`measured: ${title}: in and hearing ${heard} ms after the page was opened`);
    return { room, ana, ben, through: await path(ben) };
  }

  async close() {
    await this.open?.close();
    await this.shut?.close();
    try { ip('link', 'delete', 'vr-open'); } catch { /* it went with the other side */ }
    this.holder.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
