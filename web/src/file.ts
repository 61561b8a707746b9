/** One file of a torrent. */

import { checkPosition } from './check.js';
import { asBrackishError } from './engine.js';
import { mimeType } from './mime.js';
import type { TorrentOfClient } from './torrent.js';
import type { Bytes, Priority, StreamRange, TorrentFile } from './types.js';

/** Most bytes that a stream gives at once. */
const CHUNK = 512 * 1024;

/** Milliseconds after which a saved file's URL is let go of: the browser has long opened it. */
const URL_LIFE = 60_000;

export class FileOfTorrent implements TorrentFile {
  readonly name: string;

  constructor(
    private readonly torrent: TorrentOfClient,
    private readonly index: number,
    readonly path: string,
    readonly length: number,
    readonly offset: number,
  ) {
    this.name = path.slice(path.lastIndexOf('/') + 1);
  }

  get progress(): number {
    if (this.length === 0) return 1;
    const { pieceLength } = this.torrent;
    let verified = 0;
    for (const piece of this.#pieces()) {
      if (this.torrent.has(piece)) {
        const start = Math.max(piece * pieceLength, this.offset);
        verified += Math.min((piece + 1) * pieceLength, this.offset + this.length) - start;
      }
    }
    return verified / this.length;
  }

  get done(): boolean {
    for (const piece of this.#pieces()) if (!this.torrent.has(piece)) return false;
    return true;
  }

  select(priority: Priority = 'normal'): Promise<void> {
    return this.torrent.selectFile(this.index, priority);
  }

  deselect(): Promise<void> {
    return this.select('skip');
  }

  async blob(): Promise<Blob> {
    await this.#whole();
    try {
      const blob = await this.torrent.worker.call('blob', [this.torrent.key, this.index]);
      return blob.slice(0, blob.size, mimeType(this.name));
    } catch (error) {
      throw asBrackishError(error);
    }
  }

  stream({ start = 0, end = this.length, onWait }: StreamRange = {}): ReadableStream<Bytes> {
    checkPosition('start', start);
    checkPosition('end', end);
    const { torrent } = this;
    const stop = this.offset + Math.min(Math.max(end, 0), this.length);
    let position = this.offset + Math.max(start, 0);
    let reader: number | undefined;
    let closed = false;
    const close = () => {
      closed = true;
      if (reader !== undefined) torrent.moveReader(reader);
      reader = undefined;
    };
    const pull = async (controller: ReadableStreamDefaultController<Bytes>) => {
      if (position < stop) {
        reader ??= await torrent.openReader(position, stop, onWait);
        if (closed) return close();
        const piece = Math.floor(position / torrent.pieceLength);
        await torrent.verifiedPiece(piece);
        const until = Math.min((piece + 1) * torrent.pieceLength, stop, position + CHUNK);
        const data = await torrent.worker.call('read', [torrent.key, position, until - position]);
        position = until;
        if (reader !== undefined) torrent.moveReader(reader, position);
        controller.enqueue(data);
      }
      if (position >= stop) {
        close();
        controller.close();
      }
    };
    return new ReadableStream<Bytes>(
      {
        pull: (controller) =>
          pull(controller).catch((error: unknown) => {
            close();
            throw asBrackishError(error);
          }),
        cancel: close,
      },
      // Nothing is fetched out of order before somebody reads.
      { highWaterMark: 0 },
    );
  }

  toJSON(): Record<string, unknown> {
    const { path, name, length, offset, progress, done } = this;
    return { path, name, length, offset, progress, done };
  }

  async save(): Promise<void> {
    const url = URL.createObjectURL(await this.blob());
    const link = document.createElement('a');
    link.href = url;
    link.download = this.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), URL_LIFE);
  }

  /** Waits for every piece. What is not wanted, or is deselected meanwhile, is fetched for this as for a reader. */
  async #whole(): Promise<void> {
    if (this.done) return;
    const { torrent, offset } = this;
    const end = offset + this.length;
    let reader: Promise<number> | undefined;
    const fetch = async () => {
      if (reader === undefined && (await torrent.isUnwanted(offset, end))) {
        reader ??= torrent.openReader(offset, end);
        await reader;
      }
    };
    // What goes wrong here later on ends the wait for a piece too.
    const stop = torrent.onSelection(() => void fetch().catch(() => {}));
    try {
      await fetch();
      for (const piece of this.#pieces()) await torrent.verifiedPiece(piece);
    } finally {
      stop();
      reader?.then((open) => torrent.moveReader(open)).catch(() => {});
    }
  }

  *#pieces(): Generator<number> {
    if (this.length === 0) return;
    const { pieceLength } = this.torrent;
    const last = Math.floor((this.offset + this.length - 1) / pieceLength);
    for (let piece = Math.floor(this.offset / pieceLength); piece <= last; piece++) yield piece;
  }
}
