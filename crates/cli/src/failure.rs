//! The one line that a person is told when a command fails.

use std::fmt::{self, Display};

/// Why a command ends with exit code 1: what it was about, and what went wrong with it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// `what` names the file, URL, port or torrent; `why` says what is wrong.
    pub fn new(what: impl Display, why: impl Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl Failure {
    /// A sentence that names what it is about itself.
    pub fn plain(sentence: String) -> Self {
        Self(sentence)
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(without_codes(&self.0).trim_end())
    }
}

/// A message without the system's error numbers, which say nothing to a person.
fn without_codes(message: &str) -> String {
    let mut rest = message;
    let mut kept = String::with_capacity(message.len());
    while let Some((before, after)) = rest.split_once(" (os error ") {
        kept.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

/// The library's errors name what they are about themselves.
macro_rules! from_error {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )+};
}

from_error!(
    brackish_native::AddError,
    brackish_native::CreateError,
    brackish_native::NodeError,
    brackish_native::SourceError,
    brackish_native::TorrentError,
    brackish_native::VerifyError,
    brackish_tracker::server::ServerError,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_and_why_without_numbers() {
        let error = std::io::Error::from_raw_os_error(2);
        let text = Failure::new("a file", error).to_string();
        assert!(text.starts_with("a file: "), "{text}");
        assert!(!text.contains("2"), "{text}");
    }
}
