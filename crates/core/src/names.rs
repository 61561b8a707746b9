//! The names of a torrent: the hash of its `info` dictionary by each version that it is known to have (BEP 3, BEP 52).
//! A hybrid has two, and with each a swarm of its own.

use brackish_wire::metainfo::Info;
use brackish_wire::{InfoHash, InfoHashV2};

/// What a torrent is called. At least one is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub v1: Option<InfoHash>,
    pub v2: Option<InfoHashV2>,
}

impl Names {
    /// The names in a magnet link. Of version 2 alone, `info_hash` is `v2` cut short.
    pub fn of_magnet(info_hash: InfoHash, v2: Option<InfoHashV2>) -> Self {
        let is_v2 = v2.is_some_and(|v2| v2.truncated() == info_hash);
        Self {
            v1: (!is_v2).then_some(info_hash),
            v2,
        }
    }

    /// The names of a torrent whose dictionary is known.
    pub fn of_info(info: &Info) -> Self {
        Self {
            v1: info.has_v1().then(|| info.info_hash()),
            v2: info.v2().map(|v2| v2.info_hash()),
        }
    }

    /// These, and those that they lack.
    pub fn and(self, more: Self) -> Self {
        Self {
            v1: self.v1.or(more.v1),
            v2: self.v2.or(more.v2),
        }
    }

    /// The name of the swarm of version 2.
    pub fn v2_swarm(&self) -> Option<InfoHash> {
        self.v2.map(InfoHashV2::truncated)
    }

    /// The name under which a peer is spoken to first: of version 1, from which both can go on to version 2.
    pub fn first(&self) -> Option<InfoHash> {
        self.v1.or(self.v2_swarm())
    }

    /// Each swarm's.
    pub fn swarms(&self) -> impl Iterator<Item = InfoHash> + use<> {
        self.v1.into_iter().chain(self.v2_swarm())
    }

    /// Whether these are the names of the dictionary that has these bytes.
    pub fn are_of(&self, raw: &[u8]) -> bool {
        self.v1.is_none_or(|hash| InfoHash::of_info(raw) == hash)
            && self.v2.is_none_or(|hash| InfoHashV2::of_info(raw) == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_must_have_both_names_of_a_hybrid() {
        let raw = b"de";
        let (v1, v2) = (InfoHash::of_info(raw), InfoHashV2::of_info(raw));
        let names = Names::of_magnet(v1, Some(v2));
        assert!(names.are_of(raw));
        assert!(!Names::of_magnet(v1, Some(InfoHashV2([1; 32]))).are_of(raw));
        assert!(!Names::of_magnet(InfoHash([1; 20]), Some(v2)).are_of(raw));
        assert_eq!(names.first(), Some(v1));
        assert_eq!(names.swarms().collect::<Vec<_>>(), [v1, v2.truncated()]);
    }

    #[test]
    fn a_link_of_version_2_alone_has_no_name_of_version_1() {
        let v2 = InfoHashV2::of_info(b"de");
        let names = Names::of_magnet(v2.truncated(), Some(v2));
        assert_eq!((names.v1, names.first()), (None, Some(v2.truncated())));
        let v1 = Some(InfoHash::of_info(b"de"));
        assert_eq!(names.and(Names { v1, v2: None }).v1, v1);
    }
}
