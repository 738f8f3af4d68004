// Goal: the page holds at 200 % and 400 % zoom, with letters twice as large, and in forced colours; every dialog is opened, walked
// through and left by keyboard alone, and what was done in it is said.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { by, complaints, createRoom, DESKTOP, gone, keyTo, openWindow, press, read, see, startHouse, write } from './hands.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE);
  return page.evaluate(async () => {
    // In forced colours the system paints: its contrast is not ours to judge.
    const { violations: found } = await window.axe.run(document, { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }, rules: { 'color-contrast': { enabled: false } } });
    return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`));
  });
}

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** What of the page lies outside the window to the left or right, or is cut without a way to see it. */
const cut = (page) => page.evaluate(() => {
  const shown = [...document.querySelectorAll('h1, h2, button, a[href], input, select')].filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.hidden'));
  return shown.flatMap((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    const out = width > 0 && (left < -1 || right > document.documentElement.clientWidth + 1);
    return out ? [`${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent.slice(0, 40)}: ${Math.round(left)}-${Math.round(right)}`] : [];
  });
});

async function holds(page, view) {
  // 1280 x 800 at 200 % is 640 x 400, and at 400 % 320 x 256 (WCAG 1.4.10); then letters alone (1.4.4).
  for (const [how, size, letters] of [['200 %', { width: 640, height: 400 }, ''], ['400 %', { width: 320, height: 256 }, ''], ['letters 200 %', DESKTOP, '200%']]) {
    await page.page.setViewportSize(size);
    await page.evaluate((value) => { document.documentElement.style.fontSize = value; }, letters);
    assert.equal(await sideways(page), 0, `${view}, ${how}: scrolls sideways`);
    assert.deepEqual(await cut(page), [], `${view}, ${how}`);
  }
  await page.page.setViewportSize(DESKTOP);
  await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
}

const inside = (page) => page.evaluate(() => {
  const dialog = document.querySelector('dialog[open]');
  return dialog !== null && (dialog.contains(document.activeElement) || document.activeElement === document.body);
});

/** From its button by keyboard, once around inside, and out by Escape, to where one was. */
async function walk(page, opener, dialog, within = async () => {}) {
  await keyTo(page, 'button', opener);
  await page.page.keyboard.press('Enter');
  await see(page, 'dialog', dialog);
  await within();
  for (let presses = 0; presses < 12; presses++) {
    await page.page.keyboard.press('Tab');
    assert.equal(await inside(page), true, `${dialog}: the focus left it after ${presses + 1} tabs`);
  }
  await page.page.keyboard.press('Escape');
  await gone(page, 'dialog', dialog);
  assert.equal(await by(page, 'button', opener).evaluate((e) => e === document.activeElement), true, `${dialog}: back at its button`);
}

describe('the page in other clothes', () => {
  let node, browser;
  const open = (name, tone, options) => openWindow(browser, node, name, tone, options);
  const enter = async (page, room, name) => {
    await page.page.goto(`${node.url}/#/room/${room}`);
    await write(page, 'Your name', name);
    await press(page, 'button', 'Join and listen');
    await see(page, 'heading', /^On stage/);
  };
  before(async () => {
    node = await startHouse();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('zoomed, with large letters and in forced colours it is whole', async () => {
    const ana = await open('Ana', 500);
    await press(ana, 'link', 'New room');
    await see(ana, 'textbox', 'Title');
    await holds(ana, 'create');
    await press(ana, 'link', 'Cancel');
    const room = await createRoom(ana, 'Ana', 'A title of several words that is long enough for two lines', () => {});
    await holds(ana, 'room, host');
    const ben = await open('Ben', 900);
    await see(ben, 'link', /A title of several/, 30000);
    await holds(ben, 'list');
    await ben.page.goto(`${node.url}/#/room/${room}`);
    await see(ben, 'button', 'Join and listen');
    await holds(ben, 'door');
    await enter(ben, room, 'Ben');
    await holds(ben, 'room, listener');
    for (const page of [ana, ben]) {
      await page.page.emulateMedia({ forcedColors: 'active' });
      assert.deepEqual(await violations(page), []);
      // A button that is only a colour is nothing here: each has an edge.
      const edgeless = await page.evaluate(() => [...document.querySelectorAll('button')].filter((e) => e.checkVisibility() && !e.matches('.person')).flatMap((element) => {
        const style = getComputedStyle(element);
        const edge = style.borderTopStyle !== 'none' && parseFloat(style.borderTopWidth) > 0;
        return edge || element.querySelector('svg, img') ? [] : [element.textContent];
      }));
      assert.deepEqual(edgeless, []);
      await page.page.keyboard.press('Tab');
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, 'none', 'the focus is seen');
    }
    for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
    await Promise.all([ana.context.close(), ben.context.close()]);
  });

  it('every dialog is walked by keyboard; a report is made and said so; a room is scheduled', async () => {
    const ana = await open('Ana', 500);
    const room = await createRoom(ana, 'Ana', 'By keys alone', () => {});
    const ben = await open('Ben', 900);
    await enter(ben, room, 'Ben');
    await walk(ben, 'Settings', 'Settings');
    await walk(ben, 'Invite people', /^Invite/);
    await walk(ana, 'Manage the room', 'Manage the room');
    for (const view of ['Change title and topic', 'Bans', 'Who did what', 'Figures']) {
      await keyTo(ana, 'button', 'Manage the room');
      await ana.page.keyboard.press('Enter');
      await keyTo(ana, 'button', view);
      await ana.page.keyboard.press('Enter');
      await see(ana, 'dialog', view);
      await ana.page.keyboard.press('Escape');
      await gone(ana, 'dialog', view);
    }
    await keyTo(ben, 'button', /^Ana/);
    await ben.page.keyboard.press('Enter');
    await keyTo(ben, 'button', 'Report…');
    await ben.page.keyboard.press('Enter');
    await keyTo(ben, 'textbox', /^Reason/);
    await ben.page.keyboard.type('Too many puns');
    await keyTo(ben, 'button', 'Report');
    await ben.page.keyboard.press('Enter');
    await gone(ben, 'dialog', 'Ana');
    const said = await read(ben, 'Reported. The moderators can see it.');
    assert.equal(await said.evaluate((e) => e.closest('[aria-live]').getAttribute('aria-live')), 'assertive');
    await keyTo(ben, 'button', 'Leave quietly');
    await ben.page.keyboard.press('Enter');
    await keyTo(ben, 'link', 'New room');
    await ben.page.keyboard.press('Enter');
    await keyTo(ben, 'textbox', 'Title');
    await ben.page.keyboard.type('For later');
    await ben.page.locator('input[type="datetime-local"]').focus();
    await ben.page.keyboard.type('03142031');
    await ben.page.keyboard.press('Tab');
    await ben.page.keyboard.type('0700PM');
    await keyTo(ben, 'button', /^(Open the room|Schedule)/);
    await ben.page.keyboard.press('Enter');
    await see(ben, 'heading', 'For later');
    for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
    await Promise.all([ana.context.close(), ben.context.close()]);
  });
});
