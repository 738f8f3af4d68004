// What the way over a second node costs: time for a packet, bytes on the wire between two nodes for each speaker.
import { setTimeout as sleep } from 'node:timers/promises';
import { Peers } from '../lib/peers.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { now } from './clients.mjs';
import { keep, percentile, say, Scene } from './figures.mjs';
import { talker } from './talkers.mjs';

const PACKETS_A_SECOND = 50; // of a speaker: a frame is 20 ms
const PAYLOAD = 80; // bytes of it, as voiceroom-peers sends it: 32 kbit/s

/** What came to `to` from `from` by UDP, that is speech between nodes: [packets, bytes] with IP's own headers. */
function arrived(to, from) {
  const line = to.inside('iptables', '-L', 'INPUT', '-v', '-x', '-n').split('\n').find((l) => l.includes(from.address));
  return line.trim().split(/\s+/).slice(0, 2).map(Number);
}

const ms = (list) => `p50 ${percentile(list, 0.5).toFixed(2)} ms, p95 ${percentile(list, 0.95).toFixed(2)} ms, max ${Math.max(...list).toFixed(2)} ms of ${list.length}`;

/** Speakers at one node, whose listeners sit there and at another: `seconds` of their packets are timed and weighed. */
export async function relay(world, seconds = 20, speakers = 3) {
  const scene = new Scene(world);
  const peers = new Peers();
  const [a, b] = world.hosts;
  try {
    const room = await scene.room('host', a.node, { entry: 'speak' });
    const near = await talker(scene, peers, a.node, room, 'near', { silent: true });
    const far = await talker(scene, peers, b.node, room, 'far', { silent: true });
    b.inside('iptables', '-A', 'INPUT', '-s', a.address, '-p', 'udp');
    const weigh = async (time) => {
      const [packets, bytes] = arrived(b, a);
      const start = now();
      await sleep(time);
      const [packetsAfter, bytesAfter] = arrived(b, a);
      const took = (now() - start) / 1000;
      return { packets: (packetsAfter - packets) / took, bytes: (bytesAfter - bytes) / took };
    };
    const idle = await weigh(5000);
    const mouths = [];
    for (let i = 0; i < speakers; i++) mouths.push(await talker(scene, peers, a.node, room, `mouth${i}`));
    await until('both hear all', async () => {
      const ways = await peers.ways(8 * speakers * 4);
      return [near, far].every((ear) => mouths.every((m) => ways.some((w) => w.person === ear.number && w.csrc === m.id)));
    }, 20000, 20);
    const weighed = weigh(seconds * 1000);
    // Each speaker is heard by the two listeners and by the other speakers.
    const ways = await peers.ways(seconds * PACKETS_A_SECOND * speakers * (speakers + 1), 2 * seconds * 1000 + 10000);
    const talk = await weighed;
    const of = (ear) => ways.filter((w) => w.person === ear.number).map((w) => w.ms);
    const [here, there] = [of(near), of(far)];
    const added = (p) => percentile(there, p) - percentile(here, p);
    say(`a relay hop: heard at the speaker's own node after ${ms(here)}; at the next node after ${ms(there)}; added ${added(0.5).toFixed(2)} ms at p50, ${added(0.95).toFixed(2)} ms at p95 `
      + `(the clients were not run for ${peers.late.toFixed(1)} ms at most)`);
    const each = { bytes: (talk.bytes - idle.bytes) / speakers, packets: (talk.packets - idle.packets) / speakers };
    say(`a relayed speaker costs a link to another node ${(each.bytes / 1000).toFixed(2)} kB a second in ${each.packets.toFixed(1)} datagrams (IP and UDP headers with them), `
      + `${(each.bytes / PACKETS_A_SECOND).toFixed(0)} bytes for a packet with ${PAYLOAD} bytes of sound; without speech the link takes ${(idle.bytes / 1000).toFixed(2)} kB a second`);
    keep('relay: heard at the speaker\'s own node', here);
    keep('relay: heard at the next node', there);
    keep('relay: a second of a relayed speaker to one node', [each.bytes], 'bytes');
    for (const person of [near, far, ...mouths]) person.close();
    return each.packets > 0 && there.length > 0;
  } finally {
    await peers.stop();
  }
}
relay.nodesFirst = true;
