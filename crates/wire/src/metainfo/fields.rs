//! The known fields of a dictionary in a metainfo, found in one pass and named in errors.

use super::MetainfoError;
use crate::bencode::{self, BencodeError};

/// Which dictionary of a metainfo fields belong to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Top,
    Info,
    File(usize),
    /// A file of the file tree (BEP 52), by its number.
    TreeFile(usize),
}

/// The raw values of the fields called `names`. Unknown fields are passed over; of a field that is there twice the first
/// counts, as in libtorrent.
#[derive(Debug)]
pub(super) struct Fields<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<&'a [u8]>; N],
    place: Place,
}

impl Place {
    pub(super) fn field(self, name: &str) -> String {
        match self {
            Self::Top => name.to_owned(),
            Self::Info => format!("info.{name}"),
            Self::File(index) => format!("info.files[{index}].{name}"),
            Self::TreeFile(index) => format!("info.file tree[{index}].{name}"),
        }
    }

    fn itself(self) -> String {
        match self {
            Self::Top => "(the whole file)".to_owned(),
            Self::Info => "info".to_owned(),
            Self::File(index) => format!("info.files[{index}]"),
            Self::TreeFile(index) => format!("info.file tree[{index}]"),
        }
    }
}

impl<'a, const N: usize> Fields<'a, N> {
    pub(super) fn read(
        dictionary: &'a [u8],
        names: &'static [&'static str; N],
        place: Place,
    ) -> Result<Self, MetainfoError> {
        let named = |error| MetainfoError::Field {
            field: place.itself(),
            error,
        };
        let mut fields = Self {
            names,
            values: [None; N],
            place,
        };
        for entry in bencode::dict_entries(dictionary).map_err(named)? {
            let (key, value) = entry.map_err(named)?;
            let Some(slot) = fields.slot(key) else {
                continue;
            };
            slot.get_or_insert(value);
        }
        Ok(fields)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.names
            .iter()
            .zip(&self.values)
            .find(|(known, _)| **known == name)
            .and_then(|(_, value)| *value)
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a [u8], MetainfoError> {
        self.get(name).ok_or_else(|| MetainfoError::Missing {
            field: self.place.field(name),
        })
    }

    /// The field's string, `None` if the field is not there or no string.
    pub(super) fn string(&self, name: &str) -> Option<&'a [u8]> {
        bencode::byte_string(self.get(name)?).ok()
    }

    /// The field's string, which must be there.
    pub(super) fn required_string(&self, name: &str) -> Result<&'a [u8], MetainfoError> {
        bencode::byte_string(self.required(name)?).map_err(|error| self.wrong(name, error))
    }

    /// The field's raw list, `None` if the field is not there or no list.
    pub(super) fn list(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name).filter(|raw| raw.first() == Some(&b'l'))
    }

    /// The field's raw dictionary, `None` if the field is not there or no dictionary.
    pub(super) fn dictionary(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name).filter(|raw| raw.first() == Some(&b'd'))
    }

    /// The field's string as text, `None` if the field is not there or no string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let raw = self.string(name)?;
        Some(String::from_utf8_lossy(raw).into_owned())
    }

    /// The field's integer, which is there and not negative.
    pub(super) fn unsigned(&self, name: &str) -> Result<u64, MetainfoError> {
        let value = bencode::int(self.required(name)?).map_err(|error| self.wrong(name, error))?;
        u64::try_from(value).map_err(|_| MetainfoError::Range {
            field: self.place.field(name),
            value,
        })
    }

    pub(super) fn wrong(&self, name: &str, error: BencodeError) -> MetainfoError {
        MetainfoError::Field {
            field: self.place.field(name),
            error,
        }
    }

    fn slot(&mut self, key: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let index = self.names.iter().position(|name| name.as_bytes() == key)?;
        self.values.get_mut(index)
    }
}
