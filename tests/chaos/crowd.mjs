// A crowd on a thread of its own: what its thousands of sockets cost a client must not be in the times of whoever is measured beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { offer } from '../lib/client.mjs';
import { now, Voice } from './clients.mjs';

const JOINING = 25; // at once

const LINES = 3; // at one node, before another is asked

/** As the client library does: each node in turn, full jitter, what the server asks for on top; a node that keeps us a place in line
 *  is asked again. */
async function comeBack(person, nodes, counts) {
  const start = now();
  let ceiling = 250;
  let at = Math.floor(Math.random() * nodes.length);
  let lines = 0;
  for (let tries = 0; ; tries++) {
    let wait = 0;
    let why;
    const next = new Voice(nodes[at % nodes.length], person.token, person.name);
    next.room = person.room;
    next.me = person.me;
    try {
      await next.connect(next.node.url, { protocol: 1, capabilities: ['red'], sdp: person.offer });
      counts.tries += tries;
      return { person: next, ms: now() - start };
    } catch (error) {
      next.close();
      wait = error.problem?.retry_after_ms ?? 0;
      why = error.code ?? error.message;
      counts[why] = (counts[why] ?? 0) + 1;
    }
    if (now() - start > 60000) return { person, ms: Infinity };
    lines = why === 'busy' && wait > 0 ? lines + 1 : 0;
    if (lines === 0 || lines > LINES) {
      at++;
      lines = 0;
    }
    await sleep(Math.max(50, Math.random() * ceiling) + wait);
    ceiling = Math.min(2000, ceiling * 2);
  }
}

const jobs = {
  people: [],

  async join({ people }) {
    for (let i = 0; i < people.length; i += JOINING) {
      this.people.push(...await Promise.all(people.slice(i, i + JOINING).map(async ({ url, token, name, room }) => {
        const person = await new Voice({ url }, token, name).join(room);
        person.offer = offer();
        return person;
      })));
    }
    return this.people.length;
  },

  async back({ urls }) {
    const counts = { tries: 0 };
    const back = await Promise.all(this.people.map((person) => comeBack(person, urls.map((url) => ({ url })), counts)));
    this.people = back.map(({ person }) => person);
    return { times: back.map(({ ms }) => ms), counts };
  },
};

/** People on a thread of their own. */
export class Crowd {
  constructor() { this.worker = new Worker(import.meta.filename); }

  #ask(job, fields) {
    return new Promise((done, failed) => {
      this.worker.once('error', failed);
      this.worker.once('message', (answer) => {
        this.worker.off('error', failed);
        done(answer);
      });
      this.worker.postMessage({ job, ...fields });
    });
  }

  /** `people` as { url, token, name, room }: how many are in. */
  join(people) { return this.#ask('join', { people }); }

  /** All of them, whose node is gone, come back by those at `urls`: { times (ms, Infinity: not in a minute), counts (of refusals, and tries) }. */
  back(urls) { return this.#ask('back', { urls }); }

  end() { return this.worker.terminate(); }
}

if (!isMainThread) parentPort.on('message', async ({ job, ...fields }) => parentPort.postMessage(await jobs[job](fields)));
