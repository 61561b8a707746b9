use brackish_sim::{Bound, Kind, World, homogeneous, mixed};
fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let peers: usize = a[1].parse().unwrap();
    let total: u64 = a[2].parse::<u64>().unwrap() << 20;
    let pl = brackish_wire::metainfo::default_piece_length(total).max(1 << 17);
    let alike = |kind| homogeneous(1, peers, total, pl, kind);
    let scenario = match a[0].as_str() {
        "tcp" => alike(Kind::Tcp),
        "page" => alike(Kind::Page),
        "hybrid" => alike(Kind::Hybrid),
        _ => mixed(1, peers, total, pl),
    };
    let bound = Bound::of(&scenario).time;
    let cap: u64 = scenario.nodes.iter().map(|n| n.link.up.unwrap()).sum();
    let n = scenario.nodes.len();
    let mut w = World::new(scenario);
    let steps: u32 = a.get(3).map_or(20, |s| s.parse().unwrap());
    let mut last = 0;
    let mut last0 = 0;
    for k in 1..=steps * 3 {
        let dt = bound / steps;
        w.run_until(dt * k).unwrap();
        let r = w.report();
        let up: u64 = r.nodes.iter().map(|n| n.uploaded).sum();
        let mut unchoked = 0;
        let mut conns = 0;
        let mut interested = 0;
        let mut reqs = 0;
        let mut idle = 0;
        let mut minc = 9999;
        let mut idleup = 0;
        let mut want_unchoked = 0;
        for i in 0..n {
            if let Some((s, t)) = w.session(i) {
                let ps = s.peer_stats(t);
                conns += ps.len();
                minc = minc.min(ps.len());
                let mut any = false;
                for p in &ps {
                    unchoked += (!p.choked) as usize;
                    interested += p.interested as usize;
                    reqs += p.requests;
                    want_unchoked += (!p.choking_us && p.interesting) as usize;
                    idle += (!p.choking_us && p.interesting && p.requests == 0) as usize;
                    any |= p.interested && !p.choked;
                }
                idleup += !any as usize;
            }
        }
        let min = r.nodes.iter().map(|n| n.verified).min().unwrap();
        let max = r.nodes[1..].iter().map(|n| n.verified).max().unwrap();
        println!(
            "{:6.1}s util {:.2} origin {:.2} conns/node {:.1} (min {minc}) interested {:.1} unchoked {:.1} usable {:.1} idle {:.1} reqs/usable {:.1} pieces {min}..{max} uploaders idle {idleup}",
            (dt * k).as_secs_f64(),
            (up - last) as f64 / (cap as f64 * dt.as_secs_f64()),
            (r.nodes[0].uploaded - last0) as f64 / (1_250_000.0 * dt.as_secs_f64()),
            conns as f64 / n as f64,
            interested as f64 / n as f64,
            unchoked as f64 / n as f64,
            want_unchoked as f64 / n as f64,
            idle as f64 / n as f64,
            reqs as f64 / want_unchoked.max(1) as f64
        );
        last = up;
        last0 = r.nodes[0].uploaded;
        if r.nodes.iter().all(|n| n.complete) {
            break;
        }
    }
}
