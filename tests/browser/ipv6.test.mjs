// Goal: a node with nothing but an IPv6 address for speech is joined and heard.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { enter } from '../lib/enter.mjs';
import { openBrowser, Page } from '../lib/chromium.mjs';
import { startNode } from '../lib/voiceroomd.mjs';

describe('IPv6 alone', () => {
  it('is joined and heard', async (t) => {
    const node = await startNode(t, { flags: { media_addresses: '::1' } });
    const browser = await openBrowser(t);
    const ana = await Page.open(browser, node, 'ana', 500);
    const ben = await Page.open(browser, node, 'ben', 900);
    const room = await enter(ana, { create: 'Six' });
    await enter(ben, { room });
    await ben.untilHears([ana], [ana, ben]);
    const pair = await ben.evaluate(async () => {
      const stats = await window.rig.connections.at(-1).getStats();
      const transport = [...stats.values()].find((r) => r.type === 'transport');
      return stats.get(stats.get(transport.selectedCandidatePairId).remoteCandidateId).address;
    });
    assert.equal(pair, '::1');
  });
});
