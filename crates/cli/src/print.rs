//! Writing to stdout and stderr. A reader that goes away ends nothing by a panic.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::format::printable;

/// Prints a line of result.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints a line that is about the work, not a result.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints why a command failed, as one line.
pub fn error(failure: &impl Display) {
    note(format_args!(
        "brackish: {}",
        printable(&failure.to_string())
    ));
}

/// Whether a person looks at stdout.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person looks at stderr.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
