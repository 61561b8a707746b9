// Crowds under measurement: one seed and eight leechers that come at once. `node crowd.mjs '{"runs": 3, "sizes": {"nodes":
// 1073741824, "pages": 67108864, "mixed": 67108864}}'` prints a line of JSON for each run. No rate is limited: the crowd that
// costs this machine least ends first.

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

const { runs, sizes } = JSON.parse(process.argv[2]);

/** Bytes of a piece. */
const PIECE_LENGTH = 256 * 1024;

const LEECHERS = 8;

/** A crowd that has not finished by then has failed. */
const LIMIT = seconds(300);

const brackishNode = brackish([]);
const brackishTcp = brackish(['--no-webrtc']);
const libtorrentNode = libtorrentWith({ webrtc: true });
const libtorrentTcp = libtorrentWith({ webrtc: false });

const CASES = [
  { group: 'nodes', name: 'brackish', ours: true, body: (scope, file) => crowd(scope, file, brackishNode, nodes(brackishNode)) },
  { group: 'nodes', name: 'libtorrent', body: (scope, file) => crowd(scope, file, libtorrentNode, nodes(libtorrentNode)) },
  { group: 'nodes', name: 'brackish, TCP alone', body: (scope, file) => crowd(scope, file, brackishTcp, nodes(brackishTcp)) },
  { group: 'nodes', name: 'libtorrent, TCP alone', body: (scope, file) => crowd(scope, file, libtorrentTcp, nodes(libtorrentTcp)) },
  { group: 'pages', name: 'brackish', ours: true, body: (scope, file) => crowd(scope, file, pageOf(brackishPage), pages(brackishPage)) },
  { group: 'pages', name: 'webtorrent', body: (scope, file) => crowd(scope, file, pageOf(webtorrentPage), pages(webtorrentPage)) },
  { group: 'mixed', name: 'brackish', ours: true, body: (scope, file) => crowd(scope, file, brackishNode, mixed(brackishNode, brackishPage)) },
  {
    group: 'mixed',
    name: 'libtorrent and webtorrent',
    body: (scope, file) => crowd(scope, file, libtorrentNode, mixed(libtorrentNode, webtorrentPage)),
  },
];

const shared = new Scope();
/** What is downloaded, by group. */
const files = {};

/** The leechers of a crowd. */
const nodes = (open) => Array(LEECHERS).fill(open);
const pages = (openPage) => Array(LEECHERS).fill(pageOf(openPage));
const mixed = (open, openPage) => [...Array(LEECHERS / 2).fill(open), ...Array(LEECHERS / 2).fill(pageOf(openPage))];

/** The clock starts when every process is up: pages are open by then, and nodes listen and have begun. */
async function crowd(scope, file, openSeed, openLeechers) {
  const meeting = await tracker(scope);
  const origin = await openSeed(scope, file, 'seed');
  const torrent = await origin.seed([meeting.ws, meeting.http]);
  await until('the seed announces itself', async () => (await swarmOf(meeting)) > 0, { within: seconds(30), every: 20 });
  const ready = [];
  for (const [number, open] of openLeechers.entries()) ready.push(await open(scope, file, `leecher ${number}`));
  await Promise.all(ready.map((leecher) => leecher.begin?.(torrent)));
  const started = performance.now();
  const took = await Promise.all(
    ready.map(async (leecher) => {
      await leecher.finish(torrent);
      return (performance.now() - started) / 1000;
    }),
  );
  for (const [number, leecher] of ready.entries()) {
    if ((await leecher.hash()) !== file.hash) throw new Error(`leecher ${number} has something else`);
  }
  return {
    last: Math.max(...took),
    mean: took.reduce((sum, one) => sum + one) / took.length,
    copies: (await origin.uploaded()) / file.size,
  };
}

async function swarmOf(meeting) {
  const stats = await (await fetch(`http://127.0.0.1:${meeting.port}/stats`)).json();
  return stats.web_peers + stats.tcp_peers;
}

function brackish(flags) {
  return async (scope, file, name) => {
    const folder = await scope.folder(name);
    let node;
    return {
      seed: async (trackers) => {
        const torrent = torrentOf(file.torrent.info, trackers);
        node = await seed(scope, torrent, file.folder, { name, flags });
        return torrent;
      },
      uploaded: async () => node.figures().uploaded,
      begin: async (torrent) => {
        node = await download(scope, torrent, folder, { name, flags: ['--seed', ...flags] });
        await node.ready();
      },
      finish: () => node.finished(LIMIT),
      hash: () => sha256(join(folder, NAME)),
    };
  };
}

function libtorrentWith({ webrtc }) {
  return async (scope, file, name) => {
    const folder = await scope.folder(name);
    let node;
    return {
      seed: async (trackers) => {
        const torrent = torrentOf(file.torrent.info, trackers);
        node = await libtorrent(scope, torrent, file.folder, { seed: true, webrtc });
        return torrent;
      },
      uploaded: async () => node.state().uploaded,
      begin: async (torrent) => {
        node = await libtorrent(scope, torrent, folder, { webrtc });
      },
      finish: () => node.finished(LIMIT),
      hash: () => sha256(join(folder, NAME)),
    };
  };
}

function pageOf(openPage) {
  return async (scope, file, name) => {
    const page = await openPage(scope, { name });
    return {
      seed: (trackers) => page.seed(file.path, { trackers, pieceLength: PIECE_LENGTH }),
      uploaded: async () => (await page.state()).uploaded,
      finish: async (torrent) => {
        await page.add(torrent);
        await page.finished(LIMIT);
      },
      hash: () => page.sha256(),
    };
  };
}

try {
  for (const [group, size] of Object.entries(sizes)) {
    files[group] = await content(shared, [], { size, pieceLength: PIECE_LENGTH });
  }
  await rounds(
    runs,
    CASES.map(({ group, body, ...rest }) => ({ group, ...rest, body: (scope) => body(scope, files[group]) })),
  );
} finally {
  await shared.close();
}
