//! Fetches from web seeds: one task each, which gives the session what comes.

use std::ops::Range;

use brackish_core::{Input, JobId, TorrentId};
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};

use super::driver::Driver;
use crate::web_seeds::Part;

/// A fetch that is under way.
pub(super) struct Fetch {
    task: AbortHandle,
    held: watch::Sender<bool>,
}

impl Driver {
    pub(super) fn fetch(
        &mut self,
        job: JobId,
        torrent: TorrentId,
        url: String,
        range: Range<u64>,
        file_length: u64,
    ) {
        let (Some(driver), Some(entry)) = (self.me.upgrade(), self.torrents.get_mut(torrent))
        else {
            return;
        };
        let web_seeds = self.web_seeds.clone();
        let part = Part {
            url,
            range,
            file_length,
            trusted: entry.trusted.clone(),
        };
        let (held, is_held) = watch::channel(false);
        let task = spawn_local(async move {
            let take = |data: &[u8]| driver.borrow_mut().input(Input::Fetched { job, data });
            let result = web_seeds.fetch(&part, is_held, take).await;
            let mut driver = driver.borrow_mut();
            driver.fetches.remove(&job);
            driver.input(Input::FetchEnded { job, result });
        });
        let task = task.abort_handle();
        self.fetches.insert(job, Fetch { task, held });
    }

    pub(super) fn pause_fetch(&self, job: JobId, paused: bool) {
        if let Some(fetch) = self.fetches.get(&job) {
            fetch.held.send_replace(paused);
        }
    }

    pub(super) fn cancel_fetch(&mut self, job: JobId) {
        if let Some(fetch) = self.fetches.remove(&job) {
            fetch.task.abort();
        }
    }
}
