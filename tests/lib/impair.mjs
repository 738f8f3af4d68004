// A bad network between a page and a node: the relay of tools/, driven over its stdin.
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { keep } from './voiceroomd.mjs';

const BINARY = process.env.VOICEROOM_IMPAIR ?? join(resolve(import.meta.dirname, '../..'), 'build/release/tools/voiceroom-impair');

export class Impair {
  static async open(t, port, seed = 1) {
    const relay = new Impair();
    relay.child = keep(spawn(BINARY, ['--to', `127.0.0.1:${port}`, '--seed', String(seed)], { stdio: ['pipe', 'pipe', 'inherit'] }));
    relay.lines = createInterface({ input: relay.child.stdout })[Symbol.asyncIterator]();
    const [, address, at] = (await relay.line()).split(' ');
    Object.assign(relay, { address, port: Number(at) });
    t.after(() => relay.child.kill());
    return relay;
  }

  async line() { return (await this.lines.next()).value; }

  /** set('both', 'loss', 0.1), set('up', 'delay', 25), command('rebind') */
  set(way, name, value) { return this.command(`${way} ${name} ${value}`); }

  async command(text) {
    this.child.stdin.write(`${text}\n`);
    return this.line();
  }

  async stats() { return JSON.parse(await this.command('stats')); }

  /** The SDP answer with the relay as the only candidate. */
  rewrite = (sdp) => {
    let kept = false;
    return sdp.split('\r\n').flatMap((line) => {
      if (!line.startsWith('a=candidate:')) return [line];
      if (kept) return [];
      kept = true;
      return [`a=candidate:1 1 udp 2130706431 ${this.address} ${this.port} typ host`];
    }).join('\r\n');
  };
}
