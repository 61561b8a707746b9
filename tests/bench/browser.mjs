// Pages under measurement: `node browser.mjs '{"runs": 3, "sizes": {"page": 268435456}}'` prints a line of JSON for each
// run; what every case moves has the size of the group `page`.
// Every run has browsers of its own, each with its own profile; runs of what is compared take turns.

import { App } from '../harness/app.mjs';
import { seed, share, tracker } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { content } from '../harness/content.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { Scope } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { torrentOf } from '../harness/torrent.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';
import { channelPair } from './channel.mjs';
import { cpuOfTree } from './cpu.mjs';
import { rounds } from './rounds.mjs';

const {
  runs,
  sizes: { page: size },
} = JSON.parse(process.argv[2]);

/** As the native benchmark has it. */
const PIECE_LENGTH = 1024 * 1024;

/** Each case gives its figures, or several lines of them. */
const CASES = [
  { group: 'channel', name: "on the pages' threads", body: (scope) => channel(scope, false) },
  { group: 'channel', name: 'in Workers', body: (scope) => channel(scope, true) },
  { group: 'page', name: 'brackish', ours: true, body: (scope) => pageToPage(scope, brackishPage) },
  { group: 'page', name: 'webtorrent', body: (scope) => pageToPage(scope, webtorrentPage) },
  { group: 'node', name: 'brackish to brackish', ours: true, body: (scope) => nodeToPage(scope, brackishNode, brackishPage) },
  { group: 'node', name: 'libtorrent to webtorrent', body: (scope) => nodeToPage(scope, libtorrentNode, webtorrentPage) },
  { group: 'node', name: 'libtorrent to brackish', body: (scope) => nodeToPage(scope, libtorrentNode, brackishPage) },
  { group: 'node', name: 'brackish to webtorrent', body: (scope) => nodeToPage(scope, brackishNode, webtorrentPage) },
  { group: 'node', name: 'share to the web app', body: shareToApp },
];

const shared = new Scope();
let file;

async function channel(scope, worker) {
  const pair = await channelPair(scope);
  const before = [cpuOf(pair.receiver), cpuOf(pair.sender)];
  const took = await pair.pump(size, worker);
  return {
    rate: rate(took),
    leecherCpu: cpuOf(pair.receiver) - before[0],
    seedCpu: cpuOf(pair.sender) - before[1],
  };
}

/** A page adds a file, and another page in another browser downloads it. */
async function pageToPage(scope, openPage) {
  const meeting = await tracker(scope);
  const seeding = await openPage(scope, { name: 'seed' });
  await watchTasks(seeding.page);
  const idle = cpuOf(seeding.browser);
  const started = performance.now();
  const torrent = await seeding.seed(file.path, { trackers: [meeting.ws], pieceLength: PIECE_LENGTH });
  const added = {
    group: 'seeding',
    rate: rate((performance.now() - started) / 1000),
    leecherCpu: cpuOf(seeding.browser) - idle,
    longestTask: await longestTask(seeding.page),
  };
  await announced(meeting.port);
  const leeching = await openPage(scope, { name: 'leecher' });
  const before = cpuOf(seeding.browser);
  const figures = await leech(leeching, torrent);
  return [{ ...figures, seedCpu: cpuOf(seeding.browser) - before }, added];
}

/** A process seeds a file, and a page downloads it. */
async function nodeToPage(scope, startNode, openPage) {
  const meeting = await tracker(scope);
  const torrent = torrentOf(file.torrent.info, [meeting.ws]);
  const node = await startNode(scope, torrent);
  await announced(meeting.port);
  const leeching = await openPage(scope, { name: 'leecher' });
  const before = cpuOfTree(node.pid);
  const figures = await leech(leeching, torrent);
  return { ...figures, seedCpu: cpuOfTree(node.pid) - before };
}

const brackishNode = (scope, torrent) => seed(scope, torrent, file.folder, { flags: ['--no-tcp'] });

const libtorrentNode = (scope, torrent) => libtorrent(scope, torrent, file.folder, { seed: true, webrtc: true });

/** What a person does: opens the link of `brackish share`. Counted from the start of loading the page. */
async function shareToApp(scope) {
  const node = await share(scope, file.path);
  await announced(node.port);
  const browser = await chromium(scope, { name: 'leecher' });
  const before = [cpuOf(browser), cpuOfTree(node.pid)];
  const app = await App.open(browser, node.link, {
    before: (page) =>
      page.evaluateOnNewDocument(() => {
        window.downloaded = new Promise((resolve, reject) => {
          addEventListener('DOMContentLoaded', () => {
            const { dataset } = document.documentElement;
            const look = () => {
              if (dataset.state === 'done') resolve(performance.now() / 1000);
              if (dataset.state === 'error') reject(new Error('the web app failed'));
            };
            new MutationObserver(look).observe(document.documentElement, { attributes: true });
          });
        });
      }),
  });
  const took = await app.page.evaluate(() => window.downloaded);
  return {
    rate: rate(took),
    leecherCpu: cpuOf(browser) - before[0],
    seedCpu: cpuOfTree(node.pid) - before[1],
  };
}

/** Downloads in a page: from the call that adds the torrent until every piece is verified. */
async function leech(leeching, torrent) {
  await watchTasks(leeching.page);
  const before = cpuOf(leeching.browser);
  const { took, first } = await leeching.page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const torrent = await window.peer.add(bytes, {});
    let first;
    torrent.on(torrent.completed ? 'piece' : 'verified', () => (first ??= seconds()));
    // Ours has a promise of its end, webtorrent an event.
    await (torrent.completed ?? new Promise((resolve, reject) => torrent.on('done', resolve).on('error', reject)));
    return { took: seconds(), first };
  }, torrent.bytes.toString('base64'));
  const leecherCpu = cpuOf(leeching.browser) - before;
  const figures = { rate: rate(took), first, leecherCpu, longestTask: await longestTask(leeching.page) };
  if ((await leeching.sha256()) !== file.hash) throw new Error('the page has something else');
  return figures;
}

/** From now on the page's own thread is watched for tasks that hold it up. */
const watchTasks = (page) =>
  page.evaluate(() => {
    window.tasks = [0];
    new PerformanceObserver((list) => {
      window.tasks.push(...list.getEntries().map(({ duration }) => duration));
    }).observe({ entryTypes: ['longtask'] });
  });

/** Milliseconds; tasks below 50 are none. */
const longestTask = (page) => page.evaluate(() => Math.max(...window.tasks));

/** Waits until a tracker of ours knows its first web peer: a leecher that comes earlier would wait for the next announce. */
const announced = (port) =>
  until(
    'the seed announces itself',
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/stats`);
      return (await answer.json()).web_peers > 0;
    },
    { within: seconds(30), every: 20 },
  );

const cpuOf = ({ browser }) => cpuOfTree(browser.process().pid);

/** MB/s. */
const rate = (took) => size / 1e6 / took;

try {
  file = await content(shared, [], { size, pieceLength: PIECE_LENGTH });
  await rounds(runs, CASES);
} finally {
  await shared.close();
}
