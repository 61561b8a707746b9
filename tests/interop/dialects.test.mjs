// Torrents that no careful program makes: what libtorrent opens we open, and what cannot be verified we refuse.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { brackish } from '../harness/brackish.mjs';
import { python } from '../harness/paths.mjs';
import { run } from '../harness/process.mjs';
import { proves } from '../harness/scope.mjs';

/** Of all changes to well-formed torrents, one in so many is tried: about 700 torrents, in some seconds. */
const STEP = 7;

/** How many torrents are looked at beside each other. */
const BESIDE = 4;

proves(
  'what libtorrent opens is opened, what cannot be verified is refused, and nothing ends badly',
  async (scope) => {
    const folder = await scope.folder('dialects');
    const script = join(import.meta.dirname, '../harness/libtorrent_dialects.py');
    const made = await run(scope, python(), ['-W', 'ignore', script, JSON.stringify({ folder, step: STEP })], {
      name: 'libtorrent dialects',
    });
    assert.equal(made.code, 0, made.stderr);
    const cases = JSON.parse(made.stdout);
    assert.ok(cases.length > 200 && cases.filter(({ accepted }) => accepted).length > 50);
    const faults = [];
    const look = async () => {
      for (let next = cases.pop(); next; next = cases.pop()) faults.push(...(await faultsOf(scope, next)));
    };
    await Promise.all(Array.from({ length: BESIDE }, look));
    assert.deepEqual(faults, []);
  },
  { fast: true },
);

/** What is wrong with how we take a torrent, given how libtorrent does. */
async function faultsOf(scope, { name, path, accepted, error, v1, v2, verifies }) {
  const { code, stdout, stderr } = await brackish(scope, ['info', path, '--json']);
  if (code !== 0) {
    if (code !== 1 || /panicked/.test(stderr)) return [`${name}: ended with ${code}: ${stderr}`];
    if (accepted) return [`${name}: refused, but libtorrent opens it: ${stdout}${stderr}`];
    // The error names the field, or says that it is no torrent.
    return /torrent/.test(stdout + stderr) ? [] : [`${name}: refused without a word: ${stdout}${stderr}`];
  }
  if (verifies) return [`${name}: opened, but it cannot be verified (libtorrent: ${error})`];
  if (!accepted) return [];
  const info = JSON.parse(stdout);
  const faults = [];
  if ((info.info_hash_v2 ?? null) !== v2) faults.push(`${name}: info-hash ${info.info_hash_v2} of version 2, not ${v2}`);
  // A torrent without whole version 1 is of version 2 alone with us.
  if (v1 && info.info_hash !== v1 && info.info_hash !== v2?.slice(0, 40)) faults.push(`${name}: info-hash ${info.info_hash}, not ${v1}`);
  return faults;
}
