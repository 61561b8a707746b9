// bittorrent-tracker's own server: HTTP, UDP and WebSocket, one swarm table each.

import Server from 'bittorrent-tracker/server';

import { within, seconds } from './time.mjs';

/** Starts one on loopback; the result has its announce addresses and what it knows about an info-hash. */
export async function bittorrentTracker(scope) {
  const log = scope.log('bittorrent-tracker');
  const server = new Server({ http: true, udp: true, ws: true, stats: true, interval: 2000 });
  server.on('error', (error) => log.add(`error: ${error.message}`));
  server.on('warning', (error) => log.add(`warning: ${error.message}`));
  for (const event of ['start', 'complete', 'update', 'stop']) {
    server.on(event, (address, { type }) => log.add(`${event} ${type} ${address}`));
  }
  const hosts = { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' };
  await within('bittorrent-tracker listens', seconds(10), new Promise((resolve) => server.listen(0, hosts, resolve)));
  // WebSockets too: closing an HTTP server waits for those that were upgraded.
  const sockets = new Set();
  server.http.on('connection', (socket) => sockets.add(socket));
  scope.defer(() => {
    sockets.forEach((socket) => socket.destroy());
    return within('bittorrent-tracker closes', seconds(5), new Promise((resolve) => server.close(resolve)));
  });
  const http = server.http.address().port;
  return {
    http: `http://127.0.0.1:${http}/announce`,
    udp: `udp://127.0.0.1:${server.udp.address().port}`,
    ws: `ws://127.0.0.1:${http}`,
    swarm: (infoHash) => server.torrents[infoHash],
  };
}
