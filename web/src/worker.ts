/**
 * The Worker's script: loads the engine, hands it what the page asks, and tells the page what the
 * engine says. It decides nothing.
 */

import init, { Engine } from 'brackish-engine';
import { Fetches } from './fetches.js';
import type { Command, Fault, Message, TorrentNews } from './protocol.js';
import type { Bytes, PeerInfo, Stall, TorrentState, TrackerInfo, WebSeedInfo } from './types.js';

/** Seconds between two sets of figures. */
const TICK = 0.5;

/** Random bytes that an engine is made with. */
const RANDOM_BYTES = 44;

interface Scope {
  postMessage(message: Message, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Command>) => void) | null;
}

const page = self as unknown as Scope;
let engine: Engine | undefined;

page.onmessage = ({ data }) => {
  switch (data.type) {
    case 'start':
      start(data).catch((error) => page.postMessage({ type: 'failed', fault: asFault(error) }));
      break;
    case 'call':
      void call(data);
      break;
    case 'reader':
      engine?.moveReader(data.torrent, data.reader, data.position);
      break;
    case 'description':
      engine?.description(data.connection, data.sdp);
      break;
    case 'channel':
      engine?.channel(data.connection, data.channel);
      break;
    case 'relay':
      engine?.relay(data.connection, data.port);
      break;
    case 'closed':
      engine?.closed(data.connection, data.reason);
      break;
  }
};

async function start(command: Extract<Command, { type: 'start' }>): Promise<void> {
  const url = command.wasmUrl ?? new URL('./brackish_bg.wasm', import.meta.url).href;
  try {
    await init({ module_or_path: url });
  } catch (error) {
    throw fault('no-worker', `the engine cannot be loaded from ${url}: ${asFault(error).message}`);
  }
  const { folder, unstored } = await openFolder(command.storage, command.namespace);
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const made = new Engine(host, random, folder, command.maxPeers);
  engine = made;
  setInterval(() => made.tick(TICK), TICK * 1000);
  page.postMessage({ type: 'started', storage: folder ? 'opfs' : 'memory', peerId: made.peerId(), unstored });
}

async function call({ id, method, args }: Extract<Command, { type: 'call' }>): Promise<void> {
  try {
    if (!engine) throw fault('internal', 'the engine has not started');
    const value: unknown = await (engine[method] as (...args: unknown[]) => unknown)(...args);
    const transfer = value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [];
    page.postMessage({ type: 'result', id, value }, transfer);
  } catch (error) {
    page.postMessage({ type: 'refused', id, fault: asFault(error) });
  }
}

/**
 * The folder in which torrents keep their data; none, and why, where the browser, or this page, has no file system and
 * need not have one.
 */
async function openFolder(
  storage: 'auto' | 'opfs' | 'memory',
  namespace: string,
): Promise<{ folder?: FileSystemDirectoryHandle; unstored?: string }> {
  if (storage === 'memory') return {};
  try {
    if (!('createSyncAccessHandle' in FileSystemFileHandle.prototype)) throw new Error('it is too old');
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('brackish', { create: true });
    return { folder: await folder.getDirectoryHandle(folderName(namespace), { create: true }) };
  } catch (error) {
    const reason = self.isSecureContext ? asFault(error).message : 'the page is not on https or localhost';
    const unstored = `this browser gives the page no file system: ${reason}`;
    if (storage === 'auto') return { unstored };
    throw fault('no-storage', unstored);
  }
}

/** A namespace as the name of a folder, which `.` and `..` cannot be. */
function folderName(namespace: string): string {
  return encodeURIComponent(namespace).replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'));
}

// Posting to itself is the quickest way for a script to let everything that waits have its turn.
const turns: (() => void)[] = [];
const turn = new MessageChannel();
turn.port1.onmessage = () => turns.shift()?.();

let peers: PeerInfo[] = [];
let trackers: TrackerInfo[] = [];
let webSeeds: WebSeedInfo[] = [];
let stalled: Stall | null = null;
let failure: { torrent: number; fault: Fault } | undefined;

const fetches = new Fetches(() => engine);

/** What the engine calls; see `host.rs`. */
const host = {
  makeOffer: (connection: number) => page.postMessage({ type: 'makeOffer', connection }),
  makeAnswer: (connection: number, offer: string) =>
    page.postMessage({ type: 'makeAnswer', connection, offer }),
  applyAnswer: (connection: number, answer: string) =>
    page.postMessage({ type: 'applyAnswer', connection, answer }),
  closeConnection: (connection: number) => page.postMessage({ type: 'closeConnection', connection }),

  fetch: (fetch: number, url: string, begin: number, end: number, length: number) =>
    fetches.fetch(fetch, url, begin, end, length),
  pauseFetch: (fetch: number, paused: boolean) => fetches.pause(fetch, paused),
  cancelFetch: (fetch: number) => fetches.cancel(fetch),

  hashed: (torrent: number, fraction: number) => tell(torrent, { news: 'hashed', fraction }),
  metadata: (
    torrent: number,
    name: string,
    length: number,
    pieceLength: number,
    pieceCount: number,
    files: (number | string)[],
    torrentFile: Bytes,
    magnet: string,
  ) =>
    tell(torrent, {
      news: 'metadata',
      metadata: { name, length, pieceLength, pieceCount, files, torrentFile, magnet },
    }),
  stored: (torrent: number, medium: 'opfs' | 'memory' | 'files') => tell(torrent, { news: 'stored', medium }),
  pieces: (torrent: number, pieces: Bytes) => tell(torrent, { news: 'pieces', pieces }),
  piece: (torrent: number, piece: number) => tell(torrent, { news: 'piece', piece }),
  finished: (torrent: number) => tell(torrent, { news: 'finished' }),
  restarted: (torrent: number) => tell(torrent, { news: 'restarted' }),
  reader: (torrent: number, reader: number, what: 'began' | 'stalled' | 'resumed', waited: number) =>
    tell(torrent, { news: 'reader', reader, what, waited }),
  peer: (id: string, client: string | undefined, figures: Float64Array) => {
    const [downloadRate = 0, uploadRate = 0, downloaded = 0, uploaded = 0, progress = 0] = figures;
    peers.push({ id, client: client ?? '', downloadRate, uploadRate, downloaded, uploaded, progress });
  },
  tracker: (url: string, status: TrackerInfo['status'], message: string) => {
    trackers.push({ url, status, message });
  },
  webSeed: (url: string, status: WebSeedInfo['status'], message: string, figures: Float64Array) => {
    const [downloadRate = 0, downloaded = 0] = figures;
    webSeeds.push({ url, status, message, downloadRate, downloaded });
  },
  stalled: (reason: Stall['reason'], message: string) => {
    stalled = { reason, message };
  },
  figures: (torrent: number, state: TorrentState, figures: Float64Array) => {
    const [verified = 0, checkedPieces = 0, downloaded = 0, uploaded = 0] = figures;
    const [downloadRate = 0, uploadRate = 0, wanted = 0, wantedVerified = 0, availability = 0, copies = 0] =
      figures.slice(4);
    tell(torrent, {
      news: 'figures',
      figures: {
        state,
        verified,
        wanted,
        wantedVerified,
        checkedPieces,
        downloaded,
        uploaded,
        downloadRate,
        uploadRate,
        availability,
        copies,
        stalled,
        peers,
        trackers,
        webSeeds,
      },
      ...(failure?.torrent === torrent && { fault: failure.fault }),
    });
    peers = [];
    trackers = [];
    webSeeds = [];
    stalled = null;
    failure = undefined;
  },
  warning: (torrent: number, code: Fault['code'], message: string) =>
    tell(torrent, { news: 'warning', fault: { code, message } }),
  /** Goes with the figures that follow, so that nobody sees the state without the reason. */
  failed: (torrent: number, code: Fault['code'], message: string) => {
    failure = { torrent, fault: { code, message } };
  },

  pause: () =>
    new Promise<void>((resolve) => {
      turns.push(resolve);
      turn.port2.postMessage(null);
    }),
};

function tell(torrent: number, news: TorrentNews): void {
  page.postMessage({ type: 'torrent', torrent, ...news });
}

/** The engine's errors carry their code as their name. */
function fault(code: Fault['code'], message: string): Error {
  const error = new Error(message);
  error.name = code;
  return error;
}

const CODES = ['no-worker', 'no-storage', 'bad-torrent', 'bad-selection', 'storage-full', 'storage', 'read', 'removed', 'destroyed', 'duplicate'];

function asFault(error: unknown): Fault {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  return { code: CODES.includes(name) ? (name as Fault['code']) : 'internal', message };
}
