// Into a room with a real page, through the client library that the page hands out to tests (?e2e=1).
import { rest } from './client.mjs';
import { PATIENCE_MS } from './voiceroomd.mjs';

/**
 * Opens the page, and joins (or creates and joins). Answers the room's id. `window.rig.room` is the library's room. `prepared`: with the
 * connection made beforehand, as the page does at a room's door; page.joinMs begins after that, as a click would.
 */
export async function enter(page, { create, room, settings = {}, voice = {}, resume, prepared = false, quiet = true } = {}) {
  const token = page.node.token(page.name, { roomCreate: true, ...voice });
  page.token = token;
  if (create) room = (await rest(page.node, token, 'POST', '/v1/rooms', { title: create, ...settings })).id;
  await page.page.goto(`${page.node.url}/?e2e=1`);
  await page.page.waitForFunction(() => window.voicerooms?.client);
  page.joinMs = await page.evaluate(async ([id, bearer, resumeToken, ready, patience]) => {
    const { client } = window.voicerooms;
    client.setToken(bearer);
    if (ready) await client.prepare();
    const start = performance.now();
    window.rig.sound = null;
    window.rig.room = await client.join(id, resumeToken ? { resumeToken } : {});
    const joined = performance.now() - start;
    // Only now: asking for these figures costs the page time, and no sound comes before the answer is set.
    const seen = setInterval(async () => {
      // Decoded and played out, not only received. The browser refreshes these figures every 50 ms.
      const reports = [...((await window.rig.connections.at(-1)?.getStats())?.values() ?? [])];
      if (reports.some((r) => r.type === 'inbound-rtp' && r.jitterBufferEmittedCount > 0 && r.packetsReceived > 0)) {
        window.rig.sound ??= performance.now() - start;
        clearInterval(seen);
      }
    }, 10);
    setTimeout(() => clearInterval(seen), patience);
    return joined;
  }, [room, token, resume, prepared, PATIENCE_MS]);
  await page.page.waitForFunction(() => window.rig.room.status === 'live', null, { timeout: PATIENCE_MS });
  await page.page.waitForFunction(() => window.rig.connections.at(-1)?.connectionState === 'connected', null, { timeout: PATIENCE_MS });
  if (!create && !quiet) {
    await page.page.waitForFunction(() => window.rig.sound !== null, null, { timeout: PATIENCE_MS });
    page.soundMs = await page.evaluate(() => window.rig.sound);
  }
  page.id = await page.evaluate(() => window.rig.room.selfParticipant);
  page.room = room;
  return room;
}

/** Calls a method of the page's room: act(page, 'promote', 17). */
export function act(page, name, ...args) {
  return page.evaluate(([method, list]) => window.rig.room[method](...list), [name, args]);
}

/** Raise, be promoted, and have the microphone on the air. */
export async function onStage(host, page) {
  await act(page, 'raiseHand');
  await act(host, 'promote', page.id);
  await page.page.waitForFunction(() => window.rig.room.self.role === 'speaker');
}
