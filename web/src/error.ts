/** The one error type of the package: a code for programs, words for people. */

/** What went wrong, for programs. */
export type ErrorCode =
  /** The browser has no WebRTC, or it is switched off. */
  | 'no-webrtc'
  /** The browser has no Workers or no WebAssembly, or their files cannot be loaded. */
  | 'no-worker'
  /** `storage: 'opfs'` was asked for and the browser, or this kind of page, has none. */
  | 'no-storage'
  /** An option or argument has a type or value that it cannot have. */
  | 'bad-option'
  /** Not a torrent, not a magnet link, or one that breaks the rules. */
  | 'bad-torrent'
  /** A file or stretch of bytes that the torrent does not have, or whose metadata has not come. */
  | 'bad-selection'
  /** The disk or the browser's quota for this site is full. */
  | 'storage-full'
  /** The store failed otherwise. */
  | 'storage'
  /** A file of the page's own cannot be read, or has changed. */
  | 'read'
  /** A URL cannot be loaded. */
  | 'network'
  /** A tracker cannot be reached, does not answer, refuses, or is for other programs than pages. */
  | 'tracker'
  /** The torrent has no tracker that a page can use: it finds no peers, and its link leads nobody here. */
  | 'no-tracker'
  /** The browser makes no more peer connections for this page. */
  | 'peer-limit'
  /** A web seed cannot be used, or sent bad data. */
  | 'web-seed'
  /** Names of files that some systems cannot have, or cannot tell apart. */
  | 'names'
  /** Another tab of this site holds the torrent's stored data. */
  | 'in-use'
  /** The torrent was removed. */
  | 'removed'
  /** The client was destroyed. */
  | 'destroyed'
  /** The caller's signal ended it. */
  | 'aborted'
  /** A fault of Brackish itself. */
  | 'internal';

/** Thrown, and carried by `error` and `warning` events. `message` is a sentence for a person. */
export class BrackishError extends Error {
  override readonly name = 'BrackishError';

  constructor(
    /** What went wrong, for programs. */
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Name, code and message: those of an `Error` are left out of JSON. */
  toJSON(): { name: string; code: ErrorCode; message: string } {
    return { name: this.name, code: this.code, message: this.message };
  }
}
