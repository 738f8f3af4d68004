// Goal: Firefox hears nothing of it either when the process of its node is killed: it hears and is heard as before, its connection
// tells of nothing, no packet is lost. KILLS: how often.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser } from '../lib/chromium.mjs';
import { Fox, mediaAddress } from '../lib/firefox.mjs';
import { PATIENCE_MS, until } from '../lib/voiceroomd.mjs';
import { createRoom, openWindow, press, startHouse } from '../ui/hands.mjs';
import { killProcess } from './deaths.mjs';

const KILLS = Number(process.env.KILLS ?? 2);
const APART_MS = 6000; // three deaths in ten seconds would start empty
const STRICT = process.env.STRICT === '1';

describe('kills that Firefox does not hear', { timeout: 600000 }, () => {
  let node, chromium, fox, ana;
  const ben = { name: 'Ben', tone: 900 };
  before(async () => {
    node = await startHouse({ media_addresses: mediaAddress() }, { supervise: true });
    chromium = await openBrowser();
    fox = await Fox.open(ben.tone);
    ana = await openWindow(chromium, node, 'Ana', 500);
    const room = await createRoom(ana, 'Ana', 'Unheard');
    await fox.join(node, room, 'Ben', 'Unheard');
    await until('Ben hears Ana', () => fox.hearing(), PATIENCE_MS, 50);
    await fox.press('Raise hand (R)');
    await press(ana, 'button', 'Accept Ben');
    await fox.text('You can be heard');
    await ana.untilHears([ben], [ben]);
  });
  after(async () => {
    await fox?.close();
    await chromium?.close();
    await node?.stop();
  });

  it(`${KILLS} in a row`, async () => {
    const was = await fox.evaluate(() => ({ connections: window.rig.connections.length, microphones: window.rig.microphones, told: window.rig.told.length }));
    const figures = await fox.inbound();
    for (let i = 0; i < KILLS; i++) {
      await sleep(APART_MS);
      await killProcess(node);
      await fox.press('Mute (M)'); // needs socket, session and room
      await fox.text('You are muted');
      await ana.untilHears([], [ben]);
      await fox.press('Unmute (M)');
      await ana.untilHears([ben], [ben]);
      assert.ok(await fox.hearing(), `Ben hears Ana after kill ${i + 1}`);
    }
    const later = await fox.inbound();
    const lost = later.packetsLost - figures.packetsLost;
    const concealed = (later.concealedSamples - later.silentConcealedSamples - figures.concealedSamples + figures.silentConcealedSamples) / 48;
    console.log(`measured: Firefox over ${KILLS} kills: ${lost} of ${later.packetsReceived - figures.packetsReceived} packets lost, ${concealed.toFixed(0)} ms concealed`);
    assert.deepEqual(await fox.evaluate(() => ({ connections: window.rig.connections.length, microphones: window.rig.microphones, told: window.rig.told.length })), was);
    if (STRICT) assert.equal(lost, 0);
    assert.equal((await node.metrics()).voiceroom_node_deaths_total, KILLS);
  });
});
