//! Two stacks of one process over loopback.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// Longest time for anything here; a slow machine needs a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

const WINDOW: usize = 256 << 10;

async fn pair() -> (Rc<dyn Channel>, Rc<dyn Channel>) {
    let (one, other) = (
        stack(IceServers::default(), Vec::new()).unwrap(),
        stack(IceServers::default(), Vec::new()).unwrap(),
    );
    let (offerer, offer) = one.make(None).await.unwrap();
    let (answerer, answer) = other.make(Some(&offer)).await.unwrap();
    offerer.apply_answer(&answer).await.unwrap();
    opened(&*offerer).await;
    opened(&*answerer).await;
    (offerer, answerer)
}

async fn opened(channel: &dyn Channel) {
    let event = timeout(PATIENCE, channel.next())
        .await
        .expect("opens in time");
    assert!(matches!(event, ChannelEvent::Open), "{event:?}");
}

fn pattern(index: usize, length: usize) -> BytesMut {
    let mut message = BytesMut::zeroed(length);
    message
        .iter_mut()
        .enumerate()
        .for_each(|(at, byte)| *byte = (index * 31 + at) as u8);
    message
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        timeout(PATIENCE * 2, test).await.expect("ends in time");
    });
}

#[test]
fn an_offer_carries_all_candidates_and_the_message_size() {
    run(async {
        let (_, sdp) = stack(IceServers::default(), Vec::new())
            .unwrap()
            .make(None)
            .await
            .unwrap();
        assert!(sdp.contains("127.0.0.1"), "loopback is offered: {sdp}");
        assert!(sdp.contains("a=max-message-size:262144"), "{sdp}");
        assert!(!sdp.contains("a=ice-options:trickle"), "{sdp}");
    });
}

#[test]
fn bytes_cross_both_ways_in_order_however_large_the_messages() {
    run(async {
        let (one, other) = pair().await;
        for (from, to) in [(&one, &other), (&other, &one)] {
            let lengths = [1, 13, 16 * 1024, 16 * 1024 + 13, 64 << 10];
            let mut expected = Vec::new();
            for (index, length) in lengths.into_iter().cycle().take(100).enumerate() {
                expected.extend_from_slice(&pattern(index, length));
            }
            let send = async {
                for (index, length) in lengths.into_iter().cycle().take(100).enumerate() {
                    from.send(pattern(index, length), WINDOW, PATIENCE)
                        .await
                        .unwrap();
                }
            };
            let receive = async {
                let mut received = Vec::new();
                while received.len() < expected.len() {
                    match timeout(PATIENCE, to.next()).await.expect("arrives in time") {
                        ChannelEvent::Message(data) => received.extend_from_slice(&data),
                        event => panic!("{event:?}"),
                    }
                }
                received
            };
            // The sender's own events move its window.
            let events = async {
                loop {
                    if let ChannelEvent::Closed(reason) = from.next().await {
                        panic!("{reason}");
                    }
                }
            };
            tokio::select! {
                ((), received) = async { tokio::join!(send, receive) } => assert!(received == expected),
                () = events => {}
            }
        }
    });
}

#[test]
fn the_other_side_learns_of_a_close() {
    run(async {
        let (one, other) = pair().await;
        one.close().await;
        let event = timeout(PATIENCE, other.next()).await.expect("told in time");
        assert!(matches!(event, ChannelEvent::Closed(_)), "{event:?}");
    });
}

#[test]
fn an_offer_that_is_no_sdp_is_an_error() {
    run(async {
        for offer in ["", "v=0", "\u{0}\u{1}", "a=max-message-size:x"] {
            assert!(
                stack(IceServers::default(), Vec::new())
                    .unwrap()
                    .make(Some(offer))
                    .await
                    .is_err(),
                "{offer:?}"
            );
        }
    });
}

#[test]
fn a_name_that_nobody_answers_for_does_not_keep_a_connection_from_opening() {
    run(async {
        let (one, other) = (
            stack(IceServers::default(), Vec::new()).unwrap(),
            stack(IceServers::default(), Vec::new()).unwrap(),
        );
        let (offerer, offer) = one.make(None).await.unwrap();
        // As Chromium does it: no address, only names.
        let hidden: Vec<_> = offer
            .lines()
            .map(|line| match line.strip_prefix("a=candidate:") {
                Some(candidate) => {
                    let mut fields: Vec<_> = candidate.split(' ').collect();
                    fields[4] = "4f6ff3d5-ffff-4fff-8fff-b4d8f75bb8c2.local";
                    format!("a=candidate:{}", fields.join(" "))
                }
                None => line.to_owned(),
            })
            .collect();
        let (answerer, answer) = other
            .make(Some(&(hidden.join("\r\n") + "\r\n")))
            .await
            .unwrap();
        offerer.apply_answer(&answer).await.unwrap();
        opened(&*offerer).await;
        opened(&*answerer).await;
    });
}

#[test]
fn an_ice_server_is_read_with_its_user_and_password() {
    let servers =
        IceServers::parse(&["turn:me:se:cret@turn.example:3478?transport=udp".to_owned()]).unwrap();
    let server = &servers.0[0];
    assert_eq!(server.urls, ["turn:turn.example:3478?transport=udp"]);
    assert_eq!(
        (server.username.as_str(), server.credential.as_str()),
        ("me", "se:cret")
    );
    for wrong in [
        "example.com",
        "http://example.com",
        "turn:example.com",
        "stun:",
        "turn:me@example.com",
    ] {
        assert!(
            IceServers::parse(&[wrong.to_owned()])
                .unwrap_err()
                .to_string()
                .contains(wrong)
        );
    }
}

#[test]
fn an_offer_with_a_hundred_candidates_has_a_node_check_ten_of_them_slowly() {
    const PACKETS: u32 = 12;
    run(async {
        let others = tokio::net::UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let port = others.local_addr().unwrap().port();
        let (_, offer) = stack(IceServers::default(), Vec::new())
            .unwrap()
            .make(None)
            .await
            .unwrap();
        let mut hostile: String = offer
            .lines()
            .filter(|line| !line.starts_with("a=candidate") && *line != "a=end-of-candidates")
            .map(|line| format!("{line}\r\n"))
            .collect();
        for index in 1..=100 {
            let candidate = format!("1 udp 2130706431 127.0.1.{index} {port} typ host");
            hostile += &format!("a=candidate:{index} {candidate}\r\n");
        }
        let begun = std::time::Instant::now();
        let _connection = stack(IceServers::default(), Vec::new())
            .unwrap()
            .make(Some(&hostile))
            .await
            .unwrap();
        let mut packet = [0; 2048];
        for _ in 0..PACKETS {
            let received = others.recv(&mut packet);
            timeout(PATIENCE, received).await.expect("checks").unwrap();
        }
        let least = Duration::from_millis(50) * (PACKETS - 1);
        assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    });
}

#[test]
fn an_offer_names_the_bound_addresses_alone() {
    run(async {
        let loopback = vec![std::net::Ipv4Addr::LOCALHOST.into()];
        let stack = stack(IceServers::default(), loopback).unwrap();
        let (_, sdp) = stack.make(None).await.unwrap();
        let candidates: Vec<_> = sdp
            .lines()
            .filter(|line| line.starts_with("a=candidate"))
            .collect();
        assert!(!candidates.is_empty());
        assert!(
            candidates.iter().all(|line| line.contains(" 127.0.0.1 ")),
            "{candidates:?}"
        );
    });
}
