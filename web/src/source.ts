/** What a page may add or seed, made into what the engine takes. */

import { BrackishError } from './error.js';

/** The largest `.torrent` that is loaded: enough for a million pieces. */
const MAX_TORRENT_FILE = 32 * 1024 * 1024;

/** An info-hash, 40 hex digits or 32 of base32. */
const INFO_HASH = /^([0-9a-f]{40}|[a-z2-7]{32})$/i;

/** The bytes of a `.torrent`, or a magnet link or info-hash. */
export async function readSource(
  source: string | URL | Uint8Array | ArrayBuffer | Blob,
  signal: AbortSignal | undefined,
): Promise<string | Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return readBlob(source);
  const text = String(source).trim();
  if (/^magnet:/i.test(text) || INFO_HASH.test(text)) return text;
  return load(text, signal);
}

/** Files to seed with their paths; `name` is empty for a torrent of one file. */
export function filesToSeed(
  files: File | Blob | FileList | readonly (File | Blob)[],
  name: string | undefined,
): { blobs: Blob[]; paths: string[]; name: string } {
  const blobs: Blob[] = files instanceof Blob ? [files] : Array.from(files);
  if (blobs.length === 0) throw new BrackishError('bad-torrent', 'there is no file to seed');
  const paths = blobs.map((blob) => pathOf(blob));
  const [first = ''] = paths;
  if (paths.length === 1 && !first.includes('/')) return { blobs, paths: [name ?? first], name: '' };
  // Files chosen as a folder all begin with its name.
  const folder = first.split('/', 1)[0] ?? '';
  if (paths.every((path) => path.startsWith(`${folder}/`))) {
    return { blobs, paths: paths.map((path) => path.slice(folder.length + 1)), name: name ?? folder };
  }
  return { blobs, paths, name: name ?? 'files' };
}

function pathOf(blob: Blob): string {
  if (!(blob instanceof File)) return 'file';
  return blob.webkitRelativePath || blob.name;
}

async function readBlob(blob: Blob): Promise<Uint8Array> {
  if (blob.size > MAX_TORRENT_FILE) throw new BrackishError('bad-torrent', 'too large to be a .torrent file');
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw new BrackishError('read', `the .torrent file cannot be read: ${String(error)}`, { cause: error });
  }
}

async function load(text: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  let url: URL;
  try {
    url = new URL(text, document.baseURI);
  } catch {
    throw new BrackishError('bad-torrent', `neither a magnet link, nor an info-hash, nor a URL: ${text}`);
  }
  if (!/^(https?|blob|data):$/.test(url.protocol)) {
    throw new BrackishError('bad-torrent', `a page cannot load a .torrent from ${url.protocol} URLs: ${text}`);
  }
  let response: Response;
  try {
    response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) {
      throw new BrackishError('network', `${url.href} answers ${response.status} ${response.statusText}`.trim());
    }
    return await readBlob(await response.blob());
  } catch (error) {
    if (error instanceof BrackishError) throw error;
    if (signal?.aborted) throw new BrackishError('aborted', 'loading the .torrent was ended', { cause: error });
    throw new BrackishError('network', `${url.href} cannot be loaded`, { cause: error });
  }
}
