/** The client: starts the Worker, hands out torrents, and tells each what happens to it. */

import { checkAddOptions, checkClientOptions, checkLimits, checkSeedOptions, isUsableTracker } from './check.js';
import { Connections, isPeerLimit, peerLimit } from './connections.js';
import { Emitter } from './emitter.js';
import { EngineWorker, Refusal, asBrackishError, faultError } from './engine.js';
import { BrackishError } from './error.js';
import type { Accepted, Message } from './protocol.js';
import { filesToSeed, loadTorrent, readSource, sourcesOf } from './source.js';
import { TorrentOfClient } from './torrent.js';
import type {
  AddOptions,
  Client,
  ClientEvents,
  ClientOptions,
  Limits,
  SeedOptions,
  Storage,
  Torrent,
} from './types.js';

/** One public STUN server: without any, only peers of one network find each other. */
const ICE_SERVERS: RTCIceServer[] = [{ urls: 'stun:stun.l.google.com:19302' }];

/** Milliseconds that leaving every torrent may take when a client is destroyed. */
const LEAVING_PATIENCE = 2000;

/** Milliseconds between two words on the browser's limit of peer connections. */
const PEER_LIMIT_EVERY = 30_000;

/** See `createClient`. */
export async function startClient(options: ClientOptions): Promise<Client> {
  checkClientOptions(options);
  const iceServers = options.iceServers ?? ICE_SERVERS;
  checkWebRtc(iceServers);
  const worker = new EngineWorker(options.workerUrl);
  try {
    const { storage, peerId, unstored } = await started(worker, options);
    const trackers = options.trackers ?? [];
    const client = new ClientOfPage(worker, iceServers, trackers, storage, peerId);
    for (const url of trackers) if (!isUsableTracker(url)) client.warnSoon('tracker', `${url}: ${NOT_FOR_PAGES}`);
    if (unstored !== undefined) {
      client.warnSoon('no-storage', `downloads are kept in memory, and lost with the page: ${unstored}`);
    }
    return client;
  } catch (error) {
    worker.end(asBrackishError(error));
    throw error;
  }
}

/** Why a tracker of the caller's is not used. */
const NOT_FOR_PAGES = 'a page can use WebSocket trackers (ws:, wss:) alone';

class ClientOfPage implements Client {
  readonly #worker: EngineWorker;
  readonly #connections: Connections;
  readonly #trackers: string[];
  readonly #torrents = new Map<number, TorrentOfClient>();
  readonly #accepted = new Map<string, TorrentOfClient>();
  readonly #emitter = new Emitter<ClientEvents>();
  #nextTorrent = 1;
  #peerLimitTold = -Infinity;
  #destroying: Promise<void> | undefined;

  constructor(
    worker: EngineWorker,
    iceServers: RTCIceServer[],
    trackers: string[],
    readonly storage: Storage,
    readonly peerId: string,
  ) {
    this.#worker = worker;
    this.#trackers = trackers;
    this.#connections = new Connections(iceServers, (command, transfer) => worker.send(command, transfer), (warning) => this.#warnOfLimit(warning));
    worker.onmessage = (message) => this.#take(message);
    worker.onfailure = (error) => this.#fail(error);
  }

  get torrents(): Torrent[] {
    return [...this.#accepted.values()];
  }

  async add(
    source: string | URL | Uint8Array | ArrayBuffer | Blob,
    options: AddOptions = {},
  ): Promise<Torrent> {
    this.#check();
    checkAddOptions(options);
    const known = await readSource(source, options.signal);
    this.#check();
    const trackers = this.#allTrackers(options.trackers);
    const webSeeds = options.webSeeds ?? [];
    const torrent = await this.#enter((torrent) =>
      typeof known === 'string'
        ? this.#worker.call('addMagnet', [torrent, known, trackers, webSeeds])
        : this.#worker.call('addTorrentFile', [torrent, known, trackers, webSeeds]),
    );
    warnOfUnusable(torrent, options.trackers);
    if (typeof known === 'string') void this.#loadFromSources(torrent, sourcesOf(known), options.signal);
    return torrent;
  }

  async seed(
    files: File | Blob | FileList | readonly (File | Blob)[],
    options: SeedOptions = {},
  ): Promise<Torrent> {
    this.#check();
    checkSeedOptions(options);
    const { blobs, paths, name } = filesToSeed(files, options.name);
    const trackers = this.#allTrackers(options.trackers);
    const pieceLength = options.pieceLength ?? 0;
    const torrent = await this.#enter(
      (torrent) =>
        this.#worker.call('seed', [
          torrent,
          blobs,
          paths,
          name,
          pieceLength,
          trackers,
          options.webSeeds ?? [],
        ]),
      options.onProgress,
    );
    warnOfUnusable(torrent, options.trackers);
    return torrent;
  }

  async limit(limits: Limits): Promise<void> {
    this.#check();
    const { up, down } = checkLimits(limits);
    try {
      await this.#worker.call('limit', [undefined, up, down]);
    } catch (error) {
      throw asBrackishError(error);
    }
  }

  destroy(): Promise<void> {
    this.#destroying ??= this.#leave();
    return this.#destroying;
  }

  /** Warns of what was found before anybody could listen. */
  warnSoon(code: 'tracker' | 'no-storage', message: string): void {
    setTimeout(() => this.#emitter.emit('warning', new BrackishError(code, message)));
  }

  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  /** Has a torrent from before the Worker accepts it, since its news may come first. */
  async #enter(
    accept: (torrent: number) => Promise<Accepted>,
    onProgress?: (fraction: number) => void,
  ): Promise<TorrentOfClient> {
    const key = this.#nextTorrent++;
    const torrent = new TorrentOfClient(key, this.#worker, (left) => this.#forget(left), onProgress);
    this.#torrents.set(key, torrent);
    try {
      torrent.accept(await accept(key));
    } catch (error) {
      this.#torrents.delete(key);
      torrent.end(asBrackishError(error));
      const before = error instanceof Refusal && error.fault.code === 'duplicate';
      const same = before ? this.#torrents.get(Number(error.fault.message)) : undefined;
      if (same) return same;
      throw asBrackishError(error);
    }
    this.#accepted.set(torrent.infoHash, torrent);
    this.#emitter.emit('torrent', torrent);
    return torrent;
  }

  /** Loads the `.torrent` of a magnet link from where the link says, while peers are asked for the metadata too. */
  async #loadFromSources(torrent: TorrentOfClient, sources: URL[], signal: AbortSignal | undefined): Promise<void> {
    for (const url of sources) {
      if (torrent.isOver || torrent.torrentFile) return;
      try {
        const bytes = await loadTorrent(url, signal, 'omit');
        await this.#worker.call('supplyTorrentFile', [torrent.key, bytes]);
        return;
      } catch (error) {
        const { code, message } = asBrackishError(error);
        const words = message.includes(url.href) ? message : `${url.href}: ${message}`;
        torrent.take({ news: 'warning', fault: { code, message: words } });
      }
    }
  }

  #warnOfLimit(warning: BrackishError): void {
    const now = performance.now();
    if (now - this.#peerLimitTold < PEER_LIMIT_EVERY) return;
    this.#peerLimitTold = now;
    this.#emitter.emit('warning', warning);
  }

  #forget(torrent: TorrentOfClient): void {
    this.#torrents.delete(torrent.key);
    this.#accepted.delete(torrent.infoHash);
  }

  #take(message: Message): void {
    switch (message.type) {
      case 'torrent':
        this.#torrents.get(message.torrent)?.take(message);
        break;
      case 'makeOffer':
      case 'makeAnswer':
      case 'applyAnswer':
      case 'closeConnection':
        this.#connections.handle(message);
        break;
    }
  }

  #fail(error: BrackishError): void {
    this.#connections.close();
    for (const torrent of this.#torrents.values()) torrent.end(error);
    this.#emitter.emit('error', error);
  }

  async #leave(): Promise<void> {
    const patience = new Promise<void>((resolve) => setTimeout(resolve, LEAVING_PATIENCE));
    // An engine that fails now is ended all the same.
    await Promise.race([this.#worker.call('shutDown', []).catch(() => {}), patience]);
    const destroyed = new BrackishError('destroyed', 'the client was destroyed');
    this.#worker.end(destroyed);
    this.#connections.close();
    for (const torrent of this.#torrents.values()) torrent.end(destroyed);
    this.#torrents.clear();
    this.#accepted.clear();
  }

  #check(): void {
    if (this.#destroying) throw new BrackishError('destroyed', 'the client was destroyed');
  }

  #allTrackers(more: string[] = []): string[] {
    return [...new Set([...more, ...this.#trackers])];
  }
}

/** A browser may have WebRTC by name and refuse to use it. */
function checkWebRtc(iceServers: RTCIceServer[]): void {
  if (typeof RTCPeerConnection === 'undefined') {
    throw new BrackishError('no-webrtc', 'this browser has no WebRTC, or it is switched off');
  }
  try {
    new RTCPeerConnection({ iceServers }).close();
  } catch (error) {
    if (isPeerLimit(error)) throw peerLimit(error);
    // What the browser refuses here is what the servers are given as.
    const refused = error instanceof TypeError || (error instanceof DOMException && error.name === 'SyntaxError');
    if (refused && iceServers.length > 0) {
      throw new BrackishError('bad-option', `iceServers: ${(error as Error).message}`, { cause: error });
    }
    throw new BrackishError('no-webrtc', `this browser refuses WebRTC: ${String(error)}`, { cause: error });
  }
}

/** Warns of a caller's trackers that a page cannot use, once there is somebody to listen. */
function warnOfUnusable(torrent: TorrentOfClient, trackers: string[] = []): void {
  const unusable = trackers.filter((url) => !isUsableTracker(url));
  setTimeout(() => {
    for (const url of unusable) {
      torrent.take({ news: 'warning', fault: { code: 'tracker', message: `${url}: ${NOT_FOR_PAGES}` } });
    }
  });
}

function started(
  worker: EngineWorker,
  options: ClientOptions,
): Promise<{ storage: Storage; peerId: string; unstored: string | undefined }> {
  return new Promise((resolve, reject) => {
    worker.onfailure = reject;
    worker.onmessage = (message) => {
      if (message.type === 'started') resolve(message);
      else if (message.type === 'failed') reject(faultError(message.fault));
    };
    const { wasmUrl } = options;
    worker.send({
      type: 'start',
      wasmUrl: wasmUrl === undefined ? undefined : new URL(wasmUrl, document.baseURI).href,
      storage: options.storage ?? 'auto',
      namespace: options.namespace ?? 'default',
      maxPeers: options.maxPeers,
    });
  });
}
