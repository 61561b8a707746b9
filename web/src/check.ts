/** What callers give, checked before anything is done with it: a wrong value is refused with its name. */

import { BrackishError } from './error.js';
import type { ClientOptions, Limits, Priority, SeedOptions, AddOptions } from './types.js';

/** The priorities, each in the place of the engine's number for it. */
export const PRIORITIES: readonly Priority[] = ['skip', 'low', 'normal', 'high'];

/** The most connections of one torrent: Chromium lets a page have 500 of all kinds. */
const MOST_PEERS = 500;

/** The longest name of a file in the origin private file system, in bytes. */
const LONGEST_NAME = 255;

/** The largest number of bytes that a piece may be asked to have; the engine knows what it takes of these. */
const LARGEST_PIECE = 2 ** 31;

/** Schemes of tracker URLs. A page uses `ws:` and `wss:`; a torrent may carry the others for other programs. */
const TRACKERS = /^(wss?|https?|udp):$/;

/** Whether a page can announce to a tracker. */
export function isUsableTracker(url: string): boolean {
  return /^wss?:\/\//i.test(url);
}

/** The settings of a client. */
export function checkClientOptions(options: ClientOptions): void {
  isObject('options', options);
  checkUrls('trackers', options.trackers, TRACKERS, 'ws:, wss:');
  if (options.iceServers !== undefined && !Array.isArray(options.iceServers)) {
    throw wrong('iceServers', 'an array of RTCIceServer', options.iceServers);
  }
  for (const name of ['workerUrl', 'wasmUrl'] as const) {
    const value = options[name];
    if (value !== undefined && !isUrl(String(value))) throw wrong(name, 'a URL', value);
  }
  const { storage, namespace, maxPeers } = options;
  if (storage !== undefined && !['auto', 'opfs', 'memory'].includes(storage)) {
    throw wrong('storage', "'auto', 'opfs' or 'memory'", storage);
  }
  if (namespace !== undefined) {
    const named = typeof namespace === 'string' && namespace !== '' && isWellFormed(namespace);
    if (!named || encodeURIComponent(namespace).length > LONGEST_NAME) {
      throw wrong('namespace', `a text of 1 to ${LONGEST_NAME} bytes, percent-encoded`, namespace);
    }
  }
  if (maxPeers !== undefined && !isInteger(maxPeers, 1, MOST_PEERS)) {
    throw wrong('maxPeers', `a whole number from 1 to ${MOST_PEERS}`, maxPeers);
  }
}

/** What is said of a torrent that is added. */
export function checkAddOptions(options: AddOptions): void {
  isObject('options', options);
  checkUrls('trackers', options.trackers, TRACKERS, 'ws:, wss:');
  checkUrls('webSeeds', options.webSeeds, /^https?:$/, 'http:, https:');
  const { signal } = options;
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') throw wrong('signal', 'an AbortSignal', signal);
  if (signal?.aborted) throw new BrackishError('aborted', 'the signal had ended it before it began');
}

/** How a torrent is made. */
export function checkSeedOptions(options: SeedOptions): void {
  isObject('options', options);
  checkUrls('trackers', options.trackers, TRACKERS, 'ws:, wss:');
  checkUrls('webSeeds', options.webSeeds, /^https?:$/, 'http:, https:');
  const { name, pieceLength, onProgress } = options;
  if (name !== undefined && typeof name !== 'string') throw wrong('name', 'a text', name);
  if (pieceLength !== undefined && !isInteger(pieceLength, 1, LARGEST_PIECE)) {
    throw wrong('pieceLength', 'a number of bytes, a power of two', pieceLength);
  }
  if (onProgress !== undefined) checkFunction('onProgress', onProgress);
}

/** Limits as the engine takes them; without one, `undefined`. */
export function checkLimits(limits: Limits): { up: number | undefined; down: number | undefined } {
  isObject('limits', limits);
  const rate = (name: 'up' | 'down') => {
    const value: unknown = limits[name];
    if (value === undefined || value === null || value === Infinity) return undefined;
    if (typeof value !== 'number' || !(value >= 0)) throw wrong(name, 'bytes per second, 0 or more', value);
    return value;
  };
  return { up: rate('up'), down: rate('down') };
}

/** The engine's number for a priority. */
export function checkPriority(priority: Priority): number {
  const number = PRIORITIES.indexOf(priority);
  if (number < 0) throw wrong('priority', PRIORITIES.map((name) => `'${name}'`).join(', '), priority);
  return number;
}

/** A place in a file or a torrent, in bytes. */
export function checkPosition(name: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 0)) throw wrong(name, 'a number of bytes, 0 or more', value);
}

/** Something to call. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw wrong(name, 'a function', value);
}

function checkUrls(name: string, value: unknown, schemes: RegExp, expected: string): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw wrong(name, `an array of ${expected} URLs`, value);
  for (const url of value) {
    if (typeof url !== 'string' || !isUrl(url, null) || !schemes.test(new URL(url).protocol)) {
      throw wrong(name, `${expected} URLs`, url);
    }
  }
}

function isUrl(text: string, base: string | null = document.baseURI): boolean {
  try {
    new URL(text, base ?? undefined);
    return true;
  } catch {
    return false;
  }
}

function isInteger(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** A lone surrogate cannot be percent-encoded. */
function isWellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function isObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw wrong(name, 'an object', value);
}

function wrong(name: string, expected: string, found: unknown): BrackishError {
  const shown = typeof found === 'string' ? JSON.stringify(found) : String(found);
  return new BrackishError('bad-option', `${name}: expected ${expected}, found ${shown}`);
}
