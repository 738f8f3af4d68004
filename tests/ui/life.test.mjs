// Goal: three strangers live through a whole room with nothing but the page: found by role and name, heard by tone.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { by, complaints, createRoom, DESKTOP, gone, joinFromList, openWindow, PHONE, press, read, see, startHouse, unread, write } from './hands.mjs';

describe('the life of a room in the page', () => {
  let node, browser, ana, ben, cy, all;
  before(async () => {
    node = await startHouse();
    browser = await openBrowser();
    ana = await openWindow(browser, node, 'Ana', 500, { size: DESKTOP });
    ben = await openWindow(browser, node, 'Ben', 900, { size: DESKTOP });
    cy = await openWindow(browser, node, 'Cy', 1300, { size: PHONE });
    all = [ana, ben, cy];
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  it('a stranger sees an empty list, opens a room under a name, and is its host', async () => {
    await see(ana, 'heading', 'It is quiet here');
    await createRoom(ana, 'Ana', 'Evening songs');
    await see(ana, 'heading', 'On stage 1');
    await see(ana, 'button', /^Ana \(you\)\s*Host/);
    await read(ana, 'You can be heard');
  });

  it('two others find it in the list, join to listen, and hear her', async () => {
    for (const [page, name] of [[ben, 'Ben'], [cy, 'Cy']]) {
      await page.page.reload();
      await see(page, 'link', /Evening songs.*Ana/);
      await joinFromList(page, name, 'Evening songs');
      await read(page, 'You are listening');
    }
    await see(ana, 'heading', 'Listening 2');
    await ben.untilHears([ana], all);
    await cy.untilHears([ana], all);
    assert.equal(await ben.evaluate(() => window.rig.microphones), 0, 'no microphone is asked of a listener');
    await see(ben, 'button', /^Ana\s*Host\s*speaking$/);
  });

  it('a hand is raised by keyboard, accepted in the queue, and its owner is heard', async () => {
    await ben.page.keyboard.press('r');
    await see(ben, 'button', 'Lower hand (R)');
    await read(ben, 'Hand raised, place 1');
    const queue = await see(ana, 'region', /^Raised hands/);
    await queue.getByRole('button', { name: 'Accept Ben' }).click();
    await see(ben, 'button', 'Mute (M)');
    await read(ana, 'Nobody waits to speak.');
    await ana.untilHears([ben], all);
    await cy.untilHears([ana, ben], all);
    await see(ana, 'heading', 'On stage 2');
  });

  it('the ring shows who speaks, and only him', async () => {
    await see(cy, 'button', /^Ben\s*Speaker\s*speaking$/);
    await ana.page.keyboard.press('m');
    await see(cy, 'button', /^Ana\s*Host\s*muted$/);
    await see(cy, 'button', /^Ben\s*Speaker\s*speaking$/);
    await cy.untilHears([ben], all);
    await press(ana, 'button', 'Unmute (M)');
    await see(cy, 'button', /^Ana\s*Host\s*speaking$/);
  });

  it('the host mutes him: silent for all, said to him, and not his to lift', async () => {
    await press(ana, 'button', /^Ben\s*Speaker/);
    await see(ana, 'dialog', 'Ben');
    await press(ana, 'button', 'Mute');
    await gone(ana, 'dialog', 'Ben');
    await cy.untilHears([ana], all);
    await read(ben, 'Muted by a moderator');
    assert.equal(await by(ben, 'button', 'Muted by a moderator').isDisabled(), true);
    await press(ana, 'button', /^Ben\s*Speaker\s*muted by a moderator/);
    await press(ana, 'button', 'Lift the mute');
    await cy.untilHears([ana, ben], all);
  });

  it('chat is read by all and deleted by the host, reactions are seen', async () => {
    await press(cy, 'button', 'Chat and hands');
    await write(cy, 'Message', 'Sing it <b>again</b>!');
    await press(cy, 'button', 'Send');
    await read(ana, 'Sing it <b>again</b>!');
    await press(ana, 'button', 'Delete the message of Cy');
    await unread(ben, 'Sing it <b>again</b>!');
    await press(cy, 'button', 'Close hands and chat');
    await press(cy, 'button', 'React');
    await press(cy, 'button', 'Clap');
    await read(ana, '👏');
  });

  it('who is removed is told why and may come back', async () => {
    await press(ana, 'button', /^Cy/);
    await press(ana, 'button', 'Remove…');
    await write(ana, /^Reason/, 'please listen first');
    await press(ana, 'button', 'Remove');
    await see(cy, 'heading', 'You were removed from the room');
    await read(cy, 'Please listen first.');
    await see(ana, 'heading', 'Listening 0');
    await press(cy, 'button', 'Join again');
    await press(cy, 'button', 'Join and listen');
    await see(cy, 'heading', 'Listening 1');
  });

  it('who is banned is told until when, and is refused at the door with a sentence', async () => {
    await press(ana, 'button', /^Cy/);
    await press(ana, 'button', 'Ban…');
    await press(ana, 'button', 'Ban');
    await see(cy, 'heading', 'You were banned from the room');
    await read(cy, /^Until /);
    await press(cy, 'link', 'All rooms');
    await press(cy, 'link', /Evening songs/);
    await press(cy, 'button', 'Join and listen');
    const alert = await see(cy, 'alert');
    assert.match(await alert.innerText(), /banned.*Write to the host/is);
    assert.equal(await cy.evaluate(() => window.rig.connections.at(-1).connectionState), 'closed');
  });

  it('one leaves by himself, and the end of the room is told to who is there', async () => {
    await press(ben, 'button', 'Leave quietly');
    await see(ben, 'heading', 'Rooms');
    await see(ana, 'heading', 'On stage 1');
    await joinFromList(ben, 'Ben', 'Evening songs');
    await press(ana, 'button', 'Manage the room');
    await press(ana, 'button', 'End the room for all…');
    await write(ana, /^A word to all/, 'good night');
    await press(ana, 'button', 'End the room');
    for (const page of [ana, ben]) {
      await see(page, 'heading', 'The room has ended');
      await read(page, 'Good night.');
    }
    await press(ana, 'link', 'All rooms');
    await see(ana, 'heading', 'It is quiet here');
  });

  it('no console complained', () => {
    assert.deepEqual(complaints(ana), []);
    assert.deepEqual(complaints(ben), []);
    assert.deepEqual(complaints(cy, [403]), []);
  });
});
