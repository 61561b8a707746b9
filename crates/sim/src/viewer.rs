//! Those who watch the torrent as a film while it downloads.

use std::time::Duration;

use brackish_core::{ReaderId, Timestamp};

use crate::failure::Failure;
use crate::scenario::NodeIndex;
use crate::world::World;

/// How often a player looks at what is there.
const STEP: Duration = Duration::from_millis(100);

/// Seconds of the film that a player has ahead before it begins, and again after it ran dry.
const BUFFER: u64 = 2;

/// A player of the torrent's bytes at a fixed rate.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// Of which node.
    pub node: NodeIndex,
    /// Bytes of the film in a second.
    pub rate: u64,
    /// Whether the session is told where the player is; else it fetches as if nobody watched.
    pub reads: bool,
}

/// How the film was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Viewing {
    /// From the start of the player until its first byte was there.
    pub first_byte: Duration,
    /// Until the picture moved.
    pub began: Duration,
    /// How often it stood still afterwards.
    pub stalls: u32,
    /// How long in all.
    pub stalled: Duration,
    /// How long the longest time.
    pub longest: Duration,
    /// It was seen to its end.
    pub ended: bool,
}

/// A viewer at the film.
struct Player {
    viewer: Viewer,
    reader: Option<ReaderId>,
    position: u64,
    plays: bool,
    has_begun: bool,
    has_first: bool,
    /// How long the picture has stood still since it last moved.
    standing: Duration,
    viewing: Viewing,
}

impl Viewer {
    /// Plays from `start`, in bytes, to the end, for at most `limit`.
    pub fn watch(self, world: &mut World, start: u64, limit: Duration) -> Result<Viewing, Failure> {
        let viewings = Self::watch_together(&[self], world, start, limit)?;
        Ok(viewings.into_iter().next().unwrap_or_default())
    }

    /// Several begin to watch now, each from `start`, in bytes, to the end, for at most `limit`.
    pub fn watch_together(
        viewers: &[Self],
        world: &mut World,
        start: u64,
        limit: Duration,
    ) -> Result<Vec<Viewing>, Failure> {
        let began_at = world.now;
        let sit = |viewer: &Self| Player::new(*viewer, world, start);
        let mut players: Vec<Player> = viewers.iter().map(sit).collect();
        while players.iter().any(|player| !player.viewing.ended) {
            if world.now.since(began_at) >= limit {
                break;
            }
            world.run_for(STEP)?;
            for player in players.iter_mut().filter(|player| !player.viewing.ended) {
                player.step(world, began_at);
            }
        }
        players.iter_mut().for_each(|player| player.close(world));
        Ok(players.iter().map(|player| player.viewing).collect())
    }
}

impl Player {
    fn new(viewer: Viewer, world: &mut World, start: u64) -> Self {
        let total = world.content.lengths.lengths().total();
        let reader = viewer.reads.then(|| {
            world.tell(viewer.node, |session, torrent, now| {
                session.open_reader(torrent, start..total, now)
            })
        });
        Self {
            viewer,
            reader: reader.flatten().and_then(Result::ok),
            position: start,
            plays: false,
            has_begun: false,
            has_first: false,
            standing: Duration::ZERO,
            viewing: Viewing::default(),
        }
    }

    /// What has happened since the last step.
    fn step(&mut self, world: &mut World, began_at: Timestamp) {
        let total = world.content.lengths.lengths().total();
        let since = world.now.since(began_at);
        let left = total - self.position;
        let here = self.here(world);
        if here > 0 && !std::mem::replace(&mut self.has_first, true) {
            self.viewing.first_byte = since;
        }
        let step = (self.viewer.rate * STEP.as_millis() as u64 / 1000).min(left);
        if !self.plays && here >= (self.viewer.rate * BUFFER).min(left) {
            self.plays = true;
            if !std::mem::replace(&mut self.has_begun, true) {
                self.viewing.began = since;
            }
        }
        if self.plays && here < step {
            self.plays = false;
            self.standing = Duration::ZERO;
            self.viewing.stalls += 1;
        }
        if self.plays {
            self.position += step;
        } else if self.has_begun {
            self.standing += STEP;
            self.viewing.stalled += STEP;
            self.viewing.longest = self.viewing.longest.max(self.standing);
        }
        self.viewing.ended = self.position >= total;
        let position = self.position;
        if let Some(reader) = self.reader {
            world.tell(self.viewer.node, |session, torrent, now| {
                session.move_reader(torrent, reader, position, now);
            });
        }
        if self.viewing.ended {
            self.close(world);
        }
    }

    fn close(&mut self, world: &mut World) {
        if let Some(reader) = self.reader.take() {
            world.tell(self.viewer.node, |session, torrent, now| {
                session.close_reader(torrent, reader, now);
            });
        }
    }

    /// Bytes from where it is on that are verified without a gap.
    fn here(&self, world: &World) -> u64 {
        let lengths = world.content.lengths.lengths();
        let verified = world
            .session(self.viewer.node)
            .and_then(|(session, torrent)| session.verified(torrent));
        let Some(verified) = verified else {
            return 0;
        };
        let mut end = self.position;
        while let Some(piece) = lengths.piece_at(end).filter(|at| verified.get(at.get())) {
            end = lengths.piece_offset(piece) + u64::from(lengths.piece_size(piece));
        }
        end - self.position
    }
}
