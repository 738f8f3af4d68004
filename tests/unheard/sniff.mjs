// The wire between clients and a media port, judged by voiceroom-wire (bench/wire_main.c).
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { keep } from '../lib/voiceroomd.mjs';

/** Listens from when it is done; `end()` answers { flows, drops, whole }. */
export async function sniff(program, port) {
  const child = keep(spawn(program, [String(port)], { stdio: ['pipe', 'pipe', 'inherit'] }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.value !== 'listening') throw new Error(`${program}: ${first.value}`);
  return {
    async end() {
      child.stdin.end();
      return JSON.parse((await lines.next()).value);
    },
  };
}
