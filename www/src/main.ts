// The page: opens what its address or its host names, what a person pastes, chooses or drops, and
// keeps one card for each torrent, the newest first.

import { createClient, type Client, type Torrent } from 'brackish';
import { type CardOptions, TorrentCard } from './card.js';
import { announce, showDocument } from './document.js';
import { byId, setShown } from './dom.js';
import { listenForDrops } from './drop.js';
import { AppError } from './messages.js';
import { isLoopback, loadShare, pageUrl, type Share } from './share.js';
import { hashOf, parseSource, type Source } from './source.js';
import { NOT_A_SOURCE, StartPanel } from './start.js';

/**
 * Where peers of files shared from a page without a tracker of its own find each other. A page that
 * comes from `brackish share` never asks them.
 */
const PUBLIC_TRACKERS = ['wss://tracker.webtorrent.dev', 'wss://tracker.openwebtorrent.com'];

class App {
  private readonly cards: TorrentCard[] = [];
  private readonly list = byId('torrents');
  private readonly startHolder = byId('start');
  private readonly another = byId<HTMLButtonElement>('another');
  private readonly start: StartPanel;
  private readonly share = loadShare();
  private client: Promise<Client> | null = null;
  private inMemory = false;
  /** The address of this page to hand on. */
  private page = pageUrl();

  constructor() {
    this.start = new StartPanel({
      open: (source) => this.navigate(source),
      openFile: (file) => this.openFile(file),
      seed: (files) => this.seed(files),
    });
    this.startHolder.append(this.start.element);
    this.another.addEventListener('click', () => {
      this.showStart(Boolean(this.startHolder.hidden));
      if (!this.startHolder.hidden) this.start.focus();
    });
    byId('skip').addEventListener('click', (event) => {
      // The address after `#` names a torrent, so the skip link must not change it.
      event.preventDefault();
      byId('main').focus();
    });
    window.addEventListener('hashchange', () => void this.openAddress());
    listenForDrops({
      files: (files) => this.dropped(files),
      text: (text) => {
        const source = parseSource(text, location.href);
        if (source) this.navigate(source);
        else this.reject(text);
      },
    });
  }

  /** Opens what the address names, else what this page's host shares, else the start panel. */
  async openAddress(): Promise<void> {
    const hash = hashOf(location);
    if (hash === '') {
      const share = await this.share;
      if (share) this.open({ text: share.torrent, name: share.name }, share);
      else if (this.cards.length === 0) this.showStart(true);
      return;
    }
    const source = parseSource(hash, location.href);
    if (source) this.open(source);
    else this.reject(hash);
  }

  private navigate(source: Source): void {
    const before = location.hash;
    location.hash = source.text;
    // The same address again changes nothing, and tells nobody.
    if (location.hash === before) void this.openAddress();
  }

  private reject(text: string): void {
    this.showStart(true);
    this.start.reject(text, NOT_A_SOURCE);
    if (this.cards.length === 0) showDocument('error', 0, 'Brackish');
  }

  private open(source: Source, share?: Share): void {
    const link = share ? publicUrl(share) : null;
    const card = this.addCard({
      name: source.name,
      seeding: false,
      source: source.text,
      linkOf: (torrent) => link ?? linkTo(torrent.magnet, this.page),
      ...(link !== null && isLoopback(new URL(link).hostname)
        ? { linkHint: 'This address works on this machine alone.' }
        : {}),
    });
    void this.run(card, async (client) => client.add(source.text, { trackers: await this.ownTrackers() }));
  }

  private openFile(file: File): void {
    const card = this.addCard({
      name: file.name.replace(/\.torrent$/i, ''),
      seeding: false,
      linkOf: (torrent) => linkTo(torrent.magnet, this.page),
    });
    void this.run(card, async (client) => {
      const torrent = await client.add(file, { trackers: await this.ownTrackers() });
      // A reload goes on with the same torrent.
      history.replaceState(null, '', linkTo(torrent.magnet));
      return torrent;
    });
  }

  private dropped(files: File[]): void {
    const only = files.length === 1 ? files[0] : undefined;
    if (only && /\.torrent$/i.test(only.name)) this.openFile(only);
    else this.seed(files);
  }

  private seed(files: File[]): void {
    const card = this.addCard({
      name: nameOf(files),
      seeding: true,
      linkOf: (torrent) => linkTo(torrent.magnet, this.page),
    });
    void this.run(card, async (client) => {
      const own = await this.ownTrackers();
      return client.seed(files, {
        trackers: own.length > 0 ? own : PUBLIC_TRACKERS,
        onProgress: (fraction) => card.prepare(fraction),
      });
    });
  }

  private async run(card: TorrentCard, add: (client: Client) => Promise<Torrent>): Promise<void> {
    card.focus();
    try {
      if (typeof WebAssembly === 'undefined') throw new AppError('no-wasm');
      this.client ??= this.makeClient();
      const client = await this.client;
      const torrent = await add(client);
      // A failure later on comes by the torrent's own events.
      torrent.ready.catch(() => undefined);
      torrent.completed.catch(() => undefined);
      const older = this.cards.find((other) => other !== card && other.torrent?.infoHash === torrent.infoHash);
      if (older) {
        this.drop(card);
        older.focus();
        announce(torrent.storage === 'files' ? `${older.name} is shared from here.` : `${older.name} is open already.`);
      } else if (this.cards.includes(card)) {
        card.attach(torrent);
      } else {
        await torrent.remove();
      }
    } catch (error) {
      if (this.cards.includes(card)) card.fail(error);
    }
  }

  private async makeClient(): Promise<Client> {
    const share = await this.share;
    const client = await createClient({
      workerUrl: new URL('worker.js', import.meta.url),
      wasmUrl: new URL('brackish_bg.wasm', import.meta.url),
      ...(share?.iceServers ? { iceServers: [...share.iceServers] } : {}),
    });
    this.inMemory = client.storage === 'memory';
    this.page = publicUrl(share);
    client.on('warning', (warning) => {
      // Of storage each card has words of its own.
      if (warning.code !== 'no-storage') for (const card of this.cards) card.warn(warning.message);
    });
    client.on('error', (error) => {
      this.client = null;
      for (const card of this.cards) card.fail(error);
    });
    return client;
  }

  private async ownTrackers(): Promise<string[]> {
    const share = await this.share;
    return share ? [share.tracker] : [];
  }

  private addCard(options: Pick<CardOptions, 'name' | 'seeding' | 'source' | 'linkOf' | 'linkHint'>): TorrentCard {
    const card = new TorrentCard({
      ...options,
      inMemory: () => this.inMemory,
      changed: () => this.showNewest(),
      removed: (which) => void this.remove(which),
    });
    this.cards.unshift(card);
    this.list.prepend(card.element);
    this.showStart(false);
    this.showNewest();
    return card;
  }

  private async remove(card: TorrentCard): Promise<void> {
    this.drop(card);
    this.another.focus();
    await card.torrent?.remove({ deleteData: true });
  }

  private drop(card: TorrentCard): void {
    const index = this.cards.indexOf(card);
    if (index >= 0) this.cards.splice(index, 1);
    card.dispose();
    if (this.cards.length === 0) {
      // Nothing is open any more, so a reload must not open it again.
      if (location.hash !== '') history.replaceState(null, '', pageUrl());
      this.showStart(true);
    }
    this.showNewest();
  }

  private showStart(shown: boolean): void {
    setShown(this.startHolder, shown);
    setShown(this.another, this.cards.length > 0);
    this.another.setAttribute('aria-expanded', String(shown));
  }

  private showNewest(): void {
    const card = this.cards[0];
    if (card) showDocument(card.rootState, card.progress, card.name);
    else showDocument('idle', 0, '');
  }
}

function linkTo(source: string, page = pageUrl()): string {
  return `${page}#${source}`;
}

/** An address of this page that others can open, if any is known. */
function publicUrl(share: Share | null): string {
  return (share && isLoopback(location.hostname) && share.links[0]) || pageUrl();
}

function nameOf(files: File[]): string {
  const first = files[0];
  if (!first) return 'files';
  const folder = first.webkitRelativePath.split('/')[0];
  if (folder) return folder;
  return files.length === 1 ? first.name : `${first.name} and ${files.length - 1} more`;
}

void new App().openAddress();
