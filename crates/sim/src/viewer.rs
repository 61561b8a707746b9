//! Someone who watches the torrent of a node as a film while it downloads.

use std::time::Duration;

use brackish_core::Timestamp;

use crate::failure::Failure;
use crate::scenario::NodeIndex;
use crate::world::World;

/// How often the player looks at what is there.
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
}

impl Viewer {
    /// Plays from `start`, in bytes, to the end, for at most `limit`.
    pub fn watch(self, world: &mut World, start: u64, limit: Duration) -> Result<Viewing, Failure> {
        let lengths = world.content.lengths.lengths();
        let total = lengths.total();
        let began_at = world.now;
        let mut viewing = Viewing::default();
        let mut position = start;
        let reader = self.reads.then(|| {
            world.tell(self.node, |session, torrent, now| {
                session.open_reader(torrent, start..total, now)
            })
        });
        let reader = reader.flatten().and_then(Result::ok);
        let (mut plays, mut has_begun, mut first) = (false, false, false);
        while position < total && world.now.since(began_at) < limit {
            world.run_for(STEP)?;
            let since = world.now.since(began_at);
            let here = self.here_from(world, position);
            if here > 0 && !first {
                first = true;
                viewing.first_byte = since;
            }
            let step = self.rate * STEP.as_millis() as u64 / 1000;
            let enough = (self.rate * BUFFER).min(total - position);
            if !plays && here >= enough {
                plays = true;
                if !std::mem::replace(&mut has_begun, true) {
                    viewing.began = since;
                }
            }
            if plays && here < step.min(total - position) {
                plays = false;
                viewing.stalls += 1;
            }
            if plays {
                position += step.min(total - position);
            } else if has_begun {
                viewing.stalled += STEP;
            }
            if let Some(reader) = reader {
                world.tell(self.node, |session, torrent, now: Timestamp| {
                    session.move_reader(torrent, reader, position, now);
                });
            }
        }
        if let Some(reader) = reader {
            world.tell(self.node, |session, torrent, now| {
                session.close_reader(torrent, reader, now);
            });
        }
        Ok(viewing)
    }

    /// Bytes from `position` on that are verified without a gap.
    fn here_from(self, world: &World, position: u64) -> u64 {
        let lengths = world.content.lengths.lengths();
        let verified = world
            .session(self.node)
            .and_then(|(session, torrent)| session.verified(torrent));
        let Some(verified) = verified else {
            return 0;
        };
        let mut end = position;
        while let Some(piece) = lengths.piece_at(end).filter(|at| verified.get(at.get())) {
            end = lengths.piece_offset(piece) + u64::from(lengths.piece_size(piece));
        }
        end - position
    }
}
