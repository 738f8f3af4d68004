// People without a browser, with real media: ICE, DTLS and SRTP by one program for all (bench/peers_main.c), signalling
// here. They do what the client library does when a node is drained: a new peer elsewhere, up before the old one ends.
import { spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { offer, Person, rest } from './client.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const BUILD = process.env.VOICEROOMD ? resolve(dirname(process.env.VOICEROOMD), '..') : join(ROOT, 'build/release');

const UP_WITHIN = 20000;

export class Peers {
  constructor() {
    this.child = spawn(process.env.VOICEROOM_PEERS ?? join(BUILD, 'bench/voiceroom-peers'), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = new Map();
    this.gapLines = [];
    this.wayLines = [];
    this.next = 1;
    this.persons = 0;
    this.dead = new Promise((done) => this.child.once('exit', done));
    createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line));
  }

  take(line) {
    const [word, ...rest_] = line.split(' ');
    if (word === 'gap') {
      this.gapLines.push({ person: Number(rest_[0]), csrc: Number(rest_[1]), ms: Number(rest_[2]) });
    } else if (word === 'way') {
      this.wayLines.push({ person: Number(rest_[0]), csrc: Number(rest_[1]), ms: Number(rest_[2]) / 1000 });
    } else {
      this.waiting.get(['gaps', 'ways'].includes(word) ? word : `${word} ${rest_[0]}`)?.(rest_);
    }
  }

  say(line) { this.child.stdin.write(`${line}\n`); }

  wait(key, ms = UP_WITHIN) {
    return new Promise((done, failed) => {
      const timer = setTimeout(() => { this.waiting.delete(key); failed(new Error(`voiceroom-peers: no "${key}" in ${ms} ms`)); }, ms);
      this.waiting.set(key, (values) => { clearTimeout(timer); this.waiting.delete(key); done(values); });
    });
  }

  /** A peer of a person, and the offer for it. */
  async make(person) {
    const number = this.next++;
    const made = this.wait(`offer ${number}`);
    this.say(`new ${number} ${person}`);
    const [, ufrag, pwd, print] = await made;
    const sdp = offer().replace(/a=ice-ufrag:.*/g, `a=ice-ufrag:${ufrag}`).replace(/a=ice-pwd:.*/g, `a=ice-pwd:${pwd}`)
      .replace(/a=fingerprint:.*/g, `a=fingerprint:sha-256 ${print}`).replace(/\r?\n/g, '\r\n');
    return { number, sdp };
  }

  /** The server's answer; done when it is up and talks. */
  async go(number, answer) {
    const of = (pattern) => pattern.exec(answer)?.[1];
    const [address, port] = of(/a=candidate:\S+ 1 udp \d+ (\S+ \d+)/i).split(' ');
    const up = this.wait(`up ${number}`);
    this.say(`go ${number} ${address} ${port} ${of(/a=ice-ufrag:(\S+)/)} ${of(/a=ice-pwd:(\S+)/)}`);
    await up;
  }

  end(number) { this.say(`end ${number}`); }
  mark() { this.say('mark'); }

  /** Since the mark: [{person, csrc, ms}], the longest time in which `person` heard nothing of `csrc`. */
  async gaps() {
    this.gapLines = [];
    const all = this.wait('gaps');
    this.say('gaps');
    this.late = Number((await all)[0]);
    return this.gapLines;
  }

  /** Of the next `count` packets that anybody gets: [{person, csrc, ms}], how long each was on its way. */
  async ways(count, ms) {
    this.wayLines = [];
    const all = this.wait('ways', ms);
    this.say(`ways ${count}`);
    this.late = Number((await all)[0]);
    return this.wayLines;
  }

  async stop() {
    this.child.stdin.end();
    await this.dead;
  }
}

/** One who talks and listens in one room, and goes where he is sent. */
export class Speaker {
  constructor(peers, cluster, name) {
    Object.assign(this, { peers, cluster, name, number: peers.persons++, moves: [], faults: [], moving: null });
  }

  nodeAt(url) { return this.cluster.nodes.find((n) => n.url === url.replace(/\/+$/, '')); }

  async join(node, room) {
    this.room = room;
    for (let tries = 1; ; tries++) {
      try {
        await this.enter(node, {});
        return this;
      } catch (error) { // a node without the time to keep its lease lets nobody in for a while
        if (![503, 504].includes(error.status) || tries === 20) throw error;
        await sleep(1000);
      }
    }
  }

  /* A place on this node with a new peer; the old peer and socket end when that one is up. */
  async enter(node, proof) {
    const peer = await this.peers.make(this.number);
    const person = new Person(node, this.cluster.token(this.name), this.name);
    try {
      person.room = this.room;
      person.me = await rest(node, person.token, 'POST', `/v1/rooms/${this.room}/join`, { protocol: 1, capabilities: ['red'], sdp: peer.sdp, ...proof });
      await Promise.all([this.peers.go(peer.number, person.me.sdp), this.bind(person)]);
    } catch (error) {
      this.peers.end(peer.number);
      person.close();
      throw error;
    }
    const before = this.now;
    this.now = { node, peer: peer.number, person };
    if (before) {
      this.peers.end(before.peer);
      before.person.close();
    }
  }

  /* While the session takes its place over no other join of it is let in: asked again, as the library does. */
  async bind(person) {
    const take = person.take.bind(person);
    person.take = (message) => {
      take(message);
      if (message.type === 'server:draining' && this.now?.person === person) this.moving ??= this.move(message.node);
    };
    for (let tries = 1; ; tries++) {
      try {
        await person.connect();
        break;
      } catch (error) {
        person.close();
        if (error.code !== 'in-progress' || tries === 50) throw error;
        await sleep(40);
      }
    }
    person.closed.then(({ code }) => {
      const replaced = code === 4002 && this.moving; // by what is just being made elsewhere
      if (this.now?.person === person && !this.over && !replaced) this.faults.push(`${this.name} lost ${person.node.name} (${code})`);
    });
  }

  async move(url) {
    const from = this.now.node;
    const first = url && this.nodeAt(url);
    const others = this.cluster.nodes.filter((n) => n !== from && n !== first && n.child && !n.dead);
    const start = performance.now();
    for (const node of first ? [first, ...others] : others) {
      try {
        await this.enter(node, { resume_token: this.now.person.me.resume_token });
        this.moves.push({ from: from.name, to: node.name, ms: performance.now() - start });
        break;
      } catch (error) {
        this.faults.push(`${this.name} not moved from ${from.name} to ${node.name}: ${error.message}`);
        await sleep(100);
      }
    }
    this.moving = null;
  }

  get id() { return this.now.person.id; }
  state() { return this.now.person.state(); }

  end() {
    this.over = true;
    this.peers.end(this.now?.peer ?? 0);
    this.now?.person.close();
  }
}

/** Several nodes, etcd and all clients share this machine with whatever else runs on it: those who forward speech come
 * first, as they would on machines of their own. Without the right to it they run as the others do. */
export const before = ['nice', ['-n', '-10']];

/** Nodes of this cluster come first; with `old` they run that program until their `wrap` is `before`. */
export function first(cluster, old) {
  const make = cluster.make.bind(cluster);
  const wrap = old ? ['sh', ['-c', `shift; exec nice -n -10 '${old}' "$@"`, 'sh']] : before;
  cluster.make = async (index) => Object.assign(await make(index), { wrap });
  return cluster;
}

export const share = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(p * values.length))];
