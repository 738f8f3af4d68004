// Goal: the page says what the server reminds of, which this device alone could not know: that a room was moved, and that its host has
// opened it; also after a reload, and never twice.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { rest } from '../lib/client.mjs';
import { until } from '../lib/voiceroomd.mjs';
import { complaints, createRoom, openWindow, press, read, see, startHouse } from './hands.mjs';

const soon = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString().replace(/\.\d+/, '');

describe('reminders of the server', () => {
  let node, browser;
  before(async () => {
    node = await startHouse();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('a room that is moved and then opened is told of, in the list and after a reload', async () => {
    const host = node.token('host', { roomCreate: true });
    const make = (title, minutes) => rest(node, host, 'POST', '/v1/rooms', { title, starts_at: soon(minutes) });
    const room = await make('Evening songs', 90);
    const other = await make('Never mind', 95);
    const page = await openWindow(browser, node, 'Ana', 500);
    // One has a name here since one was in a room.
    await createRoom(page, 'Ana', 'Warming up', () => {});
    await press(page, 'button', 'Leave quietly');
    await see(page, 'heading', 'Coming up');
    const button = page.page.locator('.card', { hasText: 'Evening songs' }).getByRole('button', { name: 'Remind me' });
    await button.click();
    const token = await page.evaluate(() => sessionStorage.getItem('voicerooms.token'));
    await until('it is kept', async () => (await rest(node, token, 'GET', '/v1/reminders')).reminders.length === 1);
    await rest(node, host, 'PATCH', `/v1/rooms/${room.id}`, { starts_at: soon(5) });
    await rest(node, host, 'PATCH', `/v1/rooms/${other.id}`, { starts_at: soon(5) });
    await read(page, /^“Evening songs” begins at /, 30000);
    await page.page.reload();
    await see(page, 'heading', 'Coming up');
    await rest(node, host, 'POST', `/v1/rooms/${room.id}/start`);
    await read(page, '“Evening songs” has begun.', 30000);
    const notices = await page.page.locator('.notice').allInnerTexts();
    assert.equal(notices.filter((text) => /begins at/.test(text)).length, 0, 'not said again after the reload');
    assert.equal(notices.filter((text) => /Never mind/.test(text)).length, 0, 'only what was asked for');
    assert.deepEqual(complaints(page), []);
    await page.context.close();
  });
});
