use crate::random::Random;
use brackish_wire::merkle::{
    Hash, HashRequest, HashRequestError, MAX_HASHES, MAX_HEIGHT, Node, Tree, TreeShape, block_hash,
    block_hashes, data_root, padding, parent, root,
};
use brackish_wire::message::{Message, MessageError};

/// The root as BEP 52 words it: all leaves, zeros up to a power of two, pair by pair.
fn plain_root(mut nodes: Vec<Hash>, height: u32) -> Hash {
    nodes.resize(1 << height, [0; 32]);
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(2)
            .map(|pair| parent(&pair[0], &pair[1]))
            .collect();
    }
    nodes[0]
}

fn leaves(count: u64, random: &mut Random) -> Vec<Hash> {
    let mut leaf = || random.bytes(32).try_into().unwrap();
    (0..count).map(|_| leaf()).collect()
}

fn tree_of(blocks: u64, random: &mut Random) -> Tree {
    let shape = TreeShape::of_file(blocks * 16_384).unwrap();
    Tree::new(shape, 0, leaves(blocks, random)).unwrap()
}

#[test]
fn hashes_are_sha_256_of_blocks_and_of_pairs() {
    let hex = |hash: Hash| hash.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(
        hex(block_hash(b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    // The SHA-256 of 64 zeros.
    assert_eq!(
        hex(padding(1)),
        "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"
    );
    assert_eq!(padding(0), [0; 32]);
    assert_eq!(padding(7), parent(&padding(6), &padding(6)));
    let data = [7; 40_000];
    let blocks: Vec<_> = block_hashes(&data).collect();
    assert_eq!(
        blocks,
        [&data[..16_384], &data[16_384..32_768], &data[32_768..]].map(block_hash)
    );
    assert_eq!(data_root(&data, 2), Some(plain_root(blocks.clone(), 2)));
    assert_eq!(data_root(&data, 5), Some(plain_root(blocks, 5)));
    assert_eq!(
        data_root(&data, 1),
        None,
        "three blocks are under no such node"
    );
}

#[test]
fn roots_are_padded_at_every_layer() {
    let mut random = Random::new(1);
    for count in 1..70 {
        let shape = TreeShape::of_file(count * 16_384 - 1).unwrap();
        let leaves = leaves(count, &mut random);
        let whole = plain_root(leaves.clone(), shape.height());
        assert_eq!(root(leaves.clone(), 0, shape.height()), Some(whole));
        let tree = Tree::new(shape, 0, leaves.clone()).unwrap();
        assert_eq!(tree.root(), whole);
        for layer in 0..=shape.height() {
            let nodes: Vec<_> = (0..shape.nodes(layer))
                .map(|at| tree.node(layer, at).unwrap())
                .collect();
            assert_eq!(root(nodes.clone(), layer, shape.height()), Some(whole));
            let upper = Tree::new(shape, layer, nodes).unwrap();
            assert_eq!((upper.root(), upper.base_layer()), (whole, layer));
            let last = shape.width(layer) - 1;
            assert_eq!(upper.node(layer, last), tree.node(layer, last));
            assert_eq!(upper.node(layer, last + 1), None);
            assert_eq!(upper.node(shape.height() + 1, 0), None);
        }
        assert!(Tree::new(shape, 0, leaves[1..].to_vec()).is_none());
    }
    assert_eq!(root(Vec::new(), 0, 3), Some(padding(3)));
    assert_eq!(root(Vec::new(), 4, 3), None);
    assert_eq!(root(Vec::new(), 0, MAX_HEIGHT + 1), None);
}

#[test]
fn shapes_of_files_and_parts() {
    assert_eq!(TreeShape::of_file(0), None);
    assert!(TreeShape::of_file(u64::MAX).is_some());
    for (length, blocks, height) in [(1, 1, 0), (16_384, 1, 0), (16_385, 2, 1), (100_000, 7, 3)] {
        let shape = TreeShape::of_file(length).unwrap();
        assert_eq!((shape.blocks(), shape.height()), (blocks, height));
        assert_eq!(TreeShape::of_part(blocks, height), Some(shape));
    }
    let last_piece = TreeShape::of_part(3, 4).unwrap();
    assert_eq!(
        (
            last_piece.nodes(0),
            last_piece.nodes(1),
            last_piece.nodes(4)
        ),
        (3, 2, 1)
    );
    assert_eq!(
        (
            last_piece.width(0),
            last_piece.width(4),
            last_piece.width(5)
        ),
        (16, 1, 0)
    );
    assert_eq!(TreeShape::of_part(3, 1), None);
    assert_eq!(TreeShape::of_part(0, 1), None);
    assert_eq!(TreeShape::of_part(1, MAX_HEIGHT + 1), None);
}

/// Every request of powers of two that a tree can answer.
fn requests(shape: TreeShape, root: Hash) -> Vec<HashRequest> {
    let mut requests = Vec::new();
    for base_layer in 0..shape.height() {
        let width = shape.width(base_layer) as u32;
        for shift in 1..=width.ilog2() {
            let length = 1 << shift;
            for index in (0..width).step_by(length as usize) {
                for proof_layers in 0..shape.height() - base_layer {
                    requests.push(HashRequest {
                        root,
                        base_layer,
                        index,
                        length,
                        proof_layers,
                    });
                }
            }
        }
    }
    requests
}

#[test]
fn what_a_tree_answers_leads_to_a_node_of_the_tree() {
    let mut random = Random::new(2);
    for blocks in 2..20 {
        let tree = tree_of(blocks, &mut random);
        let shape = tree.shape();
        for request in requests(shape, tree.root()) {
            assert_eq!(request.check(shape), Ok(()));
            let answer = request
                .answer(shape, |layer, index| tree.node(layer, index))
                .unwrap();
            assert_eq!(answer.len(), request.answer_length());
            let top = request.top(shape, &answer).unwrap();
            assert_eq!(
                tree.node(top.layer, top.index),
                Some(top.hash),
                "{request:?}"
            );
            if request.proof_layers == shape.height() - request.base_layer - 1 {
                let root = Node {
                    layer: shape.height(),
                    index: 0,
                    hash: tree.root(),
                };
                assert_eq!(top, root);
            }
        }
    }
}

#[test]
fn a_run_that_the_layer_cuts_short_is_answered_and_proven() {
    let mut random = Random::new(3);
    for blocks in 2..40u32 {
        let tree = tree_of(blocks.into(), &mut random);
        let shape = tree.shape();
        for run in [2, 4, 8, 16, 32] {
            let index = (blocks - 1) / run * run;
            let request = HashRequest {
                root: tree.root(),
                base_layer: 0,
                index,
                length: blocks - index,
                proof_layers: shape.height() - 1,
            };
            assert_eq!(request.check(shape), Ok(()));
            let answer = request
                .answer(shape, |layer, index| tree.node(layer, index))
                .unwrap();
            let top = request.top(shape, &answer).unwrap();
            assert_eq!((top.layer, top.hash), (shape.height(), tree.root()));
        }
    }
}

#[test]
fn one_false_hash_in_an_answer_leads_elsewhere() {
    let mut random = Random::new(4);
    let tree = tree_of(13, &mut random);
    let shape = tree.shape();
    for request in requests(shape, tree.root()) {
        let answer = request
            .answer(shape, |layer, index| tree.node(layer, index))
            .unwrap();
        for at in 0..answer.len() {
            let mut lie = answer.clone();
            lie[at][random.below(32)] ^= 1 << random.below(8);
            let top = request.top(shape, &lie).unwrap();
            assert_ne!(tree.node(top.layer, top.index), Some(top.hash));
        }
        let count = |hashes: &[Hash]| {
            let error = request.top(shape, hashes);
            assert!(matches!(error, Err(HashRequestError::Count { .. })));
        };
        count(&answer[1..]);
        count(&[&answer[..], &[[0; 32]]].concat());
    }
}

#[test]
fn the_number_of_uncles_is_that_of_libtorrent() {
    // Asked of libtorrent 2.1.1 about a file of 100,000 bytes: base layer, index, length, proof layers, hashes given.
    let shape = TreeShape::of_file(100_000).unwrap();
    for (base_layer, index, length, proof_layers, given) in [
        (1, 0, 4, 0, 4),
        (1, 0, 4, 1, 4),
        (1, 0, 2, 1, 3),
        (0, 0, 2, 1, 3),
        (0, 0, 2, 2, 4),
        (0, 2, 2, 2, 4),
        (0, 0, 8, 0, 8),
        (0, 4, 4, 1, 4),
        (0, 4, 3, 1, 3),
        (0, 6, 1, 2, 3),
        (0, 6, 2, 2, 4),
        (0, 0, 8, 2, 8),
        (2, 0, 2, 0, 2),
    ] {
        let request = HashRequest {
            root: [0; 32],
            base_layer,
            index,
            length,
            proof_layers,
        };
        assert_eq!(request.check(shape), Ok(()), "{request:?}");
        assert_eq!(request.answer_length(), given, "{request:?}");
    }
}

#[test]
fn requests_that_no_tree_answers_are_refused() {
    // Seven blocks: layers of 8, 4, 2 and 1.
    let shape = TreeShape::of_file(100_000).unwrap();
    let check = |base_layer, index, length, proof_layers| {
        let request = HashRequest {
            root: [0; 32],
            base_layer,
            index,
            length,
            proof_layers,
        };
        // Whoever does not check gets no panic.
        let _ = (
            request.answer_length(),
            request.answer(shape, |_, _| Some([0; 32])),
        );
        request.check(shape)
    };
    assert!(check(0, 0, 2, 2).is_ok());
    let layer = Err(HashRequestError::Layer {
        layer: 3,
        height: 3,
    });
    assert_eq!(check(3, 0, 2, 0), layer);
    let proof = Err(HashRequestError::Proof {
        proof_layers: 3,
        possible: 2,
    });
    assert_eq!(check(0, 0, 2, 3), proof);
    for (index, length) in [
        (0, 0),
        (0, 1),
        (1, 2),
        (2, 4),
        (0, 3),
        (0, 16),
        (8, 2),
        (u32::MAX, u32::MAX),
        (u32::MAX - 1, 2),
        (1 << 31, 1 << 31),
    ] {
        let run = Err(HashRequestError::Run {
            index,
            length,
            width: 8,
        });
        assert_eq!(check(0, index, length, 0), run);
    }
    assert!(check(u32::MAX, 0, 2, 0).is_err());
    assert!(check(0, 0, 2, u32::MAX).is_err());
    let large = TreeShape::of_file(1 << 40).unwrap();
    let longest = HashRequest {
        root: [0; 32],
        base_layer: 0,
        index: 0,
        length: MAX_HASHES,
        proof_layers: 0,
    };
    assert!(longest.check(large).is_ok());
    assert!(
        HashRequest {
            length: 2 * MAX_HASHES,
            ..longest
        }
        .check(large)
        .is_err()
    );
}

#[test]
fn messages_about_hashes_have_the_bytes_of_the_protocol_and_read_back() {
    let request = HashRequest {
        root: [9; 32],
        base_layer: 1,
        index: 4,
        length: 2,
        proof_layers: 0x0a0b,
    };
    let hashes = [[1; 32], [2; 32]];
    let head = [
        &[9; 32][..],
        &[0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0x0a, 0x0b],
    ]
    .concat();
    for (message, id, length, rest) in [
        (Message::HashRequest(request), 21, 49, &[][..]),
        (
            Message::Hashes {
                request,
                hashes: &hashes,
            },
            22,
            113,
            hashes.as_flattened(),
        ),
        (Message::HashReject(request), 23, 49, &[]),
    ] {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        assert_eq!(bytes, [&[0, 0, 0, length, id], &head[..], rest].concat());
        let frame = &bytes[4..];
        assert_eq!(Message::decode(frame), Ok(message));
        for cut in 1..frame.len() {
            let read = Message::decode(&frame[..cut]);
            // A whole number of hashes may be fewer than there were.
            let fewer = id == 22 && cut >= 49 && (cut - 49) % 32 == 0;
            let wrong = MessageError::Length {
                id,
                length: cut as u32,
            };
            assert!(fewer || read == Err(wrong));
        }
    }
    let long = [&[21], &head[..], &[0]].concat();
    assert!(Message::decode(&long).is_err());
}
