//! `kbsec sqlite map`: a picture of a database, one cell for each page.

mod html;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kbsec::report::Sanitized;
use kbsec::sqlite::check::{self, PageUse};

use crate::cli::error::Hinted;
use crate::cli::exit::Exit;
use crate::cli::{Context, output};

/// Show what every page is used for, and which are damaged
///
/// A letter stands for a table or an index, `.` for a free page, `?` for one that nothing uses, `!` for a damaged one.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing is damaged, 1 something is, 2 it is no database.")]
pub(crate) struct MapArgs {
    /// The database
    file: PathBuf,
    /// Write a page for a browser instead, which needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Letters, for the largest owners first.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Cells that a person still looks at; of a larger database a cell stands for several pages.
const MOST_CELLS: usize = 16_000;

/// Pages that are shown as one cell.
struct Picture {
    /// Pages of a cell.
    step: usize,
    cells: Vec<Cell>,
    /// Owners with their pages and damaged pages, the largest first.
    owners: Vec<(Arc<str>, usize, usize)>,
    unused: usize,
    damaged: usize,
    pages: usize,
}

/// What most of its pages are, unless one is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Damaged(Option<usize>),
    Owned(usize),
    Free,
    Unused,
}

/// Draws the picture.
pub(crate) fn run(args: &MapArgs, context: &Context) -> anyhow::Result<Exit> {
    let files = super::open(&args.file)?;
    let pages = check::pages(&files);
    if pages.is_empty() {
        let what = format!("{} has no pages that could be told apart", args.file.display());
        return Err(Hinted::error(what, "`kbsec sqlite check` says what is wrong with it"));
    }
    let picture = Picture::new(&pages);
    match &args.html {
        Some(file) => {
            let page = html::page(&picture, &args.file);
            output::write(Some(file), |out| out.write_all(page.as_bytes()))?;
            context.note(&format!("the picture is in {}", file.display()));
        }
        None => output::print(&text(&picture, context.environment.width()))?,
    }
    Ok(if picture.damaged > 0 { Exit::Findings } else { Exit::Clean })
}

impl Picture {
    fn new(pages: &[PageUse]) -> Self {
        let mut counts: BTreeMap<&Arc<str>, (usize, usize)> = BTreeMap::new();
        for page in pages.iter().filter(|page| !page.is_free) {
            if let Some(owner) = &page.owner {
                let count = counts.entry(owner).or_default();
                count.0 += 1;
                count.1 += usize::from(page.is_damaged);
            }
        }
        let mut owners: Vec<_> =
            counts.into_iter().map(|(name, (pages, damaged))| (Arc::clone(name), pages, damaged)).collect();
        owners.sort_by_key(|(_, pages, _)| std::cmp::Reverse(*pages));
        let numbers: BTreeMap<&Arc<str>, usize> =
            owners.iter().enumerate().map(|(number, (name, ..))| (name, number)).collect();
        let step = pages.len().div_ceil(MOST_CELLS).max(1);
        let cells = pages.chunks(step).map(|chunk| cell(chunk, &numbers)).collect();
        Self {
            step,
            cells,
            unused: pages.iter().filter(|page| page.owner.is_none()).count(),
            damaged: pages.iter().filter(|page| page.is_damaged).count(),
            pages: pages.len(),
            owners,
        }
    }

    /// Free pages.
    fn free(&self) -> usize {
        self.pages - self.unused - self.owners.iter().map(|(_, pages, _)| pages).sum::<usize>()
    }
}

fn cell(pages: &[PageUse], numbers: &BTreeMap<&Arc<str>, usize>) -> Cell {
    let owner = |page: &PageUse| page.owner.as_ref().and_then(|owner| numbers.get(owner)).copied();
    if let Some(damaged) = pages.iter().find(|page| page.is_damaged) {
        return Cell::Damaged(owner(damaged));
    }
    match pages.iter().find(|page| page.owner.is_none()).or(pages.first()) {
        Some(page) if page.is_free => Cell::Free,
        Some(page) => owner(page).map_or(Cell::Unused, Cell::Owned),
        None => Cell::Unused,
    }
}

/// The letter of an owner; all that are too small share one.
fn letter(owner: usize) -> char {
    LETTERS.chars().nth(owner).unwrap_or('*')
}

fn text(picture: &Picture, width: usize) -> String {
    // The number of the first page stands before each row.
    let columns = (width.max(40) - 11) / 10 * 10;
    let mut text = String::new();
    for (row, cells) in picture.cells.chunks(columns).enumerate() {
        let signs = cells.iter().map(|cell| match cell {
            Cell::Damaged(_) => '!',
            Cell::Owned(owner) => letter(*owner),
            Cell::Free => '.',
            Cell::Unused => '?',
        });
        let _ = writeln!(text, "{:>9}  {}", row * columns * picture.step + 1, signs.collect::<String>());
    }
    text.push('\n');
    if picture.step > 1 {
        let _ = writeln!(text, "Each sign stands for {} pages.", picture.step);
    }
    for (number, (name, pages, damaged)) in picture.owners.iter().enumerate() {
        let harm = if *damaged > 0 { format!(", {damaged} damaged") } else { String::new() };
        let _ = writeln!(text, "{}  {}: {pages} pages{harm}", letter(number), Sanitized(name));
    }
    let _ = writeln!(text, ".  free: {} pages", picture.free());
    if picture.unused > 0 {
        let _ = writeln!(text, "?  used by nothing: {} pages", picture.unused);
    }
    if picture.damaged > 0 {
        let _ = writeln!(text, "!  damaged: {} pages; `kbsec sqlite check` says how", picture.damaged);
    }
    text
}
