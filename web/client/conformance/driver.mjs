// One client under test: a process that takes commands and tells events (README.md says how).
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export class Driver {
  constructor(command, env = {}) {
    this.child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    this.waiting = new Map();
    this.events = [];
    this.next = 1;
    this.exited = new Promise((done) => this.child.once('exit', done));
    createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line));
    this.child.once('exit', () => this.waiting.forEach(({ failed }) => failed(new Error('the client under test has ended'))));
    this.child.stdin.on('error', () => {});
  }

  take(line) {
    const message = JSON.parse(line);
    const waiting = this.waiting.get(message.n);
    if (message.event) {
      this.events.push(message);
    } else if (waiting) {
      this.waiting.delete(message.n);
      message.error ? waiting.failed(Object.assign(new Error(`${message.error.code}: ${message.error.detail}`), message.error)) : waiting.done(message.ok);
    }
  }

  ask(what, fields = {}) {
    const n = this.next++;
    return new Promise((done, failed) => {
      this.waiting.set(n, { done, failed });
      this.child.stdin.write(`${JSON.stringify({ n, do: what, ...fields })}\n`);
    });
  }

  act(name, fields = {}) { return this.ask('act', { act: name, ...fields }); }

  /** The first event of this name that fits. */
  event(name, fits = () => true, ms = 30000) {
    return until(`the event ${name}`, async () => this.events.find((e) => e.event === name && fits(e.value)), ms);
  }

  /** Its state, once it is as it should be. */
  state(what, fits, ms = 30000) {
    return until(what, async () => {
      const state = await this.ask('state');
      return fits(state, state.participants.find((p) => p.participant === state.self)) ? state : undefined;
    }, ms);
  }

  end() {
    this.child.stdin.write('{"do":"quit"}\n');
    setTimeout(() => this.child.kill('SIGKILL'), 10000).unref();
    return this.exited;
  }
}

async function until(what, found, ms) {
  const limit = Date.now() + ms;
  for (;;) {
    const value = await found();
    if (value) return value;
    if (Date.now() > limit) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(25);
  }
}
