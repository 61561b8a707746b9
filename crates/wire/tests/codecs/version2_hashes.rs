//! The hashes of version 2 (BEP 52): those of a torrent file, of peers, and of single blocks, held against the roots.

use brackish_wire::merkle::{Hash, HashRequest, Tree, block_hash};
use brackish_wire::metainfo::{AnswerError, InfoBuilder, Metainfo, MetainfoError, PieceLayers};

use crate::version2::{bytes, folder, hashes, hybrid, roots, v2_only};

#[test]
fn the_hashes_of_a_torrent_file_are_held_against_the_roots() {
    let metainfo = v2_only(32_768);
    let bytes = metainfo.to_bytes();
    let at = bytes.len() - 40;
    let mut damaged = bytes.clone();
    damaged[at] ^= 1;
    let error = Metainfo::from_bytes(&damaged).unwrap_err();
    assert!(
        matches!(&error, MetainfoError::PieceLayer { path } if path == "sub/d" || path == "a.bin")
    );
    // A layer that is not there can be asked of peers.
    let without = Metainfo::from_info(metainfo.info.clone()).to_bytes();
    assert!(without.ends_with(b"12:piece layersdee"));
    let read = Metainfo::from_bytes(&without).unwrap();
    let v2 = read.info.v2().unwrap();
    let known: Vec<_> = read
        .info
        .lengths()
        .pieces()
        .map(|piece| read.piece_layers.piece_hash(v2, piece).is_some())
        .collect();
    let t = true;
    assert_eq!(known, [!t, !t, !t, !t, t, t, !t, !t, !t]);
    assert!(!read.piece_layers.is_complete(v2, 0) && read.piece_layers.is_complete(v2, 1));
    assert!(read.piece_layers.tree(v2, 0).is_none());
    assert_eq!(
        read.piece_layers.tree(v2, 1).unwrap().root(),
        v2.files()[1].root
    );
    // What belongs to no file is named: another torrent's, or that of a file of one piece.
    let with = |root: &[u8], hashes: &[u8]| {
        let mut torrent = without[..without.len() - 2].to_vec();
        for text in [root, hashes] {
            torrent.extend_from_slice(format!("{}:", text.len()).as_bytes());
            torrent.extend_from_slice(text);
        }
        torrent.extend_from_slice(b"ee");
        Metainfo::from_bytes(&torrent).map_err(|error| error.to_string())
    };
    let of_nobody = |root: &str| {
        format!("torrent field piece layers: no file of more than one piece has the root {root}")
    };
    assert_eq!(
        with(&[7; 32], &[8; 64]).unwrap_err(),
        of_nobody(&"07".repeat(32))
    );
    assert_eq!(with(b"xy", b"").unwrap_err(), of_nobody("7879"));
    let small = v2.files()[1].root;
    assert!(
        with(&small, &small)
            .unwrap_err()
            .contains("no file of more than one piece")
    );
    let long = v2.files()[0].root;
    for hashes in [&b""[..], &[8; 31], &[8; 32], &[8; 4 * 32], &[8; 5 * 32]] {
        let error = with(&long, hashes).unwrap_err();
        assert!(
            error.contains("the hashes of \"a.bin\" are not those"),
            "{error}"
        );
    }
}

#[test]
fn hashes_from_peers_are_taken_only_if_they_lead_to_the_root() {
    // 700 pieces, so that their hashes come in two parts.
    let length = 700 * 32_768 - 20_000;
    let builder = InfoBuilder::single_file("a.bin", length, 32_768)
        .v2_only()
        .unwrap();
    let (info, all) = builder.build(&hashes(&builder)).unwrap();
    let roots = roots(&info, &builder);
    let v2 = info.v2().unwrap();
    let tree = all.tree(v2, 0).unwrap();
    let answer = |request: &HashRequest| {
        request
            .answer(tree.shape(), |layer, index| tree.node(layer, index))
            .unwrap()
    };
    let requests = v2.layer_requests(0);
    assert_eq!(
        requests
            .iter()
            .map(|request| request.index)
            .collect::<Vec<_>>(),
        [0, 512]
    );
    let mut layers = PieceLayers::default();
    let piece = |index| info.lengths().piece(index).unwrap();
    for request in &requests {
        assert!(!layers.is_complete(v2, 0));
        let hashes = answer(request);
        let mut lie = hashes.clone();
        lie[3][0] ^= 1;
        assert_eq!(layers.accept(v2, request, &lie), Err(AnswerError::False));
        assert!(matches!(
            layers.accept(v2, request, &hashes[1..]),
            Err(AnswerError::Request(_))
        ));
        let other = HashRequest {
            root: [1; 32],
            ..*request
        };
        assert_eq!(layers.accept(v2, &other, &hashes), Err(AnswerError::File));
        let unproven = HashRequest {
            proof_layers: 8,
            ..*request
        };
        let reach = AnswerError::Reach { base_layer: 1 };
        assert_eq!(layers.accept(v2, &unproven, &hashes[..512]), Err(reach));
        assert_eq!(layers.piece_hash(v2, piece(request.index)), None);
        assert_eq!(layers.accept(v2, request, &hashes), Ok(()));
        assert_eq!(
            layers.piece_hash(v2, piece(request.index)),
            Some(roots[request.index as usize])
        );
    }
    assert_eq!(layers, all);
    assert!(v2.layer_requests(1).is_empty());
}

#[test]
fn a_block_is_known_to_be_false_before_its_piece_is_whole() {
    let metainfo = hybrid(32_768);
    let v2 = metainfo.info.v2().unwrap();
    let lengths = metainfo.info.lengths();
    let bytes = bytes(&folder(32_768).hybrid().unwrap());
    for piece in lengths.pieces() {
        let from = lengths.piece_offset(piece) as usize;
        let data = &bytes[from..][..v2.data_layout().piece_size(piece) as usize];
        let blocks: Vec<_> = data.chunks(16_384).map(block_hash).collect();
        let requests = v2.block_requests(piece);
        let shape = v2.piece_shape(piece).unwrap();
        if shape.height() == 0 {
            assert!(requests.is_empty());
            assert_eq!(metainfo.piece_layers.piece_hash(v2, piece), Some(blocks[0]));
            continue;
        }
        // The answer of one who has the piece and no more of the tree.
        let part = Tree::new(shape, 0, blocks.clone()).unwrap();
        let (_, file) = v2.file_of(piece).unwrap();
        let first = u64::from(piece.get() - file.first_piece) << v2.piece_layer();
        let [request] = requests[..] else {
            panic!("{requests:?}")
        };
        assert_eq!(u64::from(request.index), first);
        let answer = request
            .answer(file.shape().unwrap(), |layer, index| {
                part.node(layer, index - (first >> layer))
            })
            .unwrap();
        let check = |request: &HashRequest, answer: &[Hash]| {
            metainfo
                .piece_layers
                .check_blocks(v2, piece, request, answer)
        };
        assert_eq!(check(&request, &answer), Ok(()));
        assert_eq!(answer[..blocks.len()], blocks);
        let mut lie = answer.clone();
        lie[0][31] ^= 1;
        assert_eq!(check(&request, &lie), Err(AnswerError::False));
        let other = HashRequest {
            root: [1; 32],
            ..request
        };
        assert_eq!(check(&other, &answer), Err(AnswerError::File));
        let known = PieceLayers::default().check_blocks(v2, piece, &request, &answer);
        assert!(file.pieces == 1 || known == Err(AnswerError::Reach { base_layer: 0 }));
    }
    // Another piece's hashes are none of this one's.
    let [request] = v2.block_requests(lengths.piece(1).unwrap())[..] else {
        panic!()
    };
    let check =
        metainfo
            .piece_layers
            .check_blocks(v2, lengths.piece(0).unwrap(), &request, &[[0; 32]; 2]);
    assert_eq!(check, Err(AnswerError::Reach { base_layer: 0 }));
}
