//! Between the names in a torrent and those of the file system.

use std::ffi::{OsStr, OsString};

use brackish_wire::metainfo::Name;

/// The name as the system takes it: its own bytes where names are bytes, else its text.
pub(crate) fn os_name(name: &Name) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(name.as_bytes()).to_owned()
    }
    #[cfg(not(unix))]
    {
        OsString::from(name.text())
    }
}

/// The bytes that a torrent has for a name of the system. Where names are not bytes, they are UTF-8; `None` for a name
/// that is no Unicode.
pub(crate) fn bytes_of(name: &OsStr) -> Option<Vec<u8>> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(name.as_bytes().to_vec())
    }
    #[cfg(not(unix))]
    {
        name.to_str().map(|name| name.as_bytes().to_vec())
    }
}
