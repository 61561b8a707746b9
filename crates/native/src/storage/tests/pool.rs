//! The workers on real jobs.

use super::*;

/// A pool with one torrent, and job identities from a session, which alone can make them.
struct Bench {
    pool: Pool,
    files: Arc<Files>,
    info: Arc<Info>,
    torrent: TorrentId,
    jobs: Vec<JobId>,
    _place: tempfile::TempDir,
}

impl Bench {
    fn new(data: &[u8], piece_length: u32, version: Version) -> Self {
        let place = tempfile::tempdir().unwrap();
        let info = verifier_of(data, piece_length, version).info().clone();
        let files = Arc::new(store_in(&info, place.path()));
        let (torrent, jobs) = identities();
        Self {
            pool: Pool::start().unwrap(),
            files,
            info,
            torrent,
            jobs,
            _place: place,
        }
    }

    fn write(&mut self, piece: u32, begin: usize, data: &[u8]) -> Job {
        Job::Write {
            job: self.jobs.pop().unwrap(),
            torrent: self.torrent,
            files: self.files.clone(),
            piece: self.info.lengths().piece(piece).unwrap(),
            begin: begin as u32,
            data: Bytes::copy_from_slice(data),
        }
    }

    fn hash(&mut self, piece: u32) -> Job {
        Job::Hash {
            job: self.jobs.pop().unwrap(),
            torrent: self.torrent,
            files: self.files.clone(),
            piece: self.info.lengths().piece(piece).unwrap(),
        }
    }

    /// Does the jobs in one batch, all of piece 0, and gives the hashes in order.
    fn run(&self, mut jobs: Vec<Job>) -> Vec<PieceHash> {
        let expected = jobs.len();
        self.pool.submit(0, &mut jobs);
        let (mut seen, mut hashes) = (0, Vec::new());
        let end = Instant::now() + PATIENCE;
        while seen < expected {
            assert!(Instant::now() < end, "answers in time");
            let mut done = Vec::new();
            self.pool.take_done(&mut done);
            seen += done.len();
            for done in done {
                match done {
                    Done::Hashed { result, .. } => hashes.push(result.unwrap()),
                    Done::Written { result, .. } => {
                        let hashes_blocks = self.files.layout().hashers().hashes_blocks();
                        assert_eq!(result.unwrap().is_some(), hashes_blocks);
                    }
                    other => panic!("{other:?}"),
                }
            }
            std::thread::yield_now();
        }
        hashes
    }

    /// The hash of the first piece with these bytes.
    fn hash_of(&self, data: &[u8]) -> PieceHash {
        hash_of(self.files.layout().hashers(), data)
    }

    fn path(&self) -> std::path::PathBuf {
        self.files.layout().files()[0].temporary.clone()
    }
}

/// A torrent's identity and thousands of jobs'.
fn identities() -> (TorrentId, Vec<JobId>) {
    let info = info_of(&pattern(2000), 1);
    let mut session = Session::new(Config::new(PeerId([7; 20])), [0; 32], Timestamp::ZERO);
    let source = Source::Info {
        info: info.clone(),
        piece_layers: PieceLayers::default(),
    };
    let add = AddTorrent {
        source,
        trackers: Vec::new(),
        web_seeds: Vec::new(),
        peers: Vec::new(),
        existing: Existing::Check,
        select: Select::Everything,
        super_seed: false,
    };
    let torrent = session.add_torrent(add, Timestamp::ZERO).unwrap();
    let mut jobs = Vec::new();
    let mut input = Some(Input::StorageOpened {
        torrent,
        result: Ok(Presence::Maybe(Bitfield::full(
            info.lengths().piece_count(),
        ))),
    });
    while let Some(next) = input.take() {
        session.handle_input(next, Timestamp::ZERO);
        while let Some(output) = session.poll_output() {
            if let Output::Hash { job, .. } = output {
                jobs.push(job);
            }
        }
        if let Some(job) = jobs.last().filter(|_| jobs.len() < 1500) {
            input = Some(Input::PieceHashed {
                job: *job,
                result: Ok(PieceHash::default()),
            });
        }
    }
    assert!(jobs.len() >= 1000, "{}", jobs.len());
    (torrent, jobs)
}

#[test]
fn blocks_in_order_are_hashed_from_memory() {
    let data = pattern(10 * BLOCK + 5);
    for version in VERSIONS {
        let mut bench = Bench::new(&data, 1 << 20, version);
        let jobs = data
            .chunks(BLOCK)
            .enumerate()
            .map(|(index, block)| bench.write(0, index * BLOCK, block))
            .collect();
        assert!(bench.run(jobs).is_empty());
        assert!(fs::read(bench.path()).unwrap() == data);
        // Were it read back, this would show.
        fs::write(bench.path(), vec![0; data.len()]).unwrap();
        let hash = bench.hash(0);
        assert_eq!(bench.run(vec![hash]), [bench.hash_of(&data)]);
    }
}

#[test]
fn blocks_in_any_order_and_in_any_batches_give_the_hash_of_the_piece() {
    let data = pattern(20 * BLOCK);
    let orders: [Vec<usize>; 3] = [
        (0..20).rev().collect(),
        (0..20).map(|index| index * 7 % 20).collect(),
        (0..20).map(|index| index ^ 1).collect(),
    ];
    for ((order, batch), version) in orders.iter().zip([1, 3, 20]).zip(VERSIONS) {
        let mut bench = Bench::new(&data, 1 << 20, version);
        for indices in order.chunks(batch) {
            let jobs = indices
                .iter()
                .map(|index| bench.write(0, index * BLOCK, &data[index * BLOCK..][..BLOCK]))
                .collect();
            bench.run(jobs);
        }
        let hash = bench.hash(0);
        assert_eq!(bench.run(vec![hash]), [bench.hash_of(&data)], "{order:?}");
    }
}

#[test]
fn more_blocks_out_of_order_than_are_held_are_read_back() {
    let data = pattern(8 << 20);
    for version in VERSIONS {
        let mut bench = Bench::new(&data, 8 << 20, version);
        for index in (0..data.len() / BLOCK).rev() {
            let job = bench.write(0, index * BLOCK, &data[index * BLOCK..][..BLOCK]);
            bench.run(vec![job]);
        }
        let hash = bench.hash(0);
        assert_eq!(bench.run(vec![hash]), [bench.hash_of(&data)]);
    }
}

#[test]
fn a_hash_sees_the_writes_before_it_and_not_those_after() {
    let (old, new) = (pattern(4 * BLOCK), vec![9; 4 * BLOCK]);
    for version in VERSIONS {
        let mut bench = Bench::new(&old, 1 << 20, version);
        let mut jobs = Vec::new();
        for data in [&old, &new] {
            for (index, block) in data.chunks(BLOCK).enumerate() {
                jobs.push(bench.write(0, index * BLOCK, block));
            }
            jobs.push(bench.hash(0));
        }
        assert_eq!(bench.run(jobs), [bench.hash_of(&old), bench.hash_of(&new)]);
    }
}

#[test]
fn a_block_written_again_counts_as_it_was_written_last() {
    for version in VERSIONS {
        let mut data = pattern(4 * BLOCK);
        let mut bench = Bench::new(&data, 1 << 20, version);
        let jobs = data
            .chunks(BLOCK)
            .enumerate()
            .map(|(index, block)| bench.write(0, index * BLOCK, block))
            .collect();
        bench.run(jobs);
        data[BLOCK..2 * BLOCK].fill(3);
        let jobs = vec![
            bench.write(0, BLOCK, &data[BLOCK..2 * BLOCK]),
            bench.hash(0),
        ];
        assert_eq!(bench.run(jobs), [bench.hash_of(&data)]);
    }
}
