// The reference client without a browser: commands as lines of JSON on stdin, answers and events on stdout.
//
//   node --experimental-websocket headless.mjs
//
// Authors of native clients write a driver of the same shape around their own library, and let run.mjs judge it.
// VOICEROOMS_CLIENT names another build of the library (a folder with package.json), VOICEROOMS_TRANSPORT a module
// that exports createPeer (and openMicrophone) of a WebRTC library. Without one there is signalling only.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodePlatform } from '../dist/node.js';

const folder = resolve(process.env.VOICEROOMS_CLIENT ?? join(import.meta.dirname, '..'));
const main = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).main;
const { VoiceRooms } = await import(pathToFileURL(join(folder, main)).href);
const transport = process.env.VOICEROOMS_TRANSPORT ? await import(pathToFileURL(resolve(process.env.VOICEROOMS_TRANSPORT)).href) : {};

const platform = nodePlatform(transport);
let room;

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

function watch() {
  room.on('status', (value) => say({ event: 'status', value }));
  room.on('chat', (value) => say({ event: 'chat', value }));
  room.on('chatDeleted', (value) => say({ event: 'chat-deleted', value }));
  room.on('reaction', (value) => say({ event: 'reaction', value }));
  room.on('unmuteAsked', (value) => say({ event: 'unmute-asked', value }));
  room.on('over', ({ reason, detail }) => say({ event: 'over', value: { reason, detail } }));
}

// What a person does, as docs/client.md names it; each resolves when the server has answered.
const acts = {
  'hand-raise': () => room.raiseHand(), 'hand-lower': () => room.lowerHand(), mute: () => room.mute(), unmute: () => room.unmute(),
  accept: () => room.acceptInvitation(), 'step-down': () => room.stepDown(), chat: ({ text }) => room.chat(text),
  'chat-delete': ({ message }) => room.deleteChat(message), react: ({ reaction }) => room.react(reaction),
  promote: ({ who }) => room.promote(who), demote: ({ who }) => room.demote(who), invite: ({ who }) => room.invite(who),
  'mute-person': ({ who }) => room.mutePerson(who), 'unmute-person': ({ who }) => room.unmutePerson(who), 'mute-all': () => room.muteAll(),
  'ask-unmute': ({ who }) => room.askUnmute(who), kick: ({ who, reason }) => room.kick(who, reason),
  ban: ({ who, reason, seconds }) => room.ban(who, { reason, durationS: seconds }), lock: ({ locked }) => room.lock(locked),
  update: (settings) => room.update(settings), end: ({ reason }) => room.end(reason),
};

const commands = {
  async join({ url, token, room: id, passcode, resume_token: resumeToken }) {
    room = await new VoiceRooms({ url, token, platform }).join(id, { passcode, resumeToken });
    watch();
    return { participant: room.selfParticipant };
  },
  async act({ act, ...fields }) {
    await acts[act](fields);
    return {};
  },
  async state() {
    const { participants, hands, ...rest } = room.state;
    return {
      ...rest, participants: [...participants.values()], hands, status: room.status, self: room.selfParticipant,
      resume_token: room.resumeToken, chat: room.chatLog,
    };
  },
  async cut() {
    platform.cut();
    return {};
  },
  async leave() {
    await room.leave();
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === 'quit') break;
  Promise.resolve().then(() => commands[command.do](command)).then(
    (ok) => say({ n: command.n, ok }),
    (error) => say({ n: command.n, error: { code: error.code ?? 'internal', detail: error.message } }),
  );
}
process.exit(0);
