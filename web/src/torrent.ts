/** One torrent as the page sees it: kept up to date by what the Worker tells. */

import { Emitter } from './emitter.js';
import { type EngineWorker, asBrackishError, faultError } from './engine.js';
import { BrackishError } from './error.js';
import { FileOfTorrent } from './file.js';
import { clientName } from './peer.js';
import type { Accepted, Figures, Metadata, TorrentNews } from './protocol.js';
import type {
  PeerInfo,
  Storage,
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
  pieces = new Uint8Array();
  state: TorrentState = 'metadata';
  verified = 0;
  checked = 0;
  downloadRate = 0;
  uploadRate = 0;
  downloaded = 0;
  uploaded = 0;
  peers: PeerInfo[] = [];
  trackers: TrackerInfo[] = [];
  webSeeds: WebSeedInfo[] = [];
  storage: Storage | 'files' = 'memory';
  error: BrackishError | null = null;
  magnet = '';
  torrentFile: Uint8Array | null = null;

  readonly #ready = new Settled();
  readonly #completed = new Settled();
  readonly #emitter = new Emitter<TorrentEvents>();
  readonly #awaited = new Map<number, Settled>();
  readonly #cursors = new Map<object, number>();
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
    return this.length === 0 ? 1 : this.verified / this.length;
  }

  on<E extends keyof TorrentEvents>(event: E, listener: (value: TorrentEvents[E]) => void): () => void {
    return this.#emitter.on(event, listener);
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
        this.onHashed(news.fraction);
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
      case 'figures':
        this.#takeFigures(news.figures);
        break;
      case 'warning':
        this.#emitter.emit('warning', faultError(news.fault));
        break;
      case 'failed':
        this.#fail(faultError(news.fault));
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

  /** A reader moves on to a piece; without one, it has ended. The last that moved is served first. */
  moveCursor(reader: object, piece?: number): void {
    if (this.#ended || this.#cursors.get(reader) === piece) return;
    this.#cursors.delete(reader);
    if (piece !== undefined) this.#cursors.set(reader, piece);
    const last = [...this.#cursors.values()].at(-1);
    this.worker.send({ type: 'cursor', torrent: this.key, piece: last });
  }

  #takeMetadata(metadata: Metadata): void {
    const { files } = metadata;
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

  #takePieces(pieces: Uint8Array): void {
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

  #takeFigures(figures: Figures): void {
    const { state } = this;
    const { checkedPieces, peers, ...rest } = figures;
    Object.assign(this, rest);
    this.checked = this.pieceCount === 0 ? 0 : checkedPieces / this.pieceCount;
    this.peers = peers.map((peer) => ({ ...peer, client: peer.client || clientName(peer.id) }));
    if (state !== this.state) this.#emitter.emit('state', this.state);
    if (this.done) this.#completed.resolve();
    this.#emitter.emit('progress', this.progress);
    this.#emitter.emit('peers', this.peers);
  }

  #fail(error: BrackishError): void {
    this.error = error;
    this.#settle(error);
    this.#emitter.emit('error', error);
  }

  #settle(error: BrackishError): void {
    this.#ready.reject(error);
    this.#completed.reject(error);
    for (const awaited of this.#awaited.values()) awaited.reject(error);
    this.#awaited.clear();
  }
}
