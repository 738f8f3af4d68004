// Figures under load: thousands who come back at once, and what etcd has to do.
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clients.mjs';
import { Crowd } from './crowd.mjs';
import { keep, say, Scene, told } from './figures.mjs';

const PROBES = 6; // rooms of the survivors' people; the node in sync of some is the one that dies, and those are not asked

/** A node with `count` people on it dies. Those of others act on, and their answers are timed. */
export async function storm(world, count = 500, rooms = 10) {
  const scene = new Scene(world);
  const ids = [];
  for (let r = 0; r < rooms; r++) ids.push(await scene.room(`host${r}`, world.nodes[r % 3], { max_participants: 2000 }));
  const probes = [];
  for (let i = 0; i < PROBES; i++) {
    const k = 1 + (i % 2);
    const room = await scene.room(`probe${i}`, world.nodes[k]);
    const host = await scene.join(`probe${i}`, world.nodes[k], room);
    const other = await scene.join(`probed${i}`, world.nodes[3 - k], room);
    probes.push({ room, host, other });
  }
  const crowd = new Crowd();
  await crowd.join([...Array(count).keys()].map((i) => ({ url: world.nodes[0].url, token: scene.token(`c${i}`), name: `c${i}`, room: ids[i % rooms] })));
  await scene.whole(probes.map((p) => p.room));
  const quiet = [];
  const busy = [];
  let going = true;
  const probe = async ({ host, other }, times) => {
    for (let i = 0; going; i++) {
      const start = now();
      const answer = await host.ask(i % 2 ? 'room:unmute' : 'room:mute', { participant: other.id }).catch((e) => ({ type: 'room:error', code: e.message }));
      times.push(answer.type === 'room:error' ? Infinity : now() - start);
      if (answer.type === 'room:error') console.log(`  a probe: ${answer.code}`);
      await sleep(100);
    }
  };
  const placed = await scene.placement();
  const away = probes.filter((p) => {
    const { owner, in_sync: partner } = placed.find((r) => r.room === p.room);
    return owner !== 'a' && partner !== 'a';
  }).slice(0, 2);
  if (away.length === 0) throw new Error(`none of ${PROBES} rooms is kept by the two that stay: ${JSON.stringify(placed)}`);
  let running = away.map((p) => probe(p, quiet));
  await sleep(5000);
  going = false;
  await Promise.all(running);
  going = true;
  running = away.map((p) => probe(p, busy));
  await world.nodes[0].kill9();
  const { times, counts: { tries, ...why } } = await crowd.back(world.nodes.slice(1).map((node) => node.url));
  going = false;
  await Promise.all(running);
  say(`storm: ${count} people in ${rooms} rooms of a dead node are back ${told(times)} (goal max 30000), ${(tries / count).toFixed(1)} refusals each (${Object.entries(why).map(([k, v]) => `${v} ${k}`).join(', ')})`);
  say(`storm: meanwhile ${busy.length} acts in ${away.length} rooms of others were answered: ${told(busy)}; before: ${told(quiet)}`);
  keep(`storm of ${count}: back`, times);
  keep(`storm of ${count}: acts of others meanwhile`, busy);
  await crowd.end();
  return Math.max(...times) <= 30000 && busy.every((ms) => ms < 1000);
}

const FRAMES = 'voiceroom_cluster_frames_total{direction="out"}';

/** Sums over the three machines, by name: etcd's own counters, and the messages that nodes sent each other. */
async function counted(world) {
  const wanted = [...names, 'etcd_server_proposals_applied_total'];
  const sums = Object.fromEntries([...wanted, FRAMES].map((name) => [name, 0]));
  for (const node of world.nodes) sums[FRAMES] += (await node.metrics())[FRAMES];
  for (const host of world.hosts) {
    const text = await (await fetch(`http://${host.address}:2379/metrics`)).text();
    for (const line of text.split('\n')) {
      for (const name of wanted) if (line.startsWith(name)) sums[name] += Number(line.slice(line.lastIndexOf(' ')));
    }
  }
  return sums;
}

const METHODS = ['Txn', 'Put', 'Range', 'LeaseKeepAlive', 'DeleteRange'];
const names = METHODS.map((m) => `grpc_server_handled_total{grpc_code="OK",grpc_method="${m}"`);

/** Rooms in which people come, go, act and grant for `seconds`: what of it reaches etcd? */
export async function etcd(world, seconds = 30, rooms = 10) {
  const scene = new Scene(world);
  const groups = [];
  for (let r = 0; r < rooms; r++) {
    const room = await scene.room(`host${r}`, world.nodes[r % 3]);
    const host = await scene.join(`host${r}`, world.nodes[r % 3], room);
    const others = await Promise.all([0, 1, 2, 3].map((k) => scene.join(`u${r}-${k}`, world.nodes[(r + k) % 3], room)));
    groups.push({ room, host, others });
  }
  await scene.whole(groups.map((g) => g.room));
  const before = await counted(world);
  await sleep(10000);
  const idle = await counted(world);
  let acts = 0;
  let joins = 0;
  let durable = 0;
  const start = now();
  await Promise.all(groups.map(async ({ room, host, others }, r) => {
    for (let i = 0; now() - start < seconds * 1000; i++) {
      const target = others[i % others.length].id;
      const roll = i % 10;
      if (roll < 6) {
        await host.ask(roll % 2 ? 'room:unmute' : 'room:mute', { participant: target }).catch(() => {});
        acts++;
      } else if (roll < 8) {
        await host.ask(roll % 2 ? 'room:demote' : 'room:promote', { participant: target }).catch(() => {});
        acts++;
      } else if (roll === 8) {
        await scene.join(`late${r}-${i % 5}`, world.nodes[i % 3], room).then((p) => p.close(), () => {});
        joins++;
      } else if (i % 50 === 9) {
        await host.ask(i % 100 === 9 ? 'room:ban' : 'room:unban', { user: 'stranger', reason: 'load' }).catch(() => {});
        durable++;
      }
      await sleep(100);
    }
  }));
  const took = (now() - start) / 1000;
  const after = await counted(world);
  const rate = (a, b, s) => METHODS.map((m, i) => `${((b[names[i]] - a[names[i]]) / s).toFixed(1)} ${m}`).join(', ');
  say(`etcd, idle with ${rooms} rooms on three nodes, a second: ${rate(before, idle, 10)}`);
  const pairs = world.nodes.length * (world.nodes.length - 1) / 2;
  const messages = (a, b, s) => ((b[FRAMES] - a[FRAMES]) / s / pairs).toFixed(1);
  say(`messages between two nodes, both ways, a second: idle ${messages(before, idle, 10)}, under the same load ${messages(idle, after, took)}`);
  say(`etcd, under ${(acts / took).toFixed(0)} acts, ${(joins / took).toFixed(1)} joins and ${(durable / took).toFixed(1)} bans a second: ${rate(idle, after, took)} (budget 200 transactions)`);
  keep('etcd: transactions', [(after[names[0]] - idle[names[0]]) / took], 'a second');
  keep('messages between two nodes', [Number(messages(idle, after, took))], 'a second');
  return (after[names[0]] - idle[names[0]]) / took < 200;
}
