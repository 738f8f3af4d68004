// Goal: where guests are not let in, a member whom the operator's back end sends with his token in the link comes in under the name
// that it says, and the token stays in no address. Who has none, or one that has run out, reads what to do.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { people } from '../lib/client.mjs';
import { by, openWindow, press, read, see, startHouse, write } from './hands.mjs';

const AGAIN = /Open the link that brought you here once more/;

describe('members of an operator of his own', () => {
  let node, browser, room;
  const ends = [];
  before(async () => {
    node = await startHouse({ guests: 'off' });
    browser = await openBrowser();
    ({ room } = await people({ after: (end) => ends.push(end) }, node, ['host'], { title: 'Members only' }));
  });
  after(async () => {
    for (const end of ends) await end();
    await browser?.close();
    await node?.stop();
  });
  const path = (user, claims) => `/#/room/${room.id}?token=${node.token(user, {}, claims)}`;
  const address = (page) => page.evaluate(() => location.href);

  it('a link with a token opens the door under its name, and the token leaves the address', async () => {
    const page = await openWindow(browser, node, 'zoe', 500, { path: path('user-17', { name: 'Zoë Őry' }) });
    await read(page, 'You come in as Zoë Őry.');
    assert.equal(await by(page, 'textbox', 'Your name').count(), 0);
    assert.equal(await address(page), `${node.url}/#/room/${room.id}`);
    await press(page, 'button', 'Join and listen');
    await see(page, 'button', /^Zoë Őry \(you\)/);
    await page.page.reload();
    await see(page, 'button', /^Zoë Őry \(you\)/);
    assert.equal(await address(page), `${node.url}/#/room/${room.id}`);
  });

  it('a link for somebody else, opened in the same window, does not bring the first one back', async () => {
    const page = await openWindow(browser, node, 'ida', 500, { path: path('user-18', { name: 'Ida' }) });
    await press(page, 'button', 'Join and listen');
    await see(page, 'button', /^Ida \(you\)/);
    await page.page.goto('about:blank');
    await page.page.goto(node.url + path('user-19', { name: 'Jon' }));
    await read(page, 'You come in as Jon.');
    await press(page, 'button', 'Join and listen');
    await see(page, 'button', /^Jon \(you\)/);
  });

  it('a token that has run out is told of, and the next link is good in the same window', async () => {
    const page = await openWindow(browser, node, 'late', 500, { path: path('user-20', { name: 'Late', exp: Math.floor(Date.now() / 1000) - 600 }) });
    await press(page, 'button', 'Join and listen');
    await read(page, AGAIN);
    await page.evaluate((link) => { location.href = link; }, path('user-20', { name: 'Late' }));
    await read(page, 'You come in as Late.');
    await press(page, 'button', 'Join and listen');
    await see(page, 'button', /^Late \(you\)/);
  });

  it('who comes without a token reads what to do', async () => {
    const page = await openWindow(browser, node, 'nobody', 500);
    await read(page, AGAIN);
    await page.page.goto(`${node.url}/#/room/${room.id}`);
    await write(page, 'Your name', 'Nobody');
    await press(page, 'button', 'Join and listen');
    await read(page, AGAIN);
  });
});
