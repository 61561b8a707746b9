//! The one line that a person is told when a command fails.

use std::fmt::{self, Display};

use brackish_native::{Refusal, TorrentError};

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
    brackish_native::VerifyError,
    brackish_tracker::server::ServerError,
);

/// Says which flag allows what was refused.
impl From<TorrentError> for Failure {
    fn from(error: TorrentError) -> Self {
        let TorrentError::Refused(refusal) = &error else {
            return Self(error.to_string());
        };
        let remedy = match refusal {
            Refusal::Foreign { .. } => {
                "download into another folder with -o, or replace it with --overwrite"
            }
            Refusal::Hidden { .. } => "--allow-hidden allows it",
            Refusal::NoRoom { .. } => "--in-place changes the file itself, without a copy",
            Refusal::InUse { .. } => "wait for it, or end it",
            Refusal::WrongLength { .. } => "`brackish download` cuts a file that is too long",
            Refusal::Incomplete { .. } => "`brackish download --seed` fetches what is not there",
        };
        Self(format!("{refusal}; {remedy}"))
    }
}

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
