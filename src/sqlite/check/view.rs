//! The view: the pages that SQLite would see, and what it would not see of the log and the journal beside it.

use std::sync::Arc;

use super::fault::{Fault, Faults};
use super::rule::Rule;
use crate::sqlite::files::Files;
use crate::sqlite::header::Header;
use crate::sqlite::image::Image;
use crate::sqlite::sidecar::JOURNAL_MAGIC;
use crate::sqlite::wal::{FrameState, Wal};

const LOG: &str = "the write-ahead log";

/// The pages to check.
pub(super) struct View {
    pub(super) image: Image,
}

/// Chooses them, and reports what is wrong with the files beside the database.
pub(super) fn choose(main: &Image, files: &Files, faults: &Faults) -> View {
    journal(files, faults);
    let image = with_log(main, files, faults).unwrap_or_else(|| by_header(main));
    View { image }
}

/// The file as long as its header says, if that counts.
fn by_header(main: &Image) -> Image {
    let mut start = Vec::new();
    if main.read(1, &mut start).is_err() {
        return main.clone();
    }
    let header = Header::new(&start);
    let believed = header.page_count_counts() && header.page_count() < main.pages();
    if believed { main.with_pages(header.page_count()) } else { main.clone() }
}

fn with_log(main: &Image, files: &Files, faults: &Faults) -> Option<Image> {
    let log = files.log.as_ref().filter(|log| !log.is_empty())?;
    let fault = |rule, what: String| faults.add(Fault::new(rule, LOG, 0, what));
    let wal = match Wal::read(log, main.geometry().page_size) {
        Ok(wal) => wal,
        Err(cause) => {
            fault(Rule::Unreadable, format!("the disk gives no data: {}", cause.kind()));
            return None;
        }
    };
    if wal.header.is_valid && wal.page_size != main.geometry().page_size {
        fault(
            Rule::LogDamaged,
            format!("its pages have {} bytes: it belongs to another database", wal.page_size),
        );
        return None;
    }
    let count = |state| wal.frames.iter().filter(|frame| frame.state == state).count();
    let (verified, damaged) = (count(FrameState::Verified), count(FrameState::Damaged));
    if !wal.header.is_valid && verified > 0 {
        fault(Rule::LogDamaged, "its header is damaged, so SQLite ignores all of it".to_owned());
    }
    let (seen, all) = (wal.chained(), wal.resynchronised());
    let commits = |view: &Option<crate::sqlite::wal::Overlay>| view.as_ref().map_or(0, |view| view.commits);
    if commits(&all) > commits(&seen) {
        let lost = commits(&all) - commits(&seen);
        fault(
            Rule::LogIgnored,
            format!(
                "{verified} frames with {lost} commits can be verified, and SQLite would ignore them; `kbsec sqlite recover` uses them"
            ),
        );
    }
    let is_live = seen.is_some() || verified > 0;
    if damaged > 0 && is_live && all.as_ref().is_some_and(|all| commits(&Some(all.clone())) > commits(&seen))
    {
        let pages = wal.stale_pages();
        let stale = if pages.is_empty() {
            String::new()
        } else {
            format!("; older content stands for pages {pages:?}")
        };
        fault(Rule::LogDamaged, format!("{damaged} frames are damaged{stale}"));
    }
    let overlay = seen?;
    Some(main.with_frames(Arc::clone(log), overlay.frames, overlay.pages.max(1)))
}

/// A journal with a header is one of a transaction that did not end.
fn journal(files: &Files, faults: &Faults) {
    let Some(journal) = files.journal.as_ref().filter(|journal| !journal.is_empty()) else { return };
    let mut start = [0; JOURNAL_MAGIC.len()];
    let read = journal.read_at(0, &mut start);
    if read.is_ok() && start == JOURNAL_MAGIC {
        let what = "a rollback journal lies beside it; a program may be writing now, or one was cut off";
        faults.add(Fault::new(Rule::HotJournal, "the rollback journal", 0, what));
    }
}
