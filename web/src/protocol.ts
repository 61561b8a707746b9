/** What the page and its Worker say to each other. */

import type { ErrorCode } from './error.js';
import type { Bytes, PeerInfo, Stall, Storage, TorrentState, TrackerInfo, WebSeedInfo } from './types.js';

/** From the page to the Worker. */
export type Command =
  | {
      type: 'start';
      wasmUrl: string | undefined;
      storage: 'auto' | 'opfs' | 'memory';
      namespace: string;
      maxPeers: number | undefined;
    }
  | { type: 'call'; id: number; method: keyof Calls; args: unknown[] }
  | { type: 'reader'; torrent: number; reader: number; position: number | undefined }
  | { type: 'description'; connection: number; sdp: string }
  | { type: 'channel'; connection: number; channel: RTCDataChannel }
  | { type: 'relay'; connection: number; port: MessagePort }
  | { type: 'closed'; connection: number; reason: string };

/** What is known of a torrent once it is accepted: info-hash, name, magnet link. */
export type Accepted = [infoHash: string, name: string, magnet: string];

/** What the page asks of the Worker and waits for. The first argument is the page's number for the torrent. */
export interface Calls {
  addTorrentFile: (torrent: number, bytes: Uint8Array, trackers: string[], webSeeds: string[]) => Accepted;
  addMagnet: (torrent: number, link: string, trackers: string[], webSeeds: string[]) => Accepted;
  seed: (
    torrent: number,
    files: Blob[],
    paths: string[],
    name: string,
    pieceLength: number,
    trackers: string[],
    webSeeds: string[],
  ) => Accepted;
  supplyTorrentFile: (torrent: number, bytes: Uint8Array) => void;
  isUnwanted: (torrent: number, begin: number, end: number) => boolean;
  remove: (torrent: number, deleteData: boolean) => void;
  selectFile: (torrent: number, file: number, wanted: number) => void;
  selectRange: (torrent: number, begin: number, end: number, wanted: number) => void;
  limit: (torrent: number | undefined, up: number | undefined, down: number | undefined) => void;
  openReader: (torrent: number, begin: number, end: number) => number;
  read: (torrent: number, offset: number, length: number) => Bytes;
  blob: (torrent: number, file: number) => Blob;
  shutDown: () => void;
}

/** An error on its way. */
export interface Fault {
  code: ErrorCode | 'duplicate';
  message: string;
}

/** The files of a torrent; `files` holds place in the list, path, length and offset of each in turn. */
export interface Metadata {
  name: string;
  length: number;
  pieceLength: number;
  pieceCount: number;
  files: (number | string)[];
  torrentFile: Bytes;
  magnet: string;
}

/** The figures of a torrent, its peers, trackers and web seeds. */
export interface Figures {
  state: TorrentState;
  verified: number;
  wanted: number;
  wantedVerified: number;
  checkedPieces: number;
  downloaded: number;
  uploaded: number;
  downloadRate: number;
  uploadRate: number;
  availability: number;
  copies: number;
  stalled: Stall | null;
  peers: PeerInfo[];
  trackers: TrackerInfo[];
  webSeeds: WebSeedInfo[];
}

/** What happens to a torrent. */
export type TorrentNews =
  | { news: 'hashed'; fraction: number }
  | { news: 'metadata'; metadata: Metadata }
  | { news: 'stored'; medium: Storage | 'files' }
  | { news: 'pieces'; pieces: Bytes }
  | { news: 'piece'; piece: number }
  | { news: 'finished' }
  | { news: 'restarted' }
  | { news: 'reader'; reader: number; what: 'began' | 'stalled' | 'resumed'; waited: number }
  /** With a fault: it cannot go on, which its state says too. */
  | { news: 'figures'; figures: Figures; fault?: Fault }
  | { news: 'warning'; fault: Fault };

/** From the Worker to the page. */
export type Message =
  /** With why there is no file system, where one would have been used. */
  | { type: 'started'; storage: Storage; peerId: string; unstored: string | undefined }
  | { type: 'failed'; fault: Fault }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'refused'; id: number; fault: Fault }
  | { type: 'makeOffer'; connection: number }
  | { type: 'makeAnswer'; connection: number; offer: string }
  | { type: 'applyAnswer'; connection: number; answer: string }
  | { type: 'closeConnection'; connection: number }
  | ({ type: 'torrent'; torrent: number } & TorrentNews);
