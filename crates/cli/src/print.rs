//! Writing to stdout and stderr. A stdout that takes nothing any more ends the program with an
//! error, and never by a panic.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use tokio::sync::watch;

use crate::format::printable;

/// Why stdout takes nothing any more, once it does not.
static STDOUT_FAILURE: LazyLock<watch::Sender<Option<String>>> =
    LazyLock::new(|| watch::Sender::new(None));

/// Prints a line of result.
pub fn line(text: impl Display) {
    watched(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes bytes that are the result.
pub fn bytes(content: &[u8]) {
    let mut stdout = io::stdout().lock();
    watched(stdout.write_all(content).and_then(|()| stdout.flush()));
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

/// Why something printed did not reach stdout, if that happened.
pub fn stdout_failure() -> Option<String> {
    watched(io::stdout().lock().flush());
    STDOUT_FAILURE.borrow().clone()
}

/// Resolves once stdout takes nothing any more, because it is full or its reader has gone.
pub async fn stdout_failed() {
    let mut failure = STDOUT_FAILURE.subscribe();
    // The sender is never dropped.
    let _ = failure.wait_for(Option::is_some).await;
}

fn watched(result: io::Result<()>) {
    let Err(error) = result else { return };
    STDOUT_FAILURE.send_if_modified(|failure| {
        let is_first = failure.is_none();
        failure.get_or_insert_with(|| error.to_string());
        is_first
    });
}

/// Whether a person looks at stdout.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person looks at stderr.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether colours are wanted, by the conventions of `NO_COLOR`, `CLICOLOR_FORCE` and `CLICOLOR`.
pub fn colours(is_terminal: bool) -> bool {
    colours_by(is_terminal, |name| std::env::var(name).ok())
}

fn colours_by(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if is_set("NO_COLOR").is_some() {
        return false;
    }
    if is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    let off = is_set("CLICOLOR").is_some_and(|value| value == "0")
        || variable("TERM").is_some_and(|value| value == "dumb");
    is_terminal && !off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_conventions() {
        let colours = |is_terminal, set: &[(&str, &str)]| {
            colours_by(is_terminal, |name| {
                let value = set.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(colours(true, &[]) && !colours(false, &[]));
        assert!(!colours(
            true,
            &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]
        ));
        assert!(colours(true, &[("NO_COLOR", "")]));
        assert!(colours(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!colours(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!colours(true, &[("CLICOLOR", "0")]));
        assert!(!colours(true, &[("TERM", "dumb")]));
    }
}
