//! What a person asks of `cargo xtask bench`.

use anyhow::{Context, Result, bail};

const MIB: u64 = 1 << 20;

/// Fewer runs have no median.
const LEAST_RUNS: usize = 3;

/// What is measured in one go, and written to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    Native,
    Browser,
    Crowd,
    Tracker,
}

impl Suite {
    const ALL: [Suite; 4] = [Suite::Native, Suite::Browser, Suite::Crowd, Suite::Tracker];

    /// Its name on the command line and of its file.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Native => "native",
            Suite::Browser => "browser",
            Suite::Crowd => "crowd",
            Suite::Tracker => "tracker",
        }
    }
}

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    suite: Option<Suite>,
    /// Rounds of every comparison.
    pub runs: usize,
    size: Option<u64>,
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options {
            suite: None,
            runs: LEAST_RUNS,
            size: None,
        };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--runs" => options.runs = number(words.next(), word)?,
                "--size" => options.size = Some(number::<u64>(words.next(), word)? * MIB),
                "all" => options.suite = None,
                name => match Suite::ALL.into_iter().find(|suite| suite.name() == name) {
                    Some(suite) => options.suite = Some(suite),
                    None => bail!(
                        "usage: cargo xtask bench [native|browser|crowd|tracker|all] [--runs N] [--size MiB]"
                    ),
                },
            }
        }
        if options.runs < LEAST_RUNS {
            bail!("--runs: at least {LEAST_RUNS}, for a median");
        }
        if options.size == Some(0) {
            bail!("--size: at least 1 MiB");
        }
        Ok(options)
    }

    /// What to measure, in order.
    pub fn suites(&self) -> Vec<Suite> {
        match self.suite {
            Some(suite) => vec![suite],
            None => Suite::ALL.to_vec(),
        }
    }

    /// Bytes that each download has, unless the person says otherwise in `--size`.
    pub fn size_or(&self, mebibytes: u64) -> u64 {
        self.size.unwrap_or(mebibytes * MIB)
    }
}

fn number<T: std::str::FromStr>(word: Option<&str>, flag: &str) -> Result<T> {
    word.and_then(|word| word.parse().ok())
        .with_context(|| format!("{flag} wants a number"))
}

#[cfg(test)]
mod tests {
    use super::{Options, Suite};

    fn parse(line: &str) -> anyhow::Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn without_arguments_everything_is_measured_three_times() {
        let options = parse("").unwrap();
        assert_eq!(options.suites(), Suite::ALL);
        assert_eq!(options.runs, 3);
        assert_eq!(options.size_or(256), 256 << 20);
    }

    #[test]
    fn a_suite_rounds_and_a_size_can_be_asked_for() {
        let options = parse("browser --runs 5 --size 64").unwrap();
        assert_eq!(options.suites(), [Suite::Browser]);
        assert_eq!(options.runs, 5);
        assert_eq!(options.size_or(256), 64 << 20);
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for line in ["--runs 2", "--runs", "--size 0", "--size x", "everything"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
