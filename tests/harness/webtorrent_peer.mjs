// A program: webtorrent in Node, over TCP alone, with one torrent. Its argument is a JSON object: torrent (path), folder,
// peers (["host:port"]). Prints one JSON object a line, as `libtorrent_peer.py` does. Ends on SIGTERM.

import { register } from 'node:module';

// Its WebRTC is a native library that npm leaves out here; over TCP nothing of it is used.
const names = ['RTCPeerConnection', 'RTCSessionDescription', 'RTCIceCandidate'];
const nothing = `data:text/javascript,export const ${names.map((name) => `${name} = undefined`).join(', ')}; export default {};`;
const hooks = `export const resolve = (name, context, next) =>
  name === 'webrtc-polyfill' ? { url: ${JSON.stringify(nothing)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const { default: WebTorrent } = await import('webtorrent');

const asked = JSON.parse(process.argv[2]);
const say = (event) => console.log(JSON.stringify(event));
// It would begin with an encrypted handshake, which the peers of these tests do not speak.
const options = { secure: 0, dht: false, lsd: false, natUpnp: false, natPmp: false, tracker: false, utp: false };
const client = new WebTorrent(options);
client.on('error', (error) => say({ event: 'error', message: error.message }));
client.on('listening', () => say({ event: 'listening', port: client.torrentPort }));
const torrent = client.add(asked.torrent, { path: asked.folder });
torrent.on('infoHash', () => asked.peers.forEach((peer) => torrent.addPeer(peer)));
torrent.on('wire', (wire, address) => console.error('wire', wire.type, address));
torrent.on('done', () => say({ event: 'finished' }));
setInterval(() => say({ event: 'state', progress: torrent.progress, peers: torrent.numPeers }), 500);
process.on('SIGTERM', () => client.destroy(() => process.exit()));
