//! Torrents of folders with names, links and programs as Unix has them.
#![cfg(unix)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use brackish_native::create::create;
use brackish_native::verify::verify;
use brackish_native::{CreateError, CreateOptions, Created, Links, Version};
use brackish_wire::metainfo::FileKind;
use common::*;

async fn made(
    path: &Path,
    links: Links,
    skip_unreadable: bool,
    version: Version,
) -> Result<Created, CreateError> {
    let options = CreateOptions {
        links,
        skip_unreadable,
        version,
        ..CreateOptions::default()
    };
    create(&[path.to_path_buf()], options, |_| {}).await
}

/// Path and link target of each file, as text.
fn listed(created: &Created) -> Vec<(String, Option<String>)> {
    let files = created.metainfo.info.stored_files();
    let file = |file: &brackish_wire::metainfo::FileEntry| {
        let target = match &file.kind {
            FileKind::Symlink { target } => {
                let names = target.iter().flatten().map(ToString::to_string);
                Some(names.collect::<Vec<_>>().join("/"))
            }
            _ => None,
        };
        (file.path_text(), target)
    };
    files.map(file).collect()
}

const VERSIONS: [Version; 3] = [Version::V1, Version::Hybrid, Version::V2];

#[tokio::test]
async fn a_torrent_is_right_in_the_folder_that_it_was_made_from_whatever_its_names() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("Who? \"A\": B. ");
    let names: [&[u8]; 13] = [
        b"Foo::Bar.3pm",
        b"dev\\x2ddisk.device",
        b"12:30.log",
        b"aux.c",
        b"trail. ",
        b"xt_dscp.c",
        b"xt_DSCP.c",
        b"a:b?.txt",
        b"a_b_.txt",
        b"caf\xe9",
        b"caf\xe8",
        b"line\nbreak",
        b"line\tbreak",
    ];
    for name in names {
        write(&folder.join(OsStr::from_bytes(name)), name);
    }
    for version in VERSIONS {
        let created = made(&folder, Links::Keep, false, version).await.unwrap();
        let report = verify(&created.metainfo, place.path(), |_| {})
            .await
            .unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(report.files.len(), names.len());
    }
}

#[tokio::test]
async fn programs_keep_their_executable_bit() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("bin");
    write(&folder.join("run"), b"#!/bin/sh");
    write(&folder.join("text"), b"text");
    fs::set_permissions(folder.join("run"), PermissionsExt::from_mode(0o755)).unwrap();
    for version in VERSIONS {
        let created = made(&folder, Links::Keep, false, version).await.unwrap();
        let bits: Vec<bool> = created
            .metainfo
            .info
            .stored_files()
            .map(|file| file.executable)
            .collect();
        assert_eq!(bits, [true, false]);
        let alone = made(&folder.join("run"), Links::Keep, false, version).await;
        let info = alone.unwrap().metainfo.info;
        // Version 2 has the attributes of one file in its tree.
        assert!(info.files()[0].executable, "{version:?}");
    }
}

#[tokio::test]
async fn links_are_kept_followed_or_skipped() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("lib");
    write(&folder.join("real/lib.so.1.2"), b"library");
    symlink("lib.so.1.2", folder.join("real/lib.so.1")).unwrap();
    symlink("real/lib.so.1", folder.join("lib.so")).unwrap();
    symlink(folder.join("real"), folder.join("absolute")).unwrap();
    symlink("../../lib/real", folder.join("real/out and in")).unwrap();
    for version in VERSIONS {
        let kept = made(&folder, Links::Keep, false, version).await.unwrap();
        let expected = [
            ("absolute", Some("real")),
            ("lib.so", Some("real/lib.so.1")),
            ("real/lib.so.1", Some("real/lib.so.1.2")),
            ("real/lib.so.1.2", None),
            ("real/out and in", Some("real")),
        ];
        let expected = expected.map(|(path, target)| (path.to_owned(), target.map(str::to_owned)));
        assert_eq!(listed(&kept), expected);
        let report = verify(&kept.metainfo, place.path(), |_| {}).await.unwrap();
        assert!(report.is_complete());
    }
    fs::remove_file(folder.join("real/out and in")).unwrap();
    let followed = made(&folder, Links::Follow, false, Version::V1)
        .await
        .unwrap();
    let paths: Vec<_> = listed(&followed)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        paths,
        [
            "absolute/lib.so.1",
            "absolute/lib.so.1.2",
            "lib.so",
            "real/lib.so.1",
            "real/lib.so.1.2"
        ]
    );
    let skipped = made(&folder, Links::Skip, false, Version::V1)
        .await
        .unwrap();
    assert_eq!(listed(&skipped), [("real/lib.so.1.2".to_owned(), None)]);
    assert_eq!(skipped.skipped_links, 3);
}

#[tokio::test]
async fn a_link_that_leads_out_of_the_folder_is_refused_by_name_unless_followed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    write(&folder.join("a"), b"a");
    write(&place.path().join("secret"), b"secret");
    symlink("../secret", folder.join("outlink")).unwrap();
    let refused = made(&folder, Links::Keep, true, Version::V1).await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("outlink") && text.contains("secret"),
        "{text}"
    );
    let followed = made(&folder, Links::Follow, false, Version::V1)
        .await
        .unwrap();
    let report = verify(&followed.metainfo, place.path(), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete());
    let through = made(&folder.join("outlink"), Links::Keep, false, Version::V1).await;
    assert_eq!(listed(&through.unwrap()), [("outlink".to_owned(), None)]);
}

#[tokio::test]
async fn what_cannot_be_read_is_named_or_left_out() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    write(&folder.join("a"), b"a");
    symlink("nowhere", folder.join("dangling")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    for links in [Links::Keep, Links::Follow] {
        let refused = made(&folder, links, false, Version::V1).await;
        assert!(refused.unwrap_err().to_string().contains("dangling"));
        let created = made(&folder, links, true, Version::V1).await.unwrap();
        let left_out: Vec<_> = created.left_out.iter().map(ToString::to_string).collect();
        let named = |name: &str| left_out.iter().any(|text| text.contains(name));
        assert!(
            named("dangling") && named("loop") && named("socket"),
            "{left_out:?}"
        );
        assert_eq!(listed(&created), [("a".to_owned(), None)]);
    }
}

/// The torrent of `../shared/cases/torrents/names-question.torrent`, without what a server is needed for.
const NAMES_QUESTION: &[u8] = b"d4:infod5:filesld6:lengthi2000e4:pathl8:a:b?.txteed6:lengthi1500e4:pathl8:a_b_.txteed6:lengthi100e4:pathl10:back\\slasheed6:lengthi10e4:pathl7:trail. eee4:name11:Who? \"A\": B12:piece lengthi16384e6:pieces20:";

#[tokio::test]
async fn files_of_a_torrent_have_the_paths_that_it_names() {
    let torrent = [NAMES_QUESTION, &[7; 20], b"ee"].concat();
    let metainfo = brackish_wire::metainfo::Metainfo::from_bytes(&torrent).unwrap();
    let place = tempfile::tempdir().unwrap();
    let report = verify(&metainfo, place.path(), |_| {}).await.unwrap();
    let folder = place.path().join("Who? \"A\": B");
    let expected = ["a:b?.txt", "a_b_.txt", "back\\slash", "trail. "].map(|name| folder.join(name));
    let paths: Vec<PathBuf> = report.files.into_iter().map(|file| file.path).collect();
    assert_eq!(paths, expected);
}
