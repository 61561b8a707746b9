// Failures in words: what happened, and what a person can do about it.

/** What to show when something cannot go on. */
export interface Message {
  readonly title: string;
  readonly text: string;
  readonly advice: readonly string[];
}

const ANY_CLIENT = 'Or use the .torrent or the magnet link in any BitTorrent program.';

const KNOWN: Record<string, (detail: string) => Message> = {
  'no-webrtc': () => ({
    title: 'This browser cannot connect to peers',
    text: 'WebRTC, which carries the data between browsers, is missing or turned off here.',
    advice: [
      'Open this page in a current Chrome, Edge, Firefox or Safari.',
      'If you turned WebRTC off, or an extension or private mode did, allow it for this page.',
      ANY_CLIENT,
    ],
  }),
  'no-wasm': () => ({
    title: 'This browser cannot run the download engine',
    text: 'WebAssembly is missing or turned off here.',
    advice: [
      'Open this page in a current Chrome, Edge, Firefox or Safari.',
      'Some hardened or lockdown modes turn WebAssembly off: allow it for this page.',
      ANY_CLIENT,
    ],
  }),
  'no-worker': (detail) => ({
    title: 'The download engine did not start',
    text: sentence(detail) || 'The background worker of this page could not be loaded.',
    advice: ['Reload the page.', 'If an extension blocks scripts, allow them for this page.'],
  }),
  'bad-torrent': (detail) => ({
    title: 'This is not a usable torrent',
    text: sentence(detail) || 'The link or the file could not be read as a torrent.',
    advice: ['Check that the link was copied whole.', 'Ask whoever shared it for the link again.'],
  }),
  'bad-link': (detail) => ({
    title: 'This link cannot be opened',
    text: sentence(detail) || 'It is neither a magnet link nor the address of a .torrent file.',
    advice: ['Check that the link was copied whole.', 'Magnet links begin with magnet:?xt=urn:btih:'],
  }),
  'storage-full': (detail) => ({
    title: 'There is no room left for this download',
    text: sentence(detail) || 'The browser refused to store more data for this page.',
    advice: [
      'Free some disk space, then reload: what is verified is kept.',
      'Remove other downloads here, or stored data of other sites in the browser’s settings.',
      'A private window has little room: use a normal one.',
    ],
  }),
  storage: (detail) => ({
    title: 'The browser could not store the data',
    text: sentence(detail) || 'Reading or writing the stored data failed.',
    advice: ['Reload the page: what is verified is kept.', 'Close other tabs that have this page open.'],
  }),
  'no-storage': () => ({
    title: 'This browser has no private storage for this page',
    text: 'Private windows and pages on plain http often have none.',
    advice: ['Open this page in a normal window.'],
  }),
  'in-use': () => ({
    title: 'Another tab has this torrent',
    text: 'Its stored data can be used by one tab at a time.',
    advice: ['Go on in the other tab, or close it and reload this one.'],
  }),
  read: (detail) => ({
    title: 'A file cannot be read',
    text: sentence(detail) || 'The browser could not read what you chose.',
    advice: ['If the file has changed or moved since, choose it again: as it is now, it has a new link.', 'A folder has to be dropped as a folder, not as a link to one.'],
  }),
  network: (detail) => ({
    title: 'The torrent could not be fetched',
    text: sentence(detail) || 'The address did not answer.',
    advice: [
      'Check the address and your connection, then try again.',
      'If the file is on another site, that site must allow pages to read it (CORS). Download the .torrent and choose it here instead.',
    ],
  }),
  'peer-limit': (detail) => ({
    title: 'This browser makes no more connections',
    text: sentence(detail) || 'All that it allows a page are used up.',
    advice: ['Close other tabs that share or download, then reload this page.'],
  }),
  tracker: (detail) => ({
    title: 'The tracker cannot be reached',
    text: sentence(detail) || 'Without it, this page cannot find peers.',
    advice: [
      'Check your connection, and that whoever shares this still has it running.',
      'This page keeps trying by itself.',
    ],
  }),
};

/** The words for whatever was thrown. */
export function describe(error: unknown): Message {
  const code = codeOf(error);
  const detail = detailOf(error);
  const known = code === null ? undefined : KNOWN[code];
  if (known) return known(detail);
  return {
    title: 'Something went wrong',
    text: sentence(detail) || 'The download could not go on.',
    advice: ['Reload the page: what is verified is kept.'],
  };
}

/** An error of this page's own, with a code that `describe` knows. */
export class AppError extends Error {
  constructor(
    readonly code: string,
    message = '',
  ) {
    super(message);
  }
}

/** The text of whatever was thrown. */
export function detailOf(error: unknown): string {
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return '';
}

/** Whether a save was called off by the person. */
export function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}

function codeOf(error: unknown): string | null {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return null;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  // A URL or a file name at the start stays as it is.
  const first = /^[a-z]+[ ,.]/.test(trimmed) ? trimmed.charAt(0).toUpperCase() + trimmed.slice(1) : trimmed;
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
