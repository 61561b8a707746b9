// Ports and plain HTTP: everything listens on loopback.

import { createHash } from 'node:crypto';
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

/** A tracker that takes WebSockets, and answers nothing, or always with the same text. Resolves to its URL. */
export async function muteTracker(scope, says) {
  const server = createServer();
  const sockets = new Set();
  server.on('upgrade', (request, socket) => {
    sockets.add(socket.on('error', () => {}));
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // A text frame of fewer than 126 bytes (RFC 6455).
    if (says) socket.write(Buffer.concat([Buffer.from([0x81, says.length]), Buffer.from(says)]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}/announce`;
}

/**
 * Serves folders and generated bodies on loopback. `routes` maps a path to its body (a Buffer or a string), or a path
 * that ends in a slash to `{ folder }`; the longest path that fits wins. Every answer has these headers.
 */
export async function serve(scope, routes, { headers = {} } = {}) {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
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
