// Goal: two nodes of a real cluster, one page on each. The node of one is killed: her page goes to the other node by itself, as the
// speaker that she was, and is heard again; nobody loads a page anew.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { Cluster } from '../lib/cluster.mjs';
import { createRoom, openWindow, press, read, see, write } from './hands.mjs';

const PATIENCE = 60000; // not the promise (tests/cluster measures it): a bound for a busy machine

describe('a page whose node dies', () => {
  let cluster, browser;
  before(async () => {
    cluster = await new Cluster({ nodes: 2, etcd: 1, mayDie: true }).start();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  it('goes to the other node, in the old role, and is heard again', async () => {
    const [a, b] = cluster.nodes;
    const ana = await openWindow(browser, a, 'Ana', 500);
    const room = await createRoom(ana, 'Ana', 'On two nodes', () => {});
    const ben = await openWindow(browser, b, 'Ben', 900, { path: `/#/room/${room}` });
    await write(ben, 'Your name', 'Ben');
    await press(ben, 'button', 'Join and listen');
    await see(ben, 'heading', /^On stage/, PATIENCE);
    await ben.untilHears([ana], [ana, ben], PATIENCE);
    const before = await ana.evaluate(() => {
      window.stays = 'the same page';
      return window.rig.connections.length;
    });
    await a.kill9();
    await ana.page.waitForFunction((old) => window.rig.connections.length > old && window.rig.connections.at(-1).connectionState === 'connected',
      before, { timeout: PATIENCE });
    await ben.untilHears([ana], [ana, ben], PATIENCE);
    await read(ana, 'You can be heard', PATIENCE);
    await see(ben, 'button', /^Ana\s*Host/, PATIENCE);
    assert.equal(await ana.evaluate(() => window.stays), 'the same page');
    assert.equal(new URL(ana.page.url()).origin, a.url, 'the address stays, the connection moves');
    assert.deepEqual(ana.errors.filter((line) => /Content.Security.Policy/i.test(line)), [], 'the policy lets her go where she was told');
    await Promise.all([ana.context.close(), ben.context.close()]);
  });
});
