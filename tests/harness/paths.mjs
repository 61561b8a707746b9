// Where things are: the checkout, the binary under test, other people's programs, the user's cache.

import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export const tests = join(root, 'tests');

export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'brackish');

/** The `brackish` binary: BRACKISH_BINARY, or the release build of this checkout. */
export function brackishBinary() {
  const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
  return required(process.env.BRACKISH_BINARY ?? join(target, 'release/brackish'), 'cargo xtask build');
}

export const chromium = () => program(['chromium', 'chromium-browser', 'google-chrome'], process.env.BRACKISH_CHROMIUM);

export const firefox = () => program(['firefox-esr', 'firefox'], process.env.BRACKISH_FIREFOX);

/** The Python that has libtorrent. */
export const python = () => required(join(cache, 'python/bin/python'), 'cargo xtask setup python');

/** A program on PATH; the first name that is there wins. */
export function program(names, chosen) {
  if (chosen) return required(chosen, 'check the environment variable that names it');
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  throw new Error(`${names.join(' or ')} is not installed: run \`cargo xtask setup\``);
}

function required(path, remedy) {
  if (!existsSync(path)) throw new Error(`${path} is missing: ${remedy}`);
  return path;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
