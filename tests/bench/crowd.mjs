// Crowds under measurement: one seed and eight leechers that come at once. `node crowd.mjs '{"runs": 3, "size": 67108864}'`
// prints a line of JSON for each run. No rate is limited: what ends first costs this machine least.

import { join } from 'node:path';

import { download, seed, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { Scope } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { torrentOf } from '../harness/torrent.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';
import { rounds } from './rounds.mjs';

const { runs, size } = JSON.parse(process.argv[2]);

/** 256 pieces of what is downloaded by default. */
const PIECE_LENGTH = 256 * 1024;

const LEECHERS = 8;

/** A crowd that has not finished by then has failed. */
const LIMIT = seconds(300);

const CASES = [
  { group: 'nodes', name: 'brackish', ours: true, body: (scope) => crowd(scope, brackishNode, nodes(brackishNode)) },
  { group: 'nodes', name: 'libtorrent', body: (scope) => crowd(scope, libtorrentNode, nodes(libtorrentNode)) },
  { group: 'pages', name: 'brackish', ours: true, body: (scope) => crowd(scope, pageOf(brackishPage), pages(brackishPage)) },
  { group: 'pages', name: 'webtorrent', body: (scope) => crowd(scope, pageOf(webtorrentPage), pages(webtorrentPage)) },
  { group: 'mixed', name: 'brackish', ours: true, body: (scope) => crowd(scope, brackishNode, mixed(brackishNode, brackishPage)) },
  {
    group: 'mixed',
    name: 'libtorrent and webtorrent',
    body: (scope) => crowd(scope, libtorrentNode, mixed(libtorrentNode, webtorrentPage)),
  },
];

const shared = new Scope();
let file;

/** Who leeches. Pages are open before the clock starts; a node's process starts within it. */
const nodes = (open) => Array(LEECHERS).fill(open);
const pages = (openPage) => Array(LEECHERS).fill(pageOf(openPage));
const mixed = (open, openPage) => [...Array(LEECHERS / 2).fill(open), ...Array(LEECHERS / 2).fill(pageOf(openPage))];

async function crowd(scope, openSeed, openLeechers) {
  const meeting = await tracker(scope);
  const origin = await openSeed(scope, 'seed');
  const torrent = await origin.seed([meeting.ws, meeting.http]);
  await until('the seed announces itself', async () => (await swarmOf(meeting)) > 0, { within: seconds(30), every: 20 });
  const ready = [];
  for (const [number, open] of openLeechers.entries()) ready.push(await open(scope, `leecher ${number}`));
  const started = performance.now();
  const took = await Promise.all(
    ready.map(async (leecher) => {
      await leecher.download(torrent);
      return (performance.now() - started) / 1000;
    }),
  );
  for (const [number, leecher] of ready.entries()) {
    if ((await leecher.hash()) !== file.hash) throw new Error(`leecher ${number} has something else`);
  }
  return {
    last: Math.max(...took),
    mean: took.reduce((sum, one) => sum + one) / took.length,
    copies: (await origin.uploaded()) / size,
  };
}

async function swarmOf(meeting) {
  const stats = await (await fetch(`http://127.0.0.1:${meeting.port}/stats`)).json();
  return stats.web_peers + stats.tcp_peers;
}

async function brackishNode(scope, name) {
  const folder = await scope.folder(name);
  let seeding;
  return {
    seed: async (trackers) => {
      const torrent = torrentOf(file.torrent.info, trackers);
      seeding = await seed(scope, torrent, file.folder, { name });
      return torrent;
    },
    uploaded: async () => seeding.figures().uploaded,
    download: async (torrent) => (await download(scope, torrent, folder, { name, flags: ['--seed'] })).finished(LIMIT),
    hash: () => sha256(join(folder, NAME)),
  };
}

async function libtorrentNode(scope, name) {
  const folder = await scope.folder(name);
  let seeding;
  return {
    seed: async (trackers) => {
      const torrent = torrentOf(file.torrent.info, trackers);
      seeding = await libtorrent(scope, torrent, file.folder, { seed: true, webrtc: true });
      return torrent;
    },
    uploaded: async () => seeding.state().uploaded,
    download: async (torrent) => (await libtorrent(scope, torrent, folder, { webrtc: true })).finished(LIMIT),
    hash: () => sha256(join(folder, NAME)),
  };
}

function pageOf(openPage) {
  return async (scope, name) => {
    const page = await openPage(scope, { name });
    return {
      seed: (trackers) => page.seed(file.path, { trackers, pieceLength: PIECE_LENGTH }),
      uploaded: async () => (await page.state()).uploaded,
      download: async (torrent) => {
        await page.add(torrent);
        await page.finished(LIMIT);
      },
      hash: () => page.sha256(),
    };
  };
}

try {
  file = await content(shared, [], { size, pieceLength: PIECE_LENGTH });
  await rounds(runs, CASES);
} finally {
  await shared.close();
}
