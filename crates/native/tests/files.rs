//! Making a torrent of files, and comparing files with it.

mod common;

use std::fs;
use std::path::PathBuf;

use brackish_native::verify::{FileState, verify};
use brackish_native::{CreateError, CreateOptions, Links, Source, SourceError, create, source};
use common::*;
use sha1::{Digest, Sha1};

#[tokio::test]
async fn a_torrent_of_a_file_has_the_hashes_of_its_pieces() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file.bin");
    let data = bytes(1, 3_333_333);
    write(&path, &data);
    let mut told = Vec::new();
    let options = CreateOptions {
        piece_length: Some(100_000),
        comment: Some("hello".into()),
        ..Default::default()
    };
    let created = create::create(std::slice::from_ref(&path), options, |progress| {
        told.push(progress)
    })
    .await
    .unwrap();
    let (metainfo, map) = (created.metainfo, created.map);
    assert!(!metainfo.info.is_multi_file());
    assert_eq!(metainfo.info.name(), "file.bin");
    assert_eq!(metainfo.comment.as_deref(), Some("hello"));
    assert_eq!(map.path(0), Some(path.as_path()));
    for (piece, chunk) in metainfo.info.lengths().pieces().zip(data.chunks(100_000)) {
        let hash: [u8; 20] = Sha1::digest(chunk).into();
        assert_eq!(metainfo.info.piece_hash(piece), Some(&hash));
    }
    let last = told.last().unwrap();
    assert_eq!((last.hashed, last.total), (3_333_333, 3_333_333));
}

#[tokio::test]
async fn a_folder_is_walked_sorted_with_everything_in_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("things");
    for name in ["b", "a/z", "a/y", ".hidden", "c/empty"] {
        write(
            &folder.join(name),
            if name == "c/empty" {
                b""
            } else {
                name.as_bytes()
            },
        );
    }
    let (metainfo, _) = torrent_of(&[folder], &[]).await;
    let paths: Vec<_> = metainfo
        .info
        .files()
        .iter()
        .map(|file| file.path_text())
        .collect();
    assert_eq!(metainfo.info.name(), "things");
    assert_eq!(paths, [".hidden", "a/y", "a/z", "b", "c/empty"]);
}

#[tokio::test]
async fn several_paths_from_several_folders_are_one_torrent() {
    let place = tempfile::tempdir().unwrap();
    let (one, other) = (place.path().join("x/one"), place.path().join("y/dir"));
    write(&one, b"1");
    write(&other.join("two"), b"22");
    let (metainfo, map) = torrent_of(&[one.clone(), other.clone()], &[]).await;
    let paths: Vec<_> = metainfo
        .info
        .files()
        .iter()
        .map(|file| file.path_text())
        .collect();
    assert_eq!(paths, ["one", "dir/two"]);
    assert_eq!(
        (map.path(0), map.path(1)),
        (Some(one.as_path()), Some(other.join("two").as_path()))
    );
}

#[tokio::test]
async fn what_cannot_be_shared_is_named() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let refused = async |paths: &[PathBuf]| {
        create::create(paths, CreateOptions::default(), |_| {})
            .await
            .unwrap_err()
    };

    let error = refused(&[path("absent")]).await;
    assert!(
        matches!(error, CreateError::Read { .. }) && error.to_string().contains("absent"),
        "{error}"
    );

    write(&path("empty"), b"");
    let error = refused(&[path("empty")]).await;
    assert!(error.to_string().contains("empty"), "{error}");

    write(&path("a/same"), b"1");
    write(&path("b/same"), b"2");
    let error = refused(&[path("a/same"), path("b/same")]).await;
    assert!(matches!(error, CreateError::SameName { .. }), "{error}");

    assert!(matches!(refused(&[]).await, CreateError::NoPath));

    #[cfg(unix)]
    {
        let socket = std::os::unix::net::UnixListener::bind(path("a/socket")).unwrap();
        let error = refused(&[path("a")]).await;
        assert!(
            matches!(error, CreateError::NotAFile { .. }) && error.to_string().contains("socket"),
            "{error}"
        );
        drop(socket);
        fs::remove_file(path("a/socket")).unwrap();
        std::os::unix::fs::symlink(path("a"), path("a/loop")).unwrap();
        let options = CreateOptions {
            links: Links::Follow,
            ..CreateOptions::default()
        };
        let error = create::create(&[path("a")], options, |_| {}).await;
        assert!(error.unwrap_err().to_string().contains("loop"));
    }
}

#[tokio::test]
async fn a_report_tells_missing_short_and_damaged_files_apart() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    for (seed, name) in ["damaged", "good", "missing", "short", "tail"]
        .into_iter()
        .enumerate()
    {
        // Whole pieces, so that damage of one file is not another's.
        write(&folder.join(name), &bytes(seed as u64, 4 * 65_536));
    }
    let (metainfo, _) = torrent_of(std::slice::from_ref(&folder), &[]).await;
    let report = verify(&metainfo, place.path(), |_| {}).await.unwrap();
    assert!(report.is_complete() && report.verified.is_full());

    fs::remove_file(folder.join("missing")).unwrap();
    fs::write(folder.join("short"), &bytes(3, 4 * 65_536)[..100_000]).unwrap();
    let mut damaged = bytes(0, 4 * 65_536);
    damaged[70_000] ^= 1;
    fs::write(folder.join("damaged"), damaged).unwrap();
    let report = verify(&metainfo, place.path(), |_| {}).await.unwrap();
    let states: Vec<_> = report.files.iter().map(|file| file.state).collect();
    let expected = [
        FileState::Damaged { pieces: 1 },
        FileState::Complete,
        FileState::Missing,
        FileState::WrongLength { actual: 100_000 },
        FileState::Complete,
    ];
    assert_eq!(states, expected);
    assert_eq!(report.bad_pieces, [1, 8, 9, 10, 11, 13, 14, 15]);
    assert!(!report.is_complete());
}

#[tokio::test]
async fn a_torrent_loads_from_a_path_a_url_and_a_magnet_link() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file.bin");
    write(&path, &bytes(5, 100_000));
    let (metainfo, _) = torrent_of(&[path], &[]).await;
    let hash = metainfo.info.info_hash();
    let file = place.path().join("file.torrent");
    fs::write(&file, metainfo.to_bytes()).unwrap();

    let loaded = source::load(file.to_str().unwrap()).await.unwrap();
    assert!(matches!(&loaded, Source::Metainfo(_)) && loaded.info_hash() == hash);

    let url = serve_once(200, metainfo.to_bytes()).await;
    assert_eq!(source::load(&url).await.unwrap().info_hash(), hash);

    let magnet = source::load(&format!("magnet:?xt=urn:btih:{hash}"))
        .await
        .unwrap();
    assert!(matches!(&magnet, Source::Magnet(_)) && magnet.info_hash() == hash);
}

#[tokio::test]
async fn a_source_that_gives_no_torrent_is_named_in_one_line() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("bad.torrent");
    fs::write(&file, b"not bencode").unwrap();
    let missing = serve_once(404, b"gone".to_vec()).await;
    let garbage = serve_once(200, b"<html>".to_vec()).await;
    let absent = place.path().join("absent.torrent");
    for text in [
        file.to_str().unwrap(),
        absent.to_str().unwrap(),
        &missing,
        &garbage,
        "magnet:?xt=urn:btih:zz",
    ] {
        let error = source::load(text).await.unwrap_err().to_string();
        assert!(error.contains(text) && !error.contains('\n'), "{error}");
    }
    assert!(matches!(
        source::load("http://").await,
        Err(SourceError::Fetch { .. })
    ));
}

/// An HTTP server that answers one request; its URL.
async fn serve_once(status: u16, body: Vec<u8>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file.torrent", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
    });
    url
}
