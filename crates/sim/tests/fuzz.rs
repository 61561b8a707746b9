//! The short form of fuzzing: the bodies of `fuzz/` over their corpus, and the session over
//! operations at random. `cargo fuzz run session` in this crate's folder goes on from there.

use std::fs;
use std::path::{Path, PathBuf};

use brackish_sim::play_operations;

#[path = "../../wire/tests/fuzz/bodies.rs"]
mod bodies;

/// Inputs made at random.
const SEEDS: u64 = 600;

/// The committed inputs of a target; at least one, so that it is a test.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = folder().join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!("{}, inputs of {target}: {error}", folder.display());
    });
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.sort();
    files
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn read(file: &Path) -> Vec<u8> {
    println!("{}", file.display());
    fs::read(file).expect("a file of the corpus")
}

#[test]
fn every_codec_takes_its_corpus() {
    for (name, body) in bodies::BODIES {
        for file in corpus(name) {
            body(&read(&file));
        }
    }
}

#[test]
fn every_folder_of_the_corpus_is_played() {
    for entry in fs::read_dir(folder()).expect("the corpus") {
        let name = entry.expect("an entry").file_name();
        let known = bodies::BODIES.iter().any(|(body, _)| *body == name);
        assert!(known || name == "session", "{name:?} is no target");
    }
}

#[test]
fn the_session_keeps_its_rules_over_the_corpus_of_operations() {
    let verified = corpus("session")
        .into_iter()
        .map(|file| play_operations(&read(&file)));
    // Else it would show little.
    let most = verified.max();
    assert_eq!(most, Some(6), "one of them downloads every piece");
}

#[test]
fn the_session_keeps_its_rules_over_operations_at_random() {
    for seed in 0..SEEDS {
        println!("operations of seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let length = rng.usize(..600);
        let data: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        play_operations(&data);
    }
}
