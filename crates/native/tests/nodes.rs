//! Whole nodes over loopback.

mod common;

use std::fs;

use brackish_native::{
    Add, Event, Node, NodeConfig, NodeError, Priority, Select, Source, TorrentError, TorrentState,
    TrackerStatus, Via,
};
use brackish_wire::magnet::Magnet;
use common::*;

#[tokio::test]
async fn a_file_crosses_between_two_nodes_over_tcp() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(1, 5_000_001));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    let seeding = seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(1, 5_000_001));
    let stats = torrent.stats().borrow().clone();
    assert_eq!(
        (stats.state, stats.verified, stats.downloaded_webrtc),
        (TorrentState::Seeding, 5_000_001, 0)
    );
    let mut uploaded = seeding.stats();
    within(uploaded.wait_for(|stats| stats.uploaded >= 5_000_001))
        .await
        .unwrap();
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn a_folder_with_empty_and_tiny_files_crosses_whole() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("seed/folder");
    let files = [
        ("a/empty", 0),
        ("a/one", 1),
        ("b", 200_000),
        ("c/d/e", 65_536),
        ("z", 3),
    ];
    for (name, length) in files {
        write(&folder.join(name), &bytes(length as u64, length));
    }
    let (metainfo, map) = torrent_of(&[folder], &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    within(torrent.wait_finished()).await.unwrap();
    for (name, length) in files {
        assert!(
            fs::read(target.join("folder").join(name)).unwrap() == bytes(length as u64, length),
            "{name}"
        );
    }
}

#[tokio::test]
async fn only_the_files_that_are_wanted_are_made_and_others_when_they_are_wanted_too() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("seed/folder");
    for (seed, name) in [(1, "a"), (2, "b"), (3, "c")] {
        write(&folder.join(name), &bytes(seed, 300_000));
    }
    let (metainfo, map) = torrent_of(&[folder], &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    let mut add = Add::new(Source::Metainfo(metainfo.clone()), &target);
    add.peers = vec![address(&one)];
    add.select = Select::Files(vec![1..=1]);
    let torrent = other.add(add).await.unwrap();
    within(torrent.wait_finished()).await.unwrap();
    let file = |name: &str| target.join("folder").join(name);
    assert!(fs::read(file("b")).unwrap() == bytes(2, 300_000));
    assert!(!file("a").exists() && !file("c").exists());
    let stats = torrent.stats().borrow().clone();
    assert!(
        stats.wanted >= 300_000 && stats.wanted < 500_000,
        "{stats:?}"
    );
    assert_eq!(stats.verified, stats.wanted);
    torrent.set_file_priority(2, Priority::High).await.unwrap();
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(file("c")).unwrap() == bytes(3, 300_000));
    assert!(!file("a").exists());
    torrent
        .set_file_priorities(vec![Priority::Normal; 3])
        .await
        .unwrap();
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(file("a")).unwrap() == bytes(1, 300_000));
    assert_eq!(torrent.stats().borrow().downloaded, 900_000);
    let left: Vec<_> = fs::read_dir(&target).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let beyond = torrent.set_file_priority(3, Priority::Low).await;
    assert!(beyond.is_err());
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn a_file_that_is_verified_already_is_there_once_it_is_wanted_and_the_torrent_finished() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("seed/folder");
    for (seed, name) in [(1, "a"), (2, "b"), (3, "empty")] {
        let length = if name == "empty" { 0 } else { 10_000 };
        write(&folder.join(name), &bytes(seed, length));
    }
    let (metainfo, map) = torrent_of(&[folder], &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    let mut add = Add::new(Source::Metainfo(metainfo.clone()), &target);
    add.peers = vec![address(&one)];
    add.select = Select::Files(vec![0..=0]);
    let torrent = other.add(add).await.unwrap();
    within(torrent.wait_finished()).await.unwrap();
    let file = |name: &str| target.join("folder").join(name);
    assert!(file("a").exists() && !file("b").exists() && !file("empty").exists());
    // All is in one piece, so that nothing has to come for it.
    for name in ["b", "empty"] {
        let index = if name == "b" { 1 } else { 2 };
        let normal = Priority::Normal;
        torrent.set_file_priority(index, normal).await.unwrap();
        within(torrent.wait_finished()).await.unwrap();
        assert!(file(name).exists(), "{name}");
    }
    assert!(fs::read(file("b")).unwrap() == bytes(2, 10_000));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
}

#[tokio::test]
async fn a_magnet_link_brings_metadata_and_file_from_the_peer_that_it_names() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(2, 700_000));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let mut magnet = Magnet::new(metainfo.info.info_hash());
    magnet
        .peers
        .push(format!("localhost:{}", one.tcp_port().unwrap()));
    let target = place.path().join("leech");
    let torrent = other
        .add(Add::new(Source::Magnet(magnet), &target))
        .await
        .unwrap();
    assert!(torrent.info().is_none());
    let info = within(torrent.wait_metadata()).await.unwrap();
    assert_eq!(info.name(), "file.bin");
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(2, 700_000));
}

#[tokio::test]
async fn nodes_find_each_other_through_an_http_tracker() {
    let (tracker, _stop) = tracker().await;
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(3, 300_000));
    let urls = [format!("http://{tracker}/announce")];
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &urls).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    let seeding = seed(&one, &metainfo, map).await;
    let mut events = seeding.events();
    // The seed is announced before the leech asks.
    if !seeding
        .trackers()
        .await
        .iter()
        .any(|tracker| tracker.status == TrackerStatus::Working)
    {
        within(async {
            while !matches!(events.recv().await.unwrap(), Event::TrackerAnnounced { .. }) {}
        })
        .await;
    }
    let target = place.path().join("leech");
    let torrent = download(&other, &metainfo, &target, Vec::new()).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(3, 300_000));
}

#[tokio::test]
async fn a_file_crosses_between_two_nodes_over_webrtc() {
    let (tracker, _stop) = tracker().await;
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(4, 3_000_000));
    let urls = [format!("ws://{tracker}/announce")];
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &urls).await;
    let (one, other) = (webrtc_node().await, webrtc_node().await);
    assert_eq!(one.tcp_port(), None);
    seed(&one, &metainfo, map).await;
    let target = place.path().join("leech");
    let torrent = download(&other, &metainfo, &target, Vec::new()).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(4, 3_000_000));
    assert!(torrent.stats().borrow().downloaded_webrtc >= 3_000_000);
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn a_download_goes_on_where_it_was_dropped() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    let data = bytes(5, 6_400_000);
    write(&source, &data);
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let one = tcp_node().await;
    seed(&one, &metainfo, map).await;
    // As a node leaves it that was killed: a part is right, a part is wrong, the rest is not there.
    let target = place.path().join("leech");
    let mut part = data[..3_200_000].to_vec();
    part[1_000_000] ^= 1;
    write(&target.join("file.bin"), &part);
    let other = tcp_node().await;
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == data);
    let downloaded = torrent.stats().borrow().downloaded;
    assert!((3_200_000..4_000_000).contains(&downloaded), "{downloaded}");
}

#[tokio::test]
async fn a_complete_file_is_checked_which_is_told_and_nothing_is_downloaded() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("file.bin");
    write(&source, &bytes(6, 1_000_000));
    let (metainfo, _) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let node = tcp_node().await;
    let torrent = download(&node, &metainfo, place.path(), Vec::new()).await;
    within(torrent.wait_finished()).await.unwrap();
    assert_eq!(torrent.stats().borrow().downloaded, 0);
    // The answer comes after what the engine told before.
    assert!(torrent.verified().await.unwrap().is_full());
    let mut events = torrent.events();
    let told = std::iter::from_fn(|| events.try_recv().ok()).collect::<Vec<_>>();
    let pieces = metainfo.info.lengths().piece_count();
    let checked =
        |event: &Event| matches!(event, Event::Checked { verified, .. } if *verified == pieces);
    assert!(told.iter().any(checked), "{told:?}");
    let later = torrent.events().try_recv();
    assert!(later.is_err(), "{later:?}");
}

#[tokio::test]
async fn a_bad_seed_is_banned_and_a_good_one_completes_the_file() {
    let place = tempfile::tempdir().unwrap();
    let good = place.path().join("good/file.bin");
    let bad = place.path().join("bad/file.bin");
    let data = bytes(7, 2_000_000);
    write(&good, &data);
    let (metainfo, map) = torrent_of(std::slice::from_ref(&good), &[]).await;
    let mut damaged = data.clone();
    damaged
        .iter_mut()
        .step_by(10_000)
        .for_each(|byte| *byte ^= 0xff);
    write(&bad, &damaged);
    let (honest, liar, leech) = (tcp_node().await, tcp_node().await, tcp_node().await);
    let bad = brackish_native::StorageMap::new(vec![bad]);
    lie(&liar, &metainfo, bad).await;
    let target = place.path().join("leech");
    let torrent = download(&leech, &metainfo, &target, vec![address(&liar)]).await;
    let mut events = torrent.events();
    within(async { while !matches!(events.recv().await.unwrap(), Event::PeerBanned { .. }) {} })
        .await;
    seed(&honest, &metainfo, map).await;
    torrent.add_peers(vec![address(&honest)]).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == data);
}

#[tokio::test]
async fn a_bridge_hands_a_tcp_seed_on_to_a_webrtc_leech() {
    let (tracker, _stop) = tracker().await;
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(8, 2_000_000));
    let urls = [format!("ws://{tracker}/announce")];
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &urls).await;
    let (one, bridge, leech) = (
        tcp_node().await,
        Node::start(NodeConfig::default()).await.unwrap(),
        webrtc_node().await,
    );
    seed(&one, &metainfo, map).await;
    download(
        &bridge,
        &metainfo,
        &place.path().join("bridge"),
        vec![address(&one)],
    )
    .await;
    let target = place.path().join("leech");
    let torrent = download(&leech, &metainfo, &target, Vec::new()).await;
    let mut events = torrent.events();
    within(async {
        loop {
            if let Event::PeerConnected { via, .. } = events.recv().await.unwrap() {
                assert_eq!(via, Via::WebRtc);
                break;
            }
        }
    })
    .await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(fs::read(target.join("file.bin")).unwrap() == bytes(8, 2_000_000));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let holder = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = Node::start(NodeConfig {
        port: Some(port),
        ..NodeConfig::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, NodeError::PortInUse { .. }));
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_fails_the_torrent_and_is_named() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(9, 300_000));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    // The folder is a file.
    let target = place.path().join("leech");
    write(&target, b"in the way");
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    let error = within(torrent.wait_finished()).await.unwrap_err();
    assert!(matches!(error, TorrentError::Storage(_)));
    assert!(error.to_string().contains("leech"), "{error}");
}

#[tokio::test]
async fn a_dead_tracker_is_named_with_its_reason() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    drop(holder);
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("file.bin");
    write(&source, &bytes(10, 100_000));
    let urls = [
        format!("http://{address}/announce"),
        format!("ws://{address}/"),
    ];
    let (metainfo, _) = torrent_of(std::slice::from_ref(&source), &urls).await;
    let node = Node::start(NodeConfig::default()).await.unwrap();
    let torrent = download(&node, &metainfo, place.path(), Vec::new()).await;
    within(async {
        loop {
            let trackers = torrent.trackers().await;
            let refused = trackers.iter().filter(|tracker| {
                matches!(&tracker.status, TrackerStatus::Failed(reason) if reason.contains("refused"))
            });
            if refused.count() == urls.len() {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_removed_torrent_ends_what_waits_for_it() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(11, 100_000));
    let (metainfo, _) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let node = tcp_node().await;
    let torrent = download(&node, &metainfo, &place.path().join("leech"), Vec::new()).await;
    let waiting = tokio::spawn({
        let torrent = torrent.clone();
        async move { torrent.wait_finished().await }
    });
    torrent.remove().await;
    assert!(matches!(
        within(waiting).await.unwrap(),
        Err(TorrentError::Removed)
    ));
}

#[tokio::test]
async fn a_node_that_is_shut_down_leaves_its_swarms() {
    let (tracker, _stop) = tracker().await;
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(12, 100_000));
    let urls = [
        format!("http://{tracker}/announce"),
        format!("ws://{tracker}/announce"),
    ];
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &urls).await;
    for _ in 0..2 {
        let node = Node::start(NodeConfig::default()).await.unwrap();
        let seeding = seed(&node, &metainfo, map.clone()).await;
        // The second node finds nobody: the first has said that it leaves.
        within(async {
            while seeding
                .trackers()
                .await
                .iter()
                .any(|tracker| tracker.status != TrackerStatus::Working)
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let stats = seeding.stats().borrow().clone();
        assert_eq!((stats.known_peers, stats.webrtc_peers), (0, 0));
        node.shutdown().await;
    }
}

#[tokio::test]
async fn a_silent_tracker_does_not_hold_up_a_shutdown() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(13, 100_000));
    let urls = [
        format!("http://{address}/announce"),
        format!("ws://{address}/announce"),
    ];
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &urls).await;
    let node = Node::start(NodeConfig::default()).await.unwrap();
    let seeding = seed(&node, &metainfo, map).await;
    let began = std::time::Instant::now();
    node.shutdown().await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(
        seeding.verified().await.is_none(),
        "a handle outlives its node"
    );
}

#[tokio::test]
async fn peers_are_accepted_over_ipv6_where_the_machine_has_it() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(14, 200_000));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;
    let address = (std::net::Ipv6Addr::LOCALHOST, one.tcp_port().unwrap()).into();
    let torrent = download(
        &other,
        &metainfo,
        &place.path().join("leech"),
        vec![address],
    )
    .await;
    within(torrent.wait_finished()).await.unwrap();
}

#[tokio::test]
async fn many_nodes_share_what_one_seed_has() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    let data = bytes(15, 4_000_000);
    write(&source, &data);
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let one = tcp_node().await;
    seed(&one, &metainfo, map).await;
    let mut leeches = Vec::new();
    let mut addresses = vec![address(&one)];
    for index in 0..4 {
        let node = tcp_node().await;
        let target = place.path().join(format!("leech{index}"));
        let torrent = download(&node, &metainfo, &target, addresses.clone()).await;
        addresses.push(address(&node));
        leeches.push((node, torrent, target));
    }
    for (_, torrent, target) in &leeches {
        within(torrent.wait_finished()).await.unwrap();
        assert!(fs::read(target.join("file.bin")).unwrap() == data);
    }
}
