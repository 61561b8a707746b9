//! A program in a process group of its own, so that a signal reaches it and all that it started, and
//! Ctrl-C at the terminal does not.

use std::process::Command;

/// What a group is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End, as by Ctrl-C.
    Interrupt,
    /// End.
    Terminate,
    /// Nothing: it is ended.
    Kill,
}

/// The command will start a group that is named by its process's id.
#[cfg(unix)]
pub fn of_its_own(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

/// Signals every process of a group; one that is gone already is no error.
#[cfg(unix)]
pub fn signal(group: u32, signal: Signal) {
    let signal = match signal {
        Signal::Interrupt => libc::SIGINT,
        Signal::Terminate => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
    };
    // Numbers below 2 would mean other processes than those of one group.
    if let Ok(group @ 2..) = i32::try_from(group) {
        // SAFETY: kill takes plain numbers and touches no memory of ours.
        unsafe { libc::kill(-group, signal) };
    }
}

/// The command will start a group that is named by its process's id.
#[cfg(windows)]
pub fn of_its_own(command: &mut Command) -> &mut Command {
    /// `CREATE_NEW_PROCESS_GROUP` of the Windows API.
    const NEW_GROUP: u32 = 0x200;
    std::os::windows::process::CommandExt::creation_flags(command, NEW_GROUP)
}

/// Ends a process with all that it started, whatever the signal: Windows has none that a program
/// without a window could be asked by. One that is gone already is no error.
#[cfg(windows)]
pub fn signal(group: u32, _signal: Signal) {
    let _ = Command::new("taskkill")
        .args(["/T", "/F", "/PID", &group.to_string()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
}
