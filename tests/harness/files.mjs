// Content to share: a real file, and generated ones; and how to tell that two are the same.

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { cache } from './paths.mjs';

export const KiB = 1024;
export const MiB = 1024 * KiB;

/** The least that counts as a big real file. */
const REAL_BYTES = 50e6;

/** A real file of at least 50 MB: the Debian package that `cargo xtask` fetched, or the Node that runs this. */
export async function realFile() {
  const folder = join(cache, 'files');
  const fetched = await readdir(folder).catch(() => []);
  const candidates = [process.env.BRACKISH_REAL_FILE, ...fetched.map((name) => join(folder, name)), process.execPath];
  for (const path of candidates.filter(Boolean)) {
    const { size } = await stat(path);
    if (size >= REAL_BYTES) return { path, size };
  }
  throw new Error(`no file of at least ${REAL_BYTES} bytes in ${folder}`);
}

/** Writes a file of random bytes (no two tests share an info-hash), and returns its path. */
export async function randomFile(path, size) {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  try {
    for (let left = size; left > 0; left -= MiB) await file.write(randomBytes(Math.min(left, MiB)));
  } finally {
    await file.close();
  }
  return path;
}

export async function sha256(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** The size of a file, 0 while there is none. */
export const sizeOf = (path) => stat(path).then(({ size }) => size, () => 0);
