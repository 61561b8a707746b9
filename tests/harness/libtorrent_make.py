"""Makes a .torrent with libtorrent. Takes one JSON object: path, file (the .torrent to write), webSeeds (URLs)."""

import json
import os
import sys

import libtorrent as lt

asked = json.loads(sys.argv[1])
files = lt.file_storage()
lt.add_files(files, asked["path"])
made = lt.create_torrent(files, flags=lt.create_torrent.v1_only)
for url in asked["webSeeds"]:
    made.add_url_seed(url)
lt.set_piece_hashes(made, os.path.dirname(asked["path"]))
with open(asked["file"], "wb") as out:
    out.write(lt.bencode(made.generate()))
