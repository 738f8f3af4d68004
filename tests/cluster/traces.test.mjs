// Goal: what is asked of one node and done by another is one trace: every span there, each below who asked for it, and nobody named.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { offer, Person, rest } from '../lib/client.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { until } from '../lib/voiceroomd.mjs';

/** A collector of OTLP over HTTP, JSON: keeps the spans, each with the node that told it. */
class Collector {
  constructor() { Object.assign(this, { spans: [], bodies: [] }); }

  async start() {
    this.server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      assert.equal(request.url, '/v1/traces');
      assert.equal(request.headers['content-type'], 'application/json');
      this.take(Buffer.concat(chunks).toString());
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}/v1/traces`;
    return this;
  }

  take(body) {
    this.bodies.push(body);
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      const about = plain(resource.attributes);
      assert.equal(about['service.name'], 'voiceroomd');
      for (const span of scopeSpans.flatMap((s) => s.spans)) {
        this.spans.push({ ...span, node: about['service.instance.id'], about: plain(span.attributes) });
      }
    }
  }

  /** From the caller to the span of that name on that node, outermost first, once all of them are here: each below the one before it. */
  async line(caller, node, name, depth = 3) {
    let line;
    await until(`${name} of ${node} in a trace`, () => this.spans.some((last) => {
      if (last.traceId !== caller.trace || last.node !== node || last.name !== name || last.kind !== SERVER) return false;
      line = [last];
      for (;;) {
        const above = line[0].parentSpanId;
        if (above === caller.span) return line.length === depth;
        const found = this.spans.find((span) => span.spanId === above && span.traceId === caller.trace);
        if (!found) return false;
        line.unshift(found);
      }
    }));
    for (const span of line) assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
    return line;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const plain = (attributes) => Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));
const SERVER = 2;
const CLIENT = 3;

function traced(flags = '01') {
  const trace = randomBytes(16).toString('hex');
  const span = randomBytes(8).toString('hex');
  return { trace, span, traceparent: `00-${trace}-${span}-${flags}` };
}

describe('traces over two nodes', () => {
  let collector, cluster, a, b, room, ana, ben;
  before(async () => {
    collector = await new Collector().start();
    cluster = await new Cluster({ nodes: 2, etcd: 1, flags: { tracing_endpoint: collector.url } }).start();
    [a, b] = cluster.nodes;
    room = await rest(a, cluster.token('ana', { roomCreate: true }), 'POST', '/v1/rooms', { title: 'Traced' });
    ana = await new Person(a, cluster.token('ana'), 'ana').join(room.id);
    ben = await new Person(b, cluster.token('ben'), 'ben').join(room.id);
    await until('the other node has all of the room', async () => {
      const { rooms } = await rest(a, cluster.admin(), 'GET', '/v1/cluster/placement');
      return rooms.find((r) => r.room === room.id)?.in_sync === 'b';
    });
  });
  after(async () => {
    [ana, ben].forEach((p) => p?.close());
    await cluster?.stop();
    collector?.stop();
  });

  it('a request at one node about a room of the other', async () => {
    const caller = traced();
    await rest(b, cluster.token('ana', { roomCreate: true }), 'PATCH', `/v1/rooms/${room.id}`, { topic: 'secret-topic' }, { traceparent: caller.traceparent });
    const [http, ask, act] = await collector.line(caller, 'a', 'room:update');
    assert.deepEqual([http.node, http.kind, http.name], ['b', SERVER, 'PATCH /v1/rooms/{id}']);
    assert.equal(http.about['http.response.status_code'], 200);
    assert.deepEqual([ask.node, ask.kind, ask.name], ['b', CLIENT, 'room:update']);
    assert.deepEqual([act.node, act.kind, act.name], ['a', SERVER, 'room:update']);
    assert.equal(act.about['voiceroom.room'], room.id);
    assert.ok(act.about['voiceroom.queue_us'] >= 0);
    assert.ok(act.about['voiceroom.commit_us'] > 0, 'journaled, and replicated');
    // A topic is a durable row: it counts when it is on disk here, at the other node, and in the directory.
    for (const part of ['journal', 'replicate', 'directory']) {
      await until(`a span of the ${part}`, () => collector.spans.some((s) => s.parentSpanId === act.spanId && s.node === 'a' && s.name === part));
    }
  });

  it('a message on a WebSocket, and what it waits for', async () => {
    const raise = traced();
    await ben.request('room:hand-raise', { traceparent: raise.traceparent });
    const [told, ask, act] = await collector.line(raise, 'a', 'room:hand-raise');
    assert.deepEqual([told.node, ask.node, act.node], ['b', 'b', 'a']);
    assert.deepEqual([told, ask, act].map((s) => s.name), Array(3).fill('room:hand-raise'));
    const mute = traced();
    await ana.request('room:mute', { participant: ben.id, traceparent: mute.traceparent });
    const silenced = (await collector.line(mute, 'a', 'room:mute')).at(-1);
    assert.ok(silenced.about['voiceroom.gates_us'] >= 0, 'gates were closed at the shards');
  });

  it('a join, and a refusal, which is no error', async () => {
    const join = traced();
    await assert.rejects(rest(b, cluster.token('eve'), 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, sdp: 'nonsense' }, { traceparent: join.traceparent }));
    const [refused] = await collector.line(join, 'b', 'POST /v1/rooms/{id}/join', 1);
    assert.equal(refused.about['http.response.status_code'], 422);
    assert.equal(refused.status, undefined);
    const again = traced();
    await rest(b, cluster.token('eve'), 'POST', `/v1/rooms/${room.id}/join`, { protocol: 1, sdp: offer() }, { traceparent: again.traceparent });
    const [http, ask, act] = await collector.line(again, 'a', 'room:join');
    assert.deepEqual([http.node, http.about['http.response.status_code'], ask.node, ask.kind, act.about['error.type']], ['b', 201, 'b', CLIENT, undefined]);
  });

  it('who does not ask for a trace gets none; what is no traceparent is no reason to refuse', async () => {
    const not = traced('00');
    await rest(b, cluster.token('ana'), 'GET', `/v1/rooms/${room.id}`, undefined, { traceparent: not.traceparent });
    await rest(b, cluster.token('ana'), 'GET', `/v1/rooms/${room.id}`, undefined, { traceparent: 'nonsense' });
    await ben.request('room:hand-lower', { traceparent: 7 });
    const last = traced();
    await rest(b, cluster.token('ana'), 'GET', `/v1/rooms/${room.id}`, undefined, { traceparent: last.traceparent });
    await collector.line(last, 'a', 'show');
    assert.deepEqual(collector.spans.filter((s) => s.traceId === not.trace), []);
    assert.deepEqual(collector.spans.filter((s) => s.name === 'room:hand-lower'), []);
  });

  it('spans name nobody', () => {
    const told = collector.bodies.map((body) => body.replaceAll(room.id, '')); // which may hold any three letters
    for (const word of ['ana', 'ben', 'eve', 'secret-topic', '127.0.0.1', 'eyJ', 'Traced']) {
      for (const body of told) assert.ok(!body.includes(word), `"${word}" in ${body}`);
    }
  });

  it('its figures tell what became of them', async () => {
    let figures;
    await until('all were counted', async () => {
      figures = await b.metrics();
      return figures['voiceroom_trace_spans_total{outcome="sent"}'] === collector.spans.filter((s) => s.node === 'b').length;
    });
    assert.equal(figures['voiceroom_trace_spans_total{outcome="dropped"}'], 0);
  });
});
