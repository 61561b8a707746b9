//! Fetches from web seeds: the script does them, under numbers of its own.

use std::time::Duration;

use brackish_core::{FetchError, Input, JobId, Table};

use crate::driver::Driver;

/// The fetches under way, by the script's number.
#[derive(Default)]
pub struct Fetches {
    jobs: Table<u32, JobId>,
    next: u32,
}

impl Fetches {
    /// A number for a new fetch.
    pub fn add(&mut self, job: JobId) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.jobs.insert(self.next, job);
        self.next
    }

    /// The number of a fetch.
    pub fn number(&self, job: JobId) -> Option<u32> {
        let found = self.jobs.iter().find(|(_, known)| **known == job);
        found.map(|(number, _)| *number)
    }

    /// Forgets a fetch; its number.
    pub fn take_number(&mut self, job: JobId) -> Option<u32> {
        let number = self.number(job)?;
        self.jobs.remove(&number);
        Some(number)
    }
}

impl Driver {
    /// Bytes of a fetch came.
    pub(crate) fn fetched(&'static self, fetch: u32, data: &js_sys::Uint8Array) {
        let job = self.fetches.borrow().jobs.get(&fetch).copied();
        if let Some(job) = job {
            self.bytes(data, |data| Input::Fetched { job, data });
        }
    }

    /// A fetch ended; `error` is what went wrong, if anything did.
    pub(crate) fn fetch_ended(&'static self, fetch: u32, error: Option<FetchError>) {
        let job = self.fetches.borrow_mut().jobs.remove(&fetch);
        if let Some(job) = job {
            let result = error.map_or(Ok(()), Err);
            self.input(Input::FetchEnded { job, result });
        }
    }
}

/// The error that a script's words stand for. `number` is the status or the actual length, `other`
/// the seconds to wait (0 for none) or the expected length.
pub fn read_error(kind: &str, number: f64, other: f64, reason: String) -> FetchError {
    match kind {
        "status" => FetchError::Status {
            code: number as u16,
            retry_after: Some(Duration::from_secs(other as u64)).filter(|wait| !wait.is_zero()),
        },
        "no-ranges" => FetchError::NoRanges,
        "wrong-range" => FetchError::WrongRange,
        "wrong-length" => FetchError::WrongLength {
            actual: number as u64,
            expected: other as u64,
        },
        "unusable" => FetchError::Unusable { reason },
        _ => FetchError::Failed { reason },
    }
}
