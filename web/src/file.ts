/** One file of a torrent. */

import { asBrackishError } from './engine.js';
import { mimeType } from './mime.js';
import type { TorrentOfClient } from './torrent.js';
import type { Priority, StreamRange, TorrentFile } from './types.js';

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
    for (const piece of this.#pieces()) await this.torrent.verifiedPiece(piece);
    try {
      const blob = await this.torrent.worker.call('blob', [this.torrent.key, this.index]);
      return blob.slice(0, blob.size, mimeType(this.name));
    } catch (error) {
      throw asBrackishError(error);
    }
  }

  stream({ start = 0, end = this.length, onWait }: StreamRange = {}): ReadableStream<Uint8Array> {
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
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
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
    return new ReadableStream<Uint8Array>(
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

  async save(): Promise<void> {
    const url = URL.createObjectURL(await this.blob());
    const link = document.createElement('a');
    link.href = url;
    link.download = this.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), URL_LIFE);
  }

  *#pieces(): Generator<number> {
    if (this.length === 0) return;
    const { pieceLength } = this.torrent;
    const last = Math.floor((this.offset + this.length - 1) / pieceLength);
    for (let piece = Math.floor(this.offset / pieceLength); piece <= last; piece++) yield piece;
  }
}
