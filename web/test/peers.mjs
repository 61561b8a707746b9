// Pages that have the built package and nothing else, for tests of what only its own API reaches.

import { join } from 'node:path';

import { chromium } from '../../tests/harness/browser.mjs';
import { serve } from '../../tests/harness/net.mjs';
import * as paths from '../../tests/harness/paths.mjs';

const PAGE = `<!doctype html><meta charset="utf-8"><title>brackish</title><input type="file" multiple>
<script type="module">
import * as brackish from '/brackish/index.js';
window.brackish = brackish;
// Bytes that look random and are the same everywhere, so that they need not be carried between pages.
window.made = (length, seed) => {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
};
window.sha256 = async (blob) => {
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
};
/** What an emitter tells under these names from now on, each as its code, or as the event's name. */
window.heard = (emitter, ...events) => {
  const heard = [];
  for (const event of events) emitter.on(event, (value) => heard.push(value?.code ?? event));
  return heard;
};
window.until = async (condition, what, limit = 30_000) => {
  for (const end = performance.now() + limit; !(await condition()); ) {
    if (performance.now() > end) throw new Error('not within ' + limit + ' ms: ' + (what ?? condition));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
window.thrown = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    return { ours: error instanceof brackish.BrackishError, code: error.code, message: error.message };
  }
};
document.documentElement.dataset.ready = '';
</script>`;

/** Serves the package; the result opens pages of one origin. */
export async function origin(scope, routes = {}, options = {}) {
  const package_ = { '/': PAGE, '/brackish/': { folder: join(paths.root, 'web/dist') } };
  const served = await serve(scope, { ...package_, ...routes }, options);
  return { url: served, open: (browser, options) => open(browser, `${served}/`, options) };
}

/** A page in a browser of its own unless one is given. */
export async function page(scope, { name = 'page', browser, before } = {}) {
  const { open } = await origin(scope);
  return open(browser ?? (await chromium(scope, { name })), { before });
}

async function open(browser, url, options) {
  const opened = await browser.open(url, options);
  await opened.waitForSelector('html[data-ready]');
  return opened;
}

/** Seeds made bytes from a page: `files` are `[path, length]`. Resolves to what other pages need. */
export function seed(opened, tracker, files, options = {}) {
  return opened.evaluate(
    async (tracker, files, options) => {
      const client = await brackish.createClient({ trackers: [tracker], iceServers: [] });
      window.client = client;
      const made = files.map(([path, length], index) => new File([window.made(length, index + 1)], path));
      const torrent = await client.seed(made, options);
      return {
        magnet: torrent.magnet,
        bytes: Array.from(torrent.torrentFile),
        hashes: await Promise.all(made.map(sha256)),
      };
    },
    tracker,
    files,
    options,
  );
}
