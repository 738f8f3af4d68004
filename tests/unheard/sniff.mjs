// The wire between pages and a media port, judged by sniff.py.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { keep } from '../lib/voiceroomd.mjs';

/** Listens from when it is done; `end()` answers { flows, drops }. */
export async function sniff(port) {
  const child = keep(spawn(join(import.meta.dirname, 'sniff.py'), [String(port)], { stdio: ['pipe', 'pipe', 'inherit'] }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.value !== 'listening') throw new Error(`sniff.py: ${first.value}`);
  return {
    async end() {
      child.stdin.end();
      return JSON.parse((await lines.next()).value);
    },
  };
}
