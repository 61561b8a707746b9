//! Web seeds as a session uses them (BEP 19): the driver's part is played by the tests.

mod common;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use brackish_core::{Event, FetchError, Input, JobId, Output, WebSeedStatus};
use brackish_wire::BLOCK_LENGTH;
use brackish_wire::message::Message;
use common::{Bench, ScriptedPeer, Torrent, pattern};

const PIECE: u32 = 4 * BLOCK_LENGTH;
const SEED: &str = "http://seed.example/file.bin";

/// A fetch that the session asked for.
#[derive(Clone, Debug)]
struct Fetch {
    job: JobId,
    url: String,
    range: Range<u64>,
    file_length: u64,
}

/// The fetches asked for since this was last asked.
fn fetches(bench: &mut Bench) -> Vec<Fetch> {
    let mut fetches = Vec::new();
    bench.outputs.retain(|output| match output {
        Output::Fetch {
            job,
            url,
            range,
            file_length,
            ..
        } => {
            fetches.push(Fetch {
                job: *job,
                url: url.clone(),
                range: range.clone(),
                file_length: *file_length,
            });
            false
        }
        _ => true,
    });
    fetches
}

fn fetched(bench: &mut Bench, fetch: &Fetch, data: &[u8]) {
    bench.input(Input::Fetched {
        job: fetch.job,
        data,
    });
}

fn fail(bench: &mut Bench, fetch: &Fetch, error: FetchError) {
    bench.input(Input::FetchEnded {
        job: fetch.job,
        result: Err(error),
    });
}

/// Answers every fetch in full until there are none, in chunks of `chunk` bytes; `file` gives the
/// bytes of a URL. Gives what was fetched.
fn serve(
    bench: &mut Bench,
    chunk: usize,
    file: impl Fn(&str) -> Vec<u8>,
) -> Vec<(String, Range<u64>)> {
    let mut served = Vec::new();
    loop {
        let asked = fetches(bench);
        if asked.is_empty() {
            return served;
        }
        for fetch in asked {
            let bytes = file(&fetch.url);
            assert_eq!(bytes.len() as u64, fetch.file_length);
            for chunk in bytes[fetch.range.start as usize..fetch.range.end as usize].chunks(chunk) {
                fetched(bench, &fetch, chunk);
            }
            bench.input(Input::FetchEnded {
                job: fetch.job,
                result: Ok(()),
            });
            served.push((fetch.url, fetch.range));
        }
    }
}

#[test]
fn a_torrent_completes_from_a_web_seed_alone_with_each_byte_fetched_once() {
    for chunk in [1000, 16 * 1024, 100_000] {
        let mut bench = Bench::new(Torrent::single(5_000_001, PIECE), &[SEED]);
        let bytes = bench.content.bytes.clone();
        let mut served = serve(&mut bench, chunk, |url| {
            assert_eq!(url, SEED);
            bytes.clone()
        });
        assert!(bench.is_complete());
        served.sort_by_key(|(_, range)| range.start);
        let mut end = 0;
        for (_, range) in &served {
            assert_eq!(range.start, end);
            end = range.end;
        }
        assert_eq!(end, bytes.len() as u64);
        // Long requests, and not one for each piece.
        assert!(served.len() < 15, "{} requests", served.len());
        let stats = bench.session.torrent_stats(bench.torrent).unwrap();
        assert_eq!(stats.downloaded_web_seeds, bytes.len() as u64);
        assert_eq!((stats.wasted, stats.web_seeds), (0, 1));
        assert!(
            bench
                .events
                .iter()
                .any(|e| matches!(e, Event::Finished { .. }))
        );
    }
}

#[test]
fn files_of_a_folder_are_fetched_each_from_its_own_url_and_blocks_may_span_them() {
    let files = [
        ("a/b c.txt", 70_001),
        ("d", 3),
        ("empty", 0),
        ("é", 200_000),
    ];
    let mut bench = Bench::new(Torrent::folder(&files, PIECE), &["http://h/base/"]);
    let bytes = bench.content.bytes.clone();
    let urls = BTreeMap::from([
        ("http://h/base/folder/a/b%20c.txt", 0..70_001),
        ("http://h/base/folder/d", 70_001..70_004),
        ("http://h/base/folder/%C3%A9", 70_004..270_004),
    ]);
    let served = serve(&mut bench, 7777, |url| bytes[urls[url].clone()].to_vec());
    assert!(bench.is_complete());
    assert_eq!(served.len(), 3, "{served:?}");
}

#[test]
fn padding_is_zeros_and_is_never_fetched() {
    let mut bench = Bench::new(Torrent::padded(70_001, 100_000, PIECE), &["http://h/"]);
    let bytes = bench.content.bytes.clone();
    let second = bytes.len() - 100_000;
    let served = serve(&mut bench, 7777, |url| match url {
        "http://h/folder/a" => bytes[..70_001].to_vec(),
        "http://h/folder/b" => bytes[second..].to_vec(),
        url => panic!("{url}"),
    });
    assert!(bench.is_complete());
    assert_eq!(served.len(), 2, "{served:?}");
    let stats = bench.session.torrent_stats(bench.torrent).unwrap();
    assert_eq!(stats.downloaded, 170_001);
}

#[test]
fn a_block_that_a_peer_sent_is_not_fetched_and_one_on_its_way_is_let_go() {
    let mut bench = Bench::new(Torrent::single(u64::from(PIECE), PIECE), &[SEED]);
    let fetch = fetches(&mut bench).remove(0);
    assert_eq!(fetch.range, 0..u64::from(PIECE));
    // The end game: a peer is asked for what the web seed was asked for and does not send.
    let mut peer = ScriptedPeer::connect(&mut bench, 1);
    peer.say(&mut bench, Message::HaveAll);
    peer.say(&mut bench, Message::Unchoke);
    bench.pass(Duration::from_secs(2));
    let requests = peer.requests(&mut bench);
    assert_eq!(requests.len(), 4);
    for request in requests {
        peer.send(&mut bench, request, false);
    }
    assert!(bench.is_complete());
    let cancelled =
        |output: &Output| matches!(output, Output::CancelFetch { job } if *job == fetch.job);
    assert!(bench.outputs.iter().any(cancelled));
}

#[test]
fn a_web_seed_that_falls_silent_is_left_for_a_peer_without_losing_a_block() {
    let mut bench = Bench::new(Torrent::single(20 * u64::from(PIECE), PIECE), &[SEED]);
    let fetch = fetches(&mut bench).remove(0);
    let begin = fetch.range.start as usize;
    let some = bench.content.bytes[begin..begin + 20_000].to_vec();
    fetched(&mut bench, &fetch, &some);
    let mut peer = ScriptedPeer::connect(&mut bench, 1);
    peer.say(&mut bench, Message::HaveAll);
    peer.say(&mut bench, Message::Unchoke);
    for _ in 0..120 {
        bench.pass(Duration::from_secs(1));
        for request in peer.requests(&mut bench) {
            peer.send(&mut bench, request, false);
        }
        if bench.is_complete() {
            return;
        }
    }
    panic!("not complete");
}

#[test]
fn a_web_seed_that_sends_nothing_is_given_up_and_tried_again_later_and_later() {
    let mut bench = Bench::new(Torrent::single(u64::from(PIECE), PIECE), &[SEED]);
    let mut times = Vec::new();
    for _ in 0..900 {
        if !fetches(&mut bench).is_empty() {
            times.push(bench.now);
        }
        bench.pass(Duration::from_secs(1));
    }
    let waits: Vec<_> = times.windows(2).map(|w| w[1].since(w[0])).collect();
    assert!(waits.len() >= 4 && waits.is_sorted(), "{waits:?}");
    assert!(!bench.failures().iter().any(|(_, dropped)| *dropped));
}

#[test]
fn bad_data_condemns_the_web_seed_that_sent_it_and_another_completes() {
    let bad = "http://bad.example/file.bin";
    let mut bench = Bench::new(Torrent::single(2_000_000, PIECE), &[bad, SEED]);
    let bytes = bench.content.bytes.clone();
    let mut wrong = bytes.clone();
    wrong[1000] ^= 1;
    wrong[999_999] ^= 1;
    serve(&mut bench, 50_000, |url| {
        if url == bad {
            wrong.clone()
        } else {
            bytes.clone()
        }
    });
    assert!(bench.is_complete());
    let dropped: Vec<_> = bench
        .session
        .web_seed_stats(bench.torrent)
        .into_iter()
        .map(|seed| (seed.url, seed.status))
        .collect();
    assert_eq!(
        dropped[0],
        (
            bad.to_owned(),
            WebSeedStatus::Dropped("it sent bad data".to_owned())
        )
    );
    assert_eq!(dropped[1].1, WebSeedStatus::Idle);
    let named = bench.events.iter().any(
        |event| matches!(event, Event::WebSeedFailed { url, dropped: true, .. } if url == bad),
    );
    assert!(named);
}

#[test]
fn a_bad_block_among_those_of_a_peer_is_traced_to_the_web_seed() {
    // One piece: the web seed sends the first block, badly, and falls silent; a peer sends the rest.
    let mut bench = Bench::new(Torrent::single(u64::from(PIECE), PIECE), &[SEED]);
    let fetch = fetches(&mut bench).remove(0);
    let mut block = bench.content.bytes[..BLOCK_LENGTH as usize].to_vec();
    block[5] ^= 1;
    fetched(&mut bench, &fetch, &block);
    let mut peer = ScriptedPeer::connect(&mut bench, 1);
    peer.say(&mut bench, Message::HaveAll);
    peer.say(&mut bench, Message::Unchoke);
    for _ in 0..100 {
        bench.pass(Duration::from_secs(1));
        fetches(&mut bench);
        for request in peer.requests(&mut bench) {
            peer.send(&mut bench, request, false);
        }
    }
    assert!(bench.is_complete());
    assert!(bench.banned().is_empty());
    assert!(
        bench
            .failures()
            .iter()
            .any(|(reason, dropped)| *dropped && reason.contains("bad data"))
    );
}

#[test]
fn a_server_that_asks_for_time_is_given_it() {
    let mut bench = Bench::new(Torrent::single(u64::from(PIECE), PIECE), &[SEED]);
    let fetch = fetches(&mut bench).remove(0);
    let busy = FetchError::Status {
        code: 429,
        retry_after: Some(Duration::from_secs(40)),
    };
    fail(&mut bench, &fetch, busy);
    assert!(matches!(
        bench.session.web_seed_stats(bench.torrent)[0].status,
        WebSeedStatus::Resting(_)
    ));
    bench.pass(Duration::from_secs(39));
    assert!(fetches(&mut bench).is_empty());
    bench.pass(Duration::from_secs(3));
    let bytes = bench.content.bytes.clone();
    serve(&mut bench, 16_384, |_| bytes.clone());
    assert!(bench.is_complete());
}

#[test]
fn a_file_that_a_server_lacks_is_fetched_from_another_and_the_rest_from_both() {
    let files = [("a", 300_000), ("b", 300_000)];
    let (poor, rich) = ("http://poor.example/", "http://rich.example/");
    let mut bench = Bench::new(Torrent::folder(&files, PIECE), &[poor, rich]);
    let bytes = bench.content.bytes.clone();
    let mut from_poor = 0;
    for _ in 0..200 {
        for fetch in fetches(&mut bench) {
            let of_a = fetch.url.ends_with("/a");
            if !of_a && fetch.url.starts_with(poor) {
                let missing = FetchError::Status {
                    code: 404,
                    retry_after: None,
                };
                fail(&mut bench, &fetch, missing);
                continue;
            }
            from_poor += usize::from(fetch.url.starts_with(poor));
            let base = if of_a { 0 } else { 300_000 };
            let range = base + fetch.range.start as usize..base + fetch.range.end as usize;
            fetched(&mut bench, &fetch, &bytes[range]);
        }
        bench.pass(Duration::from_millis(500));
    }
    assert!(bench.is_complete());
    assert!(from_poor > 0);
    assert!(bench.failures().iter().all(|(_, dropped)| !dropped));
}

#[test]
fn servers_without_the_file_or_without_ranges_or_with_another_file_are_dropped() {
    let errors = [
        FetchError::Status {
            code: 404,
            retry_after: None,
        },
        FetchError::NoRanges,
        FetchError::WrongRange,
        FetchError::WrongLength {
            actual: 1,
            expected: 2,
        },
        FetchError::Unusable {
            reason: "no host".to_owned(),
        },
    ];
    for error in errors {
        let mut bench = Bench::new(Torrent::single(1_000_000, PIECE), &[SEED]);
        let fetch = fetches(&mut bench).remove(0);
        fail(&mut bench, &fetch, error.clone());
        assert_eq!(bench.failures().len(), 1, "{error}");
        assert!(bench.failures()[0].1, "{error}");
        bench.pass(Duration::from_secs(1000));
        assert!(fetches(&mut bench).is_empty(), "{error}");
    }
}

#[test]
fn an_answer_that_ends_early_loses_no_block_that_came() {
    let mut bench = Bench::new(Torrent::single(1_000_000, PIECE), &[SEED]);
    let bytes = bench.content.bytes.clone();
    let fetch = fetches(&mut bench).remove(0);
    let begin = fetch.range.start as usize;
    fetched(&mut bench, &fetch, &bytes[begin..begin + 100_000]);
    bench.input(Input::FetchEnded {
        job: fetch.job,
        result: Ok(()),
    });
    assert_eq!(
        bench.failures(),
        [("the answer ended early".to_owned(), false)]
    );
    bench.pass(Duration::from_secs(10));
    serve(&mut bench, 16_384, |_| bytes.clone());
    assert!(bench.is_complete());
    let stats = bench.session.torrent_stats(bench.torrent).unwrap();
    // Six blocks came whole; what came of the seventh came again.
    assert_eq!(stats.downloaded, 1_000_000 + 100_000 - 6 * 16_384);
}

#[test]
fn a_slow_store_holds_the_stream_and_lets_it_go_on() {
    let mut bench = Bench::with(Torrent::single(4_000_000, PIECE), &[SEED], |config| {
        config.store_budget = 10 * BLOCK_LENGTH as usize;
    });
    bench.slow_store = true;
    let bytes = bench.content.bytes.clone();
    let fetch = fetches(&mut bench).remove(0);
    let range = fetch.range.start as usize..fetch.range.end as usize;
    let held = |bench: &mut Bench| {
        let mut held = None;
        bench.outputs.retain(|output| match output {
            Output::PauseFetch { job, paused } if *job == fetch.job => {
                held = Some(*paused);
                false
            }
            _ => true,
        });
        held
    };
    let mut chunks = bytes[range].chunks(BLOCK_LENGTH as usize);
    for _ in 0..10 {
        fetched(&mut bench, &fetch, chunks.next().unwrap());
    }
    assert_eq!(held(&mut bench), Some(true));
    // Held for however long, it is not taken for silent.
    bench.pass(Duration::from_secs(100));
    assert!(bench.failures().is_empty());
    bench.write();
    assert_eq!(held(&mut bench), Some(false));
    bench.slow_store = false;
    for chunk in chunks {
        fetched(&mut bench, &fetch, chunk);
    }
    serve(&mut bench, 16_384, |_| bytes.clone());
    assert!(bench.is_complete());
}

#[test]
fn requests_keep_to_the_request_budget() {
    let budget = 40 * BLOCK_LENGTH as usize;
    let mut bench = Bench::with(
        Torrent::single(40_000_000, PIECE),
        &[SEED, "http://other/x"],
        |config| {
            config.request_budget = budget;
        },
    );
    let bytes = bench.content.bytes.clone();
    let mut waiting: Vec<Fetch> = Vec::new();
    while !bench.is_complete() {
        waiting.extend(fetches(&mut bench));
        let out: u64 = waiting.iter().map(|f| f.range.end - f.range.start).sum();
        assert!(out <= budget as u64, "{out}");
        let fetch = waiting.remove(0);
        let range = fetch.range.start as usize..fetch.range.end as usize;
        fetched(&mut bench, &fetch, &bytes[range]);
    }
}

#[test]
fn the_fetches_of_a_torrent_end_with_it() {
    let mut bench = Bench::new(Torrent::single(1_000_000, PIECE), &[SEED]);
    let fetch = fetches(&mut bench).remove(0);
    let (torrent, now) = (bench.torrent, bench.now);
    bench.session.remove_torrent(torrent, now);
    let mut cancelled = false;
    while let Some(output) = bench.session.poll_output() {
        cancelled |= matches!(output, Output::CancelFetch { job } if job == fetch.job);
    }
    assert!(cancelled);
    // What is still said of them is ignored.
    bench.input(Input::Fetched {
        job: fetch.job,
        data: &[1; 100],
    });
    bench.input(Input::FetchEnded {
        job: fetch.job,
        result: Ok(()),
    });
}

#[test]
fn a_torrent_uses_a_bounded_number_of_web_seeds_and_of_requests() {
    let urls: Vec<String> = (0..100).map(|n| format!("http://h{n}/f")).collect();
    let mut urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    urls.extend(["ftp://h/f", "nonsense", "http://h0/f"]);
    let mut bench = Bench::new(Torrent::single(100_000_000, PIECE), &urls);
    let stats = bench.session.torrent_stats(bench.torrent).unwrap();
    assert_eq!(stats.web_seeds, 16);
    assert_eq!(fetches(&mut bench).len(), 8);
}

#[test]
fn a_download_whose_only_web_seed_is_gone_says_so() {
    let mut bench = Bench::new(Torrent::single(300_000, PIECE), &[SEED]);
    bench.pass(Duration::from_secs(1));
    let gone = || FetchError::Failed {
        reason: "connection refused".to_owned(),
    };
    for _ in 0..80 {
        for fetch in fetches(&mut bench) {
            fail(&mut bench, &fetch, gone());
        }
        bench.pass(Duration::from_millis(100));
    }
    let stalls: Vec<String> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Stalled { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(stalls.len(), 1, "{stalls:?}");
    assert!(
        stalls[0].contains(SEED) && stalls[0].contains("refused"),
        "{stalls:?}"
    );
    for _ in 0..100 {
        serve(&mut bench, 1 << 20, |_| pattern(300_000));
        bench.pass(Duration::from_millis(100));
    }
    assert!(bench.is_complete());
    let resumed = |event: &Event| matches!(event, Event::Resumed { .. });
    assert!(bench.events.iter().any(resumed));
}

#[test]
fn a_web_seed_with_one_changed_file_loses_that_file_only() {
    let piece = u64::from(PIECE);
    // The small file shares a piece with the end of the first.
    let files = [("a", 3 * piece + 5000), ("small", 700), ("b", 4 * piece)];
    let content = Torrent::folder(&files, PIECE);
    let bytes = content.bytes.clone();
    let mut bench = Bench::new(content, &["http://seed.example/"]);
    let part = |from: u64, length: u64| bytes[from as usize..(from + length) as usize].to_vec();
    let (a, small) = (files[0].1, files[1].1);
    for _ in 0..100 {
        serve(&mut bench, 1 << 20, |url| match url {
            url if url.ends_with("/a") => part(0, a),
            url if url.ends_with("/small") => vec![0; small as usize],
            _ => part(a + small, files[2].1),
        });
        bench.pass(Duration::from_millis(200));
    }
    let verified = bench.session.verified(bench.torrent).unwrap();
    let missing: Vec<u32> = (0..8).filter(|piece| !verified.get(*piece)).collect();
    assert_eq!(missing, [3], "all but the piece with the changed file");
    assert!(bench.failures().iter().all(|(_, dropped)| !dropped));
    let failed = |event: &&Event| matches!(event, Event::PieceFailed { .. });
    assert_eq!(bench.events.iter().filter(failed).count(), 1);
}
