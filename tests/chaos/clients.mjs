// People of a run: each keeps coming back, at whichever node answers, and notes what it sees.
import { setTimeout as sleep } from 'node:timers/promises';
import { offer, Person, rest } from '../lib/client.mjs';

export const now = () => performance.now();

/** Events that are effects: they have a place of their own in the room's order. */
const PASSING = new Set(['room:active-speakers', 'room:digest', 'room:state', 'room:hand-position', 'room:reaction', 'room:error',
  'session:replaced', 'server:draining', 'room:audience']);

const TRIED_AFTER = 50; // ms

/** Who does not wait for an answer that cannot come: his socket is gone, or 5 s are over. */
export class Voice extends Person {
  async ask(type, fields) {
    if (!this.closed || this.socket?.readyState !== 1) throw new Error('no socket yet');
    return Promise.race([super.ask(type, fields), this.closed.then(() => { throw new Error('the socket is gone'); }),
      sleep(5000, undefined, { ref: false }).then(() => { throw new Error(`no answer to ${type} in 5 s`); })]);
  }
}

export class Client {
  constructor(run, room, user, home) {
    Object.assign(this, { run, room, user, home, alive: true, back: null });
  }

  get name() { return this.user; }

  async join() {
    await this.enter();
    this.loop = this.keep();
    return this;
  }

  watch(person) {
    const take = person.take.bind(person);
    person.take = (message) => {
      take(message);
      if (message.sequence !== undefined && message.type?.startsWith('room:') && message.id === undefined
        && !PASSING.has(message.type) && message.provisional !== true && person === this.person) {
        this.run.note({ kind: 'event', t: now(), client: this.user, room: this.room, epoch: message.epoch,
          sequence: message.sequence, type: message.type });
      }
    };
  }

  async enter() {
    const node = this.run.world.nodes[this.home];
    const person = new Voice(node, this.run.token(this.user), this.user);
    this.person = person;
    this.watch(person);
    await person.join(this.room);
    this.participant = person.id;
    this.lastMe = person.me;
    this.lostAt = undefined;
  }

  /** Resume at any node, else join anew; what was said to each try is added to `tries`. */
  async reenter(tries) {
    const nodes = this.run.world.nodes;
    for (let k = 0; k < nodes.length; k++) {
      const node = nodes[(this.home + k) % nodes.length];
      const person = new Voice(node, this.run.token(this.user), this.user);
      person.room = this.room;
      person.me = this.lastMe;
      this.watch(person);
      const before = this.person;
      this.person = person;
      try {
        const answer = await Promise.race([
          person.connect(node.url, { protocol: 1, capabilities: ['red'], sdp: offer() }),
          sleep(3000).then(() => { throw new Error('no answer'); }),
        ]);
        this.lastMe = { ...this.lastMe, ...answer.result };
        this.home = nodes.indexOf(node);
        return true;
      } catch (error) {
        person.close();
        this.person = before;
        tries.push(`${node.name}: ${error.code ?? error.message}`);
        if (error.code === 'gone' || error.code === 'unauthorized') {
          // Without media he never was what a move waits for: since his first loss the owner may not have heard of him.
          this.run.note({ kind: 'gone', t: now(), client: this.user, room: this.room, participant: this.participant, waited: now() - this.lostAt });
          this.home = nodes.indexOf(node);
          await this.enter();
          return true;
        }
      }
    }
    return false;
  }

  /** Comes back whenever the socket has closed, until the run ends. */
  async keep() {
    while (this.alive) {
      await Promise.race([this.person.closed, this.run.over]);
      if (!this.alive) return;
      const lost = now();
      this.lostAt ??= lost;
      const tries = [];
      while (this.alive) {
        try {
          if (await this.reenter(tries)) break;
        } catch (error) {
          tries.push(`join: ${error.code ?? error.message}`);
        }
        await sleep(150 + Math.random() * 200);
      }
      this.run.returned({ kind: 'return', t: lost, client: this.user, room: this.room, ms: now() - lost, tries });
    }
  }

  /** One act over the socket, noted whatever becomes of it. */
  async act(type, fields, what, target, value) {
    const record = { kind: 'act', client: this.user, room: this.room, what, target, value, t0: now() };
    try {
      const answer = await this.person.ask(type, fields);
      record.t1 = now();
      if (answer.type === 'room:error') {
        // 504: asked of the owner, and no answer came in time. Frozen at once: nobody tried. Frozen after a while: it was on
        // its way to etcd or to the node in sync when the lease ran out, and may have come there.
        const begun = answer.code === 'frozen' && record.t1 - record.t0 > TRIED_AFTER;
        record.outcome = begun || ['timeout', 'internal'].includes(answer.code) ? 'unknown' : 'refused';
        record.code = answer.code;
      } else {
        Object.assign(record, { outcome: 'ok', epoch: answer.epoch, sequence: answer.sequence, provisional: answer.provisional === true,
          ...(/not confirmed/.test(answer.detail ?? '') ? { unconfirmed: true } : {}) });
      }
    } catch {
      Object.assign(record, { t1: now(), outcome: 'unknown' });
    }
    this.run.note(record);
    return record;
  }

  /** Who is promoted must have asked for it. True: so he has, or nobody knows. */
  async raise() {
    await this.person.ask('room:hand-raise').catch(() => {});
    return true;
  }

  async final() {
    const state = await this.person.state();
    const bans = await rest(this.run.world.nodes[this.home], this.run.adminToken, 'GET', `/v1/rooms/${this.room}/bans`);
    return {
      kind: 'final', t: now(), client: this.user, room: this.room, digest: state.digest ?? `${state.epoch}.${state.sequence}`,
      mutes: Object.fromEntries(state.participants.map((p) => [p.participant, p.muted_by_moderator])),
      roles: Object.fromEntries(state.participants.map((p) => [p.participant, p.role])),
      bans: bans.bans.map((b) => b.user),
    };
  }

  end() { this.alive = false; this.person.close(); }
}
