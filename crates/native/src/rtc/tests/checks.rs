//! Packets to unproven addresses, with a clock of the test's own.

use super::*;

const OURS: &str = "ours";

/// A STUN message with a username, as long as checks are.
fn stun(kind: u16, transaction: u8, user: &str) -> Vec<u8> {
    let mut attributes = vec![0, 6, 0, user.len() as u8];
    attributes.extend(user.as_bytes());
    attributes.resize(4 + user.len().next_multiple_of(4), 0);
    attributes.extend([0x80, 0x22, 0, 40]);
    attributes.extend([0; 40]);
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend([transaction; 12]);
    message.extend(attributes);
    message
}

fn check(transaction: u8) -> Vec<u8> {
    stun(0x0001, transaction, "them:ours")
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, index as u8], 5000))
}

/// A connection that a description of so many bytes came for.
fn described(bytes: usize, now: Instant) -> Checks {
    let mut checks = Checks::default();
    checks.named(OURS);
    checks.described(bytes, now);
    checks
}

/// What a connection sends in `time` when its agent checks so many candidates from two sockets
/// without end: when, where to and how much.
fn flood(
    checks: &mut Checks,
    node: &NodeChecks,
    start: Instant,
    time: Duration,
    candidates: usize,
) -> Vec<(Duration, SocketAddr, usize)> {
    let mut sent = Vec::new();
    let mut now = start;
    while now < start + time {
        for index in 0..candidates {
            for socket in 0..2 {
                assert_eq!(
                    checks.judge(socket, address(index), &check(1)),
                    Verdict::Held
                );
            }
        }
        while let Some(Ok(due)) = checks.due(node, now) {
            sent.push((now - start, due.destination, due.contents.len()));
        }
        now += Duration::from_millis(10);
    }
    sent
}

#[test]
fn a_description_is_worth_eight_times_its_bytes_spread_over_fifteen_seconds() {
    let start = Instant::now();
    let bytes = 1000;
    let mut checks = described(bytes, start);
    let node = NodeChecks::default();
    let sent = flood(&mut checks, &node, start, SPREAD * 4, 10);
    let total: usize = sent.iter().map(|(.., bytes)| bytes).sum();
    assert!(total <= bytes * BYTES_PER_BYTE, "{total}");
    assert!(total > bytes * (BYTES_PER_BYTE - 1), "{total}");
    let gaps: Vec<_> = sent.windows(2).map(|two| two[1].0 - two[0].0).collect();
    assert!(gaps.iter().all(|gap| *gap >= SHORTEST_GAP), "{gaps:?}");
    assert_eq!(sent[0].0, Duration::ZERO);
    assert_eq!(gaps[..5], [SHORTEST_GAP; 5]);
    assert!(*gaps.last().unwrap() > 2 * SHORTEST_GAP, "{gaps:?}");
    let last = sent.last().unwrap().0;
    assert!(last > SPREAD * 9 / 10 && last <= SPREAD, "{last:?}");
    // Each candidate had its turn before one had a third.
    let firsts: HashSet<_> = sent[..20].iter().map(|(_, to, _)| to).collect();
    assert_eq!(firsts.len(), 10);
}

#[test]
fn a_long_description_is_not_worth_more_than_a_browsers() {
    let start = Instant::now();
    let mut checks = described(1 << 20, start);
    let sent = flood(&mut checks, &NodeChecks::default(), start, SPREAD * 4, 10);
    let total: usize = sent.iter().map(|(.., bytes)| bytes).sum();
    assert!(total <= MAX_COUNTED * BYTES_PER_BYTE, "{total}");
}

#[test]
fn the_node_sends_two_hundred_a_second_at_most() {
    let start = Instant::now();
    let node = NodeChecks::default();
    let mut connections: Vec<_> = (0..100).map(|_| described(2000, start)).collect();
    let mut sent = Vec::new();
    for step in 0..400 {
        let now = start + Duration::from_millis(10) * step;
        for checks in &mut connections {
            for index in 0..10 {
                checks.judge(0, address(index), &check(1));
            }
            while let Some(Ok(_)) = checks.due(&node, now) {
                sent.push(now);
            }
        }
    }
    let too_soon = sent
        .windows(MAX_PER_WINDOW + 1)
        .filter(|window| window[MAX_PER_WINDOW] < window[0] + WINDOW);
    assert_eq!(too_soon.count(), 0);
    assert!(sent.len() >= 3 * MAX_PER_WINDOW, "{}", sent.len());
}

#[test]
fn an_address_is_proven_by_its_answer_to_a_check_that_was_sent_there() {
    let start = Instant::now();
    let mut checks = described(1000, start);
    let node = NodeChecks::default();
    checks.judge(0, address(1), &check(7));
    assert!(matches!(checks.due(&node, start), Some(Ok(_))));
    let response = stun(0x0101, 7, "");
    for (from, response) in [
        (address(2), response.clone()),
        (address(1), stun(0x0101, 8, "")),
    ] {
        assert!(checks.received(from, &response));
        assert_eq!(checks.judge(0, from, &check(9)), Verdict::Held);
    }
    assert_eq!(checks.judge(0, address(1), b"\x16data"), Verdict::Dropped);
    assert!(checks.received(address(1), &response));
    for packet in [check(9), b"\x16data".to_vec()] {
        assert_eq!(checks.judge(0, address(1), &packet), Verdict::Now);
    }
}

#[test]
fn a_check_that_came_is_answered_and_checked_back_at_once_and_no_more() {
    let start = Instant::now();
    let mut checks = described(1000, start);
    let theirs = stun(0x0001, 3, "ours:them");
    // Checks of others' agents, or without a name of ours, are worth nothing.
    for worthless in [
        stun(0x0001, 3, "oursx:them"),
        check(3),
        b"\x00\x01".to_vec(),
    ] {
        assert!(checks.received(address(1), &worthless));
        assert_eq!(checks.judge(0, address(1), &theirs), Verdict::Held);
    }
    assert!(checks.received(address(1), &theirs));
    let mut sent = 0;
    while checks.judge(0, address(1), &check(4)) == Verdict::Now {
        checks.sent(address(1), &check(4));
        sent += 1;
    }
    assert_eq!(sent, BYTES_PER_BYTE_RECEIVED);
    // What was sent so proves the address, too.
    assert!(checks.received(address(1), &stun(0x0101, 4, "")));
    assert_eq!(checks.judge(0, address(1), &check(5)), Verdict::Now);
}

#[test]
fn more_addresses_than_any_peer_has_are_not_heard() {
    let mut checks = described(1000, Instant::now());
    let theirs = stun(0x0001, 3, "ours:them");
    let heard = (0..200)
        .filter(|index| checks.received(address(*index), &theirs))
        .count();
    assert_eq!(heard, MAX_SENDERS);
    assert!(checks.received(address(0), &theirs));
}

#[test]
fn a_turn_server_is_trusted_but_not_the_peers_behind_it() {
    let start = Instant::now();
    let mut checks = described(1000, start);
    let node = NodeChecks::default();
    let server = address(200);
    checks.trust(server);
    // 192.0.2.1:5000, masked by the magic cookie.
    let peer = [
        0,
        0x12,
        0,
        8,
        0,
        1,
        0x13 ^ 0x21,
        0x88 ^ 0x12,
        0xe1,
        0x12,
        0xa6,
        0x43,
    ];
    let framed = |kind: u16, mut attributes: Vec<u8>| {
        attributes.splice(..0, peer);
        let mut message = kind.to_be_bytes().to_vec();
        message.extend((attributes.len() as u16).to_be_bytes());
        message.extend([0x21, 0x12, 0xa4, 0x42]);
        message.extend([9; 12]);
        message.extend(attributes);
        message
    };
    let with_data = |kind, data: &[u8]| {
        let mut attribute = vec![0, 0x13, 0, data.len() as u8];
        attribute.extend(data);
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        framed(kind, attribute)
    };
    let by_channel = |data: &[u8]| {
        let mut message = vec![0x40, 1, 0, data.len() as u8];
        message.extend(data);
        message
    };
    let bind = framed(0x0009, vec![0, 0x0c, 0, 4, 0x40, 1, 0, 0]);
    for own in [stun(0x0001, 1, ""), bind.clone()] {
        assert_eq!(checks.judge(0, server, &own), Verdict::Now);
        checks.sent(server, &own);
    }
    for packet in [with_data(0x0016, &check(1)), by_channel(&check(1))] {
        assert_eq!(checks.judge(0, server, &packet), Verdict::Held);
    }
    assert_eq!(
        checks.judge(0, server, &by_channel(b"\x16")),
        Verdict::Dropped
    );
    let Some(Ok(due)) = checks.due(&node, start) else {
        panic!("the check is sent");
    };
    assert_eq!(
        (due.destination, due.contents),
        (server, by_channel(&check(1)))
    );
    assert!(checks.received(server, &with_data(0x0017, &stun(0x0101, 1, ""))));
    assert_eq!(checks.judge(0, server, &by_channel(b"\x16")), Verdict::Now);
    assert_eq!(checks.judge(0, address(1), b"\x16"), Verdict::Now);
}
