/** What a page may add or seed, made into what the engine takes. */

import { BrackishError } from './error.js';

/** The largest `.torrent` that is loaded: enough for a million pieces. */
const MAX_TORRENT_FILE = 32 * 1024 * 1024;

/** Places of a magnet link's `.torrent` that are tried. */
const MAX_SOURCES = 4;

/** An info-hash, 40 hex digits or 32 of base32. */
const INFO_HASH = /^([0-9a-f]{40}|[a-z2-7]{32})$/i;

/** The bytes of a `.torrent`, or a magnet link or info-hash. */
export async function readSource(
  source: string | URL | Uint8Array | ArrayBuffer | Blob,
  signal: AbortSignal | undefined,
): Promise<string | Uint8Array> {
  // What comes from another frame is of no class of this one.
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const kind = Object.prototype.toString.call(source);
  if (kind === '[object ArrayBuffer]') return new Uint8Array(source as ArrayBuffer);
  if (kind === '[object Blob]' || kind === '[object File]') return readBlob(source as Blob);
  if (typeof source !== 'string' && kind !== '[object URL]') {
    throw new BrackishError('bad-torrent', `neither a link, nor a URL, nor the bytes of a .torrent: ${String(source)}`);
  }
  const text = String(source).trim();
  if (text === '') throw new BrackishError('bad-torrent', 'the link is empty');
  if (/^magnet:/i.test(text) || INFO_HASH.test(text)) return text;
  const url = torrentUrl(text);
  if (withoutFragment(url) === withoutFragment(new URL(document.baseURI))) {
    throw new BrackishError('bad-torrent', `${text} is the address of this page, not of a .torrent`);
  }
  return loadTorrent(url, signal);
}

/** Where a magnet link says that its `.torrent` is (`xs`, `as`), as far as a page can load from there. */
export function sourcesOf(link: string): URL[] {
  const values = link.slice(link.indexOf('?') + 1).split('&');
  const named = values.flatMap((value) => /^(?:xs|as)(?:\.\d+)?=(.*)$/i.exec(value)?.[1] ?? []);
  const urls = named.slice(0, MAX_SOURCES).flatMap((encoded) => {
    try {
      return [new URL(decodeURIComponent(encoded))];
    } catch {
      return [];
    }
  });
  return urls.filter((url) => /^https?:$/.test(url.protocol));
}

/** Files to seed with their paths; `name` is empty for a torrent of one file. */
export function filesToSeed(
  files: File | Blob | FileList | readonly (File | Blob)[],
  name: string | undefined,
): { blobs: Blob[]; paths: string[]; name: string } {
  const blobs: Blob[] = isBlob(files) ? [files] : listed(files);
  const stranger = blobs.find((blob) => !isBlob(blob));
  if (stranger !== undefined) throw new BrackishError('bad-option', `files: expected Files or Blobs, found ${String(stranger)}`);
  if (blobs.length === 0) throw new BrackishError('bad-torrent', 'there is no file to seed');
  // Two with one name are refused, so those without any are told apart.
  const paths = blobs.map((blob, at) => pathOf(blob, blobs.length > 1 ? `file ${at + 1}` : 'file'));
  const [first = ''] = paths;
  if (paths.length === 1 && !first.includes('/')) return { blobs, paths: [name ?? first], name: '' };
  // Files chosen as a folder all begin with its name.
  const folder = first.split('/', 1)[0] ?? '';
  if (paths.every((path) => path.startsWith(`${folder}/`))) {
    // Browsers list a folder in orders of their own; the same folder is the same torrent.
    const sorted = paths.map((path, at) => ({ path, blob: blobs[at] as Blob })).sort(byPath);
    return {
      blobs: sorted.map(({ blob }) => blob),
      paths: sorted.map(({ path }) => path.slice(folder.length + 1)),
      name: name ?? folder,
    };
  }
  return { blobs, paths, name: name ?? 'files' };
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function isBlob(value: unknown): value is Blob {
  return /^\[object (Blob|File)\]$/.test(Object.prototype.toString.call(value));
}

function listed(files: unknown): Blob[] {
  if (typeof files !== 'object' || files === null) {
    throw new BrackishError('bad-option', `files: expected Files or Blobs, found ${String(files)}`);
  }
  return Array.from(files as ArrayLike<Blob>);
}

function pathOf(blob: Blob, nameless: string): string {
  const { webkitRelativePath, name } = blob as Partial<File>;
  return webkitRelativePath || name || nameless;
}

async function readBlob(blob: Blob): Promise<Uint8Array> {
  if (blob.size > MAX_TORRENT_FILE) throw new BrackishError('bad-torrent', 'too large to be a .torrent file');
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw new BrackishError('read', `the .torrent file cannot be read: ${String(error)}`, { cause: error });
  }
}

/** The bytes of the `.torrent` at a URL. */
export async function loadTorrent(
  url: URL,
  signal: AbortSignal | undefined,
  credentials: RequestCredentials = 'same-origin',
): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal: signal ?? null, credentials });
    if (!response.ok) {
      throw new BrackishError('network', `${url.href} answers ${response.status} ${response.statusText}`.trim());
    }
    return await readBlob(await response.blob());
  } catch (error) {
    if (error instanceof BrackishError) throw error;
    if (signal?.aborted) throw new BrackishError('aborted', 'loading the .torrent was ended', { cause: error });
    throw new BrackishError('network', `${url.href} cannot be loaded: ${whyNot(url)}`, { cause: error });
  }
}

function torrentUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text, document.baseURI);
  } catch {
    throw new BrackishError('bad-torrent', `neither a magnet link, nor an info-hash, nor a URL: ${text}`);
  }
  if (!/^(https?|blob|data):$/.test(url.protocol)) {
    throw new BrackishError('bad-torrent', `a page cannot load a .torrent from ${url.protocol} URLs: ${text}`);
  }
  return url;
}

/** A browser does not say why a load failed; what it may have been. */
function whyNot(url: URL): string {
  if (location.protocol === 'https:' && url.protocol === 'http:') return 'a page on https: cannot load from http:';
  if (url.origin === location.origin || !/^https?:$/.test(url.protocol)) return 'it cannot be reached';
  return 'it cannot be reached, or that site does not let pages of other sites read it (CORS)';
}

function withoutFragment(url: URL): string {
  return url.href.replace(/#.*$/s, '');
}
