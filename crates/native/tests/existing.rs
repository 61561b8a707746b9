//! What becomes of files that are there before a node downloads, and of names that files get when they are complete.

mod common;

use std::fs;

use brackish_native::{Access, Add, Refusal, Source, TorrentError, WriteOptions};
use brackish_wire::magnet::Magnet;
use common::*;

#[tokio::test]
async fn a_hidden_name_that_comes_with_the_metadata_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/.bashrc");
    write(&source, &bytes(2, 100));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let mut magnet = Magnet::new(metainfo.info.info_hash());
    magnet.name = Some("harmless.txt".into());
    magnet
        .peers
        .push(format!("localhost:{}", one.tcp_port().unwrap()));
    let target = place.path().join("leech");
    write(&target.join(".bashrc"), b"my own");
    let torrent = other
        .add(Add::new(Source::Magnet(magnet), &target))
        .await
        .unwrap();
    let error = within(torrent.wait_finished()).await.unwrap_err();
    let refusal = Refusal::Hidden {
        path: target.join(".bashrc"),
    };
    assert!(
        matches!(&error, TorrentError::Refused(why) if *why == refusal),
        "{error}"
    );
    assert_eq!(fs::read(target.join(".bashrc")).unwrap(), b"my own");
}

#[tokio::test]
async fn a_foreign_file_is_refused_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(16, 500_000));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    write(&target.join("file.bin"), &bytes(17, 400_000));
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    let error = within(torrent.wait_finished()).await.unwrap_err();
    assert!(
        matches!(&error, TorrentError::Refused(Refusal::Foreign { .. })),
        "{error}"
    );
    torrent.remove().await;
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(17, 400_000));
    let mut add = Add::new(Source::Metainfo(metainfo), &target);
    add.peers = vec![address(&one)];
    add.access = Access::Write(WriteOptions {
        overwrite: true,
        ..WriteOptions::default()
    });
    let torrent = other.add(add).await.unwrap();
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(16, 500_000));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_has_its_name_from_when_it_is_complete_and_not_before() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("seed/folder");
    let names: Vec<String> = (0..40).map(|number| format!("file{number}")).collect();
    for (seed, name) in (0..).zip(&names) {
        write(&folder.join(name), &bytes(seed, 100_000));
    }
    let (metainfo, map) = torrent_of(&[folder], &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    let mut finished = std::pin::pin!(within(torrent.wait_finished()));
    loop {
        let ended = tokio::select! {
            ended = &mut finished => Some(ended),
            () = tokio::task::yield_now() => None,
        };
        let mut there = 0;
        for (seed, name) in (0..).zip(&names) {
            if let Ok(data) = fs::read(target.join("folder").join(name)) {
                assert!(data == bytes(seed, 100_000), "{name} is not complete");
                there += 1;
            }
        }
        if let Some(ended) = ended {
            ended.unwrap();
            assert_eq!(there, names.len());
            break;
        }
    }
    assert!(torrent.synced().is_some());
    let left = fs::read_dir(target.join("folder")).unwrap().count();
    assert_eq!(left, names.len());
}
