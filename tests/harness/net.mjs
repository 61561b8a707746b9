// Ports and plain HTTP: everything listens on loopback.

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.torrent': 'application/x-bittorrent',
  '.wasm': 'application/wasm',
};

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A listener that takes connections and never says a word: a tracker that hangs. */
export async function silentPort(scope) {
  const sockets = new Set();
  const server = createTcpServer((socket) => sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  return server.address().port;
}

/**
 * Serves folders and generated bodies on loopback. `routes` maps a path to its body (a Buffer or a string), or a path
 * that ends in a slash to `{ folder }`; the longest path that fits wins.
 */
export async function serve(scope, routes) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    void answer(routes, path, response).catch((error) => response.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function answer(routes, path, response) {
  const fits = ([route, { folder }]) => path === route || (folder && path.startsWith(route));
  const [route, found] = Object.entries(routes).filter(fits).sort(([a], [b]) => b.length - a.length)[0] ?? [];
  if (found === undefined) return response.writeHead(404).end();
  if (!found.folder) {
    return response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? TYPES['.html'] }).end(found);
  }
  const file = join(found.folder, normalize(path.slice(route.length) || 'index.html'));
  const known = await stat(file).catch(() => undefined);
  if (!known?.isFile()) return response.writeHead(404).end();
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-length': known.size,
  });
  createReadStream(file).pipe(response);
}
