//! Which trackers are announced to, and when (BEP 12).

use std::collections::BTreeSet;
use std::time::Duration;

use brackish_core::{Event, Input, JobId, Output, SocketId};
use brackish_wire::message::Message;
use brackish_wire::tracker::AnnounceResponse;

use crate::bench::{Bench, Setup};

fn tiers(tiers: &[&[&str]]) -> Vec<Vec<String>> {
    let tier = |urls: &&[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
    tiers.iter().map(tier).collect()
}

fn bench(trackers: &[&[&str]]) -> Bench {
    Bench::new(Setup {
        trackers: tiers(trackers),
        ..Setup::default()
    })
}

fn announces(bench: &mut Bench) -> Vec<(JobId, String)> {
    bench.asked(|output| match output {
        Output::Announce { job, url, .. } => Some((*job, url.clone())),
        _ => None,
    })
}

fn sockets(bench: &mut Bench) -> Vec<(SocketId, String)> {
    bench.asked(|output| match output {
        Output::OpenSocket { socket, url } => Some((*socket, url.clone())),
        _ => None,
    })
}

fn answer(bench: &mut Bench, job: JobId, works: bool) {
    let result = works
        .then(|| AnnounceResponse {
            interval: 60,
            ..AnnounceResponse::default()
        })
        .ok_or_else(|| "no answer".to_owned());
    bench.input(Input::Announced { job, result });
}

/// Lets trackers answer for so many seconds; gives the URLs announced to, and when.
fn play(bench: &mut Bench, seconds: u64, works: impl Fn(&str) -> bool) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    for second in 0..seconds {
        bench.pass(Duration::from_secs(1));
        for (job, url) in announces(bench) {
            answer(bench, job, works(&url));
            seen.push((second, url));
        }
    }
    seen
}

const ONE_TIER: &[&str] = &["http://a/", "http://b/", "udp://c/", "http://d/"];

#[test]
fn of_a_tier_one_tracker_is_announced_to_and_the_next_when_it_fails() {
    let mut bench = bench(&[ONE_TIER]);
    let first = play(&mut bench, 200, |_| true);
    let used: BTreeSet<_> = first.iter().map(|(_, url)| url.clone()).collect();
    assert_eq!(used.len(), 1, "{used:?}");
    let dead = used.into_iter().next().unwrap();
    let then = play(&mut bench, 200, |url| url != dead);
    let others: BTreeSet<_> = then
        .iter()
        .map(|(_, url)| url.clone())
        .filter(|url| *url != dead)
        .collect();
    assert_eq!(others.len(), 1, "{others:?}");
    let failed = then.iter().filter(|(_, url)| *url == dead).count();
    assert_eq!(
        failed, 1,
        "one that answers is not left for one that failed"
    );
}

#[test]
fn a_tier_is_tried_in_an_order_of_the_session_s_own() {
    let first_of = |seed| {
        let mut bench = Bench::new(Setup {
            seed,
            trackers: tiers(&[ONE_TIER]),
            ..Setup::default()
        });
        play(&mut bench, 2, |_| true).remove(0).1
    };
    let firsts: BTreeSet<_> = (0..40).map(first_of).collect();
    assert_eq!(firsts.len(), ONE_TIER.len());
}

#[test]
fn every_tier_is_announced_to() {
    let mut bench = bench(&[&["http://a/"], &["http://b/"], &["http://c/", "http://c2/"]]);
    assert_eq!(play(&mut bench, 2, |_| true).len(), 3);
}

#[test]
fn web_trackers_and_others_of_one_tier_do_not_stand_in_for_each_other() {
    let mut bench = bench(&[&["http://a/", "ws://a/", "ws://b/"]]);
    assert_eq!(play(&mut bench, 2, |_| true).len(), 1);
    let [(socket, first)] = &sockets(&mut bench)[..] else {
        panic!("not one socket");
    };
    bench.input(Input::SocketClosed {
        socket: *socket,
        reason: "refused".to_owned(),
    });
    bench.pass(Duration::from_secs(2));
    let [(_, second)] = &sockets(&mut bench)[..] else {
        panic!("not one socket");
    };
    assert_ne!(first, second);
}

#[test]
fn a_private_torrent_has_one_tracker_at_a_time_and_the_next_tier_only_when_the_first_fails() {
    let mut bench = Bench::new(Setup {
        private: true,
        trackers: tiers(&[&["http://a/"], &["http://b/"]]),
        ..Setup::default()
    });
    let well: BTreeSet<_> = play(&mut bench, 100, |_| true)
        .into_iter()
        .map(|(_, url)| url)
        .collect();
    assert_eq!(well, BTreeSet::from(["http://a/".to_owned()]));
    let ill = play(&mut bench, 100, |url| url != "http://a/");
    assert!(ill.iter().any(|(_, url)| url == "http://b/"));
}

#[test]
fn trackers_that_all_fail_are_tried_in_turn_ever_less_often() {
    let mut bench = bench(&[&["http://a/", "http://b/"]]);
    let tries = play(&mut bench, 3000, |_| false);
    let of = |url: &str| -> Vec<u64> {
        let of = tries.iter().filter(|(_, tried)| tried == url);
        of.map(|(second, _)| *second).collect()
    };
    for url in ["http://a/", "http://b/"] {
        let waits: Vec<u64> = of(url).windows(2).map(|w| w[1] - w[0]).collect();
        assert!((5..20).contains(&waits.len()), "{waits:?}");
        assert!(waits[0] < 10 && waits.last() > Some(&300), "{waits:?}");
    }
}

#[test]
fn sessions_that_lost_a_tracker_together_do_not_come_back_together() {
    let comes_back = |seed| {
        let mut bench = Bench::new(Setup {
            seed,
            trackers: tiers(&[&["http://a/"]]),
            ..Setup::default()
        });
        let tries = play(&mut bench, 300, |_| false);
        tries.last().unwrap().0
    };
    let times: BTreeSet<u64> = (0..20).map(comes_back).collect();
    assert!(times.len() > 10, "{times:?}");
}

/// The text of a failure, as a WebSocket tracker sends it.
fn failure(bench: &Bench, reason: &str) -> String {
    let hash: String = bench
        .info
        .info_hash()
        .0
        .iter()
        .map(|byte| char::from(*byte))
        .collect();
    let escaped: String = hash
        .chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect();
    format!(r#"{{"action":"announce","info_hash":"{escaped}","failure reason":"{reason}"}}"#)
}

/// Waits until the session opens its socket, and lets it.
fn open_socket(bench: &mut Bench) -> SocketId {
    let socket = loop {
        if let [(socket, _)] = sockets(bench)[..] {
            break socket;
        }
        bench.pass(Duration::from_secs(1));
    };
    bench.input(Input::SocketOpened { socket });
    socket
}

fn failures(bench: &Bench) -> Vec<&str> {
    let failures = bench.events.iter().filter_map(|event| match event {
        Event::TrackerFailed { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    failures.collect()
}

fn closed_sockets(bench: &mut Bench) -> usize {
    let closed = |output: &Output| matches!(output, Output::CloseSocket { .. }).then_some(());
    bench.asked(closed).len()
}

#[test]
fn a_tracker_that_fails_without_end_is_left_alone_for_ever_longer_and_told_of_in_a_few_lines() {
    let mut bench = bench(&[&["ws://a/"]]);
    let mut waits = Vec::new();
    for _ in 0..5 {
        let socket = open_socket(&mut bench);
        let text = failure(&bench, &"x".repeat(60_000));
        let mut sent = 0;
        while closed_sockets(&mut bench) == 0 {
            bench.input(Input::SocketMessage {
                socket,
                text: &text,
            });
            sent += 1;
            assert!(sent < 100, "the socket stays open");
        }
        // What was on its way, and that the socket ended, changes nothing.
        bench.input(Input::SocketMessage {
            socket,
            text: &text,
        });
        bench.input(Input::SocketClosed {
            socket,
            reason: "closed".to_owned(),
        });
        let closed = bench.now;
        let opens = |output: &Output| matches!(output, Output::OpenSocket { .. });
        while !bench.outputs.iter().any(opens) {
            bench.pass(Duration::from_secs(1));
        }
        waits.push(bench.now.since(closed).as_secs());
    }
    assert!(waits[0] <= 8 && waits[4] > 4 * waits[0], "{waits:?}");
    let told = failures(&bench);
    assert!(told.len() <= 10, "{} lines", told.len());
    assert!(told.iter().all(|reason| reason.chars().count() <= 200));
}

#[test]
fn a_tracker_that_sends_good_messages_without_end_is_left_alone_and_told_of_in_a_few_lines() {
    let mut bench = bench(&[&["ws://a/"]]);
    let socket = open_socket(&mut bench);
    let text =
        failure(&bench, "").replace(r#""failure reason":"""#, r#""interval":1,"complete":1"#);
    let mut sent = 0;
    while closed_sockets(&mut bench) == 0 {
        let text = text.replace("\"complete\":1", &format!("\"complete\":{sent}"));
        bench.input(Input::SocketMessage {
            socket,
            text: &text,
        });
        sent += 1;
        assert!(sent < 10_000, "the socket stays open");
    }
    let answers = |event: &&Event| matches!(event, Event::TrackerAnnounced { .. });
    assert!(bench.events.iter().filter(answers).count() <= 10);
    assert_eq!(failures(&bench), ["it sends messages without end"]);
}

#[test]
fn a_failure_for_each_announce_does_not_cost_a_tracker_its_socket() {
    let mut bench = bench(&[&["ws://a/"]]);
    let socket = open_socket(&mut bench);
    let text = failure(&bench, "not registered");
    for _ in 0..100 {
        bench.pass(Duration::from_secs(60));
        let sent = |output: &Output| matches!(output, Output::SendSocket { .. }).then_some(());
        for () in bench.asked(sent) {
            bench.input(Input::SocketMessage {
                socket,
                text: &text,
            });
        }
    }
    assert_eq!(closed_sockets(&mut bench), 0);
    assert!(failures(&bench).len() > 50);
}

#[test]
fn what_an_http_tracker_gives_as_a_reason_is_cut() {
    let mut bench = bench(&[&["http://a/"]]);
    bench.pass(Duration::from_secs(1));
    let [(job, _)] = announces(&mut bench)[..] else {
        panic!("not one announce");
    };
    let result = Err("a\n".repeat(5000));
    bench.input(Input::Announced { job, result });
    let told = failures(&bench);
    assert_eq!(told.len(), 1);
    assert!(told[0].chars().count() <= 200 && !told[0].contains('\n'));
}

/// The seconds at which an HTTP tracker was announced to that answers so, or fails.
fn announced_at(
    bench: &mut Bench,
    seconds: u64,
    answer: impl Fn(u64) -> Result<AnnounceResponse, String>,
) -> Vec<u64> {
    let mut seen = Vec::new();
    for second in 0..seconds {
        bench.pass(Duration::from_secs(1));
        for (job, _) in announces(bench) {
            let result = answer(second);
            bench.input(Input::Announced { job, result });
            seen.push(second);
        }
    }
    seen
}

fn answer_with(min_interval: u32) -> AnnounceResponse {
    AnnounceResponse {
        interval: 120,
        min_interval: Some(min_interval),
        ..AnnounceResponse::default()
    }
}

#[test]
fn without_a_source_a_tracker_is_asked_as_soon_as_it_allows_and_with_one_at_its_interval() {
    let mut bench = bench(&[&["http://a/"]]);
    let times = announced_at(&mut bench, 120, |_| Ok(answer_with(5)));
    assert!((18..=25).contains(&times.len()), "{times:?}");
    let seed = bench.meet(1);
    bench.say(seed, &Message::HaveAll);
    bench.pass(Duration::from_secs(1));
    announces(&mut bench);
    bench.say(seed, &Message::Unchoke);
    // It sends nothing, and is kept for a minute.
    let times = announced_at(&mut bench, 50, |_| Ok(answer_with(5)));
    assert!(times.is_empty(), "{times:?}");
}

#[test]
fn a_tracker_that_left_with_the_only_seed_is_found_again_within_seconds_of_its_return() {
    let mut bench = bench(&[&["http://a/"]]);
    let (left, back) = (10, 300);
    let times = announced_at(&mut bench, 320, |second| {
        let there = second < left || second >= back;
        there
            .then(|| answer_with(30))
            .ok_or_else(|| "connection refused".to_owned())
    });
    let found = times.iter().find(|second| **second >= back);
    assert!(
        found.is_some_and(|second| *second <= back + 13),
        "{times:?}"
    );
}
