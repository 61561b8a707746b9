//! The command line.

use std::path::PathBuf;

use crate::case::{Case, Links};

/// Numbers of peers that are measured unless others are named.
const PEERS: [usize; 3] = [10, 100, 1_000];

/// The same for swarms as they grow.
const GROWING: [usize; 4] = [10, 100, 1_000, 10_000];

/// Random seeds that each row comes from.
const RUNS: u64 = 3;

/// MiB of the file: in 1,024 pieces.
const SIZE: u64 = 64;

/// MiB of the file that a growing swarm shares, in 256 pieces: small, so that 10,000 take minutes.
const GROWING_SIZE: u64 = 16;

const USAGE: &str = "usage: swarm [sizes|popularity|growth|streams|churn|selfish|liars]... [watch LINKS] \
                     [--peers N]... [--size MiB] [--seeds N] [--seed S] [--runs N] [--draw FOLDER]; \
                     LINKS: equal, tcp, mixed";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Time and cost by links and number of peers.
    Sizes,
    /// Time by number of seeds.
    Popularity,
    /// What each peer costs that comes on top, up to ten thousand.
    Growth,
    /// Those who watch while it downloads.
    Streams,
    /// Those who come late, leave, crash and return.
    Churn,
    /// Those who give nothing.
    Selfish,
    /// Those who corrupt what they serve.
    Liars,
}

pub struct Options {
    pub parts: Vec<Part>,
    pub watch: Option<Links>,
    pub draw: Option<PathBuf>,
    /// The first random seed.
    pub seed: u64,
    /// Random seeds that each row comes from: `seed`, `seed + 1` and so on.
    pub runs: u64,
    peers: Vec<usize>,
    seeds: usize,
    size: Option<u64>,
}

impl Part {
    const ALL: [(&str, Self); 7] = [
        ("sizes", Self::Sizes),
        ("popularity", Self::Popularity),
        ("growth", Self::Growth),
        ("streams", Self::Streams),
        ("churn", Self::Churn),
        ("selfish", Self::Selfish),
        ("liars", Self::Liars),
    ];

    fn named(name: &str) -> Option<Self> {
        let all = Self::ALL.iter();
        all.filter(|(known, _)| *known == name)
            .map(|(_, part)| *part)
            .next()
    }
}

impl Options {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self {
            parts: Vec::new(),
            peers: Vec::new(),
            watch: None,
            draw: None,
            seeds: 1,
            seed: 1,
            runs: RUNS,
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
                "--runs" => options.runs = number(word, value()?)?,
                "--seed" => options.seed = number(word, value()?)?,
                "--draw" => options.draw = Some(value()?.into()),
                part => options.parts.push(Part::named(part).ok_or(USAGE)?),
            }
        }
        if options.peers.contains(&0)
            || options.size == Some(0)
            || options.seeds == 0
            || options.runs == 0
        {
            return Err(
                "a swarm has peers, seeds, something to share, and is played once at least"
                    .to_owned(),
            );
        }
        if options.parts.is_empty() {
            options.parts = if options.peers.is_empty() {
                Part::ALL.map(|(_, part)| part).to_vec()
            } else {
                vec![Part::Sizes]
            };
        }
        Ok(options)
    }

    /// The numbers of peers whose links are compared.
    pub fn peers(&self) -> Vec<usize> {
        self.peers_or(&PEERS)
    }

    /// The numbers of peers of a growing swarm.
    pub fn growing(&self) -> Vec<usize> {
        self.peers_or(&GROWING)
    }

    /// The case of so many peers on such links.
    pub fn case(&self, links: Links, peers: usize) -> Case {
        Case {
            links,
            peers,
            seeds: self.seeds,
            total: self.total(),
            disk: false,
            seed: self.seed,
        }
    }

    /// The same in a growing swarm.
    pub fn growing_case(&self, links: Links, peers: usize) -> Case {
        Case {
            total: self.size_or(GROWING_SIZE) << 20,
            ..self.case(links, peers)
        }
    }

    /// Bytes of the file.
    pub fn total(&self) -> u64 {
        self.size_or(SIZE) << 20
    }

    /// MiB of the file where it has `usual` unless told.
    pub fn size_or(&self, usual: u64) -> u64 {
        self.size.unwrap_or(usual)
    }

    fn peers_or(&self, usual: &[usize]) -> Vec<usize> {
        if self.peers.is_empty() {
            usual.to_vec()
        } else {
            self.peers.clone()
        }
    }
}

fn number<T: std::str::FromStr>(flag: &str, word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{flag} wants a number"))
}
