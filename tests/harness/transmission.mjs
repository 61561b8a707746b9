// Transmission: a TCP-only client, driven through its daemon's RPC.
//
// It never dials a loopback address, so on one machine the other side has to dial it.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort } from './net.mjs';
import { program } from './paths.mjs';
import { start } from './process.mjs';
import { seconds, until } from './time.mjs';

const SESSION_HEADER = 'x-transmission-session-id';

/** A daemon with no torrents; `changes` are what of its `settings.json` is to be otherwise. */
export async function transmission(scope, changes = {}) {
  const folder = await scope.folder('transmission');
  const [rpcPort, port] = [await freePort(), await freePort()];
  const settings = {
    'dht-enabled': false,
    'download-dir': folder,
    'lpd-enabled': false,
    'peer-port': port,
    'pex-enabled': false,
    'port-forwarding-enabled': false,
    'rpc-bind-address': '127.0.0.1',
    'rpc-port': rpcPort,
    'rpc-whitelist-enabled': false,
    'utp-enabled': false,
    ...changes,
  };
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
  const daemon = start(scope, program(['transmission-daemon']), ['--foreground', '--config-dir', folder]);
  const client = new Transmission(`http://127.0.0.1:${rpcPort}/transmission/rpc`, daemon, port);
  await until('transmission answers', () => client.call('session-get').catch(() => false), { within: seconds(20) });
  return client;
}

class Transmission {
  #url;
  #session = '';

  constructor(url, daemon, port) {
    this.#url = url;
    this.daemon = daemon;
    this.port = port;
  }

  /** Seeds what is complete in `folder`; resolves when the tracker knows. */
  async seed(torrent, folder) {
    await this.add(torrent, folder);
    await this.finished();
    await this.announced();
  }

  /** Adds a made torrent or a magnet link; what is complete in `folder` is seeded, the rest downloaded. */
  async add(torrent, folder) {
    const source = typeof torrent === 'string' ? { filename: torrent } : { metainfo: torrent.bytes.toString('base64') };
    await this.call('torrent-add', { ...source, 'download-dir': folder });
  }

  /** The state of its only torrent. */
  async torrent() {
    const fields = ['percentDone', 'status', 'leftUntilDone', 'errorString', 'peersConnected', 'uploadedEver', 'haveValid'];
    const { torrents } = await this.call('torrent-get', { fields });
    return torrents[0];
  }

  finished(limit = seconds(90)) {
    return until('transmission has every piece', async () => (await this.torrent())?.percentDone === 1, {
      within: limit,
      every: 200,
      state: () => this.torrent(),
    });
  }

  /** Waits until its tracker has heard of it: who asks before then is sent away with nothing. */
  announced() {
    const heard = async () => {
      const { torrents } = await this.call('torrent-get', { fields: ['trackerStats'] });
      return torrents[0]?.trackerStats.some((tracker) => tracker.lastAnnounceSucceeded);
    };
    return until('transmission has announced itself', heard, { within: seconds(30), every: 200 });
  }

  async call(method, parameters = {}) {
    const request = () =>
      fetch(this.#url, {
        method: 'POST',
        headers: { [SESSION_HEADER]: this.#session },
        body: JSON.stringify({ method, arguments: parameters }),
      });
    let response = await request();
    if (response.status === 409) {
      this.#session = response.headers.get(SESSION_HEADER);
      response = await request();
    }
    const { result, arguments: answer } = await response.json();
    if (result !== 'success') throw new Error(`transmission: ${method}: ${result}`);
    return answer;
  }
}
