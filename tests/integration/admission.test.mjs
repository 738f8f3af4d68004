// Goal: when more come at once than are let in, each is told when to ask again and is in when he does; who only lost his socket
// waits for nobody.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { comeIn, offer, people, rest } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const CROWD = 30; // about twice what comes in at once where two a second do

describe('a crowd at the door', () => {
  let node;
  before(async () => { node = await new Node({ flags: { joins_per_second_max: 2 } }).start(); });
  after(() => node.stop());

  const body = () => ({ protocol: 1, capabilities: [], sdp: offer() });
  const metric = async (name) => Number((await (await fetch(`${node.url}/metrics`)).text()).match(new RegExp(`^voiceroom_${name} (\\S+)`, 'm'))[1]);

  /** One join over a socket of its own: its answer. */
  const bySocket = async (t, room, name) => {
    const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/ws`, 'voicerooms.v1');
    t.after(() => socket.terminate());
    await new Promise((done, failed) => socket.once('open', done).once('error', failed));
    const answer = new Promise((done) => socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.id === '2') done(message);
    }));
    socket.send(JSON.stringify({ type: 'session:hello', id: '1', token: node.token(name) }));
    socket.send(JSON.stringify({ type: 'room:join', id: '2', room, ...body() }));
    return answer;
  };

  it('is told by 503, busy and retry_after_ms, and is in when it asks again then', async (t) => {
    const { room, ana } = await people(t, node, ['ana']);
    const names = [...Array(CROWD).keys()].map((i) => `c${i}`);
    const first = await Promise.all(names.map((name) => rest(node, node.token(name), 'POST', `/v1/rooms/${room.id}/join`, body()).then(() => null, (error) => error)));
    const told = first.filter((error) => error !== null);
    assert.ok(told.length > 0 && told.length < CROWD, `${told.length} of ${CROWD}`);
    for (const error of told) {
      assert.deepEqual([error.status, error.code], [503, 'busy']);
      assert.ok(error.problem.retry_after_ms >= 50 && error.problem.retry_after_ms <= 12500, error.message);
    }
    const sockets = await Promise.all([...Array(CROWD).keys()].map((i) => bySocket(t, room.id, `s${i}`)));
    const busy = sockets.filter((answer) => answer.type === 'room:error');
    assert.ok(busy.length > 0);
    for (const answer of busy) assert.ok(answer.code === 'busy' && answer.retry_after_ms >= 50, JSON.stringify(answer));
    assert.equal(await metric('joins_put_off_total'), told.length + busy.length);
    assert.equal(await metric('joins_rate'), 2);

    // A socket alone that comes back costs little.
    await ana.drop();
    assert.equal((await ana.connect()).ok, true);

    const late = names.filter((_, i) => first[i] !== null).slice(0, 8);
    await Promise.all(late.map((name) => comeIn(node, node.token(name), room.id, body())));
    const listed = (await rest(node, ana.token, 'GET', `/v1/rooms/${room.id}/participants?limit=100`)).participants.map((p) => p.name);
    for (const name of late) assert.ok(listed.includes(name), name);
  });
});
