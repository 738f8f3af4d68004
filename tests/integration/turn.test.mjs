// Goal: who joins gets a name and a password for the relay that are good for a while, and nothing that outlives it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { offer, rest } from '../lib/client.mjs';
import { Node } from '../lib/voiceroomd.mjs';

const SECRET = 'shared with the relay';

describe('relay credentials', () => {
  const folder = mkdtempSync(join(tmpdir(), 'voicerooms-turn-'));
  let node;

  before(async () => {
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`, { mode: 0o600 });
    node = await new Node({ flags: {
      ice_urls: 'stun:stun.example.org,turn:turn.example.org:3478,turns:turn.example.org:443?transport=tcp',
      ice_secret_file: join(folder, 'secret'), ice_credential_s: 600,
    } }).start();
  });
  after(async () => {
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const good = (servers) => {
    assert.deepEqual(servers.map((s) => s.urls), [['stun:stun.example.org'], ['turn:turn.example.org:3478'], ['turns:turn.example.org:443?transport=tcp']]);
    assert.equal(servers[0].username, undefined, 'none for STUN');
    for (const { username, credential } of servers.slice(1)) {
      assert.equal(credential, createHmac('sha1', SECRET).update(username).digest('base64'));
      const left = Number(username.split(':')[0]) - Date.now() / 1000;
      assert.ok(left > 540 && left <= 601, `good for ${left} s`);
    }
  };

  it('come with a join, made for it', async () => {
    const token = node.token('ana', { roomCreate: true });
    const room = await rest(node, token, 'POST', '/v1/rooms', { title: 'Test' });
    const body = JSON.stringify({ protocol: 1, capabilities: [], sdp: offer() });
    const answer = await fetch(`${node.url}/v1/rooms/${room.id}/join`,
      { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body });
    const me = await answer.json();
    good(me.ice_servers);
    assert.equal(me.ice_servers[1].username.split(':')[1], me.session, "the relay's log can be matched");
    assert.match(answer.headers.get('link'), /<turns:turn\.example\.org:443\?transport=tcp>; rel="ice-server"; username="\d+:\w+"; credential="[\w+/=]+"; credential-type="password"/);
  });

  it('can be asked for before, by whoever has a token', async () => {
    good((await rest(node, node.token('ana'), 'GET', '/v1/ice-servers')).ice_servers);
    await assert.rejects(rest(node, null, 'GET', '/v1/ice-servers'), (error) => error.status === 401);
  });

  it('do not give the secret away', () => {
    assert.ok(!node.log.includes(SECRET));
  });
});
