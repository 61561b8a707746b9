// How a driver of `cargo xtask bench` runs what it compares: in turns, a line of JSON for each run.

import { createRequire } from 'node:module';

import { chromium } from '../harness/browser.mjs';
import { Scope } from '../harness/scope.mjs';

const say = (line) => console.log(JSON.stringify(line));

/**
 * Runs `cases` in `runs` rounds. The body of a case gets a Scope of its own and gives its figures, or several lines of
 * them; one that throws has failed.
 */
export async function rounds(runs, cases) {
  say({ versions: await versions() });
  for (let round = 0; round < runs; round += 1) {
    for (const { group, name, ours = false, body } of rotated(cases, round)) {
      const scope = new Scope();
      try {
        for (const figures of [await body(scope)].flat()) say({ group, name, ours, ...figures });
      } catch (error) {
        scope.showLogs();
        say({ group, name, ours, failure: error.message });
      } finally {
        await scope.close();
      }
    }
  }
}

/** Each round begins with another case, so that none always runs after the same other. */
function rotated(cases, round) {
  const first = round % cases.length;
  return [...cases.slice(first), ...cases.slice(0, first)];
}

async function versions() {
  const scope = new Scope();
  const { browser } = await chromium(scope);
  const version = (await browser.version()).split('/').at(-1);
  await scope.close();
  return { chromium: version, webtorrent: createRequire(import.meta.url)('webtorrent/package.json').version };
}
