// People with sound and without a browser: a session each, and a peer of voiceroom-peers that talks and hears.
import { Person, rest } from '../lib/client.mjs';
import { now } from './clients.mjs';

/** Somebody at `node` who talks, or with `silent` only hears: muted by himself, the server lets nothing of his pass. */
export async function talker(scene, peers, node, room, name, { silent = false } = {}) {
  const person = new Person(node, scene.token(name), name);
  Object.assign(person, { number: peers.persons++, room });
  const peer = await peers.make(person.number);
  person.peer = peer.number;
  person.me = await rest(node, person.token, 'POST', `/v1/rooms/${room}/join`, { protocol: 1, capabilities: [], sdp: peer.sdp });
  await Promise.all([peers.go(peer.number, person.me.sdp), person.connect()]);
  if (silent) await person.request('room:mute', { participant: person.id });
  return person;
}

/** [{ear, mouth, ms}]: how long the one did not hear the other since the mark, which was at `since`. */
export async function heard(peers, people, since) {
  const gaps = await peers.gaps();
  return people.flatMap((ear) => people.filter((p) => p !== ear).map((mouth) => (
    { ear, mouth, ms: gaps.find((g) => g.person === ear.number && g.csrc === mouth.id)?.ms ?? now() - since })));
}
