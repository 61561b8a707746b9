//! Liars among real nodes: a node that seeds a copy it believes good, and that is not.

mod common;

use std::fs;

use brackish_native::{Event, StorageMap, Torrent};
use brackish_wire::PeerId;
use brackish_wire::metainfo::Metainfo;
use common::*;

const LENGTH: usize = 20_000_000;

/// A file, a copy of it in which every sixth piece has a wrong byte, and the torrent of the right one.
struct Scene {
    place: tempfile::TempDir,
    metainfo: Metainfo,
    map: StorageMap,
    bad: StorageMap,
}

async fn scene(trackers: &[String]) -> Scene {
    let place = tempfile::tempdir().unwrap();
    let (right, wrong) = (
        place.path().join("right/file.bin"),
        place.path().join("wrong/file.bin"),
    );
    let mut data = bytes(1, LENGTH);
    write(&right, &data);
    data.iter_mut()
        .step_by(6 * (64 << 10))
        .for_each(|byte| *byte ^= 1);
    write(&wrong, &data);
    let (metainfo, map) = torrent_of(std::slice::from_ref(&right), trackers).await;
    Scene {
        place,
        metainfo,
        map,
        bad: StorageMap::new(vec![wrong]),
    }
}

/// Waits for the end of a download; gives who was banned, and how many pieces were bad until then.
/// Those that were under way at that moment may be bad too: on this machine they are many.
async fn outcome(torrent: &Torrent) -> (Vec<PeerId>, usize) {
    let mut events = torrent.events();
    let (mut banned, mut failed) = (Vec::new(), 0);
    within(async {
        loop {
            match events.recv().await.unwrap() {
                Event::PeerBanned { peer_id, .. } => banned.push(peer_id),
                Event::PieceFailed { .. } if banned.is_empty() => failed += 1,
                Event::PieceFailed { .. } => {}
                Event::Finished { .. } => return,
                _ => {}
            }
        }
    })
    .await;
    (banned, failed)
}

fn assert_right(scene: &Scene, folder: &str) {
    let got = fs::read(scene.place.path().join(folder).join("file.bin")).unwrap();
    assert!(got == bytes(1, LENGTH));
}

#[tokio::test]
async fn a_liar_among_tcp_peers_is_banned_and_the_file_comes_right() {
    let scene = scene(&[]).await;
    let (one, other, liar) = (tcp_node().await, tcp_node().await, tcp_node().await);
    seed(&one, &scene.metainfo, scene.map.clone()).await;
    seed(&other, &scene.metainfo, scene.map.clone()).await;
    lie(&liar, &scene.metainfo, scene.bad.clone()).await;
    let leech = tcp_node().await;
    let target = scene.place.path().join("leech");
    let torrent = download(&leech, &scene.metainfo, &target, vec![address(&liar)]).await;
    // The honest ones come when the liar has been asked: with three at once it need not be.
    let honest = async {
        let mut stats = torrent.stats();
        within(stats.wait_for(|stats| stats.downloaded > 0))
            .await
            .unwrap();
        torrent
            .add_peers(vec![address(&one), address(&other)])
            .await;
    };
    let ((banned, failed), ()) = tokio::join!(outcome(&torrent), honest);
    assert_right(&scene, "leech");
    assert!(banned.iter().all(|id| *id == liar.peer_id()), "{banned:?}");
    assert!(failed <= 3, "{failed} bad pieces");
    assert_eq!(banned.is_empty(), failed == 0);
    assert!(failed > 0, "it asked the liar for nothing");
}

#[tokio::test]
async fn a_liar_among_web_peers_is_banned_and_the_file_comes_right() {
    let (meeting, _stop) = tracker().await;
    let scene = scene(&[format!("ws://{meeting}/announce")]).await;
    let (one, liar) = (webrtc_node().await, webrtc_node().await);
    lie(&liar, &scene.metainfo, scene.bad.clone()).await;
    let leech = webrtc_node().await;
    let target = scene.place.path().join("leech");
    let torrent = download(&leech, &scene.metainfo, &target, Vec::new()).await;
    // The honest one comes when the liar is there already.
    let honest = async {
        let mut stats = torrent.stats();
        within(stats.wait_for(|stats| stats.downloaded > 0))
            .await
            .unwrap();
        seed(&one, &scene.metainfo, scene.map.clone()).await;
    };
    let ((banned, failed), ()) = tokio::join!(outcome(&torrent), honest);
    assert_right(&scene, "leech");
    assert_eq!(banned, [liar.peer_id()]);
    assert!((1..=3).contains(&failed), "{failed} bad pieces");
}
