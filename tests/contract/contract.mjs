// The contract as functions: the documents of docs/, and checks of answers and messages against them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { Node } from '../lib/voiceroomd.mjs';

const DOCS = resolve(import.meta.dirname, '../../docs');
export const openapi = parse(readFileSync(`${DOCS}/openapi.yaml`, 'utf8'));
export const asyncapi = parse(readFileSync(`${DOCS}/asyncapi.yaml`, 'utf8'));
export const protocol = readFileSync(`${DOCS}/protocol.md`, 'utf8');

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(openapi, 'openapi.yaml');
ajv.addSchema(asyncapi, 'asyncapi.yaml');

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/** operationId -> { method, path, operation, pointer } */
export const operations = new Map();
for (const [path, item] of Object.entries(openapi.paths)) {
  for (const method of METHODS.filter((m) => item[m])) {
    operations.set(item[method].operationId, { method, path, operation: item[method], pointer: ['paths', path, method] });
  }
}

/** What a JSON pointer of the OpenAPI document names, with a $ref followed: [value, pointer]. */
export function follow(pointer, document = openapi) {
  let value = pointer.reduce((at, name) => at?.[name], document);
  while (value?.$ref?.startsWith('#/')) {
    pointer = value.$ref.slice(2).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    value = pointer.reduce((at, name) => at?.[name], document);
  }
  return [value, pointer];
}

const encode = (pointer) => pointer.map((p) => encodeURIComponent(p.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');

function validate(name, value, what) {
  const check = ajv.getSchema(name);
  assert.ok(check, `no schema ${name}`);
  assert.ok(check(value), `${what}: ${ajv.errorsText(check.errors)}\n${JSON.stringify(value, null, 1).slice(0, 2000)}`);
}

/** Which answers were seen: "createRoom 201". */
export const seen = new Set();

/** Hold one HTTP answer against the document; gives its body (JSON parsed). */
export async function checkAnswer(id, answer) {
  const { operation, pointer } = operations.get(id);
  const code = String(answer.status);
  const key = operation.responses[code] ? code : 'default';
  const what = `${id} ${code}`;
  const [response, at] = follow([...pointer, 'responses', key]);
  const text = await answer.text();

  assert.ok(response, `${what} is not described; ${text}`);
  seen.add(what);
  assert.match(answer.headers.get('x-request-id') ?? '', /^[A-Za-z0-9._-]{1,64}$/, `${what}: X-Request-Id`);
  for (const name of Object.keys(response.headers ?? {})) {
    const [header, headerAt] = follow([...at, 'headers', name]);
    const value = answer.headers.get(name);
    if (value === null) {
      assert.ok(!['ETag', 'Location', 'Retry-After'].includes(name), `${what}: ${name} is missing`);
    } else if (header.schema.type === 'string') {
      validate(`openapi.yaml#/${encode([...headerAt, 'schema'])}`, value, `${what}: ${name}`);
    }
  }
  if (!response.content) {
    assert.equal(text, '', `${what}: a body where none is described`);
    return undefined;
  }
  const type = (answer.headers.get('content-type') ?? '').split(';')[0];
  assert.ok(response.content[type], `${what}: content type ${type}`);
  if (!/json$/.test(type)) return text;
  const body = JSON.parse(text);
  validate(`openapi.yaml#/${encode([...at, 'content', type, 'schema'])}`, body, what);
  if (type === 'application/problem+json') {
    assert.equal(body.status, answer.status);
    assert.equal(body.type, `https://voicerooms.dev/problems/${body.code}`);
    assert.equal(body.request_id, answer.headers.get('x-request-id'));
  }
  return body;
}

/** Call an operation. `want` is the status that must come. Options: path parameters, query, body, sdp, token, headers. */
export async function call(node, id, want, { token, query, body, sdp, headers = {}, ...params } = {}) {
  const { method, path } = operations.get(id);
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(params[name] ?? assert.fail(`${id}: no ${name}`)));
  const search = query ? `?${new URLSearchParams(query)}` : '';
  const answer = await fetch(node.url + filled + search, {
    method: method.toUpperCase(),
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(sdp !== undefined ? { 'content-type': 'application/sdp' } : body !== undefined ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    body: sdp ?? (typeof body === 'string' ? body : body && JSON.stringify(body)),
    signal: AbortSignal.timeout(15000),
  });
  const checked = await checkAnswer(id, answer);
  assert.equal(answer.status, want, `${id}: ${JSON.stringify(checked)}`);
  return { body: checked, headers: answer.headers };
}

/** payload schema by message name ("room:chat" as an event and as a request differ: direction decides). */
function messageNames(operation) {
  return asyncapi.operations[operation].messages.map((m) => m.$ref.split('/').at(-1));
}

/** The types that a message of the document may have. */
export function typesOf(message) {
  const schema = asyncapi.components.schemas[message];
  const type = schema.properties.type;
  return type.enum ?? [type.const];
}

export const requests = new Map(messageNames('request').flatMap((m) => typesOf(m).map((t) => [t, m])));
export const events = new Map(messageNames('event').filter((m) => m !== 'error').flatMap((m) => typesOf(m).map((t) => [t, m])));
events.set('room:error', 'error');

/** Hold a message from the server against the document; gives it back. */
export function checkMessage(message) {
  const name = message.ok === true ? 'answer' : events.get(message.type);
  assert.ok(name, `a message that is not described: ${JSON.stringify(message)}`);
  validate(`asyncapi.yaml#/components/schemas/${name}`, message, message.type);
  return message;
}

/** Hold a request of ours against the document. */
export function checkRequest(message) {
  const name = requests.get(message.type);
  assert.ok(name, `not described: ${message.type}`);
  validate(`asyncapi.yaml#/components/schemas/${name}`, message, message.type);
  return message;
}

/** The node under test: VOICEROOM_URL (with VOICEROOM_DATA, its data folder, for the admin key), or one of our own. */
export async function nodeUnderTest(t, flags = {}) {
  if (!process.env.VOICEROOM_URL) {
    const node = await new Node({ flags }).start();
    t.after(() => node.stop());
    return node;
  }
  const node = new Node({ data: process.env.VOICEROOM_DATA });
  Object.defineProperty(node, 'url', { value: process.env.VOICEROOM_URL.replace(/\/$/, '') });
  return node;
}
