// Ports that nobody else takes: in rows, below those that the kernel gives to connections, and noted in a folder of the
// machine, so that two tests at once don't choose the same ones before either listens. A node that is killed and started
// anew so finds its ports free.
import { createSocket } from 'node:dgram';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = join(tmpdir(), 'voicerooms-test-ports');
const BLOCK = 30;
const FIRST = 10000;

const mine = new Set();
process.once('exit', () => mine.forEach((note) => rmSync(note, { force: true })));

function lastPort() {
  try {
    return Math.min(32000, Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]));
  } catch { return 32000; }
}

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) { return error.code === 'EPERM'; }
};

/** Notes that this process has the row, unless one that lives has. */
function take(base) {
  const note = join(FOLDER, String(base));
  mkdirSync(FOLDER, { recursive: true });
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeFileSync(note, String(process.pid), { flag: 'wx' });
      mine.add(note);
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    let owner = '';
    try { owner = readFileSync(note, 'utf8'); } catch { /* given back meanwhile */ }
    if (owner === '' || isAlive(Number(owner))) return false;
    rmSync(note, { force: true });
  }
  return false;
}

const free = (open) => new Promise((done) => open(() => done(true), () => done(false)));
const freeTcp = (port) => free((yes, no) => {
  const server = createServer().once('error', no).listen(port, '0.0.0.0', () => server.close(yes));
});
const freeUdp = (port) => free((yes, no) => {
  const socket = createSocket('udp4').once('error', no);
  socket.bind(port, '0.0.0.0', () => socket.close(yes));
});

/** The first of 30 ports in a row, of TCP and UDP, that belong to this process until it ends. */
export async function portBlock() {
  const blocks = Math.floor((lastPort() - FIRST) / BLOCK);
  for (let tries = 0; tries < 500; tries++) {
    const base = FIRST + BLOCK * Math.floor(Math.random() * blocks);
    if (!take(base)) continue;
    const all = await Promise.all([...Array(BLOCK).keys()].flatMap((i) => [freeTcp(base + i), freeUdp(base + i)]));
    if (all.every(Boolean)) return base;
  }
  throw new Error('no free ports');
}

let row;
let used = BLOCK;

/** One port, of TCP and UDP, that belongs to this process until it ends. */
export async function freePort() {
  if (used === BLOCK) {
    used = 0;
    row = portBlock();
  }
  const offset = used++;
  return await row + offset;
}
