// The npm package under test, in a page of its own: what an application built on it can do.

import { join } from 'node:path';

import { chromium } from './browser.mjs';
import { serve } from './net.mjs';
import * as paths from './paths.mjs';
import { seconds, until } from './time.mjs';

const PAGE = `<!doctype html><meta charset="utf-8"><title>brackish</title><script type="module">
import { createClient } from '/brackish/index.js';
const client = await createClient({ iceServers: [] });
client.on('warning', (warning) => console.warn('client:', warning.code, warning.message));
client.on('error', (error) => console.error('client:', error.code, error.message));
const watch = (torrent) => {
  torrent.on('warning', (warning) => console.warn('torrent:', warning.code, warning.message));
  torrent.on('error', (error) => console.error('torrent:', error.code, error.message));
  torrent.completed.catch(() => {});
  torrent.ready.catch(() => {});
  return torrent;
};
window.peer = {
  client,
  add: async (source, options) => watch(await client.add(source, options)),
  seed: async (files, options) => watch(await client.seed(files, options)),
};
document.documentElement.dataset.ready = '';
</script>`;

/** A page with a client in it, in a browser of its own unless one is given. */
export async function brackishPage(scope, { browser, name = 'brackish page' } = {}) {
  const origin = await serve(scope, {
    '/': PAGE,
    '/brackish/': { folder: join(paths.root, 'web/dist') },
  });
  const own = browser ?? (await chromium(scope, { name }));
  const page = await own.open(`${origin}/`);
  await page.waitForSelector('html[data-ready]');
  return new BrackishPage(page, own);
}

class BrackishPage {
  constructor(page, browser) {
    this.page = page;
    this.browser = browser;
  }

  /** Seeds a file of this machine; resolves to its info-hash, magnet link and `.torrent`. */
  async seed(path, { trackers, pieceLength } = {}) {
    const input = await this.page.evaluateHandle(() => {
      const input = document.createElement('input');
      input.type = 'file';
      return document.body.appendChild(input);
    });
    await input.uploadFile(path);
    const made = await this.page.evaluate(
      async (input, options) => {
        const torrent = await window.peer.seed(input.files[0], options);
        return { infoHash: torrent.infoHash, magnet: torrent.magnet, bytes: Array.from(torrent.torrentFile) };
      },
      input,
      { trackers, pieceLength },
    );
    return { ...made, bytes: Buffer.from(made.bytes) };
  }

  /** Starts a download of a made torrent or a magnet link. */
  async add(torrent, { trackers = [] } = {}) {
    const source = typeof torrent === 'string' ? torrent : torrent.bytes.toString('base64');
    await this.page.evaluate(
      async (source, trackers) => {
        const bytes = source.startsWith('magnet:') ? source : Uint8Array.from(atob(source), (char) => char.charCodeAt(0));
        await window.peer.add(bytes, { trackers });
      },
      source,
      trackers,
    );
  }

  state() {
    return this.page.evaluate(() => {
      const torrent = window.peer.client.torrents[0];
      if (!torrent) return null;
      const { state, progress, done, downloaded, uploaded, peers, trackers, webSeeds, error } = torrent;
      return { state, progress, done, downloaded, uploaded, peers, trackers, webSeeds, error: error?.message };
    });
  }

  async finished(limit = seconds(120)) {
    await until('the page has every piece', async () => (await this.state())?.done, {
      within: limit,
      every: 200,
      state: () => this.state(),
    });
  }

  /** SHA-256 of one file, from what the page has stored. */
  sha256(index = 0) {
    return this.page.evaluate(async (index) => {
      const blob = await window.peer.client.torrents[0].files[index].blob();
      const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
      return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
    }, index);
  }
}
