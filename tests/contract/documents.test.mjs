// Goal: the two documents are whole: every reference leads somewhere, everything that docs/protocol.md names is described, and
// nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { asyncapi, events, follow, openapi, operations, protocol, requests, typesOf } from './contract.mjs';

function walk(value, visit, path = []) {
  if (value === null || typeof value !== 'object') return;
  visit(value, path);
  for (const [name, inner] of Object.entries(value)) walk(inner, visit, [...path, name]);
}

test('references lead somewhere', () => {
  for (const [document, name] of [[openapi, 'openapi'], [asyncapi, 'asyncapi']]) {
    walk(document, (value, path) => {
      if (typeof value.$ref !== 'string') return;
      const [file, pointer] = value.$ref.split('#');
      const target = file === 'openapi.yaml' ? openapi : document;
      assert.ok(file === '' || file === 'openapi.yaml', value.$ref);
      assert.ok(follow(pointer.slice(1).split('/'), target)[0], `${name}: ${value.$ref} at ${path.join('/')}`);
    });
  }
});

test('schemas are schemas', () => {
  const ajv = new Ajv({ strict: false, validateSchema: true });
  for (const [name, schema] of Object.entries(openapi.components.schemas)) {
    assert.ok(ajv.validateSchema(schema), `${name}: ${ajv.errorsText()}`);
  }
});

test('the OpenAPI document has the shape of 3.1', () => {
  assert.match(openapi.openapi, /^3\.1\.\d+$/);
  assert.ok(openapi.info.title && openapi.info.version);
  const ids = [...operations.keys()];
  assert.equal(new Set(ids).size, ids.length);
  for (const [id, { path, operation }] of operations) {
    assert.ok(operation.summary, `${id}: summary`);
    const declared = [...(operation.parameters ?? []), ...(openapi.paths[path].parameters ?? [])]
      .map((p) => (p.$ref ? follow(p.$ref.slice(2).split('/'))[0] : p)).filter((p) => p.in === 'path').map((p) => p.name);
    assert.deepEqual(declared.sort(), [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort(), `${id}: path parameters`);
    for (const [code, response] of Object.entries(operation.responses)) {
      assert.match(code, /^([1-5]\d\d|default)$/);
      assert.ok(follow(['paths', path, operations.get(id).method, 'responses', code])[0].description, `${id} ${code}`);
      void response;
    }
    for (const tag of operation.tags) assert.ok(openapi.tags.some((t) => t.name === tag));
  }
});

test('every path of docs/protocol.md is described, and no other', () => {
  const table = protocol.slice(protocol.indexOf('## REST'), protocol.indexOf('### Room object'));
  const written = new Set();
  for (const row of table.split('\n').filter((line) => line.startsWith('| `'))) {
    const cell = row.split('|')[1];
    const methods = [...cell.matchAll(/\b(GET|POST|PUT|PATCH|DELETE)\b/g)].map((m) => m[1].toLowerCase());
    for (const path of [...cell.matchAll(/(\/[a-z0-9/{}._-]+)/gi)].map((m) => m[1])) methods.forEach((m) => written.add(`${m} ${path}`));
  }
  const described = new Set([...operations.values()].map(({ method, path }) => `${method} ${path}`));
  assert.deepEqual([...described].sort(), [...written].sort());
});

test('every message of docs/protocol.md is described, and no other', () => {
  const socket = protocol.slice(protocol.indexOf('## WebSocket'));
  const [asked, told] = [socket.slice(socket.indexOf('| request |'), socket.indexOf('Events:')), socket.slice(socket.indexOf('| event |'), socket.indexOf('### Digest'))];
  const names = (text, column) => new Set(text.split('\n').filter((l) => l.startsWith('| `'))
    .flatMap((l) => [...l.split(' | ')[column].matchAll(/`((?:room|session|server|schedule):[a-z:-]+)`/g)].map((m) => m[1])));
  const wanted = names(asked, 0);
  for (const more of ['session:hello', 'session:ping', 'room:accept', 'room:decline']) wanted.add(more);
  assert.deepEqual([...requests.keys()].sort(), [...wanted].sort());
  const seen = names(told, 0);
  seen.add('room:error');
  assert.deepEqual([...events.keys()].sort(), [...seen].sort());
});

test('the AsyncAPI document has the shape of 3.0', () => {
  assert.match(asyncapi.asyncapi, /^3\.0\.\d+$/);
  assert.equal(asyncapi.channels.socket.address, '/v1/ws');
  assert.deepEqual(Object.keys(asyncapi.channels.socket.messages).sort(), Object.keys(asyncapi.components.messages).sort());
  for (const name of Object.keys(asyncapi.components.messages)) {
    if (name !== 'answer') assert.ok(typesOf(name).every(Boolean), name);
  }
});
