//! What file systems offer beyond the standard library, with a plain way where they do not:
//! positioned reads and writes, writes of several buffers at once, reads that do not wait for the
//! disk, holes, space set aside, links and programs, copies, renames and the way to the disk.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;

/// Most holes looked at in one file; beyond them it counts as data. A file downloaded in random
/// order has about one a piece.
#[cfg(target_os = "linux")]
const MAX_EXTENTS: usize = 1 << 16;

/// Fills `buffer` from `offset` of the file; `UnexpectedEof` if the file ends before.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
    #[cfg(windows)]
    {
        let (mut buffer, mut offset) = (buffer, offset);
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buffer = &mut std::mem::take(&mut buffer)[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes all of `data` at `offset` of the file.
pub(crate) fn write_all_at(file: &File, data: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, data, offset)
    }
    #[cfg(windows)]
    {
        let (mut data, mut offset) = (data, offset);
        while !data.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(file, data, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    data = &data[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes all the buffers, one after the other, at `offset` of the file.
pub(crate) fn write_vectored_at(
    file: &File,
    buffers: &mut [IoSlice<'_>],
    offset: u64,
) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let (mut rest, mut offset) = (buffers, offset);
        while !rest.is_empty() {
            match rustix::io::pwritev(file, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    offset += count as u64;
                    IoSlice::advance_slices(&mut rest, count);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let mut offset = offset;
        for buffer in buffers {
            write_all_at(file, buffer, offset)?;
            offset += buffer.len() as u64;
        }
        Ok(())
    }
}

/// What came of a read that does not wait.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux reads what is in memory alone")
)]
pub(crate) enum Immediate {
    /// The buffer is full.
    Done,
    /// Some of it is not in memory.
    WouldWait,
    /// The file system cannot do it.
    Unsupported,
}

/// Fills `buffer` from `offset` of the file if that needs no disk.
pub(crate) fn read_immediately(file: &File, buffer: &mut [u8], offset: u64) -> Immediate {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{Errno, ReadWriteFlags};
        let wanted = buffer.len();
        let mut buffers = [io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
            Ok(count) if count == wanted => Immediate::Done,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Immediate::Unsupported,
            _ => Immediate::WouldWait,
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, buffer, offset);
        Immediate::Unsupported
    }
}

/// The stretches of the file that hold no data and read as zeros; none where the system cannot
/// tell.
pub(crate) fn holes(file: &File, length: u64) -> Vec<Range<u64>> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{SeekFrom, seek};
        let mut holes = Vec::new();
        let mut at = 0;
        while at < length && holes.len() < MAX_EXTENTS {
            let data = match seek(file, SeekFrom::Data(at)) {
                Ok(data) => data.min(length),
                // No data from here on.
                Err(rustix::io::Errno::NXIO) => length,
                Err(_) => return Vec::new(),
            };
            if data > at {
                holes.push(at..data);
            }
            if data >= length {
                break;
            }
            match seek(file, SeekFrom::Hole(data)) {
                Ok(hole) if hole > data => at = hole,
                _ => break,
            }
        }
        holes
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, length);
        Vec::new()
    }
}

/// Sets the space of a whole file aside, or at least its length where the system cannot.
pub(crate) fn allocate(file: &File, length: u64) -> io::Result<()> {
    if file.metadata()?.len() >= length {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, length) {
            Ok(()) => return Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    file.set_len(length)
}

/// Makes a symbolic link; where the system has none that everyone may make, nothing.
pub(crate) fn link(target: &Path, at: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(target, at)
    }
    #[cfg(not(unix))]
    {
        let _ = (target, at);
        Ok(())
    }
}

/// Lets whoever may read the file run it.
pub(crate) fn make_executable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata()?.permissions().mode();
        let runs = mode | (mode & 0o444) >> 2;
        if runs != mode {
            file.set_permissions(std::fs::Permissions::from_mode(runs))?;
        }
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Makes `to`, which is empty, share all data of `from`; false where the file system cannot.
pub(crate) fn reflink(from: &File, to: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::ioctl_ficlone(to, from).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to);
        false
    }
}

/// Copies up to `length` bytes at `offset` of one file to the same place of another inside the
/// system; 0 where it cannot, and the caller must read and write.
pub(crate) fn copy_range(from: &File, to: &File, offset: u64, length: u64) -> io::Result<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        let (mut start, mut end) = (offset, offset);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match rustix::fs::copy_file_range(from, Some(&mut start), to, Some(&mut end), length) {
            Ok(count) => Ok(count as u64),
            Err(Errno::NOSPC) => Err(Errno::NOSPC.into()),
            Err(_) => Ok(0),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to, offset, length);
        Ok(0)
    }
}

/// Bytes that this user may still write to the file system of a folder; `None` where the system does
/// not say.
pub(crate) fn available(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(folder).ok()?;
        stat.f_bavail.checked_mul(stat.f_frsize)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Bytes of the file system that a file takes; its length where the system does not say.
pub(crate) fn allocated(metadata: &std::fs::Metadata) -> u64 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        metadata.blocks().saturating_mul(512)
    }
    #[cfg(not(unix))]
    {
        metadata.len()
    }
}

/// Renames a file to a name that nothing has; `AlreadyExists` if something does.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            result => return Ok(result?),
        }
    }
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

/// Has the system write to the disk all that it holds back of the file systems of `files`, each once:
/// whether it can.
pub(crate) fn sync<'a>(files: impl Iterator<Item = &'a Path>) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        use std::os::unix::fs::MetadataExt;
        let mut synced = Vec::new();
        for path in files {
            let Ok(metadata) = std::fs::metadata(path) else {
                continue;
            };
            if synced.contains(&metadata.dev()) {
                continue;
            }
            match rustix::fs::syncfs(File::open(path)?) {
                Ok(()) => synced.push(metadata.dev()),
                Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        for path in files.filter(|path| path.is_file()) {
            std::fs::OpenOptions::new()
                .write(true)
                .open(path)?
                .sync_all()?;
        }
        Ok(true)
    }
}
