//! Scenarios made at random: the fuzzing of the session by whole swarms.

use std::time::Duration;

use crate::scenario::{
    Behaviour, Discipline, Fault, Holds, Kind, Leave, LinkSpec, Nat, NodeSpec, Scenario, StoreSpec,
};

/// How much goes wrong in a random scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chaos {
    /// Links, stores and joins differ; everyone is honest and nothing breaks.
    Calm,
    /// Crashes, cuts, dead trackers, broken stores, liars, silent and hostile peers.
    Wild,
}

impl Chaos {
    /// The command that plays the scenario of a seed again.
    pub fn replay(self, seed: u64) -> String {
        let kind = match self {
            Self::Calm => "calm",
            Self::Wild => "wild",
        };
        format!("cargo xtask sim --seed {seed} {kind}")
    }
}

/// When the faults of a random scenario have stopped.
const FAULTS_END: Duration = Duration::from_secs(120);

/// The scenario of a seed: up to 24 nodes, of which the first is a hybrid origin that stays, so
/// that everyone can finish once the faults have stopped.
pub fn random_scenario(seed: u64, chaos: Chaos) -> Scenario {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x7261_6e64);
    let piece_length = 1 << rng.u32(14..19);
    let total = rng.u64(1..12 << 20);
    let mut scenario = Scenario::new(seed, total, piece_length);
    scenario.trackers = rng.usize(1..4);
    let count = rng.usize(2..24);
    for index in 0..=count {
        let node = random_node(&mut rng, index, &scenario, chaos);
        scenario.add(node);
    }
    scenario.limit = Duration::from_secs(1800);
    if chaos == Chaos::Wild {
        add_faults(&mut rng, &mut scenario);
    }
    scenario
}

fn random_node(
    rng: &mut fastrand::Rng,
    index: usize,
    scenario: &Scenario,
    chaos: Chaos,
) -> NodeSpec {
    let kind = [Kind::Page, Kind::Tcp, Kind::Hybrid][rng.usize(..3)];
    let link = LinkSpec {
        up: (rng.u8(..8) > 0).then(|| rng.u64(50_000..3_000_000)),
        down: (rng.u8(..4) > 0).then(|| rng.u64(100_000..10_000_000)),
        delay: Duration::from_micros(rng.u64(100..80_000)),
        discipline: if rng.u8(..4) == 0 {
            Discipline::Fifo
        } else {
            Discipline::Fair
        },
        nat: [
            Nat::Open,
            Nat::Open,
            Nat::Cone,
            Nat::PortRestricted,
            Nat::Symmetric,
        ][rng.usize(..5)],
        room: 1 << rng.u32(14..19),
    };
    if index == 0 {
        let link = LinkSpec {
            nat: Nat::Open,
            up: Some(rng.u64(200_000..2_000_000)),
            ..link
        };
        return NodeSpec::seed(Kind::Hybrid).link(link);
    }
    let store = if rng.bool() {
        StoreSpec::FAST
    } else {
        StoreSpec {
            delay: Duration::from_micros(rng.u64(10..20_000)),
            rate: Some(rng.u64(1_000_000..100_000_000)),
            capacity: None,
        }
    };
    let mut node = NodeSpec::leech(kind).link(link).store(store);
    node.joins = Duration::from_millis(rng.u64(..60_000));
    node.magnet = rng.u8(..4) == 0;
    node.holds = match rng.u8(..6) {
        0 => Holds::Everything,
        1 | 2 if !node.magnet => random_holdings(rng, scenario),
        _ => Holds::Nothing,
    };
    if matches!(node.holds, Holds::Everything) {
        node.magnet = false;
        if rng.u8(..3) == 0 {
            node.leaves = Leave::CopyOut;
        }
    } else if rng.u8(..4) == 0 {
        node.leaves = Leave::Finished(Duration::from_millis(rng.u64(..20_000)));
    }
    if chaos == Chaos::Wild {
        node.behaviour = match rng.u8(..12) {
            0 => Behaviour::Corrupting(rng.u32(1..50)),
            1 => Behaviour::Silent(rng.u32(..100)),
            2 => Behaviour::FreeRiding,
            3 => Behaviour::Hostile(rng.u32(2..200)),
            _ => Behaviour::Honest,
        };
        node.tune = match rng.u8(..8) {
            0 => |config| {
                config.store_budget = 32 * 1024;
                config.request_budget = 64 * 1024;
            },
            1 => |config| {
                config.connections_per_torrent = 6;
                config.connections = 8;
                config.half_open = 2;
            },
            2 => |config| config.offers_per_announce = 1,
            _ => |_| {},
        };
        if rng.u8(..16) == 0 {
            node.store.capacity = Some(rng.u64(..scenario.total));
        }
    }
    node
}

fn random_holdings(rng: &mut fastrand::Rng, scenario: &Scenario) -> Holds {
    let pieces = scenario.total.div_ceil(u64::from(scenario.piece_length)) as u32;
    let claimed: Vec<u32> = (0..pieces).filter(|_| rng.bool()).collect();
    let intact = claimed.iter().copied().filter(|_| rng.u8(..4) > 0);
    Holds::Some {
        intact: intact.collect(),
        claimed,
    }
}

fn add_faults(rng: &mut fastrand::Rng, scenario: &mut Scenario) {
    let end = FAULTS_END.as_millis() as u64;
    if rng.u8(..4) == 0 {
        scenario.fault(Duration::ZERO, Fault::TrackerLies(rng.u32(2..20)));
        scenario.fault(FAULTS_END, Fault::TrackerLies(0));
    }
    for _ in 0..rng.usize(..16) {
        let at = rng.u64(..end);
        let after = Duration::from_millis(at);
        let later = Duration::from_millis(rng.u64(at..=end));
        // The origin stays, so that everyone can finish.
        let node = rng.usize(1..scenario.nodes.len());
        match rng.u8(..11) {
            10 => scenario.fault(after, Fault::Split(rng.u32(..700), later - after)),
            0 => {
                scenario.fault(after, Fault::TrackerDies);
                scenario.fault(later, Fault::TrackerReturns);
            }
            1 | 2 => {
                scenario.fault(after, Fault::Crash(node));
                if rng.u8(..4) > 0 {
                    scenario.fault(later, Fault::Return(node));
                }
            }
            3 => {
                scenario.fault(after, Fault::Leave(node));
                if rng.bool() {
                    scenario.fault(later, Fault::Return(node));
                }
            }
            4 | 5 => scenario.fault(after, Fault::Cut(rng.u32(..1000))),
            6 => scenario.fault(after, Fault::StoreBreaks(node)),
            7 => {
                let slow = StoreSpec {
                    delay: Duration::from_millis(rng.u64(1..500)),
                    rate: Some(rng.u64(100_000..10_000_000)),
                    capacity: None,
                };
                scenario.fault(after, Fault::StoreIs(node, slow));
                scenario.fault(later, Fault::StoreIs(node, StoreSpec::FAST));
            }
            8 => scenario.fault(after, Fault::Room(node, 1 << rng.u32(10..20))),
            _ => {
                let slow = (
                    Some(rng.u64(20_000..500_000)),
                    Some(rng.u64(50_000..500_000)),
                );
                scenario.fault(after, Fault::Rates(node, slow.0, slow.1));
                let back = &scenario.nodes[node].link;
                let (up, down) = (back.up, back.down);
                scenario.fault(later, Fault::Rates(node, up, down));
            }
        }
    }
}
