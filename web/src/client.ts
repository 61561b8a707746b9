/** The client: starts the Worker, hands out torrents, and tells each what happens to it. */

import { Connections } from './connections.js';
import { Emitter } from './emitter.js';
import { EngineWorker, Refusal, asBrackishError, faultError } from './engine.js';
import { BrackishError } from './error.js';
import type { Accepted, Message } from './protocol.js';
import { filesToSeed, readSource } from './source.js';
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

/** See `createClient`. */
export async function startClient(options: ClientOptions): Promise<Client> {
  const iceServers = options.iceServers ?? ICE_SERVERS;
  checkWebRtc(iceServers);
  const worker = new EngineWorker(options.workerUrl);
  try {
    const { storage, peerId } = await started(worker, options);
    return new ClientOfPage(worker, iceServers, options.trackers ?? [], storage, peerId);
  } catch (error) {
    worker.end(asBrackishError(error));
    throw error;
  }
}

class ClientOfPage implements Client {
  readonly #worker: EngineWorker;
  readonly #connections: Connections;
  readonly #trackers: string[];
  readonly #torrents = new Map<number, TorrentOfClient>();
  readonly #accepted = new Map<string, TorrentOfClient>();
  readonly #emitter = new Emitter<ClientEvents>();
  #nextTorrent = 1;
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
    this.#connections = new Connections(iceServers, (command, transfer) => worker.send(command, transfer));
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
    const known = await readSource(source, options.signal);
    this.#check();
    const trackers = this.#allTrackers(options.trackers);
    const webSeeds = options.webSeeds ?? [];
    return this.#enter((torrent) =>
      typeof known === 'string'
        ? this.#worker.call('addMagnet', [torrent, known, trackers, webSeeds])
        : this.#worker.call('addTorrentFile', [torrent, known, trackers, webSeeds]),
    );
  }

  async seed(
    files: File | Blob | FileList | readonly (File | Blob)[],
    options: SeedOptions = {},
  ): Promise<Torrent> {
    this.#check();
    const { blobs, paths, name } = filesToSeed(files, options.name);
    const trackers = this.#allTrackers(options.trackers);
    const pieceLength = options.pieceLength ?? 0;
    return this.#enter(
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
  }

  async limit({ up, down }: Limits): Promise<void> {
    this.#check();
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

  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  /** Has a torrent from before the Worker accepts it, since its news may come first. */
  async #enter(
    accept: (torrent: number) => Promise<Accepted>,
    onProgress?: (fraction: number) => void,
  ): Promise<Torrent> {
    const key = this.#nextTorrent++;
    const torrent = new TorrentOfClient(key, this.#worker, (left) => this.#forget(left), onProgress);
    this.#torrents.set(key, torrent);
    try {
      torrent.accept(await accept(key));
    } catch (error) {
      this.#torrents.delete(key);
      torrent.end(asBrackishError(error));
      const before = error instanceof Refusal && error.fault.code === 'duplicate';
      const same = before ? this.#accepted.get(error.fault.message) : undefined;
      if (same) return same;
      throw asBrackishError(error);
    }
    this.#accepted.set(torrent.infoHash, torrent);
    this.#emitter.emit('torrent', torrent);
    return torrent;
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
    throw new BrackishError('no-webrtc', `this browser refuses WebRTC: ${String(error)}`, { cause: error });
  }
}

function started(
  worker: EngineWorker,
  options: ClientOptions,
): Promise<{ storage: Storage; peerId: string }> {
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
