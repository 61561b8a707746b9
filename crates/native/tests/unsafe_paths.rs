//! Torrents whose paths lead out of the folder that they are downloaded into, and a seed that has
//! their data.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use brackish_native::{Access, Add, Source, StorageMap, WriteOptions};
use brackish_wire::metainfo::Metainfo;
use common::*;

const LENGTH: usize = 100_000;

/// The torrent of a file with these bytes, under another name and path.
async fn renamed(file: &Path, name: &str, path: &[&str]) -> Metainfo {
    let (metainfo, _) = torrent_of(&[file.to_owned()], &[]).await;
    let raw = metainfo.info.raw();
    let mark = b"6:pieces40:";
    let at = raw
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("two pieces");
    let pieces = &raw[at..at + mark.len() + 40];
    let string = |text: &str| format!("{}:{text}", text.len());
    let path: String = path.iter().map(|part| string(part)).collect();
    let mut torrent = format!(
        "d4:infod5:filesld6:lengthi{LENGTH}e4:pathl{path}eee4:name{}12:piece lengthi{}e",
        string(name),
        64 << 10
    )
    .into_bytes();
    torrent.extend_from_slice(pieces);
    torrent.extend_from_slice(b"ee");
    Metainfo::from_bytes(&torrent).expect("a torrent")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[tokio::test]
async fn what_an_unsafe_path_holds_is_written_inside_the_folder() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source/data.bin");
    let data = bytes(3, LENGTH);
    write(&source, &data);
    let absolute = place.path().join("absolute.bin");
    let absolute = absolute.to_str().unwrap();
    for (number, (name, path)) in [
        ("..", &["..", "..", "escaped.bin"][..]),
        ("../..", &["escaped.bin"]),
        (".", &["..", "escaped.bin"]),
        ("", &["../../escaped.bin"]),
        ("name", &[absolute]),
        ("/", &["a", "..", "..", "..", "escaped.bin"]),
    ]
    .into_iter()
    .enumerate()
    {
        let metainfo = renamed(&source, name, path).await;
        let (origin, leech) = (tcp_node().await, tcp_node().await);
        let map = StorageMap::new(vec![source.clone()]);
        seed(&origin, &metainfo, map).await;
        let outer = place.path().join(format!("outer-{number}"));
        let into = outer.join("in/here");
        let mut add = Add::new(Source::Metainfo(metainfo.clone()), &into);
        add.peers = vec![address(&origin)];
        // Two names that are made safe begin with a dot.
        add.access = Access::Write(WriteOptions {
            allow_hidden: true,
            ..WriteOptions::default()
        });
        let torrent = leech.add(add).await.unwrap();
        within(torrent.wait_finished()).await.unwrap();
        leech.shutdown().await;
        let written = files(&outer);
        let [file] = written.as_slice() else {
            panic!("{name:?}, {path:?}: {written:?}")
        };
        assert!(file.starts_with(&into), "{name:?}, {path:?}: {file:?}");
        assert!(fs::read(file).unwrap() == data, "{name:?}, {path:?}");
    }
    assert_eq!(files(&place.path().join("source")), [source]);
    assert!(!place.path().join("absolute.bin").exists());
    assert!(!place.path().join("escaped.bin").exists());
}
