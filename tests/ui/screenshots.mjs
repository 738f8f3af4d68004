// Takes the pictures of docs/screenshots: every view, two sizes, two themes, with a house full of people.
//   npm run screenshots [-- part-of-a-name ...]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from '../lib/chromium.mjs';
import { Person, rest } from '../lib/client.mjs';
import { createRoom, DESKTOP, openWindow, PHONE, press, read, see, startHouse, write } from './hands.mjs';

const FOLDER = join(import.meta.dirname, '../../docs/screenshots');
const wanted = process.argv.slice(2);
mkdirSync(FOLDER, { recursive: true });

const VIEWS = {
  'rooms-empty': 'The list when nobody is there',
  rooms: 'The list: live rooms, who speaks there now, what is coming up',
  'rooms-german': 'The same in German',
  create: 'A new room',
  join: 'The door of a room',
  'sound-check': 'The door, with the microphone tried out',
  'passcode-wrong': 'The door, and a wrong passcode',
  'no-such-room': 'A link that leads nowhere',
  host: 'A room as its host sees it',
  speaker: 'The same as a speaker',
  listener: 'The same as a listener whose hand is up',
  'room-german': 'The same in German',
  chat: 'Raised hands and chat, which a phone shows on their own',
  person: 'What can be done about one person',
  manage: 'What a host can do with the room',
  'who-did-what': 'Who did what',
  connection: 'How good the connection is',
  share: 'Inviting people: link and QR code',
  settings: 'Settings, and keys that can be changed',
  'microphone-refused': 'On stage without a microphone',
  over: 'The end, for who listened',
  after: 'The end, for the host: how it was',
  'reports-sign-in': 'The desk of moderators: its door',
  reports: 'The desk of moderators: what was reported',
  report: 'One report, and what came of it',
};

/** The page that lists them, for whom looks at them together. */
function list() {
  const shot = (view, size, theme) => `![${VIEWS[view]}, ${size}, ${theme}](${view}-${size}-${theme}.png)`;
  const rows = Object.keys(VIEWS).map((view) => `## ${VIEWS[view]}\n\n| desktop | phone |\n| --- | --- |\n${['light', 'dark']
    .map((theme) => `| ${shot(view, 'desktop', theme)} | ${shot(view, 'phone', theme)} |`).join('\n')}\n`);
  const head = '# What the page looks like\n\nTaken by `npm run screenshots` in `tests/`: every view, two sizes, two themes.\n';
  writeFileSync(join(FOLDER, 'README.md'), [head, ...rows].join('\n'));
}

async function take(page, view) {
  if (!VIEWS[view]) throw new Error(`${view} is not among VIEWS`);
  if (wanted.length && !wanted.some((part) => view.includes(part))) return;
  await page.page.mouse.move(0, 0);
  for (const [size, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.page.setViewportSize(viewport);
      await page.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate(() => document.fonts.ready);
      await page.page.screenshot({ path: join(FOLDER, `${view}-${size}-${colorScheme}.png`), caret: 'initial', fullPage: ['after', 'sound-check', 'create'].includes(view) });
    }
  }
  await page.page.setViewportSize(DESKTOP);
}

const NAMES = ['Ben Okafor', 'Chiara', 'Dmitri Volkov', 'Élodie Martin', 'Farah', 'Goran', 'Hana Sato', 'Ines', 'Jun',
  'Kofi Mensah', 'Lucía Fernández', 'Maja', 'Noor', 'Ola', 'Priya Raman', 'Quentin', 'Rosa', 'Sven', 'Tomás', 'Uma',
  'Vera', 'مريم الخطيب', 'Олена Коваль', 'Xenia', 'Yusuf', 'Zoé', 'Featherstonehaugh-Cholmondeley', 'Ada', 'Bo'];

const node = await startHouse();
const browser = await openBrowser();
const tokenOf = (name) => node.token(name, { roomCreate: true }, { name });

async function crowd(room, names) {
  const people = [];
  for (const name of names) people.push(await new Person(node, tokenOf(name), name).join(room));
  return people;
}

/** A public room with a host and some listeners, made without a page. */
async function room(settings, host, listeners = []) {
  const made = await rest(node, tokenOf(host), 'POST', '/v1/rooms', settings);
  if (!settings.starts_at) await crowd(made.id, [host, ...listeners]);
  return made;
}

try {
  const guest = await openWindow(browser, node, 'guest', 500);
  await see(guest, 'heading', 'It is quiet here');
  await take(guest, 'rooms-empty');

  await room({ title: 'Morning coffee', topic: 'Small talk', language: 'en', description: 'Bring your own cup.' }, 'Ola', ['Uma', 'Rosa', 'Sven']);
  await room({ title: 'How we moved the database without anyone noticing', topic: 'Engineering', language: 'en', entry: 'speak' }, 'Priya Raman', NAMES.slice(0, 9));
  await room({ title: 'حديث المساء', topic: 'ثقافة', language: 'ar' }, 'مريم الخطيب', ['Yusuf', 'Noor']);
  await room({ title: 'Choir rehearsal', topic: 'Music', passcode: 'lalala' }, 'Élodie Martin').catch(() => {});
  await room({ title: 'Book club: The Dispossessed', topic: 'Books', starts_at: '2031-03-14T19:00:00Z' }, 'Kofi Mensah');
  await room({ title: 'Book club: Piranesi', topic: 'Books', starts_at: '2031-04-11T19:00:00Z' }, 'Kofi Mensah');

  await press(guest, 'link', 'New room');
  await see(guest, 'textbox', 'Title');
  await write(guest, 'Title', 'Songs by the fire');
  await take(guest, 'create');

  const ana = await openWindow(browser, node, 'Ana', 500);
  const id = await createRoom(ana, 'Ana Silva', 'Songs by the fire', () => write(ana, /^Topic/, 'Music'));
  await press(guest, 'link', 'Cancel');
  await see(guest, 'link', /Songs by the fire.*Ana/, 12000);
  await take(guest, 'rooms');

  await guest.page.goto(`${node.url}/#/room/${id}`);
  await write(guest, 'Your name', 'Nora');
  await take(guest, 'join');
  await guest.page.getByText('Check your microphone first').click();
  await press(guest, 'button', 'Open the microphone');
  await see(guest, 'button', 'Record three seconds and hear them');
  await guest.page.waitForFunction(() => document.querySelector('meter').value > 0);
  await take(guest, 'sound-check');
  await press(guest, 'button', 'Join and listen');
  await see(guest, 'button', 'Raise hand (R)');
  const people = await crowd(id, NAMES);
  const promote = async (person) => {
    await person.ask('room:hand-raise');
    await press(ana, 'button', `Accept ${person.name}`);
    await see(ana, 'button', new RegExp(`^${person.name}\\s*Speaker`));
  };
  for (const person of [people[0], people[6], people[26], people[21]]) await promote(person);
  await press(guest, 'button', 'Raise hand (R)');
  await press(ana, 'button', 'Accept Nora');
  await see(guest, 'button', 'Mute (M)');
  await people[6].ask('room:mute');
  for (const at of [3, 9, 22]) await people[at].ask('room:hand-raise');
  await people[1].ask('room:chat', { text: 'What a lovely choice to start with!' });
  await people[9].ask('room:chat', { text: 'The second verse gives me goose bumps every time. Who wrote it?' });
  await guest.page.getByRole('textbox', { name: 'Message' }).fill('My grandmother did, in 1957.');
  await press(guest, 'button', 'Send');
  // The machine is busy while thirty people come in: a bad connection is not what these pictures are about.
  await see(ana, 'button', 'Connection: good', 60000).catch(() => {});
  await people[14].ask('room:reaction', { reaction: '❤️' });
  await people[4].ask('room:reaction', { reaction: '👏' });
  await read(ana, 'My grandmother did, in 1957.');
  await see(ana, 'button', /^Nora.*speaking/s);
  await take(ana, 'host');
  await take(guest, 'speaker');
  await press(guest, 'button', /^Connection: (good|fair|poor)/);
  await take(guest, 'connection');
  await press(guest, 'button', 'Close');
  await press(guest, 'button', 'Invite people');
  await guest.page.waitForFunction(() => document.querySelector('.qr path').getAttribute('d') !== '');
  await take(guest, 'share');
  await press(guest, 'button', 'Close');
  await press(guest, 'button', 'Settings');
  await take(guest, 'settings');
  await press(guest, 'button', 'Close');
  await ana.page.setViewportSize(PHONE);
  await press(ana, 'button', /^Chat and hands/);
  await take(ana, 'chat');
  await press(ana, 'button', 'Close hands and chat').catch(() => {});
  await ana.page.setViewportSize(DESKTOP);
  await press(ana, 'button', /^Ben Okafor/);
  await see(ana, 'dialog', 'Ben Okafor');
  await take(ana, 'person');
  await press(ana, 'button', 'Close');

  const cy = await openWindow(browser, node, 'Cy', 900, { path: `/#/room/${id}` });
  await write(cy, 'Your name', 'Cy');
  await press(cy, 'button', 'Join and listen');
  await press(cy, 'button', 'Raise hand (R)');
  await read(cy, 'Hand raised, place 4');
  await take(cy, 'listener');
  await press(ana, 'button', 'Manage the room');
  await take(ana, 'manage');
  await press(ana, 'button', 'Who did what');
  await read(ana, /brought .* on stage/);
  await take(ana, 'who-did-what');
  await press(ana, 'button', 'Close');
  const de = await openWindow(browser, node, 'de', 900);
  await de.evaluate(() => localStorage.setItem('voicerooms.settings', '{"language":"de"}'));
  await de.page.reload();
  await see(de, 'link', /Songs by the fire.*Ana/);
  await take(de, 'rooms-german');
  await de.page.goto(`${node.url}/#/room/${id}`);
  await write(de, 'Dein Name', 'Dörte');
  await press(de, 'button', /^Hineingehen/);
  await see(de, 'button', /^Hand heben/);
  await take(de, 'room-german');

  const desk = await openWindow(browser, node, 'desk', 900, { path: '/#/reports' });
  await see(desk, 'textbox', 'Access token');
  await take(desk, 'reports-sign-in');
  await people[1].ask('room:report', { participant: people[8].id, reason: 'Sells watches to everybody who comes in, with links, and goes on after I asked not to be written to.' });
  await people[22].ask('room:report', { participant: people[26].id, reason: 'Sings over the others.' });
  await people[4].ask('room:report', { participant: people[8].id, reason: 'Spam' });
  await write(desk, 'Access token', node.admin());
  await press(desk, 'button', 'Go on');
  await read(desk, '3 reports');
  await see(desk, 'button', /in Songs by the fire/);
  await take(desk, 'reports');
  await press(desk, 'button', /Sells watches/);
  await desk.page.getByRole('radio', { name: 'Warned' }).check();
  await take(desk, 'report');

  const mute = await openWindow(browser, node, 'mute', 900, { microphone: 'NotAllowedError' });
  const open = await rest(node, tokenOf('Bo'), 'POST', '/v1/rooms', { title: 'Anyone may speak', entry: 'speak' });
  await mute.page.goto(`${node.url}/#/room/${open.id}`);
  await write(mute, 'Your name', 'Cleo');
  await press(mute, 'button', /^Join/);
  await see(mute, 'alert');
  await take(mute, 'microphone-refused');
  const guarded = await rest(node, tokenOf('Bo'), 'POST', '/v1/rooms', { title: 'Choir rehearsal', passcode: 'lalala' });
  await mute.page.goto(`${node.url}/#/room/${guarded.id}`);
  await see(mute, 'button', /^Join/);
  if (await mute.page.getByLabel('Passcode').count() === 0) await press(mute, 'button', /^Join/);
  await mute.page.getByLabel('Passcode').fill('tralala');
  await press(mute, 'button', /^Join/);
  await read(mute, /Check the passcode/);
  await take(mute, 'passcode-wrong');
  await mute.page.goto(`${node.url}/#/room/${'0'.repeat(26)}`);
  await see(mute, 'alert');
  await take(mute, 'no-such-room');
  await press(ana, 'button', 'Manage the room');
  await press(ana, 'button', 'End the room for all…');
  await write(ana, /^A word to all/, 'Thank you all, see you next Friday');
  await press(ana, 'button', 'End the room');
  await see(cy, 'heading', 'The room has ended');
  await take(cy, 'over');
  await see(ana, 'heading', 'Who spoke');
  await take(ana, 'after');
  list();
} finally {
  await browser.close();
  await node.stop();
}
