//! Those who watch a film while it downloads: how long they wait for it and how often it stops.

use std::time::Duration;

use brackish_sim::{Failure, NodeIndex, Scenario, Viewer, Viewing, World};

use crate::case::Links;
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::in_parallel;

/// Bits of the film in a second, in millions; the links have 10 up.
const RATES: [u64; 4] = [2, 4, 6, 8];

/// Peers of the swarms, watching or not.
const PEERS: usize = 100;

/// When one comes late: about half of it is there then.
const LATE: Duration = Duration::from_secs(30);

/// Films are given up after so many times their length.
const PATIENCE: u32 = 4;

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    /// The only peer of the origin.
    Alone,
    /// One of a hundred that come at once.
    One,
    /// One that comes to a hundred that are halfway.
    Late,
    /// A hundred that come at once.
    All,
}

struct Shown {
    scene: Scene,
    mbits: u64,
    viewings: Vec<Viewing>,
    /// From the first that came to the last that had everything.
    finished: Duration,
}

impl Scene {
    const ALL: [Self; 4] = [Self::Alone, Self::One, Self::Late, Self::All];

    fn title(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::One => "one of 100",
            Self::Late => "one that comes late",
            Self::All => "all 100",
        }
    }

    fn scenario(self, options: &Options) -> Scenario {
        let peers = if self == Self::Alone { 1 } else { PEERS };
        let mut scenario = options.case(Links::Equal, peers).scenario();
        if self == Self::Late {
            scenario.nodes[peers].joins = LATE;
        }
        scenario
    }

    fn viewers(self) -> std::ops::RangeInclusive<NodeIndex> {
        match self {
            Self::Alone => 1..=1,
            Self::One | Self::Late => PEERS..=PEERS,
            Self::All => 1..=PEERS,
        }
    }
}

impl Shown {
    /// Of the viewers' figures the one in the middle and the greatest, in seconds.
    fn spread(&self, of: impl Fn(&Viewing) -> Duration) -> (f64, f64) {
        let mut all: Vec<f64> = self.viewings.iter().map(|v| of(v).as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        let middle = all.get(all.len() / 2).copied().unwrap_or_default();
        (middle, all.last().copied().unwrap_or_default())
    }
}

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let scenes = Scene::ALL.into_iter();
    let cases: Vec<(Scene, u64)> = scenes
        .flat_map(|scene| RATES.map(|rate| (scene, rate)))
        .collect();
    let shown = in_parallel(&cases, |(scene, mbits)| show(*scene, *mbits, options))?;
    print(&shown);
    let line = |scene: Scene| Line {
        name: scene.title(),
        points: shown
            .iter()
            .filter(|shown| shown.scene == scene)
            .map(|shown| (shown.mbits as f64, shown.spread(|v| v.began + v.stalled).0))
            .collect(),
    };
    let chart = Chart {
        title: "A film of 64 MiB while it downloads",
        x: Axis::linear("play rate, Mbit/s; links have 10 up", 0.0),
        y: Axis::linear("seconds of waiting, median viewer", 0.0),
        lines: Scene::ALL.into_iter().map(line).collect(),
    };
    Ok(vec![("swarm-streams.svg", chart.svg())])
}

fn show(scene: Scene, mbits: u64, options: &Options) -> Result<Shown, Failure> {
    let mut world = World::new(scene.scenario(options));
    let rate = mbits * 125_000;
    let viewers: Vec<Viewer> = scene
        .viewers()
        .map(|node| Viewer {
            node,
            rate,
            reads: true,
        })
        .collect();
    if scene == Scene::Late {
        world.run_for(LATE)?;
    } else {
        // All have joined.
        world.run_for(Duration::ZERO)?;
    }
    let film = Duration::from_secs(options.total() / rate);
    let viewings = Viewer::watch_together(&viewers, &mut world, 0, film * PATIENCE)?;
    world.run()?;
    Ok(Shown {
        scene,
        mbits,
        viewings,
        finished: world.report().finished,
    })
}

fn print(shown: &[Shown]) {
    println!(
        "\n| who watches | Mbit/s | first byte, s | film begins, s | stalls each | stalled, s | longest stall, s | last peer, s |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for one in shown {
        let both = |of: fn(&Viewing) -> Duration| {
            let (median, most) = one.spread(of);
            if one.viewings.len() > 1 {
                format!("{median:.1} (≤ {most:.1})")
            } else {
                format!("{median:.1}")
            }
        };
        let stalls: u32 = one.viewings.iter().map(|viewing| viewing.stalls).sum();
        println!(
            "| {} | {} | {} | {} | {:.1} | {} | {:.1} | {:.1} |",
            one.scene.title(),
            one.mbits,
            both(|v| v.first_byte),
            both(|v| v.began),
            f64::from(stalls) / one.viewings.len().max(1) as f64,
            both(|v| v.stalled),
            one.spread(|v| v.longest).1,
            one.finished.as_secs_f64(),
        );
    }
}
