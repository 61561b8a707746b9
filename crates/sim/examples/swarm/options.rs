//! The command line.

use std::path::PathBuf;

use crate::case::{Case, Links};

/// Numbers of peers that are measured unless others are named.
const PEERS: [usize; 4] = [10, 100, 1_000, 10_000];

/// Peers above which a swarm shares less, so that a run ends in minutes.
const LARGE: usize = 2_000;

/// MiB of the file: in as many pieces as a file of 1 GiB has by default, at a quarter of the time.
const SIZE: u64 = 256;

/// The same for a large swarm, in half as many pieces.
const LARGE_SIZE: u64 = 64;

const USAGE: &str = "usage: swarm [watch LINKS] [--peers N]... [--size MiB] [--seeds N] [--seed S] \
                     [--draw FOLDER]; LINKS: equal, tcp, mixed";

pub struct Options {
    pub peers: Vec<usize>,
    pub watch: Option<Links>,
    pub draw: Option<PathBuf>,
    seeds: usize,
    seed: u64,
    size: Option<u64>,
}

impl Options {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self {
            peers: Vec::new(),
            watch: None,
            draw: None,
            seeds: 1,
            seed: 1,
            size: None,
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word {
                "watch" => options.watch = Some(Links::named(value()?).ok_or(USAGE)?),
                "--peers" => options.peers.push(number(word, value()?)?),
                "--size" => options.size = Some(number(word, value()?)?),
                "--seeds" => options.seeds = number(word, value()?)?,
                "--seed" => options.seed = number(word, value()?)?,
                "--draw" => options.draw = Some(value()?.into()),
                _ => return Err(USAGE.to_owned()),
            }
        }
        if options.peers.contains(&0) || options.size == Some(0) || options.seeds == 0 {
            return Err("a swarm has peers, seeds and something to share".to_owned());
        }
        if options.peers.is_empty() {
            options.peers = PEERS.to_vec();
        }
        Ok(options)
    }

    /// The case of so many peers on such links.
    pub fn case(&self, links: Links, peers: usize) -> Case {
        let usual = if peers > LARGE { LARGE_SIZE } else { SIZE };
        Case {
            links,
            peers,
            seeds: self.seeds,
            total: self.size.unwrap_or(usual) << 20,
            seed: self.seed,
        }
    }
}

fn number<T: std::str::FromStr>(flag: &str, word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{flag} wants a number"))
}
