// A client without a browser: REST by fetch, the socket by ws, an SDP offer that no media follows.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { PATIENCE_MS, until } from './voiceroomd.mjs';

/** An offer as Chromium makes it: one sending section without a track, `slots` receiving ones. */
export function offer({ slots = 4, sender = true } = {}) {
  const ufrag = randomBytes(3).toString('base64').replace(/[^A-Za-z0-9]/g, 'x');
  const pwd = randomBytes(18).toString('base64').replace(/[^A-Za-z0-9]/g, 'y');
  const fingerprint = [...randomBytes(32)].map((b) => b.toString(16).padStart(2, '0').toUpperCase()).join(':');
  const count = slots + (sender ? 1 : 0);
  const mids = [...Array(count).keys()];
  const section = (mid) => [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`, 'a=ice-options:trickle', `a=fingerprint:sha-256 ${fingerprint}`, 'a=setup:actpass', `a=mid:${mid}`,
    'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level', 'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
    sender && mid === 0 ? 'a=sendonly' : 'a=recvonly', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111',
  ];
  return [
    'v=0', `o=- ${Date.now()} 2 IN IP4 127.0.0.1`, 's=-', 't=0 0', `a=group:BUNDLE ${mids.join(' ')}`,
    'a=msid-semantic: WMS', ...mids.flatMap(section), '',
  ].join('\r\n');
}

export class Refused extends Error {
  constructor(status, problem) {
    super(`${status} ${problem?.code}: ${problem?.detail}`);
    this.status = status;
    this.code = problem?.code;
    this.problem = problem;
  }
}

/** REST with a bearer token. Throws Refused with the problem document. */
export async function rest(node, token, method, path, body, headers = {}) {
  const answer = await fetch(node.url + path, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const json = text && /json/.test(answer.headers.get('content-type') ?? '') ? JSON.parse(text) : text;
  if (!answer.ok) throw new Refused(answer.status, json);
  return json;
}

/** As any client does: who comes while many come is told when to ask again. */
export async function comeIn(node, token, room, body) {
  for (const start = Date.now(); ;) {
    try {
      return await rest(node, token, 'POST', `/v1/rooms/${room}/join`, body);
    } catch (error) {
      if (error.code !== 'busy' || Date.now() - start > PATIENCE_MS) throw error;
      await sleep(error.problem.retry_after_ms);
    }
  }
}

/** One person in one room. `events` holds all that came, in order. */
export class Person {
  constructor(node, token, name) {
    Object.assign(this, { node, token, name, events: [], answers: new Map(), next: 1 });
  }

  async join(room, extra = {}) {
    this.room = room;
    this.me = await comeIn(this.node, this.token, room, { protocol: 1, capabilities: ['red'], sdp: offer(), ...extra });
    await this.connect();
    return this;
  }

  /** Bind a socket to the session by its resume token; with an `sdp` in `fields` a session is made anew. */
  async connect(url = this.node.url, fields = {}) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, 'voicerooms.v1');
    this.closed = new Promise((done) => this.socket.once('close', (code, reason) => done({ code, reason: String(reason) })));
    this.socket.on('message', (text) => this.take(JSON.parse(text)));
    await new Promise((done, failed) => {
      this.socket.once('open', done);
      this.socket.once('error', failed);
    });
    const answer = await this.request('room:resume', { room: this.room, resume_token: this.me.resume_token, ...fields });
    this.me = { ...this.me, ...answer.result };
    return answer;
  }

  take(message) {
    if (message.id !== undefined && this.answers.has(message.id)) {
      this.answers.get(message.id)(message);
      this.answers.delete(message.id);
    } else {
      this.events.push(message);
    }
  }

  /** Resolves with the answer, also when it is a refusal. */
  ask(type, fields = {}) {
    const id = String(this.next++);
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`no answer to ${type}`)), PATIENCE_MS);
      this.answers.set(id, (answer) => { clearTimeout(timer); done(answer); });
      this.socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  /** As ask, but a refusal is thrown. */
  async request(type, fields) {
    const answer = await this.ask(type, fields);
    if (answer.type === 'room:error') throw new Refused(400, answer);
    return answer;
  }

  /** The first event of `type` (after `from`) that fits. */
  event(type, fits = () => true, ms = PATIENCE_MS) {
    return until(`${this.name}: ${type}`, () => this.events.find((e) => e.type === type && fits(e)), ms);
  }

  async state() { return (await this.request('room:snapshot')).result; }
  get id() { return this.me.participant; }
  drop() { this.socket.terminate(); return this.closed; }
  close() { this.socket?.terminate(); }
}

/** A room made by `host`, and people joined to it. `names` become users; all end with `t`. */
export async function people(t, node, names, settings = {}) {
  const [host, ...others] = names;
  const token = node.token(host, { roomCreate: true });
  const room = await rest(node, token, 'POST', '/v1/rooms', { title: 'Test', ...settings });
  const all = {};
  for (const name of names) {
    all[name] = new Person(node, name === host ? token : node.token(name), name);
    await all[name].join(room.id, settings.passcode ? { passcode: settings.passcode } : {});
  }
  t.after(() => Object.values(all).forEach((p) => p.close()));
  return { room, token, others, ...all };
}

/** Raise a hand and be promoted. */
export async function toStage(host, person) {
  await person.request('room:hand-raise');
  await host.request('room:promote', { participant: person.id });
}

/** FNV-1a over the text that docs/protocol.md, "Digest", describes. */
export function digestOf(state) {
  const lines = [`${state.room.revision}|${state.room.phase}|${state.room.locked ? 1 : 0}\n`];
  for (const p of [...state.participants].sort((a, b) => a.participant - b.participant)) {
    if (state.audience && p.role === 'listener' && !p.hand && !p.invited) continue; // oneself, in a large room
    lines.push(`${p.participant}|${p.role}|${p.muted_by_self ? 1 : 0}|${p.muted_by_moderator ? 1 : 0}|${p.hand?.position ?? 0}|${p.state}\n`);
  }
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(lines.join(''))) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(16).padStart(16, '0');
}
