// webtorrent (npm) in a page: its own published bundle, without STUN, since everything is on this machine.

import { join } from 'node:path';

import * as paths from './paths.mjs';
import { chromium } from './browser.mjs';
import { serve } from './net.mjs';
import { seconds, until } from './time.mjs';

const PAGE = `<!doctype html><meta charset="utf-8"><title>webtorrent</title><script type="module">
import WebTorrent from '/webtorrent/webtorrent.min.js';
const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } }, dht: false, lsd: false, utPex: false });
client.on('error', (error) => console.error('client:', error.message));
const watch = (torrent) => {
  torrent.on('warning', (warning) => console.warn('torrent:', String(warning)));
  torrent.on('wire', (wire, address) => {
    console.log('wire', wire.type, address);
    if (window.peer.lies !== undefined) lie(wire);
  });
  return torrent;
};
// Changes a byte of every block that goes out.
const lie = (wire) => {
  const piece = wire.piece.bind(wire);
  wire.piece = (index, offset, block) => {
    const changed = Uint8Array.from(block);
    changed[0] ^= 1;
    window.peer.lies += 1;
    piece(index, offset, changed);
  };
};
window.peer = {
  seed: (blob, options) => new Promise((resolve) => client.seed(blob, options, (torrent) => resolve(watch(torrent)))),
  add: (source, options) => watch(client.add(source, options)),
  client,
};
document.documentElement.dataset.ready = '';
</script>`;

/** A page with a webtorrent client in it, in a browser of its own. */
export async function webtorrentPage(scope, { browser, name = 'webtorrent' } = {}) {
  const origin = await serve(scope, {
    '/': PAGE,
    '/webtorrent/': { folder: join(paths.tests, 'node_modules/webtorrent/dist') },
  });
  const own = browser ?? (await chromium(scope, { name }));
  const page = await own.open(`${origin}/`);
  await page.waitForSelector('html[data-ready]');
  return new WebTorrentPage(page, own);
}

class WebTorrentPage {
  constructor(page, browser) {
    this.page = page;
    this.browser = browser;
  }

  /** Seeds a file of this machine; returns its info-hash and its `.torrent`. */
  async seed(path, { trackers, pieceLength, webSeeds }) {
    const input = await this.page.evaluateHandle(() => {
      const input = document.createElement('input');
      input.type = 'file';
      return document.body.appendChild(input);
    });
    await input.uploadFile(path);
    const made = await this.page.evaluate(
      async (input, announce, pieceLength, urlList) => {
        const torrent = await window.peer.seed(input.files[0], { announce, pieceLength, urlList });
        return { infoHash: torrent.infoHash, bytes: Array.from(torrent.torrentFile), magnet: torrent.magnetURI };
      },
      input,
      trackers,
      pieceLength,
      webSeeds,
    );
    return { ...made, bytes: Buffer.from(made.bytes) };
  }

  /** From now on every block that it sends is wrong. */
  lie() {
    return this.page.evaluate(() => {
      window.peer.lies = 0;
    });
  }

  /** How many blocks it has sent that were wrong. */
  lies() {
    return this.page.evaluate(() => window.peer.lies);
  }

  /** Starts a download of a made torrent or a magnet link. */
  async add(torrent, { trackers = [] } = {}) {
    const source = typeof torrent === 'string' ? torrent : torrent.bytes.toString('base64');
    await this.page.evaluate(
      (source, announce) => {
        const bytes = source.startsWith('magnet:') ? source : Uint8Array.from(atob(source), (char) => char.charCodeAt(0));
        window.peer.add(bytes, { announce });
      },
      source,
      trackers,
    );
  }

  state() {
    return this.page.evaluate(() => {
      const torrent = window.peer.client.torrents[0];
      if (!torrent) return null;
      const { progress, done, numPeers, downloaded, uploaded } = torrent;
      return { progress, done, numPeers, downloaded, uploaded, types: torrent.wires?.map((wire) => wire.type) };
    });
  }

  async finished(limit = seconds(120)) {
    await until('webtorrent has every piece', async () => (await this.state())?.done, {
      within: limit,
      every: 200,
      state: () => this.state(),
    });
  }

  /** SHA-256 of the torrent's only file, from the page's store. */
  async sha256() {
    return this.page.evaluate(async () => {
      const blob = await window.peer.client.torrents[0].files[0].blob();
      const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
      return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
    });
  }
}
