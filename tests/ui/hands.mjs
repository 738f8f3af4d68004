// What a person does with the page: everything by role and accessible name, as a screen reader finds it.
import { Page } from '../lib/chromium.mjs';
import { Node, PATIENCE_MS } from '../lib/voiceroomd.mjs';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

/** A node with a port of its own, to be stopped by the caller. */
export function startHouse(flags = {}, options = {}) {
  return new Node({ flags, ...options }).start();
}

/** A stranger's window at the node's address, with `tone` for a microphone. */
export async function openWindow(browser, node, name, tone, { size = DESKTOP, path = '/', microphone, microphones } = {}) {
  const page = await Page.open(browser, node, name, tone);
  await page.page.setViewportSize(size);
  await page.page.addInitScript(() => {
    window.rig.sounds = [];
    const Native = window.Audio;
    window.Audio = function Audio(...args) {
      const sound = new Native(...args);
      window.rig.sounds.push(sound);
      return sound;
    };
  });
  if (microphone) {
    await page.page.addInitScript((why) => {
      window.rig.refuse = why;
      const open = navigator.mediaDevices.getUserMedia;
      navigator.mediaDevices.getUserMedia = async (...args) => {
        if (window.rig.refuse) throw new DOMException('as the test wants it', window.rig.refuse);
        return open(...args);
      };
    }, microphone);
  }
  if (microphones) {
    await page.page.addInitScript((names) => {
      window.rig.asked = [];
      const open = navigator.mediaDevices.getUserMedia;
      navigator.mediaDevices.getUserMedia = async (wish) => {
        window.rig.asked.push(wish.audio.deviceId ?? '');
        return open(wish);
      };
      navigator.mediaDevices.enumerateDevices = async () => names.map((label) => ({ kind: 'audioinput', deviceId: `id-${label}`, label }));
    }, microphones);
  }
  await page.page.goto(node.url + path);
  return page;
}

const exactly = (name) => (typeof name === 'string' ? { name, exact: true } : { name });

/** The one element of this role and name. */
export function by(page, role, name) {
  return page.page.getByRole(role, exactly(name));
}

/* A failure tells what the page shows instead, as a screen reader has it. */
async function wait(page, what, found, state, ms = PATIENCE_MS) {
  try {
    await found.waitFor({ state, timeout: ms });
  } catch {
    const shown = await page.page.locator('body').ariaSnapshot({ timeout: 2000 }).catch(() => '?');
    throw new Error(`${page.name}: not ${state} within ${ms} ms: ${what}\n${shown}\nconsole: ${page.errors.slice(-5).join(' | ')}`);
  }
  return found;
}

/** Waits until it is there to be seen. */
export function see(page, role, name, ms) {
  return wait(page, `${role} ${name}`, by(page, role, name).first(), 'visible', ms);
}

export function gone(page, role, name, ms) {
  return wait(page, `${role} ${name}`, by(page, role, name).first(), 'hidden', ms);
}

export async function press(page, role, name) {
  await (await see(page, role, name)).click();
}

export async function write(page, label, text) {
  await (await see(page, 'textbox', label)).fill(text);
}

/** Waits for a sentence that is shown. */
export function read(page, text, ms) {
  return wait(page, `text ${text}`, page.page.getByText(text, { exact: typeof text === 'string' }).first(), 'visible', ms);
}

export function unread(page, text, ms) {
  return wait(page, `text ${text}`, page.page.getByText(text, { exact: typeof text === 'string' }).first(), 'hidden', ms);
}

/** Waits for a sentence in the live region that screen readers speak. */
export function hearSaid(page, text, ms) {
  return wait(page, `said: ${text}`, page.page.locator('p[role="status"][aria-live="polite"]').filter({ hasText: text }), 'attached', ms);
}

export async function createRoom(page, name, title, more = async () => {}) {
  await press(page, 'link', 'New room');
  await write(page, 'Title', title);
  await write(page, 'Your name', name);
  await more();
  await press(page, 'button', 'Open the room');
  await see(page, 'heading', title);
  return new URL(page.page.url()).hash.split('/').at(-1);
}

/** From the list into a room as a listener. */
export async function joinFromList(page, name, title) {
  await press(page, 'link', new RegExp(title));
  await write(page, 'Your name', name);
  await press(page, 'button', 'Join and listen');
  await see(page, 'heading', /^Listening/);
}

/** What the console complained of; a refusal that the test wanted is named by its status. */
export function complaints(page, wanted = []) {
  const left = [...wanted];
  return page.errors.filter((line) => {
    const at = left.findIndex((status) => line.includes(`status of ${status}`));
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
}

/** Tab, as often as it takes, until the focus is on it. */
export async function keyTo(page, role, name) {
  const wanted = await see(page, role, name);
  for (let presses = 0; presses < 80; presses++) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.page.keyboard.press('Tab');
  }
  throw new Error(`${page.name}: the tab key does not reach ${role} ${name}`);
}
