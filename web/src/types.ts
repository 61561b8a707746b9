/**
 * What a page sees of Brackish: the client, its torrents and their files. This file holds only
 * types; `index.ts` makes the values.
 */

import type { BrackishError } from './error.js';

/** Bytes with a buffer of their own: `Uint8Array<ArrayBuffer>` where TypeScript tells that from others (5.7), else `Uint8Array`. */
export type Bytes = ReturnType<Uint8ArrayConstructor['of']>;

/** Settings of a client. They hold for its life. */
export interface ClientOptions {
  /**
   * WebSocket trackers (`ws:` or `wss:`) announced to for every torrent, besides its own. Of `http:`, `https:` and
   * `udp:` trackers, which a page cannot use, a `warning` tells.
   */
  trackers?: string[];
  /** STUN and TURN servers. Default: one public STUN server; `[]` uses local addresses alone. */
  iceServers?: RTCIceServer[];
  /** Where `worker.js` is. Default: beside the module. */
  workerUrl?: string | URL;
  /** Where `brackish_bg.wasm` is. Default: beside `worker.js`. */
  wasmUrl?: string | URL;
  /**
   * Where downloads are kept. `auto` (default): the origin private file system where the browser
   * has it, else memory and the browser's own disk-backed Blobs. `opfs`: fail without it.
   */
  storage?: 'auto' | 'opfs' | 'memory';
  /** Clients of one origin with different namespaces share no stored data. Not empty. Default: `default`. */
  namespace?: string;
  /**
   * Most connections of one torrent, from 1 to 500; the client has at most four times as many, offers and all. Each costs
   * memory and a data channel. Default: 55.
   */
  maxPeers?: number;
}

/** What is said of a torrent when it is added. */
export interface AddOptions {
  /** Trackers for this torrent, besides its own and the client's. */
  trackers?: string[];
  /** HTTP servers that have the files (BEP 19), besides the torrent's own; they must allow this site (CORS). */
  webSeeds?: string[];
  /** Ends the loading of a `.torrent` from a URL. One that has ended already refuses the torrent. */
  signal?: AbortSignal;
}

/** How a new torrent is made of files. */
export interface SeedOptions {
  /** Name of the torrent. Default: the file's name, or the folder's, or `files`. */
  name?: string;
  /** Bytes of a piece. Default: a power of two by the total length. */
  pieceLength?: number;
  /** Trackers that the torrent and its magnet link carry, besides the client's. */
  trackers?: string[];
  /** HTTP servers that have the files (BEP 19), for the torrent and its magnet link to carry. */
  webSeeds?: string[];
  /** Told from 0 to 1 while the files are hashed. */
  onProgress?: (fraction: number) => void;
}

/** Most payload bytes per second, 0 or more; what is left out, or `Infinity`, has no limit. 0 holds everything back. */
export interface Limits {
  /** Sent to peers. */
  up?: number;
  /** Received from peers and web seeds. */
  down?: number;
}

/** Where a client keeps what it downloads. */
export type Storage = 'opfs' | 'memory';

/** Takes part in torrents on behalf of a page. Made by `createClient`. */
export interface Client {
  /** Every torrent, in the order added. */
  readonly torrents: Torrent[];
  /** Where downloads are kept. */
  readonly storage: Storage;
  /** The 20 bytes that name this client to peers, as 40 hex digits. */
  readonly peerId: string;
  /**
   * Takes part in a torrent: a magnet link, an info-hash in hex, the URL of a `.torrent` (absolute,
   * or relative to the page), or its bytes. Resolves once it is accepted; its files are known once
   * `torrent.ready` resolves. Where a magnet link says where the `.torrent` is (`xs`, `as`), it is loaded from there
   * beside asking peers. Adding a torrent that the client has gives that one again; where an error had stopped it, it
   * goes on with what is stored.
   *
   * @throws BrackishError `bad-torrent`, `bad-option`, `network`, `read`, `aborted`, `destroyed`
   */
  add(source: string | URL | Uint8Array | ArrayBuffer | Blob, options?: AddOptions): Promise<Torrent>;
  /**
   * Hashes files, makes a torrent of them and seeds it. Data is read from the files whenever it is
   * wanted; nothing is copied. Resolves once all is hashed. Where the client has this torrent and waits for its data,
   * that one is given and has all of it at once.
   *
   * @throws BrackishError `bad-torrent`, `bad-option`, `read`, `destroyed`
   */
  seed(files: File | Blob | FileList | readonly (File | Blob)[], options?: SeedOptions): Promise<Torrent>;
  /**
   * Limits the rates of all torrents together from now on.
   *
   * @throws BrackishError `bad-option`, `destroyed`
   */
  limit(limits: Limits): Promise<void>;
  /** Leaves every torrent and ends the Worker. Stored data stays. */
  destroy(): Promise<void>;
  /** Listens; the returned function ends that. */
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void;
}

/** Events of a client and what each carries. */
export interface ClientEvents {
  /** A torrent was added. */
  torrent: Torrent;
  /**
   * Something that concerns every torrent and that a person may want to know; all goes on. `tracker`: a tracker of
   * `ClientOptions` is not one that a page can use. `no-storage`: `storage` is `auto`, and downloads are kept in memory.
   * `peer-limit`: the browser makes no more peer connections. What was found when the client was made comes right after
   * `createClient` has resolved.
   */
  warning: BrackishError;
  /** The engine ended and cannot go on. */
  error: BrackishError;
}

/**
 * What a torrent is doing: waiting for its metadata, looking at what is stored already, fetching,
 * complete, or stopped by an error (what is verified is still served).
 */
export type TorrentState = 'metadata' | 'checking' | 'downloading' | 'seeding' | 'error';

/** One torrent of a client. Figures are brought up to date about twice a second. */
export interface Torrent {
  /** 40 hex digits. */
  readonly infoHash: string;
  /** The name; before the metadata that of the magnet link, or the info-hash. */
  readonly name: string;
  /** Bytes of all files; 0 before the metadata. */
  readonly length: number;
  /** The files, padding left out; empty before the metadata. */
  readonly files: TorrentFile[];
  /** Number of pieces; 0 before the metadata. */
  readonly pieceCount: number;
  /** Bytes of every piece but the last; 0 before the metadata. */
  readonly pieceLength: number;
  /** Verified pieces, a bit each, the first piece in the highest bit of the first byte. */
  readonly pieces: Bytes;
  /** What it is doing. */
  readonly state: TorrentState;
  /** Verified bytes of all that is wanted, from 0 to 1. */
  readonly progress: number;
  /** Bytes that are wanted: `length`, unless something was deselected; 0 before the metadata. */
  readonly wanted: number;
  /** While `state` is `checking`: pieces looked at of all, from 0 to 1. */
  readonly checked: number;
  /** Everything that is wanted is verified. */
  readonly done: boolean;
  /** Payload bytes per second. */
  readonly downloadRate: number;
  /** Payload bytes per second. */
  readonly uploadRate: number;
  /** Payload bytes received in this session. */
  readonly downloaded: number;
  /** Payload bytes sent in this session. */
  readonly uploaded: number;
  /**
   * Copies of the torrent among connected peers, web seeds that work, and this page: the whole number is how many have
   * the rarest piece, the rest the share of pieces of which there are more. Below 1, nobody has everything.
   */
  readonly availability: number;
  /** The same without what is here. */
  readonly copies: number;
  /** Why a download has not gone on for some seconds; `null` while it does. */
  readonly stalled: Stall | null;
  /** Connected peers. */
  readonly peers: PeerInfo[];
  /** How each tracker stands. */
  readonly trackers: TrackerInfo[];
  /** How each web seed stands. */
  readonly webSeeds: WebSeedInfo[];
  /** Where its data is kept: `files` for a torrent seeded from the page's own files. */
  readonly storage: Storage | 'files';
  /** The error that stopped it, if one did. */
  readonly error: BrackishError | null;
  /** The magnet link, with the trackers and web seeds. */
  readonly magnet: string;
  /** The `.torrent`, with the trackers and web seeds; `null` before the metadata. */
  readonly torrentFile: Bytes | null;
  /** Resolves once the files are known. Rejects when the torrent is removed before. */
  readonly ready: Promise<void>;
  /**
   * Resolves once everything that is wanted is verified. Rejects when the torrent fails or is
   * removed before.
   */
  readonly completed: Promise<void>;
  /** Listens; the returned function ends that. */
  on<E extends keyof TorrentEvents>(event: E, listener: (value: TorrentEvents[E]) => void): () => void;
  /**
   * Changes how much the bytes from `begin` up to, not including, `end` are wanted (default
   * `normal`), whatever was said of their files. Data is fetched in pieces: more may come. Where data is stored, a
   * later visit finds the choice again.
   *
   * @throws BrackishError `bad-selection`, `bad-option`, `removed`
   */
  select(begin: number, end: number, priority?: Priority): Promise<void>;
  /**
   * Limits the rates of this torrent from now on.
   *
   * @throws BrackishError `bad-option`, `removed`
   */
  limit(limits: Limits): Promise<void>;
  /** Leaves the torrent. Stored data stays unless `deleteData` is given. */
  remove(options?: { deleteData?: boolean }): Promise<void>;
  /** What `JSON.stringify` shows of it: its figures, without `pieces` and `torrentFile`. */
  toJSON(): Record<string, unknown>;
}

/** Why a download does not go on. It goes on by itself when it can. */
export interface Stall {
  /**
   * For programs. `nothing-known`: no tracker, peer or web seed. `no-source`: none is left. `bad-data`: every source
   * sent bad data. `no-metadata`: no connected peer gives it. `nobody-has`: a piece that no source has. `not-served`:
   * peers have what is missing and do not send it. `no-such-file`: the magnet link names no file of the torrent (`so`).
   */
  readonly reason:
    | 'nothing-known'
    | 'no-source'
    | 'bad-data'
    | 'no-metadata'
    | 'nobody-has'
    | 'not-served'
    | 'no-such-file';
  /** In words, for a person. */
  readonly message: string;
}

/** How much something is wanted: not at all, after the rest, as usual, before the rest. */
export type Priority = 'skip' | 'low' | 'normal' | 'high';

/** Events of a torrent and what each carries. */
export interface TorrentEvents {
  /** The files are known. */
  metadata: void;
  /** Figures changed: rates, bytes, progress. Carries the progress, from 0 to 1. */
  progress: number;
  /** A piece was verified. Carries its index. */
  piece: number;
  /** Everything that is wanted is verified; again when more was wanted meanwhile. */
  done: void;
  /** The peers, or their figures, changed. */
  peers: PeerInfo[];
  /**
   * Something that a person may want to know; all goes on. `tracker`, `web-seed`: one cannot be reached or used.
   * `no-tracker`: there is none that a page can use. `network`: the `.torrent` that a magnet link names cannot be
   * loaded. `storage-full`: there is less room than the torrent needs. `storage`: stored data is lost, and fetched
   * again. `in-use`: another tab has the stored data.
   */
  warning: BrackishError;
  /** The download has not gone on for some seconds, or does not for another reason than before. */
  stalled: Stall;
  /** A download that had stalled has a source again, or nothing more to fetch. */
  resumed: void;
  /** The torrent cannot go on. */
  error: BrackishError;
  /** The state changed. */
  state: TorrentState;
}

/** One file of a torrent. */
export interface TorrentFile {
  /** Where in the torrent, with `/` between components; for a torrent of one file its name. */
  readonly path: string;
  /** The last component of the path. */
  readonly name: string;
  /** Bytes. */
  readonly length: number;
  /** Bytes from the start of the torrent to the start of the file. */
  readonly offset: number;
  /** Verified bytes of the file, from 0 to 1. */
  readonly progress: number;
  /** Every byte is verified. */
  readonly done: boolean;
  /**
   * Changes how much the file is wanted (default `normal`), at any time. Where data is stored, a later visit finds the
   * choice again.
   *
   * @throws BrackishError `bad-option`, `removed`
   */
  select(priority?: Priority): Promise<void>;
  /** Fetches the file no more, as `select('skip')`. What is here of it stays. */
  deselect(): Promise<void>;
  /**
   * The file, once every byte of it is verified. Its bytes stay where they are stored: a Blob of
   * gigabytes takes no memory. A file that is deselected is fetched for this.
   *
   * @throws BrackishError `read`, `storage`, `removed`, or what stopped the torrent
   */
  blob(): Promise<Blob>;
  /**
   * The bytes from `start` (default 0) up to, not including, `end` (default: the length), as they
   * are verified. What comes next in it is fetched before everything else, also of a file that is
   * deselected, from where somebody begins to read until the end or `cancel()`. Several streams may
   * be read at once.
   */
  stream(range?: StreamRange): ReadableStream<Bytes>;
  /** Hands the file to the browser's download, under its name, once every byte is verified. */
  save(): Promise<void>;
  /** What `JSON.stringify` shows of it. */
  toJSON(): Record<string, unknown>;
}

/** Which bytes of a file are streamed, and who is told how it goes. */
export interface StreamRange {
  /** The first byte. Default: 0. */
  start?: number;
  /** The byte after the last. Default: the file's length. */
  end?: number;
  /**
   * Told when the first byte is there, when the reader has waited so long that a person notices,
   * and when it goes on; with the milliseconds that it waited.
   */
  onWait?: (what: 'began' | 'stalled' | 'resumed', waited: number) => void;
}

/** A connected peer. */
export interface PeerInfo {
  /** Its peer id, as 40 hex digits. */
  readonly id: string;
  /** Its name and version, if it told them; else what its peer id says. */
  readonly client: string;
  /** Payload bytes per second. */
  readonly downloadRate: number;
  /** Payload bytes per second. */
  readonly uploadRate: number;
  /** Payload bytes received from it. */
  readonly downloaded: number;
  /** Payload bytes sent to it. */
  readonly uploaded: number;
  /** The pieces that it has, from 0 to 1. */
  readonly progress: number;
}

/** How a tracker stands. */
export interface TrackerInfo {
  /** Its URL. */
  readonly url: string;
  /** How the last announce went: none answered yet, well, or not; or it is none that a page can use (`udp:`, `http:`). */
  readonly status: 'pending' | 'working' | 'failed' | 'unusable';
  /** Where it failed or is not used: why, in words. */
  readonly message: string;
}

/** How a web seed (BEP 19) stands. */
export interface WebSeedInfo {
  /** Its URL, as the torrent has it. */
  readonly url: string;
  /** Nothing is asked of it, it sends, it failed and is tried again later, or is not asked any more. */
  readonly status: 'idle' | 'fetching' | 'resting' | 'dropped';
  /** Where it failed: why, in words. */
  readonly message: string;
  /** Payload bytes per second. */
  readonly downloadRate: number;
  /** Payload bytes received from it. */
  readonly downloaded: number;
}
