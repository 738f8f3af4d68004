// One who talks and one who listens, on nodes of the cluster under test, while the cluster is worked on. Lines in, lines out:
// "room" makes a room at the first node and joins both; "mark"; "gaps" tells the longest time of silence since the mark, in ms,
// for both ears; "seen" asks each node for the room; "moves" tells who was sent where, "returns" how often each opened his socket
// again while his speech went on. argv: the key file, then NAME=URL of each node.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../lib/client.mjs';
import { Peers, Speaker } from '../lib/peers.mjs';
import { mint } from '../lib/voiceroomd.mjs';

const [keyFile, ...places] = process.argv.slice(2);
const key = JSON.parse(readFileSync(keyFile, 'utf8'));
const cluster = {
  nodes: places.map((place) => ({ name: place.split('=')[0], url: place.split('=')[1], child: true, dead: false })),
  token: (user, voice = {}, claims) => mint(key, user, voice, claims),
};
const admin = () => cluster.token('admin', { admin: true, roomCreate: true });
/** One whose socket breaks and whose speech does not when the program of his node changes: he opens it again, as the library does. */
class Caller extends Speaker {
  returns = 0;

  async bind(person) {
    await super.bind(person);
    this.stay(person);
  }

  stay(person) {
    person.closed.then(async ({ code }) => {
      while (this.now?.person === person && !this.over && !this.moving && code !== 4002) {
        try {
          const { result } = await person.connect();
          this.returns += result.media === 'kept' ? 1 : 0;
          this.stay(person);
          return;
        } catch (error) {
          person.close();
          if (error.code === 'gone') this.moving ??= this.move();
          await sleep(100);
        }
      }
    });
  }
}

const peers = new Peers();
const people = [new Caller(peers, cluster, 'ana'), new Caller(peers, cluster, 'ben')];
let room;

const words = {
  room: async () => {
    ({ id: room } = await rest(cluster.nodes[0], admin(), 'POST', '/v1/rooms', { title: 'Evening', entry: 'speak' }));
    for (const [k, person] of people.entries()) await person.join(cluster.nodes[k % cluster.nodes.length], room);
    return room;
  },
  mark: async () => { peers.mark(); return ''; },
  gaps: async () => {
    const gaps = await peers.gaps();
    return people.map((ear, k) => gaps.find((g) => g.person === ear.number && g.csrc === people[1 - k].id)?.ms ?? 'silence').join(' ');
  },
  seen: async () => (await Promise.all(cluster.nodes.map(async (node) => (await rest(node, admin(), 'GET', `/v1/rooms/${room}`)).title))).join(' '),
  moves: async () => people.map((p) => p.moves.map((m) => `${m.from}>${m.to}`).join(',') || '-').join(' '),
  returns: async () => people.map((p) => p.returns).join(' '),
  faults: async () => people.flatMap((p) => p.faults).join('; '),
};

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(`${line}: ${await words[line]()}`);
  } catch (error) {
    console.log(`${line}: FAILED ${error.message} ${error.cause?.message ?? ''}`);
  }
}
people.forEach((p) => p.end());
await peers.stop();
