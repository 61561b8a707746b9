// The piece map: which parts of the torrent are verified, drawn on a canvas and said in words.

import { h, setText, uniqueId } from './dom.js';

/** Side of a cell and the gap between cells, in CSS pixels. */
const CELL = 9;
const GAP = 2;
/** Most rows of the map; a torrent with more pieces puts several in a cell. */
const MOST_ROWS = 10;

/** A map of the pieces of one torrent. */
export class PieceMap {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly caption: HTMLElement;
  private readonly resize: ResizeObserver;
  private readonly scheme = window.matchMedia('(prefers-color-scheme: dark)');
  private readonly redraw = () => this.draw();
  private pieces: Uint8Array = new Uint8Array();
  private count = 0;

  constructor() {
    const headingId = uniqueId('pieces');
    this.canvas = h('canvas', { role: 'img', class: 'piece-map' });
    this.caption = h('p', { class: 'hint' });
    this.element = h(
      'section',
      { class: 'panel', 'aria-labelledby': headingId },
      h('div', { class: 'panel-head' }, h('h3', { id: headingId }, 'Pieces'), this.caption),
      this.canvas,
    );
    this.resize = new ResizeObserver(this.redraw);
    this.resize.observe(this.canvas);
    this.scheme.addEventListener('change', this.redraw);
  }

  /** Shows a bitfield, most significant bit first. */
  set(pieces: Uint8Array, count: number): void {
    this.pieces = pieces;
    this.count = count;
    let verified = 0;
    for (let index = 0; index < count; index += 1) verified += bit(pieces, index);
    const words =
      count === 0
        ? 'not known yet'
        : `${verified.toLocaleString('en')} of ${count.toLocaleString('en')} verified`;
    setText(this.caption, words);
    this.canvas.setAttribute('aria-label', `Piece map: ${words}`);
    this.draw();
  }

  dispose(): void {
    this.resize.disconnect();
    this.scheme.removeEventListener('change', this.redraw);
  }

  private draw(): void {
    const width = this.canvas.clientWidth;
    const context = this.canvas.getContext('2d');
    if (!context || width === 0) return;
    const columns = Math.max(1, Math.floor((width + GAP) / (CELL + GAP)));
    // Cells widen a little so that a full row ends where the panel does.
    const pitch = (width + GAP) / columns;
    const cells = this.count === 0 ? columns : Math.min(this.count, columns * MOST_ROWS);
    const rows = Math.ceil(cells / columns);
    const height = rows * (CELL + GAP) - GAP;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const empty = style.getPropertyValue('--piece-empty');
    const full = style.getPropertyValue('--piece-full');
    for (let cell = 0; cell < cells; cell += 1) {
      const share = this.share(cell, cells);
      const x = (cell % columns) * pitch;
      const y = Math.floor(cell / columns) * (CELL + GAP);
      this.fill(context, x, y, pitch - GAP, empty, 1);
      // A cell of several pieces deepens as they come; the last step is kept for a whole one.
      if (share > 0) this.fill(context, x, y, pitch - GAP, full, share === 1 ? 1 : 0.2 + 0.55 * share);
    }
  }

  private share(cell: number, cells: number): number {
    const first = Math.floor((cell * this.count) / cells);
    const last = Math.max(first + 1, Math.floor(((cell + 1) * this.count) / cells));
    let verified = 0;
    for (let index = first; index < last; index += 1) verified += bit(this.pieces, index);
    return verified / (last - first);
  }

  private fill(
    context: CanvasRenderingContext2D,
    x: number,
    y: number,
    width: number,
    colour: string,
    alpha: number,
  ): void {
    context.globalAlpha = alpha;
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, y, width, CELL, 2);
    context.fill();
  }
}

function bit(pieces: Uint8Array, index: number): number {
  return ((pieces[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
}
