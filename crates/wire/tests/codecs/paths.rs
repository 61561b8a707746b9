//! The names and paths of a torrent's files: kept as they are, made safe where no system should have them, and told apart.

use brackish_wire::metainfo::{FileKind, Info};

use crate::metainfo::{dict, error, file, folder, list, read, s, single};

/// The paths of two files of 10 bytes with these paths.
fn paths(files: &[&[&str]]) -> Vec<String> {
    let each = 20 / files.len() as i64;
    let mut files: Vec<_> = files.iter().map(|path| file(path, each)).collect();
    files.push(file(&["the rest"], 20 - each * files.len() as i64));
    let info = read(&folder(&files)).unwrap();
    let mut paths: Vec<_> = info.files().iter().map(|file| file.path_text()).collect();
    paths.pop();
    paths
}

#[test]
fn names_are_kept_but_for_what_no_system_should_have() {
    assert_eq!(read(&single("../../x")).unwrap().name(), ".._.._x");
    assert_eq!(read(&single("/etc/passwd")).unwrap().name(), "_etc_passwd");
    assert_eq!(
        read(&single("Who? \"A\": B")).unwrap().name(),
        "Who? \"A\": B"
    );
    for nothing in ["", ".", ".."] {
        let info = read(&single(nothing)).unwrap();
        assert_eq!(info.name(), info.info_hash().to_string());
    }
    let mut raw = single("caf?").into_bytes();
    let at = raw.iter().position(|&byte| byte == b'?').unwrap();
    raw[at] = 0xe9;
    let info = Info::from_bytes(raw.into()).unwrap();
    assert_eq!(
        (info.name(), info.file_name().as_bytes()),
        ("café", &b"caf\xe9"[..])
    );
}

#[test]
fn paths_cannot_leave_the_folder() {
    assert_eq!(
        paths(&[&["", "a", ".", "b"], &["C:\\x", "con"]]),
        ["a/b", "C:\\x/con"]
    );
    assert_eq!(
        paths(&[&["/", "etc", "passwd"], &["a/../../b"]]),
        ["_/etc/passwd", "a_.._.._b"]
    );
    assert_eq!(
        paths(&[&["a", "..", "..", "x"], &["a", "x"]]),
        ["a/x", "a/x (2)"]
    );
    assert_eq!(paths(&[&[], &[".", ""]]), ["_", "_ (2)"]);
    let deep = paths(&[&["a"; 500]]);
    assert_eq!(deep[0].split('/').count(), 100);
}

#[test]
fn links_that_lead_out_of_the_folder_have_no_target() {
    let target = |path: &[&str]| {
        let path: Vec<_> = path.iter().map(|component| s(component)).collect();
        let link = dict(&[
            ("attr", s("l")),
            ("path", list(&[s("d"), s("link")])),
            ("symlink path", list(&path)),
        ]);
        let info = read(&folder(&[file(&["a"], 20), link])).unwrap();
        match &info.files()[1].kind {
            FileKind::Symlink { target } => target.clone(),
            other => panic!("{other:?}"),
        }
    };
    for outside in [
        &["..", "x"][..],
        &["/etc/passwd"],
        &["/", "etc"],
        &["a", "..", "..", "x"],
        &["a/../../x"],
    ] {
        assert_eq!(target(outside), None, "{outside:?}");
    }
    for (inside, expected) in [
        (&["a"][..], &["a"][..]),
        (&["d", "..", "a"], &["a"]),
        (&["d/b"], &["d", "b"]),
        (&["."], &[]),
    ] {
        assert_eq!(target(inside).unwrap(), expected, "{inside:?}");
    }
}

#[test]
fn files_of_one_path_are_told_apart_and_all_others_keep_theirs() {
    assert_eq!(
        paths(&[&["a.txt"], &["a.txt"], &["A.TXT"], &["a (2).txt"]]),
        ["a.txt", "a (3).txt", "A.TXT", "a (2).txt"]
    );
    assert_eq!(paths(&[&["d", "x\t"], &["d", "x\n"]]), ["d/x_", "d/x_ (2)"]);
    let same: Vec<&[&str]> = vec![&["same"]; 20];
    let mut told = paths(&same);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 20);
}

#[test]
fn a_file_that_is_also_a_folder_gets_a_number() {
    assert_eq!(paths(&[&["a"], &["a", "b"]]), ["a (2)", "a/b"]);
    assert_eq!(
        paths(&[&["x", "y", "z"], &["x", "y"], &["x", "y (2)"]]),
        ["x/y/z", "x/y (3)", "x/y (2)"]
    );
    assert_eq!(
        paths(&[&["a"], &["a.b"], &["ab", "c"]]),
        ["a", "a.b", "ab/c"]
    );
}

/// For each of these files its path where a file system can have no other.
fn portable(files: &[&[&str]]) -> Vec<Option<String>> {
    let mut files: Vec<_> = files.iter().map(|path| file(path, 1)).collect();
    files.push(file(&["the rest"], 20 - files.len() as i64));
    let info = read(&folder(&files)).unwrap();
    let paths = info.portable_paths().unwrap();
    let changed = paths.iter().flatten().count();
    assert_eq!(info.unportable_files(), changed);
    let text = |path: &Vec<_>| {
        path.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut paths: Vec<_> = paths.iter().map(|path| path.as_ref().map(text)).collect();
    assert_eq!(paths.pop(), Some(None));
    paths
}

#[test]
fn every_file_has_a_path_that_all_systems_can_have_and_tell_apart() {
    let some = |path: &str| Some(path.to_owned());
    assert_eq!(
        portable(&[&["xt_DSCP.c"], &["xt_dscp.c"], &["a:b", "c"], &["a_b", "c"]]),
        [None, some("xt_dscp (2).c"), some("a_b/c (2)"), None]
    );
    assert_eq!(
        portable(&[&["Lib"], &["lib", "x"], &["plain"]]),
        [some("Lib (2)"), None, None]
    );
}

#[test]
fn texts_of_paths_differ_where_bytes_do() {
    let files = [file(&["caf?"], 10), file(&["café"], 10)];
    let mut raw = folder(&files).into_bytes();
    let at = raw.iter().position(|&byte| byte == b'?').unwrap();
    raw[at] = 0xe9;
    let info = Info::from_bytes(raw.into()).unwrap();
    assert_eq!(info.text_paths(), ["café", "café (2)"]);
}

#[test]
fn names_made_to_collide_over_and_over_are_refused_soon() {
    // Cut to make room for a number, all of these are one name.
    let names: Vec<_> = (0..5000)
        .map(|n| format!("{}{n:04}", "a".repeat(251)))
        .collect();
    let files: Vec<_> = names
        .iter()
        .chain(&names)
        .map(|name| file(&[name], 1))
        .collect();
    assert!(error(&folder(&files)).contains("too many files have almost the same name"));
}
