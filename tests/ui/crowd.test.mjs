// Goal: somebody is found by a part of his name in an audience too large to be listed, by keyboard, and what was found is said.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { comeIn, offer, rest } from '../lib/client.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { complaints, createRoom, gone, keyTo, openWindow, press, read, see, startHouse, write } from './hands.mjs';

const NAMES = [...Array(14).keys()].map((i) => `Guest ${i}`).concat('Élodie Martin', 'Олена Коваль');

describe('a large audience', () => {
  let node, browser;
  before(async () => {
    node = await startHouse({ audience: 10 });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('is searched at the server by a part of the name; the result is said; an empty box shows all again', async () => {
    const ana = await openWindow(browser, node, 'Ana', 500);
    const room = await createRoom(ana, 'Ana', 'Great hall', () => {});
    for (const name of NAMES) {
      await comeIn(node, node.token(name, {}, { name }), room, { protocol: 1, capabilities: [], sdp: offer() });
    }
    await see(ana, 'heading', 'Listening 16', 30000);
    await see(ana, 'button', /^Guest 13\b/, 30000);
    await keyTo(ana, 'searchbox', 'Find a listener');
    await ana.page.keyboard.type('éLOD');
    await see(ana, 'button', /^Élodie Martin/);
    await gone(ana, 'button', /^Guest 13\b/);
    const said = ana.page.locator('.audience [role="status"]').first();
    await ana.page.waitForFunction(() => document.querySelector('.audience [role="status"]').textContent === '1 found');
    await ana.page.keyboard.press('Control+A');
    await ana.page.keyboard.type('guest 1');
    await see(ana, 'button', /^Guest 13\b/);
    await ana.page.waitForFunction(() => document.querySelector('.audience [role="status"]').textContent === '5 found');
    await ana.page.keyboard.press('Control+A');
    await ana.page.keyboard.type('nobody');
    await read(ana, 'Nobody of that name.');
    assert.equal(await said.innerText(), 'Nobody of that name.');
    await ana.page.keyboard.press('Control+A');
    await ana.page.keyboard.press('Backspace');
    await see(ana, 'button', /^Guest 0\b/);
    await see(ana, 'button', /^Олена/);
    assert.deepEqual(complaints(ana), []);
    await ana.context.close();
  });

  it('the list says who speaks there now, and no more once he is silent', async () => {
    const ana = await openWindow(browser, node, 'Ana', 500);
    const room = await createRoom(ana, 'Ana', 'Talk of the town', () => {});
    const ben = await openWindow(browser, node, 'Ben', 900);
    await see(ben, 'link', /Talk of the town[\s\S]*Ana is speaking/, 30000);
    const listed = async () => (await rest(node, node.token('ben'), 'GET', '/v1/rooms')).rooms.find((one) => one.id === room).on_stage[0];
    assert.equal((await listed()).speaking, true);
    await press(ana, 'button', 'Mute (M)');
    await until('silence in the list', async () => (await listed()).speaking === undefined);
    await gone(ben, 'link', /Ana is speaking/, 30000);
    for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
    await Promise.all([ana.context.close(), ben.context.close()]);
  });

  it('who goes from one room to another by its address is there, and not in the list', async () => {
    const make = (title) => rest(node, node.token('host', { roomCreate: true }), 'POST', '/v1/rooms', { title });
    const [first, second] = [await make('First'), await make('Second')];
    const ben = await openWindow(browser, node, 'Ben', 900, { path: `/#/room/${first.id}` });
    await write(ben, 'Your name', 'Ben');
    await press(ben, 'button', 'Join and listen');
    await read(ben, 'You are listening');
    await ben.page.goto(`${node.url}/#/room/${second.id}`);
    await see(ben, 'heading', 'Second');
    await until('he has left the first', async () => (await rest(node, node.token('host'), 'GET', `/v1/rooms/${first.id}/participants`)).participants.length === 0);
    await press(ben, 'button', 'Join and listen');
    await read(ben, 'You are listening');
    await see(ben, 'heading', 'Second');
    await press(ben, 'button', 'Leave quietly');
    await see(ben, 'heading', 'Rooms');
    assert.deepEqual(complaints(ben), []);
    await ben.context.close();
  });
});
