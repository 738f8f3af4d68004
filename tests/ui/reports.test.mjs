// Goal: a moderator of the whole house sees what was reported, decides it with a keyboard alone, and is told when that can't be.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { Person, rest } from '../lib/client.mjs';
import { by, complaints, gone, keyTo, openWindow, press, read, see, startHouse, unread, write } from './hands.mjs';
import { inspect } from './inspect.mjs';

describe('the desk of moderators', () => {
  let node, browser, desk, room;
  before(async () => {
    node = await startHouse();
    browser = await openBrowser();
    const host = node.token('host', { roomCreate: true }, { name: 'Hanna' });
    room = (await rest(node, host, 'POST', '/v1/rooms', { title: 'Loud evening' })).id;
    desk = await openWindow(browser, node, 'desk', 500, { path: '/#/reports' });
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const signIn = async (token) => {
    await write(desk, 'Access token', token);
    await press(desk, 'button', 'Go on');
  };

  it('a token that may not see them is refused with a way on', async () => {
    await inspect(desk, 'sign in');
    await signIn(node.token('nobody'));
    await see(desk, 'alert');
    await inspect(desk, 'refused');
    await press(desk, 'button', 'Use another token');
    await see(desk, 'textbox', 'Access token');
  });

  it('says when nothing waits, and shows what comes by itself', async () => {
    await signIn(node.admin());
    await see(desk, 'heading', 'Nothing waits for you');
    await inspect(desk, 'nothing');
    const [ana, ben] = [await new Person(node, node.token('ana', {}, { name: 'Ana' }), 'Ana').join(room),
      await new Person(node, node.token('ben', {}, { name: 'Ben' }), 'Ben').join(room)];
    await ana.request('room:report', { participant: ben.id, reason: 'He sings over everybody, and <b>will not stop</b>' });
    await ben.request('room:report', { participant: ana.id, reason: 'She started it' });
    await see(desk, 'button', /^Ben.*He sings over everybody, and <b>will not stop<\/b>.*Reported by Ana in Loud evening/s);
    await read(desk, '2 reports');
    await inspect(desk, 'list');
    ana.close();
    ben.close();
  });

  it('is worked through by keyboard: down the list, into one, decided, noted, and the focus is in the page', async () => {
    await keyTo(desk, 'button', /^Ana/);
    await desk.page.keyboard.press('ArrowDown');
    assert.equal(await by(desk, 'button', /^Ben/).evaluate((e) => e === document.activeElement), true);
    await desk.page.keyboard.press('Enter');
    await see(desk, 'dialog', 'Report about Ben');
    await inspect(desk, 'one report');
    await keyTo(desk, 'radio', 'Nothing was wrong');
    await desk.page.keyboard.press('ArrowDown');
    await keyTo(desk, 'textbox', 'Note for other moderators');
    await desk.page.keyboard.type('Spoke with him');
    await keyTo(desk, 'button', 'Decide');
    await desk.page.keyboard.press('Enter');
    await gone(desk, 'dialog', 'Report about Ben');
    await read(desk, '1 report');
    await press(desk, 'button', 'Decided');
    await press(desk, 'button', /^Ben.*Warned/s);
    await read(desk, 'Spoke with him');
    await inspect(desk, 'decided');
    await desk.page.keyboard.press('Escape');
    await gone(desk, 'dialog', 'Report about Ben');
  });

  it('who is second is told so, and sees what is true', async () => {
    await press(desk, 'button', 'To be decided');
    await press(desk, 'button', /^Ana/);
    const [{ id }] = (await rest(node, node.admin(), 'GET', '/v1/reports')).reports;
    await rest(node, node.admin(), 'POST', `/v1/reports/${id}/resolve`, { outcome: 'dismissed' });
    await desk.page.getByRole('radio', { name: 'Banned' }).check();
    await press(desk, 'button', 'Decide');
    await (await see(desk, 'dialog', 'Report about Ana')).getByRole('alert').waitFor();
    await press(desk, 'button', 'Close');
    await see(desk, 'heading', 'Nothing waits for you');
  });

  it('a server that is away is said, and what is shown stays', async () => {
    await press(desk, 'button', 'Decided');
    await see(desk, 'button', /^Ana/);
    await desk.page.route('**/v1/reports**', (route) => route.abort());
    await read(desk, /^The list is not up to date/);
    await see(desk, 'button', /^Ana/);
    await desk.page.unroute('**/v1/reports**');
    await unread(desk, /^The list is not up to date/);
    await press(desk, 'button', 'Sign out');
    await see(desk, 'textbox', 'Access token');
    assert.deepEqual(complaints(desk).filter((line) => !/status of (403|409)|ERR_FAILED/.test(line)), []);
  });
});
