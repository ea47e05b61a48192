//! The history: images of pages that are not the ones that count.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::Part;
use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::foreign;
use crate::sqlite::image::{Image, Stored};
use crate::sqlite::journal::{Journal, leftovers};
use crate::sqlite::sidecar;
use crate::sqlite::wal::{Frame, Wal};

/// The images of a database.
pub(super) struct History {
    /// What SQLite would show.
    pub(super) image: Image,
    /// Which file lies over the database in it.
    pub(super) over: Part,
    /// What another image replaced.
    pub(super) older: Vec<Older>,
    /// What the user should know, as sentences.
    pub(super) notes: Vec<String>,
}

/// An image of a page that another one replaced.
#[derive(Clone, Debug)]
pub(super) struct Older {
    pub(super) page: u32,
    pub(super) part: Part,
    pub(super) file: Arc<Evidence>,
    pub(super) offset: u64,
}

impl History {
    /// Reads the log and the journal. One that another database left is not used: it says nothing of this one.
    pub(super) fn read(main: &Image, files: &Files, unreadable: &mut Vec<String>) -> Self {
        let mut history =
            Self { image: main.clone(), over: Part::Database, older: Vec::new(), notes: Vec::new() };
        let some = |file: &Option<Arc<Evidence>>| file.clone().filter(|file| !file.is_empty());
        if let Some(file) = some(&files.journal)
            && let Err(cause) = history.journal(main, &file)
        {
            unreadable.push(format!("the rollback journal: {}", cause.kind()));
        }
        if let Some(file) = some(&files.log)
            && let Err(cause) = history.log(main, &file)
        {
            unreadable.push(format!("the write-ahead log: {}", cause.kind()));
        }
        history
    }

    /// A journal in use holds what counts; one that was left over holds older pages.
    fn journal(&mut self, main: &Image, file: &Arc<Evidence>) -> io::Result<()> {
        let size = main.geometry().page_size;
        let hot = if sidecar::is_in_use(file) { Journal::read(file, size)? } else { None };
        if let Some(journal) = hot {
            let over = main.with_frames(Arc::clone(file), journal.pages, journal.count.max(1));
            if self.is_own(main, &over, "the rollback journal")? {
                self.lay_over(main, over, Part::Journal);
            }
            return Ok(());
        }
        let records = leftovers(file, size, main.pages().saturating_mul(2))?;
        // The oldest image of a page is the first.
        let first = records.iter().rev().copied().collect();
        let over = main.with_frames(Arc::clone(file), first, main.pages());
        if !records.is_empty() && self.is_own(main, &over, "the rollback journal")? {
            self.add_older(file, Part::Journal, records);
        }
        Ok(())
    }

    fn log(&mut self, main: &Image, file: &Arc<Evidence>) -> io::Result<()> {
        let wal = Wal::read(file, main.geometry().page_size)?;
        if wal.page_size != main.geometry().page_size {
            self.notes.push("the write-ahead log has pages of another size and was not used".to_owned());
            return Ok(());
        }
        // A journal in use means that the database is not in WAL mode any more.
        let overlay = wal.resynchronised().filter(|_| self.over == Part::Database);
        let of_all = || wal.frames.iter().map(|frame| (frame.page, frame.content())).collect();
        let frames: HashMap<u32, u64> = overlay.as_ref().map_or_else(of_all, |over| over.frames.clone());
        let pages = overlay.as_ref().map_or(main.pages(), |over| over.pages.max(1));
        let counts = |frame: &Frame| overlay.is_some() && frames.get(&frame.page) == Some(&frame.content());
        let older = wal.frames.iter().filter(|frame| !counts(frame));
        let older: Vec<(u32, u64)> = older.map(|frame| (frame.page, frame.content())).collect();
        let over = main.with_frames(Arc::clone(file), frames, pages);
        if wal.frames.is_empty() || !self.is_own(main, &over, "the write-ahead log")? {
            return Ok(());
        }
        self.add_older(file, Part::Log, older);
        if overlay.is_some() {
            self.lay_over(main, over, Part::Log);
        }
        Ok(())
    }

    /// Whether the pages in another file are of this database.
    fn is_own(&mut self, main: &Image, over: &Image, what: &str) -> io::Result<bool> {
        let sign = foreign::sign(main, over)?;
        if let Some(why) = &sign {
            self.notes.push(format!("{what} is one of another database and was not used: {why}"));
        }
        Ok(sign.is_none())
    }

    fn add_older(&mut self, file: &Arc<Evidence>, part: Part, pages: Vec<(u32, u64)>) {
        let older = |(page, offset)| Older { page, part, file: Arc::clone(file), offset };
        self.older.extend(pages.into_iter().map(older));
    }

    /// Lets the pages of another file count; those of the database below them are older ones.
    fn lay_over(&mut self, main: &Image, over: Image, part: Part) {
        let below = over.replaced().into_iter().filter(|page| main.contains(*page));
        let below = below.map(|page| (page, main.stored(page).offset())).collect();
        self.add_older(main.file(), Part::Database, below);
        self.image = over;
        self.over = part;
    }

    /// The file that holds the image of a page that counts, and where.
    pub(super) fn place(&self, page: u32) -> (Part, u64) {
        match self.image.stored(page) {
            Stored::File(offset) => (Part::Database, offset),
            Stored::Log(offset) => (self.over, offset),
        }
    }
}
