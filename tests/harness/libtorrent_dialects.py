"""Writes torrents that no careful program makes, and what libtorrent thinks of them.

Takes one JSON object: folder (to write into), step (of the changes made to whole torrents, every how many is taken).
Prints a JSON list: name, path, accepted, error, v1, v2 (the info-hashes), verifies (the case is one that cannot be
verified, so that every program must refuse it).
"""

import hashlib
import json
import os
import sys
import tempfile

import libtorrent as lt


class Raw(bytes):
    """Bytes that are bencode already."""


class Dict(list):
    """The entries of a dictionary, in their order and as often as they are there."""


def encode(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, Dict):
        return b"d" + b"".join(encode(key) + encode(item) for key, item in value) + b"e"
    return b"l" + b"".join(map(encode, value)) + b"e"


def decode(data, at=0):
    """The value at a place of canonical bencode, and where it ends."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        items = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = decode(data, at)
            items.append(item)
        return (items if kind == b"l" else Dict(zip(items[::2], items[1::2]))), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


def wholes():
    """Well-formed torrents of every version, of one file and of a folder."""
    with tempfile.TemporaryDirectory() as place:
        folder = os.path.join(place, "folder")
        os.makedirs(os.path.join(folder, "sub"))
        one = os.path.join(place, "one.bin")
        contents = {"a.bin": 50_000, "b.txt": 5, "empty": 0, "sub/c": 16_384, "sub/d": 70_000}
        paths = {os.path.join(folder, name): length for name, length in contents.items()} | {one: 40_000}
        for seed, (path, length) in enumerate(paths.items()):
            with open(path, "wb") as file:
                file.write(bytes((at * 7 + at // 251 + seed) % 256 for at in range(length)))
        os.chmod(os.path.join(folder, "b.txt"), 0o755)
        versions = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}
        for version, flags in versions.items():
            for name, path in {"folder": folder, "file": one}.items():
                files = lt.file_storage()
                lt.add_files(files, path)
                made = lt.create_torrent(files, 16_384, flags)
                made.add_tracker("http://tracker.example/announce")
                made.add_url_seed("http://seed.example/")
                lt.set_piece_hashes(made, place)
                yield f"{version} {name}", lt.bencode(made.generate())


VALUES = {
    "0": 0, "-1": -1, "1": 1, "2": 2, "2^31": 1 << 31, "2^62": 1 << 62,
    "007": Raw(b"i007e"), "-0": Raw(b"i-0e"), "1.5": Raw(b"i1.5e"), "no digits": Raw(b"ie"),
    "a long length": Raw(b"03:abc"), "an empty text": b"", "x": b"x", "zeros": bytes(32),
    "[]": [], "[1]": [1], "[x]": [b"x"], "{}": Dict(), "{x: 1}": Dict([(b"x", 1)]),
    "..": b"..", "/": b"/", "a/b": b"a/b", "no UTF-8": b"\xff\xfe", "300 letters": b"a" * 300,
}


def places(value, path=()):
    """Where values are in a value, the outermost left out."""
    if path:
        yield path
    if isinstance(value, (Dict, list)):
        for number, item in enumerate(value):
            yield from places(item[1] if isinstance(value, Dict) else item, path + (number,))


def changed(value, path, change):
    """The value with `change` made to the entries around a place; it takes entries before, at and behind."""
    number, rest = path[0], path[1:]
    before, entry, behind = list(value[:number]), value[number], list(value[number + 1 :])
    if rest:
        inner = changed(entry[1] if isinstance(value, Dict) else entry, rest, change)
        entries = before + [(entry[0], inner) if isinstance(value, Dict) else inner] + behind
    else:
        entries = change(before, entry, behind)
    return Dict(entries) if isinstance(value, Dict) else entries


def label(value, path):
    names = []
    for number in path:
        entry = value[number]
        if isinstance(value, Dict):
            key, value = entry
            names.append(key.decode() if key.isascii() and len(key) < 20 else key[:3].hex())
        else:
            names.append(str(number))
            value = entry
    return ".".join(names)


def changes():
    """Each value of each whole torrent removed, doubled, moved and replaced."""
    for whole, data in wholes():
        yield whole, data
        yield f"{whole} with bytes behind it", data + b"junk"
        torrent, _ = decode(data)
        for path in places(torrent):
            name = f"{whole}: {label(torrent, path)}"

            def made(change):
                return encode(changed(torrent, path, change))

            def as_entry(entry, value):
                return (entry[0], value) if isinstance(entry, tuple) else value

            yield f"{name} removed", made(lambda before, entry, behind: before + behind)
            yield f"{name} twice", made(lambda before, entry, behind: before + [entry, entry] + behind)
            yield f"{name} last", made(lambda before, entry, behind: before + behind + [entry])
            for word, value in VALUES.items():
                yield f"{name} is {word}", made(
                    lambda before, entry, behind: before + [as_entry(entry, value)] + behind
                )


SHA1 = b"h" * 20
ROOT = hashlib.sha256(b"x").digest()


def torrent(info, *more):
    entries = sorted((key, value) for key, value in info.items() if value is not None)
    return encode(Dict([("info", Dict(entries)), *more]))


def single(**fields):
    base = {"length": 1, "name": b"n", "piece length": 16_384, "pieces": SHA1}
    return torrent(base | {key.replace("_", " "): value for key, value in fields.items()})


def entry(path, length=1, **fields):
    base = {"path": path, "length": length} | {key.replace("_", " "): value for key, value in fields.items()}
    return Dict(sorted((key, value) for key, value in base.items() if value is not None))


def folder(*files, pieces=SHA1, **fields):
    return torrent({"files": list(files), "name": b"n", "piece length": 16_384, "pieces": pieces} | fields)


def leaf(length=1, root=ROOT, **fields):
    base = {"length": length, "pieces root": root} | {key.replace("_", " "): value for key, value in fields.items()}
    return Dict([("", Dict(sorted((key, value) for key, value in base.items() if value is not None)))])


def version2(tree, layers=Dict(), **fields):
    base = {"file tree": tree, "meta version": 2, "name": b"n", "piece length": 16_384} | fields
    return torrent(base, ("piece layers", layers))


def opened():
    """Torrents that libtorrent opens, as its own tests have them or as programs in use write them."""
    for path in ([b""], [b"."], [b".."], [b"..", b".."], [b"/"], [b"a", b".."], [b"a"] * 100, [b"a" * 5_000], [b"\\"]):
        yield f"a path {path[:3]}", folder(entry(path))
    yield "the same path twice", folder(entry([b"a"]), entry([b"a"]), entry([b"A"]))
    yield "a file that is also a folder", folder(entry([b"a"]), entry([b"a", b"b"]))
    yield "padding without a path", folder(entry([b"a"]), entry(None, 5, attr=b"p"))
    yield "a path that is no list", folder(Dict([("length", 1), ("path", [b"a"]), ("path.utf-8", b"x")]))
    for target in (None, [], b"x", [b".."], [b"..", b"etc"], [b"a"], [b"b"], [b"", b"a"]):
        yield f"a link to {target}", folder(entry([b"a"]), entry([b"b"], 425, attr=b"l", symlink_path=target))
    for name in (b"a/b", b"/a", b"x" * 300, b"\xff", b"...", b" ", "\u202ex".encode()):
        yield f"the name {name[:8]}", single(name=name)
    yield "the longest pieces", single(**{"piece length": 32_767 * 16_384})
    yield "lists within lists", single(zz=Raw(b"l" * 97 + b"e" * 97))
    yield "attributes that are a number", single(attr=5)
    tree = Dict([("a", leaf())])
    yield "version 2 without piece layers", version2(tree, 5)
    yield "hashes of long files that are not there", version2(Dict([("a", leaf(100_000))]))
    yield "version 2 with names of dots", version2(Dict([(".", leaf()), ("..", leaf()), ("/", leaf())]))
    yield "an empty folder", version2(Dict([("d", Dict()), ("f", leaf())]))
    yield "a link without a root", version2(Dict([("a", leaf()), ("b", leaf(9, None, attr=b"l"))]))
    two = Dict([("a", leaf(5)), ("b", leaf(6)), ("c", leaf(0, None))])
    pad = entry([b".pad", b"16379"], 16_379, attr=b"p")
    files = [entry([b"a"], 5), pad, entry([b"b"], 6)]
    for last in ([entry([b"c"], 0)], [entry([b"other"], 0)], [entry([b".pad", b"1"], 16_378, attr=b"p"), entry([b"c"], 0)]):
        yield f"a hybrid with {len(last)} more", version2(two, files=files + last, pieces=SHA1 * 2)


def unverifiable():
    """Torrents that must be refused."""
    yield "no bytes", single(length=0, pieces=b"")
    yield "no files", folder(pieces=b"")
    yield "too few hashes", single(length=16_385)
    yield "too many hashes", single(pieces=SHA1 * 2)
    yield "half a hash", single(pieces=SHA1[:10])
    yield "no pieces", single(pieces=None)
    yield "a negative length", single(length=-1)
    yield "a negative length in a folder", folder(entry([b"a"], -1))
    for length in (0, -5, 1 << 40, b"16384", None):
        yield f"pieces of {length}", single(**{"piece length": length})
    yield "a path with a number in it", folder(entry([b"a", 1]))
    yield "a link with a number in it", folder(entry([b"a"]), entry([b"b"], 0, attr=b"l", symlink_path=[b"a", 1]))
    tree = Dict([("a", leaf())])
    long = Dict([("a", leaf(100_000))])
    for length in (1, 8_192, 24_576):
        yield f"version 2 in pieces of {length}", version2(tree, **{"piece length": length})
    for root in (bytes(32), b"r" * 31, b"r" * 33, None, 5):
        yield f"the root {root if isinstance(root, int) else root and root[:2]}", version2(Dict([("a", leaf(1, root))]))
    for layers in (
        [(b"q" * 32, b"r" * 64)], [(b"q" * 31, b"r" * 64)], [(ROOT, 5)], [(ROOT, b"r" * 31)], [(ROOT, b"")],
        [(ROOT, b"r" * 32 * 7)], [(ROOT, ROOT)],
    ):
        yield f"the layers {str(layers)[:60]}", version2(long, Dict(layers))
    yield "a layer of a file of one piece", version2(tree, Dict([(ROOT, ROOT)]))
    yield "no file tree", version2(None)
    yield "an empty tree", version2(Dict())
    yield "files in another order", version2(Dict([("b", leaf()), ("a", leaf())]))
    yield "a file twice", version2(Dict([("a", leaf()), ("a", leaf())]))
    yield "a file without a name", version2(Dict([("", leaf()), ("a", leaf())]))
    yield "a file that is a folder", version2(Dict([("a", Dict([leaf()[0], ("b", leaf())]))]))
    yield "padding in a tree", version2(Dict([("a", leaf(1, attr=b"p"))]))
    yield "zeros in front", version2(Dict([("a", leaf(Raw(b"i01e")))]))
    yield "a tree without end", torrent({"file tree": Raw(b"d1:a" * 500 + b"e" * 500), "meta version": 2, "name": b"n"})
    yield "a huge file", version2(Dict([("a", leaf((1 << 63) - 1))]))
    yield "a version to come", single(meta_version=3)
    files = [entry([b"a"], 5), entry([b".pad", b"1"], 16_379, attr=b"p"), entry([b"b"], 6)]
    two = Dict([("a", leaf(5)), ("b", leaf(6))])
    wrong = {
        "another name": [entry([b"A"], 5), *files[1:]],
        "another length": [entry([b"a"], 6), *files[1:]],
        "another place": [entry([b"a"], 5), entry([b".pad", b"1"], 9, attr=b"p"), entry([b"b"], 6)],
        "a file less": files[:1],
        "padding that is a file": [files[0], entry([b".pad", b"1"], 16_379), files[2]],
        "another order": [entry([b"b"], 6), entry([b".pad", b"1"], 16_378, attr=b"p"), entry([b"a"], 5)],
    }
    for name, files in wrong.items():
        length = sum(dict(file)["length"] for file in files)
        yield f"a hybrid with {name}", version2(two, files=files, pieces=SHA1 * -(-length // 16_384))


def judged(data):
    try:
        params = lt.load_torrent_buffer(data)
    except RuntimeError as error:
        return {"accepted": False, "error": str(error)}
    hashes = params.ti.info_hashes()
    return {
        "accepted": True,
        "v1": str(hashes.v1) if hashes.has_v1() else None,
        "v2": str(hashes.v2) if hashes.has_v2() else None,
    }


asked = json.loads(sys.argv[1])
cases = [(name, data, False) for name, data in opened()]
cases += [(name, data, True) for name, data in unverifiable()]
cases += [(name, data, False) for name, data in list(changes())[:: asked["step"]]]
result = []
for number, (name, data, verifies) in enumerate(cases):
    path = os.path.join(asked["folder"], f"{number}.torrent")
    with open(path, "wb") as file:
        file.write(data)
    result.append({"name": name, "path": path, "verifies": verifies} | judged(data))
print(json.dumps(result))
