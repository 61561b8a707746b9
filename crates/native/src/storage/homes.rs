//! Where the bytes of each file are: under its own name once it is complete, under a temporary one
//! until then, or in the file of parts if it is not made.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::layout::{Layout, Slot};

/// Where the bytes of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Home {
    /// Under its own name.
    #[default]
    Place,
    /// Under its temporary name, or nowhere yet.
    Temporary,
    /// The file is not made; what pieces of other files have of it is in the file of parts.
    Parts,
}

/// The homes of a torrent's files. Read for every block, changed seldom.
#[derive(Debug, Default)]
pub(super) struct Homes {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Of each file.
    homes: Vec<Home>,
    /// The pieces that lie in several files, in order: each has a slot in the file of parts, by its
    /// place here.
    shared: Vec<u32>,
    /// Files whose own name belongs to this torrent, so that what stands there may be replaced.
    claimed: BTreeSet<usize>,
    /// Files that are begun under their temporary name while another's file has their own.
    contested: BTreeSet<usize>,
}

impl Homes {
    /// Where files are that nobody has looked for.
    pub(super) fn new(layout: &Layout) -> Self {
        let home = |slot: &Slot| match slot.temporary.as_os_str().is_empty() {
            true => Home::Place,
            false => Home::Temporary,
        };
        let homes = layout.files().iter().map(home).collect();
        Self {
            state: RwLock::new(State::new(layout, homes)),
        }
    }

    /// What is known; it does not change while this is held, so that what is written goes where it
    /// is looked for afterwards.
    pub(super) fn look(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, unless it is being changed.
    pub(super) fn try_look(&self) -> Option<RwLockReadGuard<'_, State>> {
        self.state.try_read().ok()
    }

    pub(super) fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Where files were found.
    pub(super) fn new(layout: &Layout, homes: Vec<Home>) -> Self {
        Self {
            homes,
            shared: shared_pieces(layout),
            ..Self::default()
        }
    }

    pub(super) fn home(&self, file: usize) -> Home {
        self.homes.get(file).copied().unwrap_or_default()
    }

    pub(super) fn set_home(&mut self, file: usize, home: Home) {
        if let Some(place) = self.homes.get_mut(file) {
            *place = home;
        }
    }

    /// Whether some file has this home.
    pub(super) fn any(&self, home: Home) -> bool {
        self.homes.contains(&home)
    }

    /// Whether every file is under its own name.
    pub(super) fn all_in_place(&self) -> bool {
        self.homes.iter().all(|home| *home == Home::Place)
    }

    /// What stands under the file's own name is another's.
    pub(super) fn contest(&mut self, file: usize) {
        self.contested.insert(file);
    }

    /// What stands under the file's own name may be replaced from now on.
    pub(super) fn claim(&mut self, file: usize) {
        self.contested.remove(&file);
        self.claimed.insert(file);
    }

    pub(super) fn is_claimed(&self, file: usize) -> bool {
        self.claimed.contains(&file)
    }

    pub(super) fn is_contested(&self, file: usize) -> bool {
        self.contested.contains(&file)
    }

    /// Nothing stands under the file's own name any more.
    pub(super) fn cleared(&mut self, file: usize) {
        self.contested.remove(&file);
        self.claimed.remove(&file);
    }

    /// The pieces that lie in several files, in order.
    pub(super) fn shared(&self) -> &[u32] {
        &self.shared
    }

    /// Whether the piece lies in several files.
    pub(super) fn is_shared(&self, piece: u32) -> bool {
        self.shared.binary_search(&piece).is_ok()
    }
}

/// The pieces that have bytes of several files that are stored.
fn shared_pieces(layout: &Layout) -> Vec<u32> {
    let lengths = layout.lengths();
    let mut shared = Vec::new();
    let mut before = None;
    let stored = |slot: &&Slot| slot.stored && slot.length > 0;
    for slot in layout.files().iter().filter(stored) {
        let first = lengths.piece_at(slot.offset).map(|piece| piece.get());
        let last = lengths.piece_at(slot.offset + slot.length - 1);
        if let Some(first) = first.filter(|first| before == Some(*first))
            && shared.last() != Some(&first)
        {
            shared.push(first);
        }
        before = last.map(|piece| piece.get());
    }
    shared
}
