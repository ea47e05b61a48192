//! The views: the pages that SQLite would see, those that others would see, and what is wrong with log and journal.

use std::sync::Arc;

use super::fault::{Fault, Faults};
use super::rule::Rule;
use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::foreign;
use crate::sqlite::header::Header;
use crate::sqlite::image::Image;
use crate::sqlite::journal::{self, Journal};
use crate::sqlite::wal::{FrameState, Overlay, Wal};

const LOG: &str = "the write-ahead log";
const JOURNAL: &str = "the rollback journal";

/// One way to see a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The file without what lies beside it.
    File,
    /// The file with the frames of the log that SQLite uses.
    Sqlite,
    /// The file with every frame of the log that can be verified.
    Resynchronised,
    /// The file as it was before the transaction in the journal.
    RolledBack,
}

impl Kind {
    /// Its name for programs, and for people.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::File => ("file", "the file alone"),
            Self::Sqlite => ("sqlite", "SQLite, with the log"),
            Self::Resynchronised => ("resynchronised", "all that is intact in the log"),
            Self::RolledBack => ("rolled_back", "SQLite, after undoing the journal"),
        }
    }
}

/// All ways to see a database.
pub(super) struct Views {
    /// The pages whose faults are findings.
    pub(super) image: Image,
    pub(super) kind: Kind,
    /// Images that differ from it.
    pub(super) others: Vec<(Kind, Image)>,
    /// Older and newer states of pages, by what holds them.
    pub(super) generations: Vec<Image>,
}

/// Finds them, and reports what is wrong with the files beside the database.
pub(super) fn choose(main: &Image, files: &Files, faults: &Faults) -> Views {
    let alone = by_header(main);
    let mut views =
        Views { image: alone.clone(), kind: Kind::File, others: Vec::new(), generations: Vec::new() };
    if let Some(file) = files.journal.as_ref().filter(|journal| !journal.is_empty()) {
        views.add_journal(main, file, faults);
    }
    if let Some(log) = files.log.as_ref().filter(|log| !log.is_empty()) {
        views.add_log(main, log, faults);
    }
    views
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

impl Views {
    fn add_log(&mut self, main: &Image, log: &Arc<Evidence>, faults: &Faults) {
        let fault = |rule, what: String| faults.add(Fault::new(rule, LOG, 0, what));
        let size = main.geometry().page_size;
        let wal = match Wal::read(log, size) {
            Ok(wal) => wal,
            Err(cause) => {
                return fault(Rule::Unreadable, format!("the disk gives no data: {}", cause.kind()));
            }
        };
        if wal.header.is_valid && wal.page_size != size {
            let what = format!("its pages have {} bytes, and those of the file {size}", wal.page_size);
            return fault(Rule::LogForeign, what);
        }
        let over = |overlay: Overlay| main.with_frames(Arc::clone(log), overlay.frames, overlay.pages.max(1));
        let (seen, all) = (wal.chained(), wal.resynchronised());
        let whole = all.clone().filter(|all| Some(all) != seen.as_ref()).map(over);
        let seen_image = seen.clone().map(over);
        let sign = seen_image.as_ref().or(whole.as_ref()).map(|image| foreign::sign(main, image));
        match sign {
            Some(Ok(Some(why))) => fault(Rule::LogForeign, why),
            _ => {
                judge(&wal, seen.as_ref(), all.as_ref(), faults);
                self.generations = generations(main, log, &wal);
                if let Some(image) = seen_image {
                    let alone = std::mem::replace(&mut self.image, image);
                    self.others.push((std::mem::replace(&mut self.kind, Kind::Sqlite), alone));
                }
                self.others.extend(whole.map(|image| (Kind::Resynchronised, image)));
                return;
            }
        }
        // SQLite does not notice; what is wrong with the file itself must not drown in what it sees then.
        self.others.extend(seen_image.map(|image| (Kind::Sqlite, image)));
    }

    /// A journal with a header is one of a transaction that did not end.
    fn add_journal(&mut self, main: &Image, file: &Arc<Evidence>, faults: &Faults) {
        let fault = |rule, what: String| faults.add(Fault::new(rule, JOURNAL, 0, what));
        let size = main.geometry().page_size;
        let told = match journal::page_size(file) {
            Ok(None) => return,
            Ok(Some(told)) => told,
            Err(cause) => {
                return fault(Rule::Unreadable, format!("the disk gives no data: {}", cause.kind()));
            }
        };
        if told != size && told.is_power_of_two() && (512..=65536).contains(&told) {
            let what = format!("its pages have {told} bytes, and those of the file {size}");
            return fault(Rule::JournalForeign, what);
        }
        let read = Journal::read(file, size).ok().flatten();
        let image = read.map(|journal| {
            let (count, pages) = (journal.count, journal.pages);
            main.with_frames(Arc::clone(file), pages, count.max(1))
        });
        match image.as_ref().map(|image| foreign_journal(main, image)) {
            Some(Some(why)) => return fault(Rule::JournalForeign, why),
            Some(None) => {
                self.generations.extend(image.clone());
                self.others.extend(image.map(|image| (Kind::RolledBack, image)));
            }
            None => {}
        }
        let what = "a rollback journal lies beside it; a program may be writing now, or one was cut off";
        fault(Rule::HotJournal, what.to_owned());
    }
}

/// What tells that a journal belongs to another database.
fn foreign_journal(main: &Image, image: &Image) -> Option<String> {
    // What a transaction cuts off the end it writes down first, but for free pages.
    let kept = image.replaced();
    let cut = main.pages() + 1..=image.pages();
    let unkept = cut.clone().filter(|page| kept.binary_search(page).is_err()).count();
    if unkept * 2 > cut.count() {
        let (told, there) = (image.pages(), main.pages());
        return Some(format!("it is of a database of {told} pages, and the file has {there}"));
    }
    foreign::sign(main, image).ok().flatten()
}

/// Reports what SQLite would not see of a log.
fn judge(wal: &Wal, seen: Option<&Overlay>, all: Option<&Overlay>, faults: &Faults) {
    let fault = |rule, what: String| faults.add(Fault::new(rule, LOG, 0, what));
    let count = |state| wal.frames.iter().filter(|frame| frame.state == state).count();
    let (verified, damaged) = (count(FrameState::Verified), count(FrameState::Damaged));
    if !wal.header.is_valid && verified > 0 {
        fault(Rule::LogDamaged, "its header is damaged, so SQLite ignores all of it".to_owned());
    }
    let commits = |view: Option<&Overlay>| view.map_or(0, |view| view.commits);
    let lost = commits(all).saturating_sub(commits(seen));
    if lost == 0 {
        return;
    }
    fault(
        Rule::LogIgnored,
        format!(
            "{verified} frames with {lost} commits can be verified, and SQLite would ignore them; `kbsec sqlite recover` uses them"
        ),
    );
    if damaged > 0 {
        let frames = if damaged == 1 { "frame is" } else { "frames are" };
        let pages = wal.stale_pages();
        let stale = match pages.is_empty() {
            true => String::new(),
            false => format!("; older content stands for pages {pages:?}"),
        };
        fault(Rule::LogDamaged, format!("{damaged} {frames} damaged{stale}"));
    }
}

/// The first and the last state of each page in the log, whichever generation they are of.
fn generations(main: &Image, log: &Arc<Evidence>, wal: &Wal) -> Vec<Image> {
    let (mut first, mut last) = (std::collections::HashMap::new(), std::collections::HashMap::new());
    for frame in wal.frames.iter().filter(|frame| frame.state != FrameState::Damaged) {
        first.entry(frame.page).or_insert(frame.content());
        last.insert(frame.page, frame.content());
    }
    [first, last].map(|frames| main.with_frames(Arc::clone(log), frames, main.pages())).into()
}
