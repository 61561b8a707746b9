// Real browsers, headless. Every page that is a peer gets a browser with a profile of its own: two pages of one origin
// would share a store.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import puppeteer from 'puppeteer-core';

import * as paths from './paths.mjs';
import { seconds, until } from './time.mjs';

const CHROMIUM_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long one call to the browser may take: both cores are often busy with what the page does. */
const CALL_LIMIT = seconds(120);

/**
 * Chromium with a fresh profile, or the profile folder given (to open a page again). `names` maps host names to
 * loopback, which makes their pages insecure contexts.
 */
export async function chromium(scope, { profile, names = [], flags = [], name = 'chromium' } = {}) {
  const mapped = names.length ? [`--host-resolver-rules=${names.map((host) => `MAP ${host} 127.0.0.1`).join(',')}`] : [];
  const browser = await puppeteer.launch({
    executablePath: paths.chromium(),
    userDataDir: profile ?? (await scope.folder('profile')),
    args: [...CHROMIUM_FLAGS, ...mapped, ...flags],
    protocolTimeout: CALL_LIMIT,
  });
  const downloads = await scope.folder('saved');
  const session = await browser.target().createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads, eventsEnabled: true });
  return started(scope, browser, downloads, name);
}

/** Firefox with a fresh profile. */
export async function firefox(scope, { name = 'firefox', preferences = {} } = {}) {
  const downloads = await scope.folder('saved');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: paths.firefox(),
    userDataDir: await scope.folder('profile'),
    protocolTimeout: CALL_LIMIT,
    extraPrefsFirefox: {
      'browser.download.folderList': 2,
      'browser.download.dir': downloads,
      'browser.download.useDownloadDir': true,
      'browser.download.always_ask_before_handling_new_types': false,
      'browser.helperApps.neverAsk.saveToDisk': 'application/octet-stream',
      ...preferences,
    },
  });
  return started(scope, browser, downloads, name);
}

function started(scope, browser, downloads, name) {
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await browser.close().catch(() => browser.process()?.kill('SIGKILL'));
  };
  scope.defer(close);
  const log = scope.log(name);
  return {
    browser,
    downloads,
    close,
    /** A new tab at an address; its console and its errors go to the log. */
    async open(url, { before } = {}) {
      const page = await browser.newPage();
      page.on('console', (message) => log.add(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => log.add(`page error: ${error.stack ?? error}`));
      page.on('requestfailed', (request) => log.add(`failed: ${request.url()} ${request.failure()?.errorText}`));
      if (before) await before(page);
      await page.goto(url, { waitUntil: 'domcontentloaded' });
      return page;
    },
    /** The path of the file of this name that the browser has saved, complete. */
    saved: (file, limit = seconds(60)) => savedFile(downloads, file, limit),
  };
}

function savedFile(downloads, file, limit) {
  const look = async () => {
    const names = await readdir(downloads);
    const unfinished = names.some((name) => name.endsWith('.crdownload') || name.endsWith('.part'));
    return !unfinished && names.includes(file) && join(downloads, file);
  };
  return until(`the browser saves ${file}`, look, { within: limit, state: () => readdir(downloads) });
}
