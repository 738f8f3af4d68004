#!/usr/bin/env node
// `make chaos-figures [FIGURES="owner people ..."]`: one world of three machines for each figure, real processes and real faults;
// prints a line "measured: ..." each, and leaves the numbers in build/chaos/figures.json. Exit 1 when one is outside of its bounds.
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { noted } from './figures.mjs';
import * as control from './measure_control.mjs';
import * as faults from './measure_faults.mjs';
import * as load from './measure_load.mjs';
import * as relays from './measure_relays.mjs';
import * as sound from './measure_sound.mjs';
import { World } from './world.mjs';

const OUT = resolve(import.meta.dirname, '../../build/chaos');
const FIGURES = { ...control, ...sound, ...load, ...faults, ...relays };
const [, , ...asked] = process.argv;
const names = asked.length > 0 ? asked : Object.keys(FIGURES);

let passed = 0;
let failed = 0;
for (const text of names) {
  const [name, ...numbers] = text.split('=').flatMap((part) => part.split(','));
  if (!FIGURES[name]) throw new Error(`no figure ${name}; there are ${Object.keys(FIGURES).join(' ')}`);
  // All people of a figure come from one address: ours.
  const world = new World({ tag: 'm', flags: { connections_per_address: 20000 }, first: FIGURES[name].nodesFirst });
  const before = { load: loadavg()[0], from: noted.length };
  try {
    await world.start();
    const good = await FIGURES[name](world, ...numbers.map(Number));
    good ? passed++ : failed++;
    if (!good) console.log(`  ${name} is outside of its bounds`);
  } catch (error) {
    failed++;
    console.log(`  ${name}: ${error.stack}`);
  } finally {
    mkdirSync(OUT, { recursive: true });
    for (const host of world.hosts) if (host.node) writeFileSync(join(OUT, `measure-${name}-${host.name}.log`), host.node.log);
    await world.stop();
  }
  for (const row of noted.slice(before.from)) Object.assign(row, { figure: text, load: [before.load, loadavg()[0]].map((l) => Math.round(10 * l) / 10) });
  writeFileSync(join(OUT, 'figures.json'), `${JSON.stringify({ at: new Date().toISOString(), figures: noted }, null, 1)}\n`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
