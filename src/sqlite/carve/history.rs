//! The history: images of pages that are not the ones that count.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::Part;
use crate::sqlite::evidence::Evidence;
use crate::sqlite::files::Files;
use crate::sqlite::foreign::is_foreign;
use crate::sqlite::image::{Image, Stored};
use crate::sqlite::journal::{Journal, leftovers};
use crate::sqlite::sidecar;
use crate::sqlite::wal::{Overlay, Wal};

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
        let pages = match &hot {
            Some(journal) => journal.pages.clone(),
            None => leftovers(file, size, main.pages().saturating_mul(2))?.into_iter().collect(),
        };
        if pages.is_empty() {
            return Ok(());
        }
        if is_foreign(main, file, &pages)? {
            self.notes.push("the rollback journal is of another database and was not used".to_owned());
            return Ok(());
        }
        match hot {
            Some(journal) => self.lay_over(main, file, (pages, journal.count.max(1)), Part::Journal),
            None => {
                let all = leftovers(file, size, main.pages().saturating_mul(2))?;
                self.older.extend(all.into_iter().map(|(page, offset)| Older {
                    page,
                    part: Part::Journal,
                    file: Arc::clone(file),
                    offset,
                }));
            }
        }
        Ok(())
    }

    fn log(&mut self, main: &Image, file: &Arc<Evidence>) -> io::Result<()> {
        let wal = Wal::read(file, main.geometry().page_size)?;
        let overlay = wal.resynchronised();
        let of_all = || wal.frames.iter().map(|frame| (frame.page, frame.content())).collect();
        let last: HashMap<u32, u64> = overlay.as_ref().map_or_else(of_all, |over| over.frames.clone());
        if wal.page_size != main.geometry().page_size || is_foreign(main, file, &last)? {
            self.notes.push("the write-ahead log is of another database and was not used".to_owned());
            return Ok(());
        }
        // A journal in use means that the database is not in WAL mode any more.
        let overlay = overlay.filter(|_| self.over == Part::Database);
        for frame in &wal.frames {
            let counts =
                overlay.as_ref().is_some_and(|over| over.frames.get(&frame.page) == Some(&frame.content()));
            if !counts {
                let (page, offset) = (frame.page, frame.content());
                self.older.push(Older { page, part: Part::Log, file: Arc::clone(file), offset });
            }
        }
        if let Some(Overlay { frames, pages, .. }) = overlay {
            self.lay_over(main, file, (frames, pages.max(1)), Part::Log);
        }
        Ok(())
    }

    /// Lets the pages of another file count; those of the database below them are older ones.
    fn lay_over(
        &mut self,
        main: &Image,
        file: &Arc<Evidence>,
        (frames, pages): (HashMap<u32, u64>, u32),
        part: Part,
    ) {
        let mut below: Vec<u32> = frames.keys().copied().filter(|page| main.contains(*page)).collect();
        below.sort_unstable();
        for page in below {
            let (file, offset) = (Arc::clone(main.file()), main.stored(page).offset());
            self.older.push(Older { page, part: Part::Database, file, offset });
        }
        self.image = main.with_frames(Arc::clone(file), frames, pages);
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
