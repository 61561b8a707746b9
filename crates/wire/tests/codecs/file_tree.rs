//! What comes from outside as version 2 (BEP 52) and is made safe or refused.

use brackish_wire::metainfo::{FileKind, Info, MetainfoError, Name};

const ROOT: &str = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr";

fn s(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// A file's dictionary in a tree.
fn file(length: i64) -> String {
    format!("d0:d6:lengthi{length}e11:pieces root{}ee", s(ROOT))
}

/// A dictionary of raw values.
fn dict(entries: &[(&str, String)]) -> String {
    let body: String = entries.iter().map(|(key, value)| s(key) + value).collect();
    format!("d{body}e")
}

/// An `info` of version 2 with this tree and pieces of 16 KiB.
fn info(tree: &str) -> String {
    format!("d9:file tree{tree}12:meta versioni2e4:name1:n12:piece lengthi16384ee")
}

fn read(info: &str) -> Result<Info, MetainfoError> {
    Info::from_bytes(info.to_owned().into_bytes().into())
}

fn error(info: &str) -> String {
    read(info).unwrap_err().to_string()
}

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

fn paths(tree: &str) -> Vec<String> {
    let info = read(&info(tree)).unwrap();
    let real = info
        .files()
        .iter()
        .filter(|file| file.kind != FileKind::Padding);
    real.map(|file| file.path_text()).collect()
}

#[test]
fn folders_within_folders_are_read_in_the_order_of_their_keys() {
    let inner = dict(&[
        ("a", file(1)),
        ("b", dict(&[("c", file(2))])),
        ("e", "de".into()),
    ]);
    let tree = dict(&[("A", file(3)), ("d", inner), ("z", file(4))]);
    assert_eq!(paths(&tree), ["A", "d/a", "d/b/c", "z"]);
    let info = read(&info(&tree)).unwrap();
    let lengths: Vec<_> = info
        .v2()
        .unwrap()
        .files()
        .iter()
        .map(|file| file.length)
        .collect();
    assert_eq!(lengths, [3, 1, 2, 4]);
}

#[test]
fn names_in_a_tree_are_made_safe_and_told_apart() {
    let tree = dict(&[
        (".", dict(&[("A", file(1))])),
        ("../x", file(1)),
        ("a", file(1)),
        ("con", file(1)),
    ]);
    assert_eq!(paths(&tree), ["A", ".._x", "a", "con"]);
    let up = dict(&[("a", dict(&[("..", file(1))]))]);
    assert_eq!(paths(&up), ["a"]);
    assert_eq!(paths(&dict(&[(".", file(1))])), ["_"]);
    let folder_too = dict(&[("a", file(1)), ("a\t", file(1)), ("a\u{1}", file(1))]);
    assert!(
        read(&info(&folder_too)).is_err(),
        "its keys are not in order"
    );
    let alike = dict(&[("a\u{1}", file(1)), ("a\t", file(1))]);
    assert_eq!(paths(&alike), ["a_", "a_ (2)"]);
}

#[test]
fn attributes_of_files_in_a_tree_are_read() {
    let program = format!("d0:d4:attr2:xh6:lengthi1e11:pieces root{}ee", s(ROOT));
    let link = "d0:d4:attr1:l12:symlink pathl1:d1:xeee".to_owned();
    let no_target = "d0:d4:attr1:l6:lengthi7eee".to_owned();
    let tree = dict(&[
        ("d", dict(&[("x", program)])),
        ("l", link),
        ("m", no_target),
    ]);
    let info = read(&info(&tree)).unwrap();
    let [program, link, no_target] = info.files() else {
        panic!()
    };
    assert_eq!((&no_target.kind, no_target.length), (&FileKind::File, 0));
    assert!(program.executable && program.hidden);
    let FileKind::Symlink {
        target: Some(target),
    } = &link.kind
    else {
        panic!("{link:?} is no link");
    };
    assert_eq!((link.length, &target[..]), (0, &["d", "x"].map(name)[..]));
}

#[test]
fn a_tree_that_two_programs_could_read_differently_is_refused() {
    for tree in [
        dict(&[("b", file(1)), ("a", file(1))]),
        dict(&[("a", file(1)), ("a", file(1))]),
    ] {
        assert!(error(&info(&tree)).contains("its keys are not in order"));
    }
    let both = dict(&[("", "d6:lengthi0ee".into()), ("b", file(1))]);
    assert!(
        error(&info(&dict(&[("a", both)])))
            .contains("\"a/b\" cannot be used: it is both a file and a folder")
    );
    assert!(error(&info(&file(1))).contains("it names no file"));
    // A file whose name is empty must not vanish.
    assert!(error(&info(&dict(&[("", file(1)), ("b", file(1))]))).contains("it names no file"));
}

#[test]
fn every_fault_of_a_tree_names_the_field() {
    let of = |properties: &str| error(&info(&dict(&[("a", format!("d0:{properties}e"))])));
    assert_eq!(
        of("d6:lengthi1ee"),
        "torrent field info.file tree[0].pieces root is missing"
    );
    assert_eq!(
        of("d6:lengthi1e11:pieces root1:xe"),
        "torrent field info.file tree[0].pieces root: a SHA-256 has 32 bytes, not 1"
    );
    assert_eq!(
        of("d6:lengthi-1ee"),
        "torrent field info.file tree[0].length cannot be -1"
    );
    assert_eq!(
        of("d6:length1:xe"),
        "torrent field info.file tree[0].length: expected an integer, found a string"
    );
    assert!(of("d4:attr1:p6:lengthi1ee").contains("a file tree has no padding files"));
    assert_eq!(
        of(&format!(
            "d6:lengthi1e11:pieces root32:{}e",
            "\0".repeat(32)
        )),
        "torrent field info.file tree[0].pieces root: it is zero, which is no file's root"
    );
    assert!(of("d6:lengthi01ee").contains("has zeros in front, which version 2"));
    assert_eq!(
        of("i1e"),
        "torrent field info.file tree: expected a dictionary, found an integer"
    );
    assert_eq!(
        error(&info("i1e")),
        "torrent field info.file tree: expected a dictionary, found an integer"
    );
    assert_eq!(
        error(&info("de")),
        "torrent field info: the torrent has no bytes"
    );
    let tree = dict(&[("a", file(1))]);
    let with = |old: &str, new: &str| error(&info(&tree).replace(old, new));
    assert_eq!(
        with(&(s("file tree") + &tree), ""),
        "torrent field info.file tree is missing"
    );
    assert_eq!(
        with("i16384e", "i8192e"),
        "torrent field info.piece length cannot be 8192"
    );
    assert_eq!(
        with("i16384e", "i49152e"),
        "torrent field info.piece length cannot be 49152"
    );
    assert_eq!(
        with("i2e", "i3e"),
        "the torrent is of version 3, which is newer than this program"
    );
    assert_eq!(with("i2e", "i1e"), "torrent field info.length is missing");
    let endless = dict(&[
        ("a", file(i64::MAX)),
        ("b", file(i64::MAX)),
        ("c", file(i64::MAX)),
    ]);
    assert!(error(&info(&endless)).contains("are more than"));
}

#[test]
fn a_small_tree_whose_paths_would_fill_the_memory_is_refused() {
    let files: String = (0..20_000)
        .map(|n| format!("5:{n:05}{}", file(1)))
        .collect();
    let mut tree = format!("d{files}e");
    for _ in 0..50 {
        tree = dict(&[(&"x".repeat(255), tree)]);
    }
    assert!(error(&info(&tree)).contains("all paths together are too long"));
}

#[test]
fn a_tree_as_deep_as_bencode_may_be_is_read_and_no_deeper() {
    let deep = |levels: usize| {
        let mut tree = file(1);
        for _ in 0..levels {
            tree = dict(&[("x", tree)]);
        }
        read(&info(&tree))
    };
    assert_eq!(deep(97).unwrap().files()[0].path.len(), 97);
    assert!(matches!(deep(98), Err(MetainfoError::Bencode(_))));
}

#[test]
fn a_hybrid_whose_versions_do_not_agree_is_refused() {
    let hybrid = |tree: &str, files: &str, pieces: usize| {
        let hashes = s(&"h".repeat(pieces * 20));
        let info = info(tree).replace("12:meta", &format!("5:filesl{files}e12:meta"));
        read(&info.replace("i16384ee", &format!("i16384e6:pieces{hashes}e")))
    };
    let v1 = |path: &str, length: u64| format!("d6:lengthi{length}e4:pathl{}ee", s(path));
    let padding = |length: u64| format!("d4:attr1:p6:lengthi{length}e4:pathl4:.pad1:xee");
    let tree = dict(&[
        ("a", file(10)),
        ("b", file(20)),
        ("c", "d0:d6:lengthi0eee".into()),
    ]);
    let aligned = v1("a", 10) + &padding(16_374);
    let good = aligned.clone() + &v1("b", 20) + &v1("c", 0);
    let info = hybrid(&tree, &good, 2).unwrap();
    assert_eq!(
        (info.files().len(), info.v2().unwrap().files().len()),
        (4, 2)
    );
    assert!(hybrid(&tree, &(good.clone() + &padding(16_364)), 2).is_ok());
    let reason = |files: String, pieces| match hybrid(&tree, &files, pieces) {
        Err(MetainfoError::Hybrid { path, reason }) => format!("{path}: {reason}"),
        other => panic!("{other:?}"),
    };
    let two = v1("b", 20) + &v1("c", 0);
    assert_eq!(
        reason(v1("A", 10) + &padding(16_374) + &two, 2),
        "A: another path"
    );
    assert_eq!(
        reason(v1("a", 11) + &padding(16_373) + &two, 2),
        "a: another length"
    );
    assert_eq!(
        reason(v1("a", 10) + &padding(20_000) + &two, 2),
        "b: another place"
    );
    assert_eq!(
        reason(v1("a", 10), 1),
        "n: the number of pieces is not the same"
    );
    // What has no bytes may differ.
    assert!(hybrid(&tree, &(aligned.clone() + &v1("b", 20)), 2).is_ok());
    assert!(hybrid(&tree, &(good.clone() + &v1("d", 0)), 2).is_ok());
    assert_eq!(
        reason(v1("a", 10) + &two, 1),
        "n: the number of pieces is not the same"
    );
    assert_eq!(
        reason(good + &padding(16_364) + &padding(1), 3),
        "n: the number of pieces is not the same"
    );
}
