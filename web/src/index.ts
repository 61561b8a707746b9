/** BitTorrent for web pages. `createClient` is where everything begins. */

import { startClient } from './client.js';
import { asBrackishError } from './engine.js';
import type { Client, ClientOptions } from './types.js';

export { BrackishError, type ErrorCode } from './error.js';
export type {
  AddOptions,
  Bytes,
  Client,
  ClientEvents,
  ClientOptions,
  Limits,
  PeerInfo,
  Priority,
  SeedOptions,
  Stall,
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
 * @throws BrackishError `bad-option`, `no-webrtc`, `no-worker`, `no-storage`, `peer-limit`
 */
export async function createClient(options: ClientOptions = {}): Promise<Client> {
  try {
    return await startClient(options);
  } catch (error) {
    throw asBrackishError(error);
  }
}
