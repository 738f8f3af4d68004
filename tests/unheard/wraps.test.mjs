// Goal: sequence numbers wrap every 1.3 s, up and down, so that rollover counters stand far above 1 when the process dies: nobody
// has to guess one wrongly afterwards, which would silence a listener for good without telling anybody (RFC 3711, section 3.3.1).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Node } from '../lib/voiceroomd.mjs';
import { startCrowd } from './crowd.mjs';
import { killProcess } from './deaths.mjs';

const KILLS = Number(process.env.KILLS ?? 3);
const STRICT = process.env.STRICT === '1';
const LISTENERS = 50;
const STRIDE = 997; // 65 packets of 20 ms for each wrap
const APART_MS = 5500; // three deaths in ten seconds would start empty

describe('kills over wraps of the sequence number', () => {
  let node;
  before(async () => {
    node = await new Node({ supervise: true, flags: { media_workers: 1, grace_s: 600 } }).start(); // they have no socket
  });
  after(() => node?.stop());

  it(`${KILLS} in a row`, async () => {
    const crowd = await startCrowd(node, LISTENERS, (KILLS + 1) * APART_MS / 1000, ['--stride', String(STRIDE)]);
    let rejected = 0;
    let stale = 0;
    const count = async () => {
      const now = await node.metrics();
      rejected += now['voiceroom_srtp_rejected_total{reason="auth"}'] + now['voiceroom_srtp_rejected_total{reason="replay"}'];
      stale += now.voiceroom_stale_dropped_total;
      return now;
    };
    for (let i = 0; i < KILLS; i++) {
      await sleep(APART_MS);
      await count();
      await killProcess(node);
    }
    const heard = await crowd.end();
    const now = await count();
    assert.equal(now.voiceroom_node_deaths_total, KILLS);
    const kept = (outcome) => now[`voiceroom_kept_peers{outcome="${outcome}"}`];
    // A kill may tear what is being written, at most one record of each worker; other records than transports count, too.
    assert.ok(kept('goes_on') <= LISTENERS + 1 && kept('goes_on') + kept('torn') >= LISTENERS + 1, `found by the last process: ${kept('goes_on')}, torn ${kept('torn')}`);
    assert.equal(kept('blamed'), 0, 'nobody is blamed for a death from outside');
    console.log(`measured: ${KILLS} kills, ${Math.floor(heard.expected / LISTENERS * STRIDE / 65536)} wraps: ${heard.received} of ${heard.expected} packets, ` +
      `${stale} dropped as too old, delay p99 ${heard.delay_ms_p99} ms`);
    assert.equal(rejected, 0, 'an index was guessed wrongly on the way up');
    // What waited for more than 100 ms while a slow machine started the process is left out, and nothing else.
    assert.ok(heard.received >= heard.expected - LISTENERS * stale, `${heard.received} of ${heard.expected}`);
    if (STRICT) assert.equal(heard.received, heard.expected);
  });
});
