// Runs voiceroomctl as a person would: no terminal, a home folder of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { keep } from './voiceroomd.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
export const CTL = process.env.VOICEROOMCTL ?? join(ROOT, 'build/release/tools/ctl/voiceroomctl');

export class Ctl {
  constructor(t, node) {
    this.node = node;
    this.home = mkdtempSync(join(tmpdir(), 'voiceroomctl-test-'));
    t.after(() => rmSync(this.home, { recursive: true, force: true }));
    this.env = {
      PATH: process.env.PATH, HOME: this.home, XDG_CONFIG_HOME: join(this.home, 'config'), USER: 'tester',
      ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '',
      ...(node ? { VOICEROOM_ENDPOINT: node.url } : {}),
    };
    this.key = node ? ['--key-file', join(node.data, 'admin-key.json')] : [];
  }

  file(name, text) {
    const path = join(this.home, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Resolves with { code, out, err }; `options`: env, input, until (ends the program when the output fits). */
  raw(args, { env = {}, input = '', until, cwd = this.home } = {}) {
    return new Promise((done, failed) => {
      const child = keep(spawn(CTL, args.map(String), { cwd, env: { ...this.env, ...env } }));
      let out = '';
      let err = '';
      let ended = false;
      const timer = setTimeout(() => { child.kill('SIGKILL'); failed(new Error(`no end: ${args.join(' ')}\n${out}\n${err}`)); }, 60000);
      child.stdout.on('data', (text) => {
        out += text;
        if (until?.(out) && !ended) { ended = true; child.kill('SIGTERM'); }
      });
      child.stderr.on('data', (text) => { err += text; });
      child.on('error', failed);
      child.on('close', (code) => {
        clearTimeout(timer);
        if (/Sanitizer|runtime error:/.test(err)) failed(new Error(err));
        else done({ code, out, err });
      });
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    });
  }

  /** As an administrator, by the node's key file. */
  run(...args) { return this.raw([...args, ...this.key]); }

  /** As above with -o json; throws unless it ends with 0. */
  async json(...args) {
    const { code, out, err } = await this.run(...args, '-o', 'json');
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${err}`);
    return JSON.parse(out);
  }
}
