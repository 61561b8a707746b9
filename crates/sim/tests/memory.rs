//! What a peer costs in memory: a swarm of ten thousand is to fit into a machine, and each
//! connection here is one of a real node, too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brackish_sim::{Kind, World, homogeneous};

/// Bytes that a connection may cost at one of its ends, with all that its session and its link
/// have for it. It was measured to be 12 KiB, and 21 while each kept a buffer for a block.
const PER_END: usize = 16 * 1024;

/// Counts what is allocated.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_connection_costs_a_few_kilobytes_in_the_middle_of_a_download() {
    let mut world = World::new(homogeneous(1, 100, 16 << 20, 1 << 17, Kind::Page));
    let before = IN_USE.load(Ordering::Relaxed);
    let (mut ends, mut most) = (0, 0);
    for second in 5..15 {
        if let Err(failure) = world.run_until(Duration::from_secs(second)) {
            panic!("{failure}");
        }
        let peers = (0..=100).filter_map(|node| world.session(node));
        ends = peers
            .map(|(session, torrent)| session.peer_stats(torrent).len())
            .sum();
        most = most.max((IN_USE.load(Ordering::Relaxed) - before) / ends.max(1));
    }
    println!("{ends} ends, {most} bytes each");
    assert!(ends > 2_000, "{ends}");
    assert!(most < PER_END, "{most} bytes for each of {ends} ends");
}
