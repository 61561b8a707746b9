//! Ctrl-C and SIGTERM, or what the system has in place of them: the first asks for a clean end, the second ends at once.

use tokio::sync::watch;

/// The exit code of a process that Ctrl-C ended, by the shells' custom.
const INTERRUPTED: i32 = 130;

/// Tells when the person wants an end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on, instead of the system's own way of ending the process.
    pub fn listen() -> Self {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            signal().await;
            stop.send_replace(true);
            signal().await;
            std::process::exit(INTERRUPTED);
        });
        Self(stopped)
    }

    /// Resolves once the person wants an end.
    pub async fn requested(&self) {
        let mut stopped = self.0.clone();
        if stopped.wait_for(|&stopped| stopped).await.is_err() {
            // Nobody can ask any more, so nobody ever will.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
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
