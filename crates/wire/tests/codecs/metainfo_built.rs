//! Torrents as this crate writes them.

use crate::metainfo::{HASHES, dict, file, i, list, s, single};
use brackish_wire::LengthsError;
use brackish_wire::metainfo::{InfoBuilder, Metainfo, MetainfoError, default_piece_length};
use std::sync::Arc;

#[test]
fn a_built_info_is_canonical_bencode() {
    let hashes = [[b'a'; 20], [b'b'; 20]];
    let info = InfoBuilder::single_file("a.txt", 20, 10)
        .build(&hashes)
        .unwrap();
    assert_eq!(info.raw(), single("a.txt").as_bytes());
    let files = vec![
        (vec!["d".to_owned(), "x".to_owned()], 12),
        (vec!["y".to_owned()], 8),
    ];
    let builder = InfoBuilder::multi_file("n", files, 10)
        .private(true)
        .source(Some("S".into()));
    assert_eq!(builder.lengths().unwrap().piece_count(), 2);
    let info = builder.build(&hashes).unwrap();
    let expected = dict(&[
        ("files", list(&[file(&["d", "x"], 12), file(&["y"], 8)])),
        ("name", s("n")),
        ("piece length", i(10)),
        ("pieces", s(HASHES)),
        ("private", i(1)),
        ("source", s("S")),
    ]);
    assert_eq!(info.raw(), expected.as_bytes());
    assert!(info.is_private());
}

#[test]
fn what_cannot_be_shared_is_refused_when_it_is_built() {
    assert_eq!(
        InfoBuilder::single_file("a", 0, 10).lengths(),
        Err(LengthsError::Empty)
    );
    assert!(matches!(
        InfoBuilder::single_file("a", 20, 10).build(&[]),
        Err(MetainfoError::Pieces { .. })
    ));
    let up = vec![(vec!["..".to_owned()], 20)];
    let built = InfoBuilder::multi_file("n", up, 20).build(&[[0; 20]]);
    assert!(matches!(built, Err(MetainfoError::Path { .. })));
}

#[test]
fn a_metainfo_that_is_written_reads_back() {
    let info = InfoBuilder::single_file("a", 20, 20)
        .build(&[[7; 20]])
        .unwrap();
    let mut metainfo = Metainfo::from_info(Arc::new(info));
    assert_eq!(
        metainfo.to_bytes(),
        format!("d4:info{}e", String::from_utf8_lossy(metainfo.info.raw())).as_bytes()
    );
    metainfo.trackers = vec![
        vec!["udp://a".into(), "http://b".into()],
        vec!["wss://c".into()],
    ];
    metainfo.web_seeds = vec!["http://w".into()];
    metainfo.comment = Some("käse".into());
    metainfo.created_by = Some("Brackish".into());
    metainfo.creation_date = Some(1);
    let bytes = metainfo.to_bytes();
    let again = Metainfo::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(
        (again.trackers, again.web_seeds),
        (metainfo.trackers, metainfo.web_seeds)
    );
    assert_eq!(
        (again.comment, again.created_by, again.creation_date),
        (metainfo.comment, metainfo.created_by, Some(1))
    );
    let keys: Vec<_> = brackish_wire::bencode::dict_entries(&bytes)
        .unwrap()
        .map(|entry| entry.unwrap().0)
        .collect();
    assert!(keys.is_sorted());
}

#[test]
fn default_pieces_are_powers_of_two_and_not_too_many() {
    assert_eq!(default_piece_length(0), 16 * 1024);
    assert_eq!(default_piece_length(50 << 20), 64 * 1024);
    assert_eq!(default_piece_length(1 << 30), 1 << 20);
    assert_eq!(default_piece_length(u64::MAX), 16 << 20);
    for shift in 0..34 {
        let total = 1 << shift;
        let length = default_piece_length(total);
        assert!(length.is_power_of_two() && total.div_ceil(length.into()) <= 1024);
    }
}
