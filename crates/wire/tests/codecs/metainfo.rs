use brackish_wire::InfoHash;
use brackish_wire::metainfo::{FileKind, Info, MAX_URLS, Metainfo, MetainfoError};

pub(crate) const HASHES: &str = "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb";

/// A dictionary of raw values.
pub(crate) fn dict(entries: &[(&str, String)]) -> String {
    let body: String = entries
        .iter()
        .map(|(key, value)| format!("{}:{key}{value}", key.len()))
        .collect();
    format!("d{body}e")
}

pub(crate) fn s(text: &str) -> String {
    format!("{}:{text}", text.len())
}

pub(crate) fn i(value: i64) -> String {
    format!("i{value}e")
}

pub(crate) fn list(items: &[String]) -> String {
    format!("l{}e", items.concat())
}

pub(crate) fn file(path: &[&str], length: i64) -> String {
    let path: Vec<_> = path.iter().map(|component| s(component)).collect();
    dict(&[("length", i(length)), ("path", list(&path))])
}

/// An `info` with these files, 20 bytes in pieces of 10.
pub(crate) fn folder(files: &[String]) -> String {
    dict(&[
        ("files", list(files)),
        ("name", s("n")),
        ("piece length", i(10)),
        ("pieces", s(HASHES)),
    ])
}

pub(crate) fn single(name: &str) -> String {
    dict(&[
        ("length", i(20)),
        ("name", s(name)),
        ("piece length", i(10)),
        ("pieces", s(HASHES)),
    ])
}

pub(crate) fn read(info: &str) -> Result<Info, MetainfoError> {
    Info::from_bytes(info.to_owned().into_bytes().into())
}

pub(crate) fn error(info: &str) -> String {
    read(info).unwrap_err().to_string()
}

#[test]
fn a_single_file_torrent_is_read_with_all_that_is_in_it() {
    let announce_list = list(&[
        list(&[s("udp://a"), s("")]),
        list(&[]),
        list(&[s("http://b"), s("wss://c")]),
    ]);
    let top = dict(&[
        ("announce", s("udp://a")),
        ("announce-list", announce_list),
        ("comment", s("hello")),
        ("created by", s("test")),
        ("creation date", i(1_700_000_000)),
        ("info", single("a.txt")),
        ("url-list", s("http://w/a.txt")),
    ]);
    let metainfo = Metainfo::from_bytes(top.as_bytes()).unwrap();
    let info = &metainfo.info;
    assert_eq!(
        metainfo.info_hash(),
        InfoHash::of_info(single("a.txt").as_bytes())
    );
    assert_eq!(info.raw(), single("a.txt").as_bytes());
    assert_eq!(
        metainfo.trackers,
        [vec!["udp://a"], vec!["http://b", "wss://c"]]
    );
    assert_eq!(metainfo.web_seeds, ["http://w/a.txt"]);
    assert_eq!(metainfo.comment.as_deref(), Some("hello"));
    assert_eq!(metainfo.created_by.as_deref(), Some("test"));
    assert_eq!(metainfo.creation_date, Some(1_700_000_000));
    assert_eq!(
        (info.name(), info.is_multi_file(), info.is_private()),
        ("a.txt", false, false)
    );
    assert_eq!(
        (info.lengths().total(), info.lengths().piece_count()),
        (20, 2)
    );
    assert_eq!(
        info.piece_hash(info.lengths().piece(1).unwrap()),
        Some(b"bbbbbbbbbbbbbbbbbbbb")
    );
    assert_eq!(info.files()[0].path, ["a.txt"]);
}

#[test]
fn the_info_hash_is_that_of_the_raw_bytes_even_unsorted_and_with_unknown_fields() {
    let info = dict(&[
        ("pieces", s(HASHES)),
        ("zz", list(&[i(1)])),
        ("piece length", i(10)),
        ("name", s("a")),
        ("length", i(20)),
    ]);
    let top = dict(&[("info", info.clone()), ("announce", s("udp://a"))]);
    let metainfo = Metainfo::from_bytes(format!("{top}\r\n").as_bytes()).unwrap();
    assert_eq!(metainfo.info_hash(), InfoHash::of_info(info.as_bytes()));
    let again = Metainfo::from_bytes(&metainfo.to_bytes()).unwrap();
    assert_eq!(again.info_hash(), metainfo.info_hash());
}

#[test]
fn a_folder_of_files_is_read_in_order_with_attributes() {
    let with = |attr: &str, length: i64, path: &str, more: &[(&str, String)]| {
        let mut entries = vec![
            ("attr", s(attr)),
            ("length", i(length)),
            ("path", list(&[s(path)])),
        ];
        entries.extend_from_slice(more);
        dict(&entries)
    };
    let utf8 = list(&[s("\u{fc}"), s("b")]);
    let link = dict(&[
        ("attr", s("l")),
        ("path", list(&[s("link")])),
        ("symlink path", list(&[s("d"), s("run")])),
    ]);
    let info = folder(&[
        dict(&[
            ("length", i(7)),
            ("path", list(&[s("x")])),
            ("path.utf-8", utf8),
        ]),
        with("p", 3, ".pad", &[]),
        with("xh", 10, "run", &[]),
        with("p", 0, ".pad", &[]),
        link,
        file(&["empty"], 0),
    ]);
    let info = read(&info).unwrap();
    let files = info.files();
    assert!(info.is_multi_file());
    assert_eq!(files[0].path, ["\u{fc}", "b"]);
    assert_eq!(files[1].kind, FileKind::Padding);
    assert_eq!(
        (
            files[2].offset,
            files[2].length,
            files[2].executable,
            files[2].hidden
        ),
        (10, 10, true, true)
    );
    assert_eq!(
        (&files[2].kind, files[0].executable),
        (&FileKind::File, false)
    );
    assert_eq!(
        files[3].path, files[1].path,
        "padding is not stored, so its paths may be the same"
    );
    let FileKind::Symlink {
        target: Some(target),
    } = &files[4].kind
    else {
        panic!("{:?} is no link", files[4]);
    };
    assert_eq!(*target, ["d", "run"]);
    assert_eq!((files[5].offset, files[5].length), (20, 0));
}

#[test]
fn announce_stands_in_for_a_list_that_names_no_tracker() {
    let trackers = |announce_list: String| {
        let top = dict(&[
            ("announce", s("udp://a")),
            ("announce-list", announce_list),
            ("info", single("a")),
        ]);
        Metainfo::from_bytes(top.as_bytes()).unwrap().trackers
    };
    for empty in [
        list(&[]),
        list(&[list(&[s("")])]),
        i(1),
        s("x"),
        list(&[i(1)]),
    ] {
        assert_eq!(trackers(empty), [["udp://a"]]);
    }
    assert_eq!(
        trackers(list(&[s("udp://b"), s("udp://c")])),
        [["udp://b"], ["udp://c"]]
    );
    let many: Vec<_> = (0..2000)
        .map(|n| list(&[s(&format!("udp://{n}"))]))
        .collect();
    assert_eq!(trackers(list(&many)).len(), MAX_URLS);
    let none = dict(&[("announce", s(" ")), ("info", single("a"))]);
    assert!(
        Metainfo::from_bytes(none.as_bytes())
            .unwrap()
            .trackers
            .is_empty()
    );
}

#[test]
fn web_seeds_are_a_url_or_a_list() {
    let seeds = |value: String| {
        let top = dict(&[("info", single("a")), ("url-list", value)]);
        Metainfo::from_bytes(top.as_bytes()).unwrap().web_seeds
    };
    assert_eq!(seeds(s("http://a")), ["http://a"]);
    assert_eq!(
        seeds(list(&[
            s("http://a"),
            s(""),
            i(1),
            s("http://b"),
            s("http://a")
        ])),
        ["http://a", "http://b"]
    );
    assert!(seeds(s("")).is_empty() && seeds(i(3)).is_empty());
}

#[test]
fn optional_fields_that_make_no_sense_do_not_spoil_the_torrent() {
    let top = dict(&[
        ("comment", i(1)),
        ("created by", list(&[])),
        ("creation date", s("x")),
        ("info", single("a")),
    ]);
    let metainfo = Metainfo::from_bytes(top.as_bytes()).unwrap();
    assert_eq!(
        (
            metainfo.comment,
            metainfo.created_by,
            metainfo.creation_date
        ),
        (None, None, None)
    );
}

#[test]
fn every_fault_names_the_field() {
    let with = |key: &str, value: Option<String>| {
        let fields = [
            ("length", i(20)),
            ("name", s("a")),
            ("piece length", i(10)),
            ("pieces", s(HASHES)),
            ("attr", s("")),
        ];
        let changed: Vec<_> = fields
            .into_iter()
            .filter_map(|(name, old)| {
                if name == key {
                    value.clone().map(|new| (name, new))
                } else {
                    Some((name, old))
                }
            })
            .collect();
        error(&dict(&changed))
    };
    assert_eq!(with("name", None), "torrent field info.name is missing");
    assert_eq!(with("length", None), "torrent field info.length is missing");
    assert_eq!(with("pieces", None), "torrent field info.pieces is missing");
    assert_eq!(
        with("piece length", None),
        "torrent field info.piece length is missing"
    );
    assert_eq!(
        with("name", Some(i(1))),
        "torrent field info.name: expected a string, found an integer"
    );
    assert_eq!(
        with("length", Some(s("9"))),
        "torrent field info.length: expected an integer, found a string"
    );
    assert_eq!(
        with("length", Some(i(-1))),
        "torrent field info.length cannot be -1"
    );
    assert_eq!(
        with("pieces", Some(s("short"))),
        "torrent field info.pieces has 5 bytes; 40 are needed for 2 pieces"
    );
    assert!(with("pieces", Some(s(&HASHES[..20]))).contains("has 20 bytes; 40 are needed"));
    assert!(
        with("pieces", Some(s(&format!("{HASHES}{HASHES}"))))
            .contains("has 80 bytes; 40 are needed")
    );
    assert!(with("piece length", Some(i(0))).contains("a piece length of 0 bytes"));
    assert!(
        with("piece length", Some(i(1 << 40))).contains("a piece length of 1099511627776 bytes")
    );
    assert!(with("length", Some(i(0))).contains("the torrent has no bytes"));
    assert!(with("length", Some(i(i64::MAX))).contains("more than"));
    let files = |files: String| {
        error(&dict(&[
            ("files", files),
            ("name", s("a")),
            ("piece length", i(10)),
            ("pieces", s(HASHES)),
        ]))
    };
    assert_eq!(files(i(1)), "torrent field info.length is missing");
    assert_eq!(
        files(list(&[])),
        "torrent field info: the torrent has no bytes"
    );
    assert_eq!(
        files(list(&[i(1)])),
        "torrent field info.files[0]: expected a dictionary, found an integer"
    );
    assert_eq!(
        files(list(&[file(&["a"], 1), "de".into()])),
        "torrent field info.files[1].length is missing"
    );
    assert_eq!(
        files(list(&[file(&["a"], 1), "d6:lengthi1ee".into()])),
        "torrent field info.files[1].path is missing"
    );
    assert_eq!(
        files(list(&[file(&["a"], -1)])),
        "torrent field info.files[0].length cannot be -1"
    );
    let huge = list(&[
        file(&["a"], i64::MAX),
        file(&["b"], i64::MAX),
        file(&["c"], i64::MAX),
    ]);
    assert!(files(huge).starts_with("torrent field info.files[2].length cannot be"));
    let path = list(&[dict(&[("length", i(1)), ("path", list(&[i(1)]))])]);
    assert_eq!(
        files(path),
        "torrent field info.files[0].path: expected a string, found an integer"
    );
}

#[test]
fn of_a_field_that_is_there_twice_the_first_counts() {
    let info = dict(&[
        ("length", i(20)),
        ("name", s("a")),
        ("length", s("junk")),
        ("name", s("b")),
        ("piece length", i(10)),
        ("pieces", s(HASHES)),
    ]);
    let read = read(&info).unwrap();
    assert_eq!((read.name(), read.lengths().total()), ("a", 20));
    let top = dict(&[("info", info.clone()), ("info", single("b"))]);
    let metainfo = Metainfo::from_bytes(top.as_bytes()).unwrap();
    assert_eq!(metainfo.info_hash(), InfoHash::of_info(info.as_bytes()));
}

#[test]
fn what_is_no_torrent_is_refused() {
    let error = |input: &[u8]| Metainfo::from_bytes(input).unwrap_err().to_string();
    assert_eq!(
        error(b""),
        "not a torrent file: bencode ends inside a value, at byte 0"
    );
    assert_eq!(
        error(b"<html>"),
        "not a torrent file: bencode has an unexpected byte 0x3c at byte 0"
    );
    assert_eq!(
        error(b"le"),
        "torrent field (the whole file): expected a dictionary, found a list"
    );
    assert_eq!(error(b"de"), "torrent field info is missing");
    assert_eq!(
        error(b"d4:infoi1ee"),
        "torrent field info: expected a dictionary, found an integer"
    );
    let top = dict(&[("info", single("a"))]);
    for cut in 0..top.len() {
        assert!(
            Metainfo::from_bytes(&top.as_bytes()[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    let more = Metainfo::from_bytes(format!("{top}x").as_bytes()).unwrap();
    assert_eq!(more.info.raw(), single("a").as_bytes());
}

#[test]
fn a_torrent_of_version_2_alone_has_no_sha1_and_a_hybrid_has() {
    let tree = dict(&[(
        "a",
        dict(&[(
            "",
            dict(&[("length", i(20)), ("pieces root", s(&"r".repeat(32)))]),
        )]),
    )]);
    let v2 = [
        ("file tree", tree),
        ("meta version", i(2)),
        ("name", s("a")),
        ("piece length", i(16_384)),
    ];
    assert!(!read(&dict(&v2)).unwrap().has_v1());
    let hybrid = [&v2[..], &[("length", i(20)), ("pieces", s(&HASHES[..20]))]].concat();
    let hybrid = read(&dict(&hybrid)).unwrap();
    assert!(hybrid.has_v1() && hybrid.lengths().total() == 20);
}

#[test]
fn private_is_a_number_that_is_not_zero() {
    let info = |value: String| {
        let fields = [
            ("length", i(20)),
            ("name", s("a")),
            ("piece length", i(10)),
            ("pieces", s(HASHES)),
        ];
        read(&dict(&[&fields[..], &[("private", value)]].concat()))
            .unwrap()
            .is_private()
    };
    assert!(info(i(1)) && info(i(2)));
    assert!(!info(i(0)) && !info(s("1")));
}
