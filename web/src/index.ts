/** BitTorrent for web pages. `createClient` is where everything begins. */

import { startClient } from './client.js';
import type { Client, ClientOptions } from './types.js';

export { BrackishError, type ErrorCode } from './error.js';
export type {
  AddOptions,
  Client,
  ClientEvents,
  ClientOptions,
  Limits,
  PeerInfo,
  Priority,
  SeedOptions,
  Storage,
  StreamRange,
  Torrent,
  TorrentEvents,
  TorrentFile,
  TorrentState,
  TrackerInfo,
  WebSeedInfo,
} from './types.js';

/**
 * Starts an engine in a Worker of its own.
 *
 * @throws BrackishError `no-webrtc`, `no-worker`, `no-storage`
 */
export function createClient(options: ClientOptions = {}): Promise<Client> {
  return startClient(options);
}
