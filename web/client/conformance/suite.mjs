// What every client of a Voicerooms server has to do (docs/protocol.md). Each case gets a fresh room with a host.
import assert from 'node:assert/strict';

/** FNV-1a over the text that docs/protocol.md, "Digest", describes. */
function digestOf(state) {
  const lines = [`${state.room.revision}|${state.room.phase}|${state.room.locked ? 1 : 0}\n`];
  for (const p of [...state.participants].sort((a, b) => a.participant - b.participant)) {
    lines.push(`${p.participant}|${p.role}|${p.muted_by_self ? 1 : 0}|${p.muted_by_moderator ? 1 : 0}|${p.hand?.position ?? 0}|${p.state}\n`);
  }
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(lines.join(''))) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(16).padStart(16, '0');
}

const me = (state) => state.participants.find((p) => p.participant === state.self);
const refused = (code) => (error) => error.code === code || assert.fail(`${error.message}, and not ${code}`);

/** Raise a hand, be promoted, and know it. */
async function toStage(host, client) {
  await client.act('hand-raise');
  const { self } = await client.state('the own hand is up', (_, self) => self.hand?.position === 1);
  await host.act('promote', { who: self });
  await client.state('on stage', (_, own) => own.role === 'speaker');
  return self;
}

export const cases = {
  async 'comes in as a listener, and its copy of the state is the server\'s'({ enter, snapshot }) {
    const client = await enter('Ben');
    const state = await client.state('live', (s) => s.status === 'live' && s.participants.length === 2);
    assert.equal(me(state).role, 'listener');
    const truth = await snapshot();
    assert.deepEqual(state.participants.map((p) => p.participant).sort(), truth.map((p) => p.participant).sort());
  },

  async 'is refused with the code that the server gave'({ client, guest, makeRoom, url }) {
    const guarded = await makeRoom({ visibility: 'unlisted', passcode: 'swordfish' });
    const ben = await client();
    const token = await guest('Ben');
    await assert.rejects(ben.ask('join', { url, token, room: guarded.id, passcode: 'sardine' }), refused('wrong-passcode'));
    await assert.rejects(ben.ask('join', { url, token, room: '0'.repeat(26) }), refused('not-found'));
    await ben.ask('join', { url, token, room: guarded.id, passcode: 'swordfish' });
  },

  async 'raises a hand, waits its turn, speaks, and is a listener again'({ host, enter }) {
    const ben = await enter('Ben');
    const cy = await enter('Cy');
    await ben.act('hand-raise');
    await cy.act('hand-raise');
    await cy.state('second in the queue', (s, self) => self.hand?.position === 2 && s.hands.length === 2);
    await ben.act('hand-lower');
    await cy.state('first in the queue', (_, self) => self.hand?.position === 1);
    const who = (await cy.ask('state')).self;
    await host.act('promote', { who });
    await cy.state('speaker, no hand', (s, self) => self.role === 'speaker' && !self.hand && s.hands.length === 0);
    await host.act('demote', { who });
    await cy.state('listener', (_, self) => self.role === 'listener');
  },

  async 'an invitation is accepted by the invited'({ host, enter }) {
    const ben = await enter('Ben');
    const who = (await ben.ask('state')).self;
    await host.act('invite', { who });
    await ben.state('invited', (_, self) => self.invited);
    await ben.act('accept');
    await ben.state('speaker', (_, self) => self.role === 'speaker');
  },

  async 'a moderator\'s mute stands until a moderator lifts it; the own one is the own'({ host, enter }) {
    const ben = await enter('Ben');
    const who = await toStage(host, ben);
    await ben.act('mute');
    await ben.state('muted by itself', (_, self) => self.muted && self.muted_by_self);
    await ben.act('unmute');
    await ben.state('open', (_, self) => !self.muted);
    await host.act('mute-person', { who });
    await ben.state('muted by a moderator', (_, self) => self.muted_by_moderator);
    await ben.act('unmute').catch(() => {});
    await host.state('still muted', (s) => s.participants.find((p) => p.participant === who).muted_by_moderator);
    await host.act('ask-unmute', { who });
    await ben.event('unmute-asked');
    await host.act('unmute-person', { who });
    await ben.state('lifted', (_, self) => !self.muted_by_moderator);
  },

  async 'what the role does not allow is an error, and changes nothing'({ host, enter }) {
    const ben = await enter('Ben');
    const hostId = (await host.ask('state')).self;
    await assert.rejects(ben.act('mute-person', { who: hostId }), refused('forbidden'));
    await assert.rejects(ben.act('end', {}), refused('forbidden'));
    assert.equal(me(await host.ask('state')).muted_by_moderator, false);
  },

  async 'chat and reactions arrive, and what was deleted is gone'({ host, enter }) {
    const ben = await enter('Ben');
    await ben.state('live', (s) => s.status === 'live');
    await host.act('chat', { text: 'Bread & "butter" 🎈' });
    const { value } = await ben.event('chat');
    assert.equal(value.text, 'Bread & "butter" 🎈');
    await host.act('react', { reaction: '👏' });
    await ben.event('reaction', (r) => r.reaction === '👏');
    await host.act('chat-delete', { message: value.id });
    await ben.event('chat-deleted', (c) => c.id === value.id);
    await ben.state('an empty log', (s) => s.chat.length === 0);
  },

  async 'a connection that breaks comes back by itself: same person, role and mute, nothing missed'({ host, enter }) {
    const ben = await enter('Ben');
    const who = await toStage(host, ben);
    await ben.act('mute');
    const { resume_token: token } = await ben.ask('state');
    await ben.ask('cut');
    await host.act('update', { topic: 'While you were away' });
    await host.act('mute-person', { who });
    // Whether it says "reconnecting" is its own affair: each return brings a new token.
    const state = await ben.state('back, and up to date', (s, self) => s.status === 'live' && s.resume_token !== token && s.room.topic === 'While you were away' && self.muted_by_moderator);
    assert.equal(state.self, who);
    assert.equal(me(state).role, 'speaker');
    assert.equal(me(state).muted_by_self, true);
  },

  async 'a new process with the resume token is the same person'({ enter, client, guest, url, room }) {
    const ben = await enter('Ben');
    const { self, resume_token: token } = await ben.state('live', (s) => s.status === 'live');
    await ben.end();
    const again = await client();
    const back = await again.ask('join', { url, token: await guest('Ben'), room: room.id, resume_token: token }).catch((e) => e);
    const by = back instanceof Error ? await again.ask('join', { url, room: room.id, resume_token: token }) : back;
    assert.equal(by.participant, self);
  },

  async 'events that were missed are fetched: after many changes the digests agree'({ host, enter }) {
    const ben = await enter('Ben');
    const cy = await enter('Cy');
    for (let i = 0; i < 5; i++) {
      await ben.act(i % 2 ? 'hand-lower' : 'hand-raise');
      if (i === 2) await cy.ask('cut');
      await host.act('update', { topic: `Topic ${i}` });
    }
    const settled = (s) => s.status === 'live' && s.room.topic === 'Topic 4' && s.hands.length === 1;
    const states = [];
    for (const one of [host, ben, cy]) states.push(await one.state('the last change', settled));
    assert.equal(new Set(states.map(digestOf)).size, 1);
  },

  async 'who is removed knows why, may come back; who is banned may not'({ host, enter, guest, client, url, room }) {
    const token = await guest('Ben');
    const ben = await client();
    const { participant } = await ben.ask('join', { url, token, room: room.id });
    await ben.state('live', (s) => s.status === 'live');
    await host.act('kick', { who: participant, reason: 'too loud' });
    await ben.event('over', (over) => over.reason === 'kicked' && over.detail === 'too loud');
    const again = await client();
    await again.ask('join', { url, token, room: room.id });
    await again.state('live', (s) => s.status === 'live');
    await host.act('ban', { who: participant, reason: 'still too loud', seconds: 3600 });
    await again.event('over', (over) => over.reason === 'banned');
    await assert.rejects((await client()).ask('join', { url, token, room: room.id }), refused('banned'));
  },

  async 'a locked room is closed to the new, and the end is told to all'({ host, enter }) {
    const ben = await enter('Ben');
    await ben.state('live', (s) => s.status === 'live');
    await host.act('lock', { locked: true });
    await ben.state('locked', (s) => s.room.locked);
    await assert.rejects(enter('Cy'), refused('locked'));
    await host.act('end', { reason: 'good night' });
    for (const one of [host, ben]) await one.event('over', (over) => over.reason === 'ended');
  },

  async 'who leaves is gone for the others at once'({ host, enter }) {
    const ben = await enter('Ben');
    const who = (await ben.ask('state')).self;
    await host.state('both', (s) => s.participants.length === 2);
    await ben.ask('leave');
    await host.state('alone', (s) => !s.participants.some((p) => p.participant === who));
  },
};
