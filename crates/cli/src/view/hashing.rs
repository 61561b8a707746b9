//! The progress of hashing files.

use std::time::{Duration, Instant};

use brackish_native::create::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Mode, coloured};
use crate::format::{bytes, percent, printable};
use crate::json::{self, Event};
use crate::print;

/// The time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The time between two JSON events.
const EVENT_EVERY: Duration = Duration::from_secs(1);

/// Shows how far hashing has come.
pub struct HashingView {
    mode: Mode,
    name: String,
    bar: Option<ProgressBar>,
    last: Instant,
}

impl HashingView {
    /// A view of hashing whatever is called `name`.
    pub fn new(mode: Mode, name: &str) -> Self {
        Self {
            mode,
            name: printable(name),
            bar: None,
            last: Instant::now(),
        }
    }

    /// Shows these figures, if it is time to.
    pub fn update(&mut self, progress: Progress) {
        let Progress { hashed, total } = progress;
        if total == 0 {
            // There is nothing to hash, and nothing to show.
            return;
        }
        let mode = self.mode;
        match mode {
            Mode::Terminal => {
                let name = &self.name;
                let bar = self.bar.get_or_insert_with(|| new_bar(total, name));
                bar.set_position(hashed);
                bar.set_message(format!("{} of {}", bytes(hashed), bytes(total)));
            }
            Mode::Json if self.due(EVENT_EVERY) || hashed == total => {
                json::emit(&Event::Hashing { hashed, total })
            }
            Mode::Lines if self.due(LINE_EVERY) => {
                print::note(format_args!(
                    "hashing {}: {} of {}",
                    self.name,
                    percent(hashed, total),
                    bytes(total)
                ));
            }
            Mode::Json | Mode::Lines => {}
        }
    }

    fn due(&mut self, interval: Duration) -> bool {
        let due = self.last.elapsed() >= interval;
        if due {
            self.last = Instant::now();
        }
        due
    }
}

impl Drop for HashingView {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(total: u64, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&coloured(
        "Hashing {prefix}  {bar:30.cyan/blue} {percent:>3} %  {msg}  {eta}",
    ))
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("━━─");
    ProgressBar::new(total)
        .with_style(style)
        .with_prefix(name.to_owned())
}
