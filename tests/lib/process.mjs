// Processes of a node that has a parent process (supervise), by /proc.
import { readFileSync } from 'node:fs';

/** Is this process there, and not only its exit code? */
export function alive(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch { return false; }
}

/** The process below the one that was started: the node itself; undefined while there is none. */
export function nodeProcess(node) {
  let text;
  try {
    text = readFileSync(`/proc/${node.child.pid}/task/${node.child.pid}/children`, 'utf8');
  } catch { return undefined; }
  return text.trim().split(' ').filter(Boolean).map(Number).filter(alive)[0];
}
