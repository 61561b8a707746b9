// One torrent on the page: its name, progress, figures, files, pieces, peers and link, kept up to
// date in place so that nothing jumps.

import type { Torrent } from 'brackish';
import { announce, type RootState } from './document.js';
import { h, setShown, setText, uniqueId } from './dom.js';
import { FileList } from './files.js';
import { bytes, count, duration, percent, rate, wholePercent } from './format.js';
import { LinkBox } from './link.js';
import { describe, type Message } from './messages.js';
import { PeerList } from './peers.js';
import { PieceMap } from './pieces.js';
import { RemoveButton } from './remove.js';

/** Least time between two drawings, in milliseconds: figures that change faster cannot be read. */
const REDRAW_EVERY = 200;

/** What a card is told when it is made. */
export interface CardOptions {
  /** A name to show until the torrent's own is known. */
  readonly name: string;
  /** The link or address that is being opened, to hand on should that fail here. */
  readonly source?: string;
  /** Whether this page is where the files come from. */
  readonly seeding: boolean;
  /** Whether what the page keeps is lost when it is closed. */
  readonly inMemory: () => boolean;
  /** The link to pass on. */
  readonly linkOf: (torrent: Torrent) => string;
  /** A line under the link, where it needs one. */
  readonly linkHint?: string;
  /** Called when the root element may have to change. */
  readonly changed: () => void;
  /** Called when the person removes the torrent. */
  readonly removed: (card: TorrentCard) => void;
}

type Phase = 'opening' | 'metadata' | 'checking' | 'downloading' | 'done' | 'error';

/** The card of one torrent. */
export class TorrentCard {
  readonly element: HTMLElement;
  torrent: Torrent | null = null;

  private readonly status = h('p', { class: 'status' });
  private readonly heading: HTMLElement;
  private readonly facts = h('p', { class: 'facts' });
  private readonly bar: HTMLElement;
  private readonly fill = h('div', { class: 'fill' });
  private readonly percent = h('span', { class: 'percent' });
  private readonly amount = h('span', { class: 'amount' });
  private readonly left = h('span', { class: 'left' });
  private readonly meter: HTMLElement;
  private readonly figures: HTMLElement;
  private readonly down = h('dd');
  private readonly up = h('dd');
  private readonly peerCount = h('dd');
  private readonly sent = h('dd');
  private readonly notice = h('p', { class: 'notice', role: 'status', hidden: true });
  private readonly failure = h('div', { class: 'failure', role: 'alert', hidden: true });
  private readonly panels: HTMLElement;
  private readonly files: FileList;
  private readonly pieces = new PieceMap();
  private readonly peers = new PeerList();
  private readonly link: LinkBox;
  private readonly linkPanel: HTMLElement;
  private readonly torrentFile = h('a', { class: 'text-link', hidden: true }, 'Save the .torrent');
  private readonly magnet = h('a', { class: 'text-link', hidden: true }, 'Magnet link');
  private readonly stops: (() => void)[] = [];
  private error: unknown = null;
  /** The error, where it is the torrent's own. */
  private torrentError: unknown = null;
  /** What the alert tells of. */
  private shownError: unknown = null;
  private warning = '';
  private prepared = 0;
  private announced = -1;
  private lastPhase: Phase | null = null;
  private timer = 0;
  private disposed = false;

  constructor(private readonly options: CardOptions) {
    const headingId = uniqueId('torrent');
    this.files = new FileList(!options.seeding);
    this.heading = h('h2', { id: headingId, class: 'name', tabindex: '-1' });
    this.bar = h(
      'div',
      { class: 'bar', role: 'progressbar', 'aria-labelledby': headingId, 'aria-valuemin': 0, 'aria-valuemax': 100 },
      this.fill,
    );
    this.meter = h(
      'div',
      { class: 'meter' },
      h('p', { class: 'meter-line' }, this.percent, this.amount, this.left),
      this.bar,
    );
    this.figures = h(
      'dl',
      { class: 'figures' },
      h('div', {}, h('dt', {}, 'Down'), this.down),
      h('div', {}, h('dt', {}, 'Up'), this.up),
      h('div', {}, h('dt', {}, 'Peers'), this.peerCount),
      h('div', {}, h('dt', {}, 'Sent'), this.sent),
    );
    this.link = new LinkBox(options.seeding ? 'Link to what you share' : 'Link to this page');
    this.linkPanel = h(
      'section',
      { class: 'panel link-panel', 'aria-label': 'Pass it on', hidden: !options.seeding },
      this.link.element,
      options.linkHint ? h('p', { class: 'hint' }, options.linkHint) : null,
      h('p', { class: 'text-links' }, this.magnet, this.torrentFile),
    );
    const remove = options.seeding
      ? new RemoveButton('Stop sharing', 'Really stop?', () => options.removed(this))
      : new RemoveButton('Remove', 'Delete what is stored here?', () => options.removed(this));
    this.panels = h(
      'div',
      { class: 'panels' },
      h('div', { class: 'column' }, this.files.element, options.seeding ? null : this.linkPanel),
      h('div', { class: 'column' }, this.pieces.element, this.peers.element),
    );
    this.element = h(
      'article',
      { class: 'card', 'aria-labelledby': headingId },
      h('header', { class: 'card-head' }, this.status, this.heading, this.facts),
      this.meter,
      this.failure,
      this.notice,
      options.seeding ? this.linkPanel : null,
      this.figures,
      this.panels,
      h('p', { class: 'card-foot' }, remove.element),
    );
    this.torrentFile.addEventListener('click', () => this.offerTorrentFile());
    this.draw();
  }

  /** The name, as far as it is known. */
  get name(): string {
    return this.torrent?.name || this.options.name;
  }

  /** What the root element should say while this card is the newest. */
  get rootState(): RootState {
    const phase = this.phase;
    if (phase === 'opening') return 'metadata';
    return phase === 'checking' ? 'downloading' : phase;
  }

  /** From 0 to 1. */
  get progress(): number {
    return this.torrent?.progress ?? 0;
  }

  /** Shows how much of the person's own files is hashed, from 0 to 1. */
  prepare(fraction: number): void {
    this.prepared = fraction;
    this.schedule();
  }

  /** Takes over a torrent that the client has accepted. */
  attach(torrent: Torrent): void {
    if (this.disposed) return;
    this.torrent = torrent;
    const schedule = () => this.schedule();
    this.stops.push(
      torrent.on('metadata', schedule),
      torrent.on('progress', schedule),
      torrent.on('piece', schedule),
      torrent.on('peers', schedule),
      torrent.on('done', schedule),
      torrent.on('state', () => {
        // It was added again, and goes on.
        if (this.error !== null && this.error === this.torrentError && !torrent.error) this.error = this.torrentError = null;
        this.schedule();
      }),
      torrent.on('error', (error) => {
        this.torrentError = error;
        this.fail(error);
      }),
      torrent.on('warning', (warning) => {
        // Of trackers and web seeds the card has words of its own, as long as it is so.
        if (!['tracker', 'no-tracker', 'web-seed', 'network'].includes(warning.code)) this.warn(warning.message);
      }),
    );
    if (torrent.error) this.error = this.torrentError = torrent.error;
    this.draw();
  }

  /** Shows something that a person may want to know; all goes on. */
  warn(text: string): void {
    this.warning = text;
    this.schedule();
  }

  /** Shows that this cannot go on, and why. */
  fail(error: unknown): void {
    this.error = error;
    this.draw();
  }

  /** Brings a keyboard or screen reader to the card. */
  focus(): void {
    this.heading.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'nearest' });
  }

  dispose(): void {
    this.disposed = true;
    window.clearTimeout(this.timer);
    for (const stop of this.stops) stop();
    this.pieces.dispose();
    URL.revokeObjectURL(this.torrentFile.href);
    this.element.remove();
  }

  private get phase(): Phase {
    if (this.error) return 'error';
    const torrent = this.torrent;
    if (!torrent) return 'opening';
    if (torrent.done) return 'done';
    return torrent.state === 'seeding' ? 'done' : torrent.state;
  }

  private schedule(): void {
    if (this.disposed) return;
    // What scripts wait for and what people hear must not lag behind.
    if (this.phase !== this.lastPhase) return this.draw();
    if (this.timer !== 0) return;
    this.timer = window.setTimeout(() => this.draw(), REDRAW_EVERY);
  }

  private draw(): void {
    window.clearTimeout(this.timer);
    this.timer = 0;
    if (this.disposed) return;
    const phase = this.phase;
    this.element.dataset['phase'] = phase;
    setText(this.heading, this.name);
    setText(this.status, this.statusText(phase));
    this.drawMeter(phase);
    this.drawFigures();
    this.drawNotice(phase);
    const torrent = this.torrent;
    if (torrent) this.drawTorrent(torrent);
    const failedToOpen = torrent === null && phase === 'error';
    setShown(this.panels, !failedToOpen);
    setShown(this.meter, !failedToOpen);
    setShown(this.figures, !failedToOpen);
    this.hear(phase);
    this.lastPhase = phase;
    this.options.changed();
  }

  private drawTorrent(torrent: Torrent): void {
    setText(
      this.facts,
      torrent.length === 0 && torrent.files.length === 0
        ? 'Size not known yet'
        : `${bytes(torrent.length)} in ${count(torrent.files.length, 'file')}`,
    );
    this.files.set(torrent.files, torrent.done);
    this.pieces.set(torrent.pieces, torrent.pieceCount);
    this.peers.set(torrent.peers, torrent.done);
    this.link.set(this.options.linkOf(torrent));
    setShown(this.linkPanel, true);
    setShown(this.torrentFile, torrent.torrentFile !== null);
    if (torrent.torrentFile && !this.torrentFile.href) this.torrentFile.href = '#';
    if (this.magnet.href !== torrent.magnet) this.magnet.href = torrent.magnet;
    setShown(this.magnet, true);
  }

  private drawMeter(phase: Phase): void {
    const torrent = this.torrent;
    const fraction = this.options.seeding && !torrent ? this.prepared : phase === 'checking' ? (torrent?.checked ?? 0) : this.progress;
    const unknown = phase === 'metadata' || (phase === 'opening' && !this.options.seeding);
    this.bar.classList.toggle('unknown', unknown);
    this.fill.style.transform = `scaleX(${unknown ? 1 : fraction})`;
    if (unknown) this.bar.removeAttribute('aria-valuenow');
    else this.bar.setAttribute('aria-valuenow', String(wholePercent(fraction)));
    setText(this.percent, unknown ? '–' : percent(fraction));
    setText(this.amount, this.amountText(phase));
    setText(this.left, this.leftText(phase));
  }

  private amountText(phase: Phase): string {
    const torrent = this.torrent;
    if (phase === 'checking') return 'looked at';
    if (!torrent) return this.options.seeding && phase !== 'error' ? 'hashed' : '';
    if (torrent.length === 0) return '';
    if (torrent.done) return bytes(torrent.wanted);
    return `${bytes(torrent.progress * torrent.wanted)} of ${bytes(torrent.wanted)}`;
  }

  private leftText(phase: Phase): string {
    const torrent = this.torrent;
    if (phase !== 'downloading' || !torrent) return '';
    if (torrent.downloadRate < 1) return torrent.peers.length === 0 ? 'waiting for peers' : 'waiting for data';
    return `${duration(((1 - torrent.progress) * torrent.wanted) / torrent.downloadRate)} left`;
  }

  private drawFigures(): void {
    const torrent = this.torrent;
    setText(this.down, rate(torrent?.downloadRate ?? 0));
    setText(this.up, rate(torrent?.uploadRate ?? 0));
    setText(this.peerCount, String(torrent?.peers.length ?? 0));
    setText(this.sent, bytes(torrent?.uploaded ?? 0));
  }

  private drawNotice(phase: Phase): void {
    if (phase === 'error') {
      setShown(this.notice, false);
      if (this.failure.hidden || this.shownError !== this.error) {
        this.shownError = this.error;
        this.failure.replaceChildren(...failureContent(describe(this.error), this.torrent ? undefined : this.options.source));
      }
      setShown(this.failure, true);
      return;
    }
    const text = this.noticeText(phase);
    setText(this.notice, text);
    setShown(this.notice, text !== '');
  }

  private noticeText(phase: Phase): string {
    const torrent = this.torrent;
    if (!torrent) return this.options.seeding ? 'Your files stay where they are: peers read them from this page.' : '';
    const lonely = lonelyNotice(torrent, this.options.seeding);
    if (lonely) return lonely;
    if (this.warning) return this.warning;
    if (torrent.stalled) return `Nothing comes at present: ${torrent.stalled.message}. The page goes on by itself when it can.`;
    if (this.options.seeding) return 'Keep this page open: others download from it.';
    const unsaved = this.options.inMemory() ? ' Save before you close the page: on this address the browser keeps nothing afterwards.' : '';
    if (phase === 'done') {
      return `Every piece is verified. While this page stays open it gives the data to others too.${unsaved}`;
    }
    if (phase === 'metadata') return 'The link names the torrent but does not describe it: the first peer sends the list of files.';
    return unsaved.trim() || 'You can close this page and come back: what is verified is kept in this browser.';
  }

  private statusText(phase: Phase): string {
    switch (phase) {
      case 'opening':
        return this.options.seeding ? 'Preparing' : 'Opening';
      case 'metadata':
        return 'Asking peers for the description';
      case 'checking':
        return 'Checking what is here already';
      case 'downloading':
        return 'Downloading';
      case 'done':
        return this.options.seeding ? 'Sharing' : 'Complete';
      case 'error':
        return 'Stopped';
    }
  }

  /** Tells a screen reader of new phases and of each quarter, and of nothing in between. */
  private hear(phase: Phase): void {
    const quarter = phase === 'downloading' ? Math.floor(this.progress * 4) : -1;
    if (phase !== this.lastPhase && phase !== 'error') announce(`${this.statusText(phase)}: ${this.name}`);
    else if (quarter > this.announced && quarter > 0 && phase === 'downloading') announce(`${quarter * 25} percent of ${this.name}`);
    this.announced = Math.max(this.announced, quarter);
  }

  private offerTorrentFile(): void {
    const content = this.torrent?.torrentFile;
    if (!content || this.torrentFile.download) return;
    this.torrentFile.href = URL.createObjectURL(new Blob([content as BlobPart], { type: 'application/x-bittorrent' }));
    this.torrentFile.download = `${this.name}.torrent`;
  }
}

function failureContent(message: Message, source?: string): HTMLElement[] {
  const content: HTMLElement[] = [h('h3', {}, message.title), h('p', {}, message.text)];
  if (message.advice.length > 0) content.push(h('ul', {}, ...message.advice.map((line) => h('li', {}, line))));
  if (source) {
    const label = source.startsWith('magnet:') ? 'Magnet link' : 'The .torrent';
    content.push(h('p', { class: 'text-links' }, h('a', { class: 'text-link', href: source }, label)));
  }
  return content;
}

/** Why nobody else is there, where it is for want of a tracker. */
function lonelyNotice(torrent: Torrent, seeding: boolean): string {
  if (torrent.peers.length > 0) return '';
  const usable = torrent.trackers.filter((tracker) => tracker.status !== 'unusable');
  const [first] = usable;
  if (!first) {
    const named = torrent.trackers.length === 0 ? 'names no tracker' : 'names no tracker that a browser can use';
    return seeding
      ? `This torrent ${named}, so others cannot find this page by its link.`
      : `This torrent ${named}, so this page cannot find peers. Ask for a link with a wss:// tracker.`;
  }
  if (usable.some((tracker) => tracker.status !== 'failed')) return '';
  const why = first.message.trim().replace(/[.\s]+$/, '');
  const dead = `The tracker ${first.url} cannot be used${why ? ` (${why})` : ''}`;
  return seeding
    ? `${dead}, so others do not find this page. Check your connection. It is tried again by itself.`
    : `${dead}, so this page finds no peers. Check your connection, and that whoever shares this still has it running. It is tried again by itself.`;
}
