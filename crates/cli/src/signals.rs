//! Ctrl-C, SIGTERM and SIGHUP, or what the system has in place of them: the first asks for a clean
//! end, the second ends at once. Where a command has something to read again, SIGHUP asks for that.

use tokio::sync::watch;

use crate::print;

/// The exit code of a process that Ctrl-C ended, by the shells' custom.
const INTERRUPTED: i32 = 130;

/// Tells when the person wants an end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// What SIGHUP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// The end, since the terminal is gone; nothing where the process was started to outlive it
    /// (`nohup`).
    Ends,
    /// To read something again, see [`Reload`].
    Reloads,
}

impl Stop {
    /// Listens from now on, instead of the system's own way of ending the process.
    pub fn listen() -> Self {
        Self::listen_but(Hangup::Ends)
    }

    /// As [`listen`](Self::listen), with another meaning of SIGHUP.
    pub fn listen_but(hangup: Hangup) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut signals = Signals::new(hangup);
        tokio::spawn(async move {
            signals.next().await;
            stop.send_replace(true);
            signals.next().await;
            std::process::exit(INTERRUPTED);
        });
        Self(stopped)
    }

    /// Resolves once the person wants an end, or stdout takes nothing any more.
    pub async fn requested(&self) {
        let mut stopped = self.0.clone();
        let asked = async {
            if stopped.wait_for(|&stopped| stopped).await.is_err() {
                // Nobody can ask any more, so nobody ever will.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = asked => {}
            () = print::stdout_failed() => {}
        }
    }
}

/// Tells when SIGHUP asks for something to be read again.
pub struct Reload(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Reload {
    /// Listens from now on.
    pub fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self(signal(SignalKind::hangup()).ok())
        }
        #[cfg(not(unix))]
        Self()
    }

    /// Resolves with the next SIGHUP; never where there is none.
    pub async fn requested(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
struct Signals {
    terminate: Option<tokio::signal::unix::Signal>,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new(hangup: Hangup) -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let ends = hangup == Hangup::Ends && !hangup_is_ignored();
        Self {
            terminate: signal(SignalKind::terminate()).ok(),
            hangup: ends.then(|| signal(SignalKind::hangup()).ok()).flatten(),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = received(&mut self.terminate) => {}
            () = received(&mut self.hangup) => {}
        }
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Whether the process was started with SIGHUP ignored, as `nohup` does it. Asked before anything
/// listens for it.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer for the new action changes nothing, and the old one is written to
    // memory of its own type, of which all zeros is a valid value too.
    unsafe {
        let asked = libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr());
        asked == 0 && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(windows)]
struct Signals;

#[cfg(windows)]
impl Signals {
    fn new(_: Hangup) -> Self {
        Self
    }

    async fn next(&mut self) {
        signal().await;
    }
}

/// Besides Ctrl-C: Ctrl-Break, the window closed, the system going down. The system gives five seconds then.
#[cfg(windows)]
async fn signal() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_shutdown};
    let (Ok(mut stop), Ok(mut close), Ok(mut shutdown)) =
        (ctrl_break(), ctrl_close(), ctrl_shutdown())
    else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = stop.recv() => {}
        _ = close.recv() => {}
        _ = shutdown.recv() => {}
    }
}
