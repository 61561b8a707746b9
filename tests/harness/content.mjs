// What most tests share: a random file in a folder of its own, its hash, and a torrent of it.

import { join } from 'node:path';

import { MiB, randomFile, sha256 } from './files.mjs';
import { makeTorrent } from './torrent.mjs';

/** The name of the file that [`content`] makes. */
export const NAME = 'content.bin';

export async function content(scope, trackers, { size = 8 * MiB, pieceLength } = {}) {
  const folder = await scope.folder('seed');
  const path = await randomFile(join(folder, NAME), size);
  const torrent = await makeTorrent(path, { trackers, pieceLength });
  return { folder, path, size, hash: await sha256(path), torrent };
}
