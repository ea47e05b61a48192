//! The view: the database file alone, or with the frames of its write-ahead log over it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::super::files::Files;
use super::super::foreign;
use super::super::image::Image;
use super::super::journal::Journal;
use super::super::wal::{FrameState, Wal};
use super::WalUse;

/// The image that is recovered from.
pub(super) struct View {
    pub(super) image: Image,
    /// Which one it is and why, as a sentence.
    pub(super) reason: String,
    /// Pages whose newest state is damaged.
    pub(super) stale: BTreeSet<u32>,
}

impl View {
    /// Chooses it.
    pub(super) fn choose(main: Image, input: &Files, wanted: WalUse) -> io::Result<Self> {
        let alone = |image, reason: &str| Self { image, reason: reason.to_owned(), stale: BTreeSet::new() };
        if let Some(view) = Self::rolled_back(&main, input, wanted)? {
            return Ok(view);
        }
        let Some(log) = input.log.as_ref().filter(|log| !log.is_empty()) else {
            return Ok(alone(main, "there is no write-ahead log; the file alone was read"));
        };
        if wanted == WalUse::Ignore {
            return Ok(alone(main, "the write-ahead log was ignored as requested"));
        }
        let wal = Wal::read(log, main.geometry().page_size)?;
        if wal.page_size != main.geometry().page_size {
            return Ok(alone(main, "the write-ahead log has another page size and was not used"));
        }
        let Some(overlay) = wal.resynchronised() else {
            return Ok(alone(main, "no commit in the write-ahead log is whole; the file alone was read"));
        };
        let over = main.with_frames(Arc::clone(log), overlay.frames, overlay.pages.max(1));
        if wanted == WalUse::Auto
            && let Some(why) = foreign::sign(&main, &over)?
        {
            let reason = format!("the write-ahead log is one of another database and was not used: {why}");
            return Ok(alone(main, &reason));
        }
        let verified = wal.frames.iter().filter(|frame| frame.state == FrameState::Verified).count();
        let damaged = wal.frames.iter().filter(|frame| frame.state == FrameState::Damaged).count();
        let stale = wal.stale_pages().into_iter().collect();
        let reason = format!(
            "the file with {} commits of its write-ahead log; SQLite would have ignored {verified} frames that can \
             be verified, and {damaged} are damaged",
            overlay.commits
        );
        Ok(Self { image: over, reason, stale })
    }
}

impl View {
    /// The database before a transaction that did not end, if there is a journal of one.
    fn rolled_back(main: &Image, input: &Files, wanted: WalUse) -> io::Result<Option<Self>> {
        let Some(file) = input.journal.as_ref().filter(|file| !file.is_empty() && wanted != WalUse::Ignore)
        else {
            return Ok(None);
        };
        let Some(journal) = Journal::read(file, main.geometry().page_size)? else { return Ok(None) };
        let count = journal.pages.len();
        let image = main.with_frames(Arc::clone(file), journal.pages, journal.count.max(1));
        if wanted == WalUse::Auto && foreign::sign(main, &image)?.is_some() {
            return Ok(None);
        }
        let cut = if journal.is_cut { "; a part of the journal is damaged" } else { "" };
        let reason =
            format!("the file with {count} pages of its rollback journal, as a transaction did not end{cut}");
        Ok(Some(Self { image, reason, stale: BTreeSet::new() }))
    }
}
