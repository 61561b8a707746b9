// bittorrent-tracker's WebSocket server behind TLS, which it does not speak itself:
// `node bittorrent_tracker.mjs PORT CERTIFICATE KEY`.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import Server from 'bittorrent-tracker/server';

const [port, certificate, key] = process.argv.slice(2);
const tracker = new Server({ http: false, udp: false, stats: false, ws: { noServer: true } });
// Load testers hang up in the middle of things.
tracker.on('warning', () => {});
tracker.on('error', () => {});
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.on('upgrade', (request, socket, head) => {
  tracker.ws.handleUpgrade(request, socket, head, (upgraded) => tracker.ws.emit('connection', upgraded, request));
});
server.listen(Number(port), '127.0.0.1');
