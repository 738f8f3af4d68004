// Figures that need no sound: control after an owner's death, an owner frozen with a full queue, a healed split, etcd without
// quorum, what the wait for the node in sync costs.
import { setTimeout as sleep } from 'node:timers/promises';
import { rest } from '../lib/client.mjs';
import { Node, until } from '../lib/voiceroomd.mjs';
import { people as peopleOf } from '../lib/client.mjs';
import { now } from './clients.mjs';
import { answered, keep, percentile, say, Scene, told } from './figures.mjs';

const decided = (answer) => answer.type !== 'room:error' && answer.provisional !== true;

/** The owner is killed: when does the room decide again for who sits on another node? */
export async function owner(world, kills = 20) {
  const scene = new Scene(world);
  const room = await scene.room('host', world.nodes[0]);
  let host = await scene.join('host', world.nodes[1], room);
  let one = await scene.join('one', world.nodes[2], room);
  const times = [];
  for (let i = 0; i < kills; i++) {
    await scene.whole([room]);
    const at = await scene.owner(room);
    const survivor = world.nodes[(at + 1 + (i % 2)) % 3]; // in turn the one in sync and the other
    if (host.node !== survivor || host.socket.readyState !== 1) host = await scene.elsewhere(host, survivor);
    if (one.node === world.nodes[at] || one.socket.readyState !== 1) one = await scene.elsewhere(one, survivor);
    await sleep(500 + 137 * (i % 7)); // at all phases of the lease
    const muted = i % 2 === 0;
    const before = (await host.request(muted ? 'room:unmute' : 'room:mute', { participant: one.id })).epoch;
    await world.nodes[at].kill9();
    const start = now();
    const took = await answered(() => host.ask(muted ? 'room:mute' : 'room:unmute', { participant: one.id }),
      (a) => decided(a) && a.epoch > before, start);
    times.push(took);
    await world.nodes[at].start();
  }
  say(`owner killed: control again ${told(times)} (goal p95 8000, max 12000)`);
  keep('owner killed: control again', times);
  return percentile(times, 0.95) <= 8000 && Math.max(...times) <= 12000;
}

const ACTS = [['mute', true], ['unmute', false], ['promote', false], ['demote', false]];

/** The owner stops for 20 s with 1000 commands in its queues, and goes on. */
export async function frozen(world, seconds = 20, count = 1000) {
  const scene = new Scene(world);
  const room = await scene.room('host', world.nodes[0], { speaker_capacity: 50 });
  const { at } = await until('the room has an owner', async () => { const n = await scene.owner(room); return n < 0 ? null : { at: n }; });
  const node = world.nodes[at];
  const host = await scene.join('host', node, room);
  const others = [];
  for (const i of [0, 1, 2]) others.push(await scene.join(`u${i}`, world.nodes[(at + 1 + (i % 2)) % 3], room));
  // A session may send 50 messages in 5 s: so many of them send what a thousand clients' worth of commands are.
  const mods = [];
  for (let i = 0; i <= count / 50; i++) {
    const mod = await scene.join(`mod${i}`, i === 0 ? world.nodes[(at + 1) % 3] : node, room);
    await mod.request('room:hand-raise');
    await host.request('room:promote', { participant: mod.id });
    await host.request('room:make-moderator', { participant: mod.id });
    mods.push(mod);
    await sleep(300);
  }
  const mod = mods.shift();
  await scene.whole([room]);
  const before = (await host.request('room:mute', { participant: others[0].id })).epoch;
  const records = [];
  const send = (i) => {
    const [act, safety] = ACTS[i % ACTS.length];
    const record = { act, safety, t0: now() };
    records.push(record);
    const by = mods[i % mods.length];
    by.answers.set(`q${i}`, (answer) => Object.assign(record, { t1: now(), epoch: answer.epoch, sequence: answer.sequence,
      outcome: answer.type === 'room:error' ? answer.code : answer.provisional ? 'provisional' : 'decided' }));
    by.socket.send(JSON.stringify({ type: `room:${act}`, id: `q${i}`, participant: others[i % others.length].id }));
  };
  for (let i = 0; i < count / 2; i++) send(i); // these are under way when it stops
  await sleep(30);
  node.stopped = true;
  node.child.kill('SIGSTOP');
  const stopped = now();
  for (let i = count / 2; i < count; i++) send(i); // these wait in its sockets
  let begins = Infinity; // the first place of the new epoch
  const first = await answered(() => mod.ask('room:mute', { participant: others[1].id }), (a) => {
    if (!decided(a) || !(a.epoch > before)) return false;
    begins = Math.min(begins, a.sequence);
    return true;
  }, stopped);
  const epochAt = stopped + first;
  await sleep(Math.max(0, stopped + seconds * 1000 - now()));
  node.child.kill('SIGCONT');
  node.stopped = false;
  const went = now();
  await until('each command is answered', () => records.every((r) => r.t1) || mods.every((m) => m.socket.readyState > 1), 30000).catch(() => {});
  const tally = (list) => {
    const counts = {};
    for (const r of list) {
      const what = r.outcome === 'decided' ? (r.epoch > before ? 'in the new epoch' : 'in the old epoch') : (r.outcome ?? 'never answered');
      counts[what] = (counts[what] ?? 0) + 1;
    }
    return Object.entries(counts).map(([k, v]) => `${v} ${k}`).join(', ') || 'none';
  };
  const early = records.filter((r) => r.t1 <= epochAt);
  const late = records.filter((r) => !(r.t1 <= epochAt));
  // What the node in sync had before it sealed was accepted in time, though its answer lay in a stopped process.
  const done = late.filter((r) => r.outcome === 'decided' && !(r.epoch > before) && r.sequence < begins);
  const wrong = late.filter((r) => r.outcome === 'decided' && !(r.epoch > before) && !(r.sequence < begins));
  const openings = late.filter((r) => !r.safety && r.outcome === 'provisional');
  const one = await until('all agree', async () => {
    const digests = await Promise.all([mod, ...others].map((p) => p.state().then((s) => s.digest, () => Math.random())));
    return new Set(digests).size === 1;
  }, 10000, 250).then(() => true, () => false);
  say(`owner stopped ${seconds} s with ${count} commands: the others had control again after ${Math.round(first)} ms; answered before that ${early.length} (${tally(early)}); `
    + `after it went on (last answer ${Math.round(Math.max(0, ...late.map((r) => r.t1 ?? 0)) - went)} ms later): mutes: ${tally(late.filter((r) => r.safety))}; `
    + `the rest: ${tally(late.filter((r) => !r.safety))}; done before the stop and answered after it: ${done.length}, accepted in the old epoch after the new one began: ${wrong.length}; all agree: ${one}`);
  keep(`owner stopped ${seconds} s with ${count} commands: control again`, [first]);
  return wrong.length === 0 && openings.length === 0 && one && first < 12000;
}

/** One node is cut off for 10 s while both sides act; how long after healing do all tell the same? */
export async function split(world, rounds = 10) {
  const scene = new Scene(world);
  const room = await scene.room('host', world.nodes[0]);
  const host = await scene.join('host', world.nodes[0], room);
  const others = [];
  for (let i = 0; i < 6; i++) others.push(await scene.join(`u${i}`, world.nodes[i % 3], room));
  const mods = others.slice(0, 3);
  for (const mod of mods) {
    await mod.request('room:hand-raise');
    await host.request('room:promote', { participant: mod.id });
    await host.request('room:make-moderator', { participant: mod.id });
  }
  const all = [host, ...others];
  const times = [];
  for (let i = 0; i < rounds; i++) {
    await scene.whole([room]);
    const alone = world.hosts[i % 3];
    for (const other of world.hosts) if (other !== alone) world.cut(alone, other);
    for (let k = 0; k < 20; k++) {
      const [mod, target] = [mods[k % 3], others[3 + (k % 3)]];
      mod.ask(k % 4 === 3 ? 'room:unmute' : 'room:mute', { participant: target.id }).catch(() => {});
      await sleep(500);
    }
    world.heal();
    const start = now();
    let last;
    for (;;) {
      last = await Promise.all(all.map((p) => p.state().then((s) => s.digest, (e) => `${p.name}: ${e.message}`)));
      // One state that is decided, not only one that is provisional on all sides.
      if (new Set(last).size === 1 && decided(await host.ask('room:mute', { participant: others[5].id }).catch(() => ({ type: 'room:error' })))) break;
      if (now() - start > 30000) break;
      await sleep(250); // 50 messages in 5 s are the most
    }
    times.push(now() - start);
    if (now() - start > 10000) console.log(`  round ${i}, ${alone.name} alone: ${last.join(' ')}`);
  }
  say(`network split for 10 s: one state after healing ${told(times)} (goal max 10000)`);
  keep('network split: one state after healing', times);
  return Math.max(...times) <= 10000;
}

const status = async (node, token, method, path, body) => {
  const answer = await fetch(node.url + path, { method, body: JSON.stringify(body), signal: AbortSignal.timeout(6000),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } });
  return { status: answer.status, wait: answer.headers.get('retry-after'), body: await answer.json().catch(() => null) };
};

/** Two of three etcd members stop for `minutes`. */
export async function quorum(world, minutes = 2) {
  const scene = new Scene(world);
  const room = await scene.room('host', world.nodes[0]);
  const host = await scene.join('host', world.nodes[0], room);
  const one = await scene.join('one', world.nodes[1], room);
  await scene.join('two', world.nodes[2], room);
  await scene.whole([room]);
  const [before] = (await scene.placement()).filter((r) => r.room === room);
  for (const member of world.hosts.slice(0, 2)) member.etcd.kill('SIGSTOP');
  const start = now();
  const count = { safety: 0, safetyBad: 0, refused: 0, refusedBad: 0, resumed: 0, resumedBad: 0, joined: 0, joinedBad: 0 };
  const note = (name, good, what) => {
    count[good ? name : `${name}Bad`]++;
    if (!good) console.log(`  ${Math.round((now() - start) / 1000)} s ${name}: ${JSON.stringify(what)}`);
  };
  await until('the room is frozen', async () => (await host.ask('room:promote', { participant: one.id })).code === 'frozen', 15000, 200);
  const after = now() - start;
  for (let k = 0; now() - start < minutes * 60000; k++) {
    const mute = await host.ask('room:mute', { participant: one.id }).catch((e) => ({ type: 'room:error', code: e.message }));
    note('safety', mute.type !== 'room:error' && mute.provisional === true, mute);
    for (const [method, path, body] of [['PATCH', `/v1/rooms/${room}`, { title: `Quorum ${k}` }], ['POST', '/v1/rooms', { title: 'New' }]]) {
      const answer = await status(world.nodes[k % 3], scene.token('host'), method, path, body).catch((e) => ({ status: e.message }));
      note('refused', answer.status === 503 && answer.wait !== null, { method, ...answer });
    }
    await scene.back(one).then(() => note('resumed', true), (e) => note('resumed', false, e.message));
    await scene.join(`late${k % 50}`, world.nodes[(k + 1) % 3], room).then((p) => { note('joined', p.me.role === 'listener' || p.me.state !== undefined); p.close(); },
      (e) => note('joined', false, e.message));
    await sleep(1000);
  }
  const closed = [host, one].filter((p) => p.socket.readyState !== 1).length;
  for (const member of world.hosts.slice(0, 2)) member.etcd.kill('SIGCONT');
  const back = now();
  const took = await answered(() => host.ask('room:unmute', { participant: one.id }), (a) => decided(a) || a.code === 'stale' || a.code === 'conflict', back);
  const [placed] = (await scene.placement()).filter((r) => r.room === room);
  await sleep(3000);
  const still = [host, one].filter((p) => p.socket.readyState !== 1).length;
  say(`etcd without quorum for ${minutes} min: frozen after ${Math.round(after)} ms; ${count.safety} safety acts provisional (${count.safetyBad} not), `
    + `${count.refused} others got 503 with Retry-After (${count.refusedBad} not), ${count.resumed} resumed (${count.resumedBad} not), `
    + `${count.joined} joined as listener (${count.joinedBad} not), sockets closed ${closed}; back: control after ${Math.round(took)} ms, `
    + `owner ${before.owner} -> ${placed?.owner}, epoch ${before.epoch === placed?.epoch ? 'the same' : 'another'}, sockets closed ${still}`);
  keep('etcd without quorum: frozen', [after]);
  keep('etcd without quorum: control after it is back', [took]);
  return count.safetyBad + count.refusedBad + count.resumedBad + count.joinedBad + closed + still === 0 && took < 10000;
}

async function delays(host, person, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = now();
    await host.request(i % 2 === 0 ? 'room:mute' : 'room:unmute', { participant: person.id });
    times.push(now() - start);
    await sleep(105);
  }
  return times;
}

/** What an acknowledged change costs alone, and in a cluster where a second node must have it first. */
export async function wait(world, count = 200) {
  const scene = new Scene(world);
  const room = await scene.room('host', world.nodes[0]);
  let host = await scene.join('host', world.nodes[0], room);
  const one = await scene.join('one', world.nodes[1], room);
  await scene.whole([room]);
  const at = world.nodes[await scene.owner(room)];
  host = await scene.elsewhere(host, at);
  const inCluster = await delays(host, one, count);
  const far = world.nodes.find((n) => n !== at);
  host = await scene.elsewhere(host, far);
  const asked = await delays(host, one, count);
  const ends = [];
  const t = { after: (end) => ends.push(end) };
  const alone = await new Node({}).start();
  const group = await peopleOf(t, alone, ['host', 'one']);
  const single = await delays(group.host, group.one, count);
  for (const end of ends) end();
  await alone.stop();
  say(`a moderator's mute or unmute, answered: on one node ${told(single, 1)}; at the owner in a cluster ${told(inCluster, 1)}; asked at another node ${told(asked, 1)}; `
    + `the wait for the node in sync: ${(percentile(inCluster, 0.5) - percentile(single, 0.5)).toFixed(1)} ms at p50`);
  keep('an act on one node', single);
  keep('an act at its owner in a cluster', inCluster);
  keep('an act asked at another node', asked);
  return true;
}
