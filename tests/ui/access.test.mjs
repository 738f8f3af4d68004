// Goal: the page works without a mouse, without eyes, on a small phone, in both themes, and when things are refused.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from '../lib/chromium.mjs';
import { rest } from '../lib/client.mjs';
import { by, complaints, createRoom, DESKTOP, gone, hearSaid, keyTo, openWindow, PHONE, press, read, see, startHouse, unread, write } from './hands.mjs';
import { inspect, violations } from './inspect.mjs';

describe('the page for everybody', () => {
  let node, browser;
  const open = (name, tone, options) => openWindow(browser, node, name, tone, options);
  const close = (...pages) => Promise.all(pages.map((page) => page.context.close()));
  const make = (settings) => rest(node, node.token('operator', { roomCreate: true }), 'POST', '/v1/rooms', settings);
  const enter = async (page, id, name) => {
    await page.page.goto(`${node.url}/#/room/${id}`);
    await write(page, 'Your name', name);
    await press(page, 'button', /^Join/);
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

  it('a person with a keyboard alone joins, speaks, mutes, writes and leaves; another hears it said', async () => {
    const ana = await open('Ana', 500);
    const room = await createRoom(ana, 'Ana', 'By keys');
    const ben = await open('Ben', 900, { path: `/#/room/${room}` });
    const all = [ana, ben];
    await keyTo(ben, 'textbox', 'Your name');
    await ben.page.keyboard.type('Ben');
    await keyTo(ben, 'button', 'Join and listen');
    await ben.page.keyboard.press('Enter');
    await read(ben, 'You are listening');
    await hearSaid(ana, 'Ben came in');
    await keyTo(ben, 'button', 'Raise hand (R)');
    await ben.page.keyboard.press('Space');
    await hearSaid(ana, 'Ben raised a hand');
    await hearSaid(ben, 'Your place in the queue is 1');
    await keyTo(ana, 'button', 'Accept Ben');
    await ana.page.keyboard.press('Enter');
    await hearSaid(ben, 'You are now speaker');
    await hearSaid(ana, 'Ben is now speaker');
    await ana.untilHears([ben], all);
    await ben.page.keyboard.press('m');
    await read(ben, 'You are muted');
    await ana.untilHears([], all);
    await keyTo(ben, 'button', 'Unmute (M)');
    await ben.page.keyboard.press('Enter');
    await ana.untilHears([ben], all);
    await keyTo(ana, 'button', /^Ben/);
    await ana.page.keyboard.press('Enter');
    await see(ana, 'dialog', 'Ben');
    await keyTo(ana, 'button', 'Mute');
    await ana.page.keyboard.press('Enter');
    await gone(ana, 'dialog', 'Ben');
    assert.equal(await by(ana, 'button', /^Ben/).evaluate((e) => e === document.activeElement), true, 'focus is back where it was');
    await hearSaid(ben, 'You were muted by Ana');
    await keyTo(ben, 'textbox', 'Message');
    await ben.page.keyboard.type('more room for r and m');
    await ben.page.keyboard.press('Enter');
    await hearSaid(ana, 'Ben writes: more room for r and m');
    await keyTo(ben, 'button', 'Leave quietly');
    await ben.page.keyboard.press('Enter');
    await see(ben, 'heading', 'Rooms');
    await hearSaid(ana, 'Ben left');
    for (const page of all) assert.deepEqual(complaints(page), []);
    await close(ana, ben);
  });

  it('no view breaks a rule of axe or scrolls sideways, large, small and at 320 px, light and dark', async () => {
    const ana = await open('Ana', 500);
    const ben = await open('Ben', 900);
    const title = 'A room with a title that is long enough to need several lines on any phone';
    await press(ana, 'link', 'New room');
    await see(ana, 'textbox', 'Title');
    await inspect(ana, 'create');
    await press(ana, 'link', 'Cancel');
    const room = await createRoom(ana, 'Ana', title);
    await see(ben, 'link', /A room with a title/);
    await inspect(ben, 'list');
    await ben.page.goto(`${node.url}/#/room/${room}`);
    await see(ben, 'button', 'Join and listen');
    await ben.page.getByText('Check your microphone first').click();
    await press(ben, 'button', 'Open the microphone');
    await see(ben, 'button', 'Record three seconds and hear them');
    await inspect(ben, 'door, sound check');
    await ben.page.getByText('Check your microphone first').click();
    await inspect(ben, 'door');
    await press(ben, 'button', 'Settings');
    await see(ben, 'dialog', 'Settings');
    await inspect(ben, 'settings');
    await press(ben, 'button', 'Close');
    await enter(ben, room, 'Ben Featherstonehaugh-Cholmondeley von und zu Überlingen');
    await inspect(ben, 'room, listener');
    await press(ben, 'button', 'Raise hand (R)');
    await see(ana, 'button', /^Accept Ben/);
    await inspect(ana, 'room, host with a hand');
    await press(ana, 'button', /^Accept Ben/);
    await see(ben, 'button', 'Mute (M)');
    await inspect(ben, 'room, speaker');
    await write(ben, 'Message', 'hello to everyone');
    await press(ben, 'button', 'Send');
    await ana.page.setViewportSize(PHONE);
    await press(ana, 'button', /^Chat and hands/);
    await read(ana, 'hello to everyone');
    await inspect(ana, 'chat');
    await ana.page.setViewportSize(DESKTOP);
    await press(ana, 'button', /^Ben/);
    await see(ana, 'dialog');
    await inspect(ana, 'person');
    await press(ana, 'button', 'Ban…');
    await inspect(ana, 'ban');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', 'Manage the room');
    await inspect(ana, 'manage');
    await press(ana, 'button', 'Change title and topic');
    await inspect(ana, 'room settings');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', 'Manage the room');
    await press(ana, 'button', 'Who did what');
    await read(ana, /brought Ben .* on stage/);
    await inspect(ana, 'who did what');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', 'Manage the room');
    await press(ana, 'button', 'Figures');
    await see(ana, 'heading', 'Who spoke');
    await inspect(ana, 'figures');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', 'Invite people');
    await see(ana, 'textbox', 'Link');
    await inspect(ana, 'share');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', /^Connection:/);
    await inspect(ana, 'connection');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', /^Ana \(you\)/);
    await inspect(ana, 'own person');
    await press(ana, 'button', 'Close');
    await press(ana, 'button', 'Manage the room');
    await press(ana, 'button', 'End the room for all…');
    await inspect(ana, 'end');
    await press(ana, 'button', 'End the room');
    await see(ben, 'heading', 'The room has ended');
    await inspect(ben, 'over');
    await see(ana, 'heading', 'Who spoke');
    await inspect(ana, 'over, host');
    const later = await make({ title: 'Later', starts_at: '2031-03-14T19:00:00Z' });
    await press(ben, 'link', 'All rooms');
    await see(ben, 'region', 'Coming up');
    await inspect(ben, 'list, scheduled');
    await rest(node, node.token('operator', { roomCreate: true }), 'POST', `/v1/rooms/${later.id}/end`, {});
    await gone(ben, 'region', 'Coming up');
    await ben.page.getByRole('searchbox').fill('no such thing');
    await see(ben, 'heading', 'No room matches');
    await inspect(ben, 'empty list');
    await ben.page.goto(`${node.url}/#/room/${'0'.repeat(26)}`);
    await see(ben, 'alert');
    await inspect(ben, 'no such room');
    await close(ana, ben);
  });

  for (const [why, help] of [
    ['NotAllowedError', /Allow the microphone for this page/],
    ['NotFoundError', /No microphone was found/],
  ]) {
    it(`${why}: a speaker without a microphone is told what to do, stays, and speaks once it is given`, async () => {
      const ana = await open('Ana', 500);
      const room = await createRoom(ana, 'Ana', `Given ${why}`);
      const ben = await open('Ben', 900, { microphone: why });
      await enter(ben, room, 'Ben');
      await press(ben, 'button', 'Raise hand (R)');
      await press(ana, 'button', 'Accept Ben');
      await see(ben, 'alert');
      await read(ben, help);
      await read(ben, 'No microphone');
      await ben.untilHears([ana], [ana, ben]);
      assert.deepEqual(await ana.hears([ana, ben]), []);
      assert.deepEqual(await violations(ben), []);
      await ben.evaluate(() => { window.rig.refuse = ''; });
      await press(ben, 'button', 'Try again');
      await ana.untilHears([ben], [ana, ben]);
      await gone(ben, 'alert');
      for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
      await close(ana, ben);
    });
  }

  it('a full room, a wrong passcode and a locked room are refused at the door in a sentence', async () => {
    const full = await make({ title: 'Small', capacity: 1 });
    const guarded = await make({ title: 'Guarded', visibility: 'private', passcode: 'swordfish' });
    const locked = await make({ title: 'Shut' });
    await rest(node, node.token('operator', { roomCreate: true }), 'PATCH', `/v1/rooms/${locked.id}`, { locked: true });
    const ana = await open('Ana', 500);
    const ben = await open('Ben', 900);
    await enter(ana, full.id, 'Ana');
    const refused = async (id, words, passcode) => {
      await ben.page.goto(`${node.url}/#/room/${id}`);
      await write(ben, 'Your name', 'Ben');
      if (passcode) await write(ben, 'Passcode', passcode).catch(() => {});
      await press(ben, 'button', 'Join and listen');
      await see(ben, 'alert');
      await read(ben, words);
    };
    await refused(full.id, /All places are taken/);
    await refused(locked.id, /Ask the host to unlock/);
    await ben.page.goto(`${node.url}/#/room/${guarded.id}`);
    await write(ben, 'Your name', 'Ben');
    await press(ben, 'button', 'Join and listen');
    await ben.page.getByLabel('Passcode').fill('sardine');
    await press(ben, 'button', 'Join and listen');
    await read(ben, /Check the passcode/);
    await ben.page.getByLabel('Passcode').fill('swordfish');
    await press(ben, 'button', 'Join and listen');
    await read(ben, 'You are listening');
    await close(ana, ben);
  });

  it('an older browser comes in with the help of webrtc-adapter; one that cannot is told so', async () => {
    const { id } = await make({ title: 'For all browsers' });
    const old = await open('Old', 500);
    const asked = [];
    old.page.on('request', (request) => asked.push(request.url()));
    await old.page.addInitScript(() => { delete window.RTCPeerConnection; }); // what is left is the name with a prefix
    await old.page.reload();
    await enter(old, id, 'Old');
    assert.ok(asked.some((url) => /adapter/.test(url)), 'help was fetched');
    const without = await open('Without', 900);
    await without.page.addInitScript(() => {
      delete window.RTCPeerConnection;
      delete window.webkitRTCPeerConnection;
    });
    await without.page.goto(`${node.url}/#/room/${id}`);
    await without.page.reload();
    await see(without, 'heading', "This browser can't do voice calls");
    await inspect(without, 'a browser that cannot');
    await close(old, without);
  });

  it('the host changes title and topic while people are in, and chooses her microphone, kept for the next time', async () => {
    const ana = await open('Ana', 500, { microphones: ['Laptop', 'Headset'] });
    const room = await createRoom(ana, 'Ana', 'First name');
    const ben = await open('Ben', 900);
    await enter(ben, room, 'Ben');
    await press(ana, 'button', 'Manage the room');
    await press(ana, 'button', 'Change title and topic');
    await write(ana, 'Title', 'Second name');
    await write(ana, 'Topic', 'Change');
    await press(ana, 'button', 'Save');
    await see(ben, 'heading', 'Second name');
    await press(ana, 'button', /^Ana \(you\)/);
    await (await see(ana, 'combobox', 'Microphone')).selectOption('Headset');
    await ana.page.waitForFunction(() => window.rig.asked.at(-1) === 'id-Headset');
    await ben.untilHears([ana], [ana, ben]);
    await ana.page.waitForFunction(() => document.querySelector('meter').value > 0);
    await ana.page.reload();
    await ana.page.waitForFunction(() => window.rig.asked.join() === 'id-Headset');
    await see(ana, 'button', /^Ana \(you\)\s*Host/);
    for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
    await close(ana, ben);
  });

  it('one speaker is made quieter for oneself alone, by keyboard', async () => {
    const ana = await open('Ana', 500);
    const ben = await open('Ben', 900);
    const room = await createRoom(ana, 'Ana', 'Too loud');
    await enter(ben, room, 'Ben');
    await see(ben, 'button', /^Ana\s*Host\s*speaking$/);
    await press(ben, 'button', /^Ana/);
    await keyTo(ben, 'slider', /^Volume/);
    await ben.page.keyboard.press('Home');
    await see(ben, 'slider', 'Volume for you: 0 %');
    await ben.page.waitForFunction(() => window.rig.sounds.filter((sound) => sound.volume === 0).length === 1);
    assert.deepEqual(await violations(ben), []);
    await ben.page.keyboard.press('End');
    await ben.page.waitForFunction(() => window.rig.sounds.every((sound) => sound.volume === 1));
    for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
    await close(ana, ben);
  });

  it('a room is scheduled, listed as coming up, and started by its host from inside', async () => {
    const ana = await open('Ana', 500);
    const ben = await open('Ben', 900);
    await createRoom(ana, 'Ana', 'Next year', () => ana.page.getByLabel(/^Begins/).fill(`${new Date().getFullYear() + 1}-05-01T19:30`));
    await read(ana, 'The room has not begun.');
    const coming = await see(ben, 'region', 'Coming up');
    await coming.getByRole('link', { name: /Next year.*May 1/ }).waitFor();
    await press(ana, 'button', 'Start now');
    await unread(ana, 'The room has not begun.');
    await gone(ben, 'region', 'Coming up');
    for (const page of [ana, ben]) assert.deepEqual(complaints(page), []);
    await close(ana, ben);
  });

  it('a node that is away is said in a banner, and everybody is back by himself', async () => {
    const ana = await open('Ana', 500);
    const room = await createRoom(ana, 'Ana', 'Through a crash');
    const ben = await open('Ben', 900);
    await enter(ben, room, 'Ben');
    await ben.untilHears([ana], [ana, ben]);
    await node.kill9();
    await read(ben, 'The connection was lost.');
    await inspect(ben, 'reconnecting');
    await node.start();
    await unread(ben, 'The connection was lost.');
    await ben.untilHears([ana], [ana, ben]);
    await read(ben, 'You are listening');
    await close(ana, ben);
  });
});
