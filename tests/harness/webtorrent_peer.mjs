// A program: webtorrent in Node, over TCP alone, with one torrent, which it seeds if it is in the folder. It begins with an
// encrypted handshake, as is its default. Its argument is a JSON object: torrent (path), folder,
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
const options = { dht: false, lsd: false, natUpnp: false, natPmp: false, tracker: false, utp: false };
const client = new WebTorrent(options);
client.on('error', (error) => say({ event: 'error', message: error.message }));
client.on('listening', () => say({ event: 'listening', port: client.torrentPort }));
const torrent = client.add(asked.torrent, { path: asked.folder });
torrent.on('infoHash', () => asked.peers.forEach((peer) => torrent.addPeer(peer)));
torrent.on('done', () => say({ event: 'finished' }));
// 1 where a connection was agreed on by an encrypted handshake and went on plainly, 2 where it went on encrypted.
const methods = () => torrent.wires.map((wire) => wire._encryptionMethod ?? 0);
torrent.on('wire', (wire, address) => {
  console.error('wire', wire.type, address);
  say({ event: 'wire', methods: methods() });
});
setInterval(() => say({ event: 'state', progress: torrent.progress, peers: torrent.numPeers }), 500);
process.on('SIGTERM', () => client.destroy(() => process.exit()));
