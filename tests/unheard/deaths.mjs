// A node's process ends, and its parent starts the next one.
import { nodeProcess } from '../lib/process.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';

/** Waits until another process than `old` is the node. */
export function nextProcess(node, old, ms = PATIENCE_MS) {
  return until('the next process', () => nodeProcess(node) !== undefined && nodeProcess(node) !== old, ms, 5);
}

/** The node's process ends by this signal; done when there is another one. */
export async function killProcess(node, signal = 'SIGKILL', ms = PATIENCE_MS) {
  const old = nodeProcess(node);
  process.kill(old, signal);
  await nextProcess(node, old, ms);
}
