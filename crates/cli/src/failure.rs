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

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
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
