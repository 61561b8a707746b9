//! Files that change while they are shared.

mod common;

use std::fs;
use std::path::Path;

use brackish_native::Event;
use common::*;

/// Changes bytes of a file and gives it back its time.
fn edit_unseen(path: &Path, at: u64) {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(b"EDITED").unwrap();
    file.set_modified(modified).unwrap();
}

#[tokio::test]
async fn a_shared_file_that_was_changed_is_named_and_no_wrong_byte_of_it_is_served() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(12, 1 << 20));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    let shared = seed(&one, &metainfo, map).await;
    let mut told = shared.events();
    edit_unseen(&source, 300_000);
    let torrent = download(
        &other,
        &metainfo,
        &place.path().join("leech"),
        vec![address(&one)],
    )
    .await;
    let mut heard = torrent.events();
    let (piece, files) = within(async {
        loop {
            if let Event::FilesChanged { piece, files, .. } = told.recv().await.unwrap() {
                break (piece, files);
            }
        }
    })
    .await;
    // Pieces of 64 KiB.
    assert_eq!((piece, files), (4, vec![0]));
    let mut stats = torrent.stats();
    within(stats.wait_for(|stats| stats.verified_pieces == 15))
        .await
        .unwrap();
    assert!(shared.stats().borrow().verified_pieces == 15);
    while let Ok(event) = heard.try_recv() {
        let bad = matches!(event, Event::PieceFailed { .. } | Event::PeerBanned { .. });
        assert!(!bad, "a wrong byte was served: {event:?}");
    }
}

#[tokio::test]
async fn a_file_that_only_grew_is_named_and_given_as_it_was() {
    use std::io::Write;
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(13, 1 << 20));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    let shared = seed(&one, &metainfo, map).await;
    let mut told = shared.events();
    // The node may not have looked yet: it grows until that is seen.
    let mut grown = fs::OpenOptions::new().append(true).open(&source).unwrap();
    within(async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(300));
        loop {
            tokio::select! {
                _ = tick.tick() => grown.write_all(b"more").unwrap(),
                event = told.recv() => {
                    if matches!(event.unwrap(), Event::FileGrew { file: 0, .. }) {
                        return;
                    }
                }
            }
        }
    })
    .await;
    let torrent = download(
        &other,
        &metainfo,
        &place.path().join("leech"),
        vec![address(&one)],
    )
    .await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(shared.stats().borrow().verified_pieces == 16);
}
