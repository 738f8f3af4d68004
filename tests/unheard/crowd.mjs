// A speaker and listeners by the hundred, without a socket each, by voiceroom-load (bench/load_main.c).
import { spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { keep, PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

export const BINARY = process.env.VOICEROOMD ?? resolve(import.meta.dirname, '../../build/release/nodes/voiceroomd');

/** A program of the folder bench, built beside the node. */
export const bench = (name) => join(dirname(dirname(BINARY)), 'bench', name);

/** In a room of their own; done when they are up. `end()` waits until `seconds` are over and answers what they counted. */
export async function startCrowd(node, listeners, seconds, more = []) {
  const { voiceroom_peers_up: before } = await node.metrics(); // of an earlier crowd, which left without a word, too
  const child = keep(spawn(bench('voiceroom-load'), ['--url', node.url, '--key', join(node.data, 'admin-key.json'), '--listeners', String(listeners),
    '--seconds', String(Math.ceil(seconds)), ...more], { stdio: ['ignore', 'pipe', 'inherit'] }));
  let text = '';
  child.stdout.on('data', (part) => { text += part; });
  const ended = new Promise((done) => child.once('exit', done));
  await until('the listeners are up', async () => (await node.metrics()).voiceroom_peers_up >= before + listeners + 1, 4 * PATIENCE_MS, 50);
  return { end: async () => { await ended; return JSON.parse(text); } };
}
