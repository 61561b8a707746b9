"""Makes a .torrent of a file or folder with libtorrent.

Takes one JSON object as its argument: path, version ("v2" or "hybrid"), piece_length, trackers, torrent (the file to
write).
Prints one JSON object: v1 and v2 (info-hashes in hex, null where there is none), magnet.
"""

import json
import os
import sys

import libtorrent as lt

asked = json.loads(sys.argv[1])
files = lt.file_storage()
lt.add_files(files, asked["path"])
flags = lt.create_torrent.v2_only if asked["version"] == "v2" else 0
torrent = lt.create_torrent(files, asked["piece_length"], flags)
for tracker in asked["trackers"]:
    torrent.add_tracker(tracker)
lt.set_piece_hashes(torrent, os.path.dirname(asked["path"]))
written = lt.bencode(torrent.generate())
with open(asked["torrent"], "wb") as out:
    out.write(written)
info = lt.torrent_info(written)
hashes = info.info_hashes()
print(
    json.dumps(
        {
            "v1": str(hashes.v1) if hashes.has_v1() else None,
            "v2": str(hashes.v2) if hashes.has_v2() else None,
            "magnet": lt.make_magnet_uri(info),
        }
    )
)
