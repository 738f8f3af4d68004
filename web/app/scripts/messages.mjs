// Gathers the texts of the page: t("..."), tn(n, "...", "...") and msg("..."), and the library's advice.
//   node scripts/messages.mjs          writes src/messages/en.json
//   node scripts/messages.mjs --check  fails when a message file misses a text, or has one that nobody uses
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const APP = join(import.meta.dirname, '..');
const FOLDER = join(APP, 'src/messages');

function sources(folder) {
  return readdirSync(folder, { recursive: true }).filter((name) => /\.tsx?$/.test(name) && !name.includes('.test.')).map((name) => join(folder, name));
}

const TEXT = String.raw`"((?:[^"\\]|\\.)*)"`;
const unquote = (text) => JSON.parse(`"${text}"`);

export function gathered() {
  const found = new Set();
  for (const file of sources(join(APP, 'src'))) {
    const code = readFileSync(file, 'utf8');
    for (const [, text] of code.matchAll(new RegExp(String.raw`\b(?:t|msg)\(\s*${TEXT}`, 'g'))) found.add(unquote(text));
    for (const [, one, many] of code.matchAll(new RegExp(String.raw`\btn\([^"]*?,\s*${TEXT},\s*${TEXT}`, 'g'))) {
      found.add(unquote(one));
      found.add(unquote(many));
    }
  }
  const advice = readFileSync(join(APP, '../client/src/errors.ts'), 'utf8').match(/const advice[\s\S]*?\n};/)[0];
  for (const [, text] of advice.matchAll(new RegExp(String.raw`:\s*${TEXT},`, 'g'))) found.add(unquote(text));
  return [...found].sort((a, b) => a.localeCompare(b, 'en'));
}

const read = (name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));

/** What is wrong with a message file; nothing when it is complete. Keys "code:..." stand for a server's English. */
export function faults(name) {
  const have = read(name);
  const want = gathered();
  const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort().join();
  return [
    ...want.filter((text) => !have[text]).map((text) => `${name}: missing: ${text}`),
    ...Object.keys(have).filter((text) => !want.includes(text) && !text.startsWith('code:')).map((text) => `${name}: not used: ${text}`),
    ...want.filter((text) => have[text] && places(have[text]) !== places(text)).map((text) => `${name}: other places: ${text}`),
  ];
}

export const files = () => readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes('--check')) {
    const all = files().flatMap(faults);
    process.stderr.write(all.map((line) => `${line}\n`).join(''));
    process.exit(all.length ? 1 : 0);
  }
  writeFileSync(join(FOLDER, 'en.json'), `${JSON.stringify(Object.fromEntries(gathered().map((text) => [text, text])), null, 1)}\n`);
}
