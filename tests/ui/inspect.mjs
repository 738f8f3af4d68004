// Looks at a view as a judge does: axe, nothing wider than the window, nothing too small for a finger; in each size and theme.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DESKTOP, PHONE } from './hands.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds wrong in the page as it is now, one line a rule and place. What fades in has done so: half faded is too pale. */
export async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE);
  return page.evaluate(async (values) => {
    const ending = document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.all(ending.map((a) => a.finished.catch(() => {})));
    const { violations: found } = await window.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] });
    return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)} (${node.failureSummary.split('\n').at(-1).trim()})`));
  }, RULES);
}

// Buttons, links and fields lower or narrower than 44 px, in the page. A box or dot to tick is touched by its label.
function small() {
  const shown = [...document.querySelectorAll('button, a[href], select, input, summary')].filter((e) => e.checkVisibility({ visibilityProperty: true }));
  return shown.flatMap((element) => {
    const tick = element.matches('[type="checkbox"], [type="radio"]');
    const { width, height } = (tick ? element.closest('label') : element).getBoundingClientRect();
    const slider = element.matches('[type="range"]');
    const enough = width >= 43.5 && height >= (slider ? 24 : 43.5);
    return enough ? [] : [`${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent}: ${Math.round(width)} x ${Math.round(height)}`];
  });
}

/** Every size and theme of one view: no violation, nothing wider than the window. */
export async function inspect(page, view) {
  for (const size of [DESKTOP, PHONE, { width: 320, height: 640 }]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.page.setViewportSize(size);
      await page.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const where = `${view}, ${size.width} px, ${colorScheme}`;
      assert.deepEqual(await violations(page), [], where);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, `${where}: scrolls sideways`);
      assert.deepEqual(await page.evaluate(small), [], `${where}: too small for a finger`);
    }
  }
  await page.page.setViewportSize(DESKTOP);
}
