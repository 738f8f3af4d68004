// The real faults that a world can suffer: how each begins and ends. The nemesis of a run draws from them; `chaos-figures` times each.
import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../lib/client.mjs';

const others = (world, host) => world.hosts.filter((h) => h !== host);

const FULL_TRIES = 200;
const EACH = 20; // rooms of one user: what limits a user must not be what refuses

const isFull = async (host) => (await host.node.metrics()).voiceroom_store_full === 1;

/** No space is left, and the store knows: what is free inside of it is used up by rooms, until one is refused, or what somebody else does (a node that refuses may be passed over when rooms are placed). */
async function full(world, host) {
  const heard = {};
  for (let i = 0; i < FULL_TRIES; i++) {
    world.fillDisk(host);
    const token = world.nodes[0].token(`filler${Math.floor(i / EACH)}`, { roomCreate: true });
    const code = await rest(host.node, token, 'POST', '/v1/rooms', { title: 'One more', description: 'x'.repeat(2000) }).then(() => 'made', (error) => error.code ?? error.message);
    if (code === 'storage-full' || await isFull(host)) return true;
    heard[code] = (heard[code] ?? 0) + 1;
  }
  console.log(`the disk of ${host.name} is full, and its store has room of its own: ${JSON.stringify(heard)}`);
  return false;
}

/** name: { lasts: ms, begin(world, host), end(world, host) }; what begins with false does not bite, and counts as not fired; `aim(world)` where the host is not for the caller to choose. */
export const FAULTS = {
  'node killed': {
    lasts: 9000,
    begin: (_, host) => host.node.kill9(),
    end: (_, host) => host.node.start(),
  },
  'node stopped': {
    lasts: 12000,
    begin(_, host) {
      host.node.stopped = true;
      host.node.child.kill('SIGSTOP');
    },
    end(_, host) {
      host.node.child.kill('SIGCONT');
      host.node.stopped = false;
    },
  },
  'network split': {
    lasts: 10000,
    begin(world, host) { for (const other of others(world, host)) world.cut(host, other); },
    end: (world) => world.heal(),
  },
  'one-way split': { // it hears nobody, and is heard
    lasts: 8000,
    begin(world, host) { for (const other of others(world, host)) world.cut(other, host, false); },
    end: (world) => world.heal(),
  },
  'etcd leader killed': {
    lasts: 4000,
    aim: (world) => world.leader(),
    async begin(_, host) {
      host.etcd.kill('SIGKILL');
      await host.etcdGone;
    },
    end: (world, host) => host.startEtcd(world.hosts),
  },
  'etcd leader stopped': {
    lasts: 6000,
    aim: (world) => world.leader(),
    begin: (_, host) => host.etcd.kill('SIGSTOP'),
    end: (_, host) => host.etcd.kill('SIGCONT'),
  },
  'etcd without quorum': { // its member is the one that is left
    lasts: 10000,
    begin(world, host) { for (const other of others(world, host)) other.etcd.kill('SIGSTOP'); },
    end(world, host) { for (const other of others(world, host)) other.etcd.kill('SIGCONT'); },
  },
  'disk full': {
    lasts: 5000,
    begin: full,
    end: (world, host) => world.freeDisk(host),
  },
};

/** The fault, from its beginning to its end; `pick` chooses where it may strike anywhere. False: it did not bite. */
export async function fire(world, name, pick) {
  const fault = FAULTS[name];
  const host = await fault.aim?.(world) ?? pick(world.hosts);
  const bites = await fault.begin(world, host) !== false;
  await sleep(fault.lasts);
  await fault.end(world, host);
  return bites;
}
