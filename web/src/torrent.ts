/** One torrent as the page sees it: kept up to date by what the Worker tells. */

import { checkFunction, checkLimits, checkPosition, checkPriority } from './check.js';
import { Emitter, callSafely } from './emitter.js';
import { type EngineWorker, asBrackishError, faultError } from './engine.js';
import { BrackishError } from './error.js';
import { FileOfTorrent } from './file.js';
import { clientName } from './peer.js';
import type { Accepted, Calls, Figures, Metadata, TorrentNews } from './protocol.js';
import type {
  Bytes,
  Limits,
  PeerInfo,
  Priority,
  Stall,
  Storage,
  StreamRange,
  Torrent,
  TorrentEvents,
  TorrentFile,
  TorrentState,
  TrackerInfo,
  WebSeedInfo,
} from './types.js';

/** A promise and its ends. One that nobody waits for may be rejected without notice. */
class Settled {
  resolve!: () => void;
  reject!: (error: BrackishError) => void;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    this.promise.catch(() => {});
  }
}

export class TorrentOfClient implements Torrent {
  infoHash = '';
  name = '';
  length = 0;
  files: TorrentFile[] = [];
  pieceCount = 0;
  pieceLength = 0;
  pieces: Bytes = new Uint8Array();
  state: TorrentState = 'metadata';
  verified = 0;
  wanted = 0;
  wantedVerified = 0;
  checked = 0;
  downloadRate = 0;
  uploadRate = 0;
  downloaded = 0;
  uploaded = 0;
  availability = 0;
  copies = 0;
  stalled: Stall | null = null;
  peers: PeerInfo[] = [];
  trackers: TrackerInfo[] = [];
  webSeeds: WebSeedInfo[] = [];
  storage: Storage | 'files' = 'memory';
  error: BrackishError | null = null;
  magnet = '';
  torrentFile: Bytes | null = null;

  #ready = new Settled();
  #completed = new Settled();
  readonly #emitter = new Emitter<TorrentEvents>();
  readonly #awaited = new Map<number, Settled>();
  readonly #readers = new Map<number, NonNullable<StreamRange['onWait']>>();
  readonly #onSelection = new Set<() => void>();
  #roomLookedAt = false;
  #opening = 0;
  #early: Extract<TorrentNews, { news: 'reader' }>[] = [];
  #ended: BrackishError | undefined;

  constructor(
    /** The page's number for it. */
    readonly key: number,
    readonly worker: EngineWorker,
    private readonly forget: (torrent: TorrentOfClient) => void,
    private readonly onHashed: (fraction: number) => void = () => {},
  ) {}

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get completed(): Promise<void> {
    return this.#completed.promise;
  }

  get done(): boolean {
    return this.state === 'seeding';
  }

  get progress(): number {
    if (this.pieceCount === 0) return 0;
    if (this.length === 0) return 1;
    return this.wanted === 0 ? 0 : this.wantedVerified / this.wanted;
  }

  on<E extends keyof TorrentEvents>(event: E, listener: (value: TorrentEvents[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  async select(begin: number, end: number, priority: Priority = 'normal'): Promise<void> {
    checkPosition('begin', begin);
    checkPosition('end', end);
    await this.ask('selectRange', [this.key, begin, end, checkPriority(priority)]);
    this.#selected();
  }

  async selectFile(file: number, priority: Priority): Promise<void> {
    await this.ask('selectFile', [this.key, file, checkPriority(priority)]);
    this.#selected();
  }

  async limit(limits: Limits): Promise<void> {
    const { up, down } = checkLimits(limits);
    await this.ask('limit', [this.key, up, down]);
  }

  async remove({ deleteData = false }: { deleteData?: boolean } = {}): Promise<void> {
    if (this.#ended) return;
    this.end(new BrackishError('removed', 'the torrent was removed'));
    this.forget(this);
    try {
      await this.worker.call('remove', [this.key, deleteData]);
    } catch (error) {
      throw asBrackishError(error);
    }
  }

  toJSON(): Record<string, unknown> {
    const { infoHash, name, length, pieceCount, pieceLength, state, progress, wanted, checked, done } = this;
    const { downloadRate, uploadRate, downloaded, uploaded, storage, magnet, error } = this;
    const { files, peers, trackers, webSeeds, availability, copies, stalled } = this;
    return {
      ...{ infoHash, name, length, pieceCount, pieceLength, state, progress, wanted, checked, done },
      ...{ downloadRate, uploadRate, downloaded, uploaded, storage, magnet, error },
      ...{ files, peers, trackers, webSeeds, availability, copies, stalled },
    };
  }

  /** Whether it was removed, or its client ended. */
  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** Calls a function whenever another choice was made of what is wanted; the returned function ends that. */
  onSelection(listener: () => void): () => void {
    this.#onSelection.add(listener);
    return () => void this.#onSelection.delete(listener);
  }

  /** Whether some of these bytes are not wanted. */
  isUnwanted(begin: number, end: number): Promise<boolean> {
    return this.ask('isUnwanted', [this.key, begin, end]);
  }

  /** What the Worker said when it accepted the torrent. */
  accept([infoHash, name, magnet]: Accepted): void {
    this.infoHash = infoHash;
    if (this.pieceCount === 0) {
      this.name = name;
      this.magnet = magnet;
    }
  }

  /** What happens to it. */
  take(news: TorrentNews): void {
    switch (news.news) {
      case 'hashed':
        callSafely(() => this.onHashed(news.fraction));
        break;
      case 'metadata':
        this.#takeMetadata(news.metadata);
        break;
      case 'stored':
        this.storage = news.medium;
        break;
      case 'pieces':
        this.#takePieces(news.pieces);
        break;
      case 'piece':
        this.#takePiece(news.piece);
        break;
      case 'finished':
        this.#completed.resolve();
        this.#emitter.emit('done', undefined);
        break;
      case 'restarted':
        this.#restart();
        break;
      case 'reader':
        callSafely(() => this.#readers.get(news.reader)?.(news.what, news.waited));
        if (this.#opening > 0) this.#early.push(news);
        break;
      case 'figures':
        this.#takeFigures(news.figures, news.fault && faultError(news.fault));
        break;
      case 'warning':
        this.#emitter.emit('warning', faultError(news.fault));
        break;
    }
  }

  /** No news come any more. */
  end(error: BrackishError): void {
    this.#ended ??= error;
    this.#settle(error);
  }

  /** Whether a piece is verified. */
  has(piece: number): boolean {
    return ((this.pieces[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0;
  }

  /** Resolves once a piece is verified. */
  verifiedPiece(piece: number): Promise<void> {
    if (this.has(piece)) return Promise.resolve();
    const over = this.#ended ?? this.error;
    if (over) return Promise.reject(over);
    const awaited = this.#awaited.get(piece) ?? new Settled();
    this.#awaited.set(piece, awaited);
    return awaited.promise;
  }

  /** Begins to read a stretch of the torrent; see `StreamRange` for what is told. */
  async openReader(begin: number, end: number, onWait?: StreamRange['onWait']): Promise<number> {
    if (onWait !== undefined) checkFunction('onWait', onWait);
    this.#opening++;
    try {
      const reader = await this.ask('openReader', [this.key, begin, end]);
      if (onWait) {
        this.#readers.set(reader, onWait);
        // What is here already is told before the Worker's answer.
        for (const { reader: told, what, waited } of this.#early) if (told === reader) callSafely(() => onWait(what, waited));
      }
      return reader;
    } finally {
      if (--this.#opening === 0) this.#early = [];
    }
  }

  /** A reader moves on to a byte of the torrent; without one, it has ended. */
  moveReader(reader: number, position?: number): void {
    if (position === undefined) this.#readers.delete(reader);
    if (!this.#ended) this.worker.send({ type: 'reader', torrent: this.key, reader, position });
  }

  /** Asks the Worker for something; fails as everything of a page does. */
  private async ask<M extends keyof Calls>(method: M, args: Parameters<Calls[M]>): Promise<ReturnType<Calls[M]>> {
    if (this.#ended) throw this.#ended;
    try {
      return await this.worker.call(method, args);
    } catch (error) {
      throw asBrackishError(error);
    }
  }

  /** It had failed, and begins anew. */
  #restart(): void {
    this.error = null;
    this.#completed = new Settled();
    if (this.pieceCount === 0) this.#ready = new Settled();
  }

  #selected(): void {
    for (const listener of [...this.#onSelection]) listener();
  }

  #takeMetadata(metadata: Metadata): void {
    const { files } = metadata;
    if (this.pieceCount > 0) {
      // It began anew: its files are the same, and it may have more trackers.
      this.torrentFile = metadata.torrentFile;
      this.magnet = metadata.magnet;
      this.pieces = new Uint8Array(this.pieces.length);
      return;
    }
    this.name = metadata.name;
    this.length = metadata.length;
    this.pieceLength = metadata.pieceLength;
    this.pieceCount = metadata.pieceCount;
    this.torrentFile = metadata.torrentFile;
    this.magnet = metadata.magnet;
    this.pieces = new Uint8Array(Math.ceil(this.pieceCount / 8));
    this.files = [];
    for (let at = 0; at < files.length; at += 4) {
      const [index, path, length, offset] = files.slice(at, at + 4) as [number, string, number, number];
      this.files.push(new FileOfTorrent(this, index, path, length, offset));
    }
    this.#ready.resolve();
    this.#emitter.emit('metadata', undefined);
  }

  #takePieces(pieces: Bytes): void {
    this.pieces = new Uint8Array(pieces);
    for (const piece of [...this.#awaited.keys()]) {
      if (this.has(piece)) this.#settlePiece(piece);
    }
  }

  #takePiece(piece: number): void {
    const byte = piece >> 3;
    this.pieces[byte] = (this.pieces[byte] ?? 0) | (0x80 >> (piece & 7));
    this.#settlePiece(piece);
    this.#emitter.emit('piece', piece);
  }

  #settlePiece(piece: number): void {
    this.#awaited.get(piece)?.resolve();
    this.#awaited.delete(piece);
  }

  #takeFigures(figures: Figures, failure?: BrackishError): void {
    const { state, stalled } = this;
    if (failure) {
      this.error = failure;
      this.#settle(failure);
    }
    const { checkedPieces, peers, ...rest } = figures;
    Object.assign(this, rest);
    this.checked = this.pieceCount === 0 ? 0 : checkedPieces / this.pieceCount;
    this.peers = peers.map((peer) => ({ ...peer, client: peer.client || clientName(peer.id) }));
    // Figures that were taken before the reason came do not say that it failed.
    if (this.state === 'error' && !this.error) this.state = state;
    if (failure) this.#emitter.emit('error', failure);
    if (state !== this.state) this.#emitter.emit('state', this.state);
    if (this.done) this.#completed.resolve();
    if (this.state === 'downloading' && this.storage === 'opfs') void this.#lookForRoom();
    if (this.stalled && this.stalled.reason !== stalled?.reason) this.#emitter.emit('stalled', this.stalled);
    if (stalled && !this.stalled) this.#emitter.emit('resumed', undefined);
    this.#emitter.emit('progress', this.progress);
    this.#emitter.emit('peers', this.peers);
  }

  /** Warns, before anything fails, of a torrent that the browser has no room for. */
  async #lookForRoom(): Promise<void> {
    if (this.#roomLookedAt) return;
    this.#roomLookedAt = true;
    const needed = this.wanted - this.wantedVerified;
    const { quota, usage = 0 } = (await navigator.storage?.estimate().catch(() => undefined)) ?? {};
    if (quota === undefined || needed <= quota - usage) return;
    const room = `the browser lets this site store ${Math.max(0, quota - usage)} bytes more`;
    const message = `${this.name}: ${needed} bytes are to come, and ${room}`;
    this.#emitter.emit('warning', new BrackishError('storage-full', message));
  }

  #settle(error: BrackishError): void {
    this.#ready.reject(error);
    this.#completed.reject(error);
    for (const awaited of this.#awaited.values()) awaited.reject(error);
    this.#awaited.clear();
  }
}
