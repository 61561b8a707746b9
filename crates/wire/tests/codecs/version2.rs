//! Torrents of version 2 and hybrids (BEP 52): made, read, and held against libtorrent's.

use brackish_wire::merkle::{Hash, block_hash, data_root};
use brackish_wire::metainfo::{
    FileKind, Info, InfoBuilder, Metainfo, MetainfoError, Name, NewFile, PieceLayers, V2Builder,
    Verdict,
};
use brackish_wire::{BlockRequest, LengthsError, PieceHash};
use sha1::{Digest, Sha1};
use std::sync::Arc;

pub(crate) const FILES: [(&[&str], usize); 5] = [
    (&["sub", "d"], 70_000),
    (&["a.bin"], 100_000),
    (&["empty"], 0),
    (&["sub", "c"], 16_384),
    (&["b.txt"], 5),
];

/// What the file at this path holds.
pub(crate) fn content(path: &[Name], length: usize) -> Vec<u8> {
    let names = ["a.bin", "b.txt", "c", "d"];
    let known = path
        .last()
        .and_then(|name| names.iter().position(|known| name == known));
    let seed = known.unwrap_or(8) + 1;
    let byte = |at: usize| (at * 7 + at / 251 + seed) as u8;
    (0..length).map(byte).collect()
}

pub(crate) fn folder(piece_length: u32) -> InfoBuilder {
    let files = FILES.map(|(path, length)| {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        (path, length as u64)
    });
    InfoBuilder::multi_file("pin", files.to_vec(), piece_length)
}

/// The bytes of the torrent, padding included.
pub(crate) fn bytes(builder: &V2Builder) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in builder.files() {
        assert_eq!(bytes.len() as u64, file.offset);
        let length = file.length as usize;
        match file.kind {
            FileKind::Padding => bytes.resize(bytes.len() + length, 0),
            _ => bytes.extend(content(&file.path, length)),
        }
    }
    bytes
}

pub(crate) fn hashes(builder: &V2Builder) -> Vec<PieceHash> {
    let bytes = bytes(builder);
    let hashers = builder.piece_hashers();
    let hash = |piece| {
        let from = hashers.layout().piece_offset(piece) as usize;
        let mut hasher = hashers.hasher(piece);
        hasher.update(&bytes[from..][..hashers.layout().piece_size(piece) as usize]);
        hasher.finish()
    };
    hashers.layout().pieces().map(hash).collect()
}

/// What the trees of a torrent have for each piece.
pub(crate) fn roots(info: &Info, builder: &V2Builder) -> Vec<Hash> {
    let bytes = bytes(builder);
    let v2 = info.v2().unwrap();
    let data = v2.data_layout();
    let root = |piece| {
        let data = &bytes[data.piece_offset(piece) as usize..][..data.piece_size(piece) as usize];
        data_root(data, v2.piece_shape(piece).unwrap().height()).unwrap()
    };
    data.pieces().map(root).collect()
}

pub(crate) fn hybrid(piece_length: u32) -> Metainfo {
    let builder = folder(piece_length).hybrid().unwrap();
    metainfo(builder.build(&hashes(&builder)).unwrap())
}

pub(crate) fn v2_only(piece_length: u32) -> Metainfo {
    let builder = folder(piece_length).v2_only().unwrap();
    metainfo(builder.build(&hashes(&builder)).unwrap())
}

pub(crate) fn metainfo((info, piece_layers): (Info, PieceLayers)) -> Metainfo {
    Metainfo {
        piece_layers,
        ..Metainfo::from_info(Arc::new(info))
    }
}

#[test]
fn the_info_hashes_are_those_that_libtorrent_gives_the_same_files() {
    for (piece_length, v1, v2) in [
        (
            16_384,
            "bb768e41cc89abe4c0120b9ba42d64e5441a8f10",
            "6912416b5d2c656047dcfea37ae3f7cece604b759f2ed3418e58cb6cd83a6e91",
        ),
        (
            32_768,
            "70c0d2deaf1ae322d5aecae7f451e24d1db58d4d",
            "580e85a2516bd09fb001a6db4e8756033f7a39b908d852c8477af8e6a792c3a3",
        ),
    ] {
        let info = hybrid(piece_length).info;
        assert_eq!(info.info_hash().to_string(), v1);
        assert_eq!(info.v2().unwrap().info_hash().to_string(), v2);
    }
    for (piece_length, hash) in [
        (
            16_384,
            "fbab95e5b7e84b17d8c4191949193baeacd42db5ff739635edc55b6cc2805471",
        ),
        (
            32_768,
            "92fd19a2d46a77629ac2b70d2a76a1e71c4d3308aaf7c2ce744189351dfebfbc",
        ),
    ] {
        let info = v2_only(piece_length).info;
        assert_eq!(info.v2().unwrap().info_hash().to_string(), hash);
        assert_eq!(info.info_hash().to_string(), hash[..40]);
    }
}

#[test]
fn a_hybrid_is_a_torrent_of_version_1_with_version_2_beside() {
    let made = hybrid(32_768);
    let read = Metainfo::from_bytes(&made.to_bytes()).unwrap();
    assert_eq!(read.to_bytes(), made.to_bytes());
    assert_eq!(read.piece_layers, made.piece_layers);
    let info = &read.info;
    let lengths = info.lengths();
    let builder = folder(32_768).hybrid().unwrap();
    assert_eq!(info.files(), builder.files());
    assert!(info.has_v1() && info.is_multi_file());
    assert_eq!((lengths.total(), lengths.piece_count()), (9 * 32_768, 9));
    let roots = roots(info, &builder);
    let bytes = bytes(&builder);
    let v2 = info.v2().unwrap();
    for piece in lengths.pieces() {
        let number = piece.get() as usize;
        let sha1 = Sha1::digest(&bytes[number * 32_768..][..32_768]);
        assert_eq!(info.piece_hash(piece), Some(&sha1.into()));
        assert_eq!(read.piece_layers.piece_hash(v2, piece), Some(roots[number]));
        assert_eq!(info.layout().piece_size(piece), 32_768);
    }
    let places: Vec<_> = v2
        .files()
        .iter()
        .map(|file| {
            let path = info.files()[file.index].path_text();
            (path, file.length, file.first_piece, file.pieces)
        })
        .collect();
    let place = |path: &str, length, first, pieces| (path.to_owned(), length, first, pieces);
    assert_eq!(
        places,
        [
            place("a.bin", 100_000, 0, 4),
            place("b.txt", 5, 4, 1),
            place("sub/c", 16_384, 5, 1),
            place("sub/d", 70_000, 6, 3),
        ]
    );
    assert_eq!(
        v2.files()[2].root,
        block_hash(&content(&[Name::new(b"c").unwrap()], 16_384))
    );
    let sizes = lengths
        .pieces()
        .map(|piece| v2.data_layout().piece_size(piece));
    let sizes: Vec<_> = sizes.collect();
    assert_eq!(
        sizes,
        [
            32_768, 32_768, 32_768, 1696, 5, 16_384, 32_768, 32_768, 4464
        ]
    );
    let foreign = hybrid(16_384).info.lengths().piece(13).unwrap();
    assert!(v2.file_of(foreign).is_none() && info.piece_hash(foreign).is_none());
}

#[test]
fn a_torrent_of_version_2_alone_has_pieces_that_end_with_their_files() {
    let bytes = v2_only(32_768).to_bytes();
    let read = Metainfo::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    let info = read.info;
    assert!(!info.has_v1() && info.is_multi_file());
    let paths: Vec<_> = info.files().iter().map(|file| file.path_text()).collect();
    assert_eq!(
        paths,
        [
            "a.bin",
            ".pad/31072",
            "b.txt",
            ".pad/32763",
            "empty",
            "sub/c",
            ".pad/16384",
            "sub/d"
        ]
    );
    // Offsets count the gaps, pieces end with their files.
    assert_eq!(info.lengths().total(), 6 * 32_768 + 70_000);
    assert_eq!(info.layout().total(), 100_000 + 5 + 16_384 + 70_000);
    let piece = |index| info.lengths().piece(index).unwrap();
    let layout = info.layout();
    let sizes = [3, 4, 5, 8].map(|index| layout.piece_size(piece(index)));
    assert_eq!(sizes, [1696, 5, 16_384, 4464]);
    // libtorrent asks for these, too.
    let end = BlockRequest {
        piece: 4,
        begin: 0,
        length: 5,
    };
    assert_eq!(layout.block(piece(4), 0), Some(end));
    assert_eq!(layout.block(piece(5), 1), None);
    let version_1 = InfoBuilder::single_file("a", 20, 10)
        .build(&[[1; 20]; 2])
        .unwrap();
    let again = Info::from_bytes(version_1.raw().clone()).unwrap();
    assert!(again == version_1 && again.v2().is_none());
}

#[test]
fn one_file_stays_one_file() {
    let builder = InfoBuilder::single_file("b.txt", 40_000, 16_384);
    let v2_only = builder.clone().v2_only().unwrap();
    let (info, layers) = v2_only.build(&hashes(&v2_only)).unwrap();
    assert_eq!((info.name(), info.is_multi_file()), ("b.txt", false));
    assert_eq!((info.files().len(), info.lengths().total()), (1, 40_000));
    assert!(layers.is_complete(info.v2().unwrap(), 0));
    let hybrid = builder.hybrid().unwrap();
    let both = hashes(&hybrid);
    let hybrid = hybrid.build(&both).unwrap().0;
    assert_eq!(hybrid.files(), info.files());
    let v1 = InfoBuilder::single_file("b.txt", 40_000, 16_384)
        .build(&both.iter().filter_map(|hash| hash.sha1).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(
        (hybrid.files(), hybrid.lengths()),
        (v1.files(), v1.lengths())
    );
    // A folder of one file is the same tree as that file.
    let folder = InfoBuilder::multi_file("f", vec![(vec!["b.txt".into()], 40_000)], 16_384);
    let info = folder.clone().v2_only().unwrap().build(&both).unwrap().0;
    assert!(!info.is_multi_file());
    let info = folder.hybrid().unwrap().build(&both).unwrap().0;
    assert!(info.is_multi_file() && info.files().len() == 1);
}

#[test]
fn what_cannot_be_version_2_is_refused_when_it_is_built() {
    for piece_length in [8192, 16_385, 49_152] {
        let value = i64::from(piece_length);
        let field = "info.piece length".to_owned();
        let error = folder(piece_length).hybrid().unwrap_err();
        assert_eq!(error, MetainfoError::Range { field, value });
    }
    let empty = InfoBuilder::single_file("a", 0, 16_384).v2_only();
    assert!(matches!(
        empty,
        Err(MetainfoError::Lengths(LengthsError::Empty))
    ));
    let endless = vec![(vec!["a".to_owned()], u64::MAX), (vec!["b".to_owned()], 1)];
    assert!(
        InfoBuilder::multi_file("n", endless, 16_384)
            .hybrid()
            .is_err()
    );
    let builder = folder(16_384).hybrid().unwrap();
    let all = hashes(&builder);
    let without_sha1 = hashes(&folder(16_384).v2_only().unwrap());
    for hashes in [&all[1..], &without_sha1] {
        assert!(matches!(
            builder.build(hashes),
            Err(MetainfoError::Pieces { .. })
        ));
    }
    let path = |path: &[&str]| (path.iter().map(|name| (*name).to_owned()).collect(), 1);
    for files in [
        vec![path(&["a"]), path(&["a"])],
        vec![path(&["a"]), path(&["a.b"]), path(&["a", "b"])],
        vec![path(&["a", "..", "b"])],
        vec![path(&["a/b"])],
        vec![path(&[]), path(&["a"])],
    ] {
        let builder = InfoBuilder::multi_file("n", files, 16_384);
        let refused = |error: Option<MetainfoError>| {
            matches!(
                error,
                Some(
                    MetainfoError::Path { .. }
                        | MetainfoError::SamePath { .. }
                        | MetainfoError::FileAsFolder { .. }
                )
            )
        };
        assert!(refused(builder.clone().v2_only().err()));
        assert!(refused(builder.check().err()));
        assert!(refused(builder.build(&[[0; 20]]).err()));
    }
}

#[test]
fn links_programs_and_names_of_any_bytes_are_written_in_every_version() {
    let new = |path: &[&[u8]], length| NewFile {
        path: path.iter().map(|name| name.to_vec()).collect(),
        length,
        executable: false,
        link: None,
    };
    let program = NewFile {
        executable: true,
        ..new(&[b"d", b"run\n\xe9"], 5)
    };
    let link = NewFile {
        link: Some(program.path.clone()),
        ..new(&[b"c:"], 0)
    };
    let builder = InfoBuilder::multi_file("n\\", vec![link, program], 16_384);
    let version_1 = builder.build(&[[0; 20]]).unwrap();
    let of_v2 = |builder: V2Builder| {
        let hashers = builder.piece_hashers();
        let mut hasher = hashers.hasher(builder.lengths().piece(0).unwrap());
        hasher.update(&[7; 5]);
        builder.build(&[hasher.finish()]).unwrap().0
    };
    let hybrid = of_v2(builder.clone().hybrid().unwrap());
    let version_2 = of_v2(builder.v2_only().unwrap());
    for info in [version_1, hybrid, version_2] {
        assert_eq!(info.file_name().as_bytes(), b"n\\");
        let files: Vec<_> = info.stored_files().collect();
        let [link, program] = files[..] else {
            panic!("{files:?}")
        };
        assert_eq!(link.path, ["c:"]);
        assert!(program.executable);
        let raw: Vec<&[u8]> = program.path.iter().map(Name::raw).collect();
        assert_eq!(raw, [&b"d"[..], b"run\n\xe9"]);
        assert_eq!(program.path[1].as_bytes(), b"run_\xe9");
        let target = Some(program.path.clone());
        assert_eq!(link.kind, FileKind::Symlink { target });
    }
    let single = InfoBuilder::single_file("run", 5, 16_384).executable(true);
    let version_1 = single.build(&[[0; 20]]).unwrap();
    let hybrid = of_v2(single.hybrid().unwrap());
    assert!(version_1.files()[0].executable && hybrid.files()[0].executable);
}

#[test]
fn files_that_are_alike_share_their_hashes() {
    let file = |name: &str| (vec![name.to_owned(), "d".to_owned()], 70_000);
    let builder = InfoBuilder::multi_file("n", vec![file("x"), file("y")], 16_384);
    let builder = builder.v2_only().unwrap();
    let made = metainfo(builder.build(&hashes(&builder)).unwrap());
    let read = Metainfo::from_bytes(&made.to_bytes()).unwrap();
    assert_eq!(read.piece_layers, made.piece_layers);
    let v2 = read.info.v2().unwrap();
    let root = v2.files()[0].root;
    assert_eq!(v2.files_with_root(&root).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(v2.files_with_root(&[0; 32]).count(), 0);
    let tree = read.piece_layers.tree(v2, 0).unwrap();
    let [request] = v2.layer_requests(1)[..] else {
        panic!()
    };
    let answer = request
        .answer(tree.shape(), |layer, index| tree.node(layer, index))
        .unwrap();
    let mut layers = PieceLayers::default();
    assert_eq!(layers.accept(v2, &request, &answer), Ok(()));
    assert_eq!(layers, made.piece_layers);
}

#[test]
fn a_piece_of_a_hybrid_has_to_be_right_by_both_versions() {
    let metainfo = hybrid(32_768);
    let hashes = hashes(&folder(32_768).hybrid().unwrap());
    let verifier = metainfo.verifier();
    let without_layers = Metainfo::from_info(metainfo.info.clone()).verifier();
    assert!(verifier.is_ready() && without_layers.is_ready());
    for (piece, good) in metainfo.info.lengths().pieces().zip(&hashes) {
        assert_eq!(verifier.judge(piece, good), Verdict::Good);
        assert_eq!(without_layers.judge(piece, good), Verdict::Good);
        let mut half = good.clone();
        half.blocks[0][0] ^= 1;
        assert_eq!(verifier.judge(piece, &half), Verdict::Inconsistent);
        let mut wrong = half.clone();
        wrong.sha1 = Some([1; 20]);
        assert_eq!(verifier.judge(piece, &wrong), Verdict::Bad);
        assert_eq!(without_layers.judge(piece, &wrong), Verdict::Bad);
        half.blocks.clone_from(&good.blocks);
        half.sha1 = None;
        assert_eq!(verifier.judge(piece, &half), Verdict::Inconsistent);
        half.blocks.push([0; 32]);
        assert_eq!(verifier.judge(piece, &half), Verdict::Bad);
    }
}

#[test]
fn pieces_of_version_2_alone_are_judged_once_their_layer_is_known() {
    let metainfo = v2_only(32_768);
    let hashes = hashes(&folder(32_768).v2_only().unwrap());
    let mut verifier = Metainfo::from_info(metainfo.info.clone()).verifier();
    assert!(!verifier.is_ready() && metainfo.verifier().is_ready());
    let piece = |index| metainfo.info.lengths().piece(index).unwrap();
    assert_eq!(verifier.judge(piece(4), &hashes[4]), Verdict::Good);
    assert_eq!(verifier.judge(piece(0), &hashes[0]), Verdict::Bad);
    let v2 = metainfo.info.v2().unwrap();
    for file in 0..v2.files().len() {
        let tree = metainfo.piece_layers.tree(v2, file).unwrap();
        for request in v2.layer_requests(file) {
            let answer = request.answer(tree.shape(), |layer, index| tree.node(layer, index));
            verifier.accept(&request, &answer.unwrap()).unwrap();
        }
    }
    assert!(verifier.is_ready());
    for (piece, hash) in metainfo.info.lengths().pieces().zip(&hashes) {
        assert_eq!(verifier.judge(piece, hash), Verdict::Good);
        assert_eq!(verifier.judge(piece, &PieceHash::default()), Verdict::Bad);
    }
}
