//! What file systems offer beyond the standard library, with a plain way where they do not:
//! positioned reads and writes, writes of several buffers at once, reads that do not wait for the
//! disk, holes, space set aside, links and programs.

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
