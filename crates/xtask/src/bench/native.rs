//! Native clients over loopback TCP: each downloads from one libtorrent seed, and some of them from
//! our seed too.

use std::path::Path;

use anyhow::Result;

use super::clients::Client;
use super::options::Options;
use super::report::Report;
use super::rotated;
use super::table::{Metric, Table};
use super::transfer::{Bench, Disk, Run, enter};

/// What is downloaded unless `--size` says otherwise, in MiB.
const SIZE: u64 = 1024;

const CLIENTS: [Client; 4] = [
    Client::Brackish,
    Client::Rqbit,
    Client::Libtorrent,
    Client::Aria2,
];

const SEEDS: [Client; 2] = [Client::Brackish, Client::Libtorrent];

const LEECHERS: [Client; 3] = [Client::Brackish, Client::Rqbit, Client::Libtorrent];

/// Both comparisons.
pub fn run(brackish: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let bench = Bench::new("tcp", brackish, options.size_or(SIZE))?;
    for client in CLIENTS {
        report.version(client.name(), bench.version(client)?);
    }
    downloads(&bench, options, report)?;
    flushed_downloads(&bench, options, report)?;
    seeds(&bench, options, report)
}

fn downloads(bench: &Bench, options: &Options, report: &mut Report) -> Result<()> {
    let title = format!("{} from one libtorrent seed over TCP", bench.size());
    let mut table = Table::new(
        title,
        &[
            Metric::higher("MB/s", 0),
            Metric::higher("MB/s from first byte", 0),
            Metric::lower("CPU s/GiB", 2),
            Metric::lower("peak MiB", 0),
            Metric::lower("seed CPU s/GiB", 2),
        ],
    );
    let figures = |run: &Run| {
        [
            run.rate(),
            run.rate_from_first_byte(),
            run.cpu_per_gib(),
            run.peak(),
            run.seed_cpu_per_gib(),
        ]
    };
    let seed = bench.tcp_seed(Client::Libtorrent)?;
    // Not counted: programs and the seed's file come into memory.
    for client in CLIENTS {
        let _ = bench.download(&seed, client, Disk::Memory);
    }
    for round in 0..options.runs {
        for client in rotated(&CLIENTS, round) {
            let outcome = bench.download(&seed, client, Disk::Memory);
            enter(
                &mut table,
                client.name(),
                client.is_ours(),
                outcome,
                figures,
            );
        }
    }
    report.add(table);
    Ok(())
}

/// The same to a real disk: the clock stops when the file system has written everything.
fn flushed_downloads(bench: &Bench, options: &Options, report: &mut Report) -> Result<()> {
    let title = format!(
        "{} from one libtorrent seed over TCP to a disk, flush included",
        bench.size()
    );
    let mut table = Table::new(
        title,
        &[
            Metric::higher("MB/s, flushed", 0),
            Metric::higher("MB/s as the client says", 0),
            Metric::lower("flush s", 2),
        ],
    );
    let figures = |run: &Run| [run.rate_flushed(), run.rate(), run.flush_seconds()];
    let seed = bench.tcp_seed(Client::Libtorrent)?;
    for round in 0..options.runs {
        for client in rotated(&CLIENTS, round) {
            let outcome = bench.download(&seed, client, Disk::Real);
            enter(
                &mut table,
                client.name(),
                client.is_ours(),
                outcome,
                figures,
            );
        }
    }
    report.add(table);
    Ok(())
}

fn seeds(bench: &Bench, options: &Options, report: &mut Report) -> Result<()> {
    let mut tables = LEECHERS.map(|leecher| {
        let title = format!("{} to {} over TCP, by seed", bench.size(), leecher.name());
        Table::new(
            title,
            &[
                Metric::higher("MB/s", 0),
                Metric::higher("MB/s from first byte", 0),
                Metric::lower("seed CPU s/GiB", 2),
                Metric::lower("seed peak MiB", 0),
            ],
        )
    });
    let figures = |run: &Run| {
        [
            run.rate(),
            run.rate_from_first_byte(),
            run.seed_cpu_per_gib(),
            run.seed_peak(),
        ]
    };
    for round in 0..options.runs {
        for (leecher, table) in LEECHERS.into_iter().zip(&mut tables) {
            for client in rotated(&SEEDS, round) {
                // A new seed for each, since its peak memory is counted over its life.
                let seed = bench.tcp_seed(client)?;
                let outcome = bench.download(&seed, leecher, Disk::Memory);
                enter(table, client.name(), client.is_ours(), outcome, figures);
                seed.process.stop()?;
            }
        }
    }
    for table in tables {
        report.add(table);
    }
    Ok(())
}
