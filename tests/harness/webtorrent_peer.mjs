// A program: webtorrent in Node, over TCP alone, with one torrent. Its argument is a JSON object: torrent (path), folder,
// peers (["host:port"]). Prints one JSON object a line, as `libtorrent_peer.py` does. Ends on SIGTERM.

import WebTorrent from 'webtorrent';

const asked = JSON.parse(process.argv[2]);
const say = (event) => console.log(JSON.stringify(event));
const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, tracker: false, utp: false });
client.on('error', (error) => say({ event: 'error', message: error.message }));
client.on('listening', () => say({ event: 'listening', port: client.torrentPort }));
const torrent = client.add(asked.torrent, { path: asked.folder });
torrent.on('infoHash', () => asked.peers.forEach((peer) => torrent.addPeer(peer)));
torrent.on('wire', (wire, address) => console.error('wire', wire.type, address));
torrent.on('done', () => say({ event: 'finished' }));
setInterval(() => say({ event: 'state', progress: torrent.progress, peers: torrent.numPeers }), 500);
process.on('SIGTERM', () => client.destroy(() => process.exit()));
