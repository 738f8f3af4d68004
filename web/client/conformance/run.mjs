// Judges a client: node run.mjs --url http://127.0.0.1:8080 [--driver "command of a driver"]
//
// The server must let guests in (docs/operations.md). Prints one line a case and "N passed, N failed".
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Driver } from './driver.mjs';
import { cases } from './suite.mjs';

export const REFERENCE = [process.execPath, '--experimental-websocket', '--no-warnings', join(import.meta.dirname, 'headless.mjs')];

async function rest(url, token, method, path, body) {
  const answer = await fetch(url + path, {
    method, headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** One case, with everything that it started ended. Throws what it failed with. */
export async function runCase(name, { url, command = REFERENCE, env = {} }) {
  const drivers = [];
  const guest = async (who) => (await rest(url, undefined, 'POST', '/v1/guests', { name: who })).token;
  const client = async () => {
    drivers.push(new Driver(command, env));
    return drivers.at(-1);
  };
  const hostToken = await guest('Ana');
  const makeRoom = (settings = {}) => rest(url, hostToken, 'POST', '/v1/rooms', { title: name.slice(0, 90), ...settings });
  const room = await makeRoom();
  const enter = async (who, token) => {
    const one = await client();
    await one.ask('join', { url, token: token ?? await guest(who), room: room.id });
    await one.state(`${who} is in`, (s) => s.status === 'live');
    return one;
  };
  const snapshot = async () => (await rest(url, hostToken, 'GET', `/v1/rooms/${room.id}/participants`)).participants;
  try {
    const host = await enter('Ana', hostToken);
    await cases[name]({ url, room, host, client, enter, guest, makeRoom, snapshot });
  } finally {
    await Promise.all(drivers.map((driver) => driver.end()));
  }
}

export const names = Object.keys(cases);

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { url: { type: 'string' }, driver: { type: 'string' }, only: { type: 'string' } } });
  const command = values.driver ? ['/bin/sh', '-c', values.driver] : REFERENCE;
  let failed = 0;
  const chosen = names.filter((name) => !values.only || name.includes(values.only));
  for (const name of chosen) {
    try {
      await runCase(name, { url: values.url ?? 'http://127.0.0.1:8080', command });
      process.stdout.write(`ok      ${name}\n`);
    } catch (error) {
      failed += 1;
      process.stdout.write(`FAILED  ${name}\n        ${error.message}\n`);
    }
  }
  process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`);
  process.exit(failed ? 1 : 0);
}
