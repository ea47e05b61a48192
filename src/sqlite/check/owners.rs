//! The owners: which part of the database uses each page; a page may have one owner only.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::PageUse;
use super::fault::{Fault, Faults};
use super::rule::Rule;
use crate::sqlite::bytes::be32;
use crate::sqlite::header::{Geometry, Header};
use crate::sqlite::image::Image;

/// Four bytes for each page.
#[derive(Debug)]
pub(super) struct Owners {
    pages: Vec<AtomicU32>,
    geometry: Geometry,
    /// Pointer map pages, in a database that vacuums itself.
    maps: Option<HashMap<u32, Vec<u8>>>,
}

/// The page is free.
pub(super) const FREE: u32 = u32::MAX;
/// The page is a pointer map, or the one kept for locks.
const RESERVED: u32 = u32::MAX - 1;

/// How a page is used, as its entry of the pointer map says (section 1.8), and by which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Root,
    Free,
    FirstOverflow(u32),
    Overflow(u32),
    Child(u32),
}

impl Use {
    fn entry(self) -> (u8, u32) {
        match self {
            Self::Root => (1, 0),
            Self::Free => (2, 0),
            Self::FirstOverflow(parent) => (3, parent),
            Self::Overflow(parent) => (4, parent),
            Self::Child(parent) => (5, parent),
        }
    }
}

impl Owners {
    /// Nobody owns anything yet but the pages that SQLite reserves.
    pub(super) fn new(image: &Image, header: &Header) -> Self {
        let geometry = image.geometry();
        let owners = Self {
            pages: (0..=image.pages()).map(|_| AtomicU32::new(0)).collect(),
            geometry,
            maps: (header.largest_root() != 0).then(|| maps(image)),
        };
        let reserve = |page: u32| {
            if let Some(owner) = owners.pages.get(page as usize) {
                owner.store(RESERVED, Ordering::Relaxed);
            }
        };
        if image.pages() >= geometry.lock_page() {
            reserve(geometry.lock_page());
        }
        owners.maps.iter().flat_map(HashMap::keys).for_each(|page| reserve(*page));
        owners
    }

    /// Gives a page to an owner, and tells who has it already.
    pub(super) fn claim(&self, page: u32, owner: u32) -> Result<(), u32> {
        let Some(slot) = self.pages.get(page as usize) else { return Ok(()) };
        match slot.compare_exchange(0, owner, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// The use of each page from 1 on; `names` are those of owners from 1 on.
    pub(super) fn uses(&self, names: &[&str]) -> Vec<PageUse> {
        let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
        let (list, own) = (Arc::from("free pages"), Arc::from("SQLite itself"));
        let named = |owner: &AtomicU32| {
            let owner = owner.load(Ordering::Relaxed);
            let name = match owner {
                FREE => Some(&list),
                RESERVED => Some(&own),
                owner => names.get((owner as usize).wrapping_sub(1)),
            };
            PageUse { owner: name.cloned(), is_free: owner == FREE, is_damaged: false }
        };
        self.pages.iter().skip(1).map(named).collect()
    }

    /// Compares what the pointer map says of a page with how it is used.
    pub(super) fn check_map(&self, page: u32, used: Use, object: &str, faults: &Faults) {
        let Some(maps) = &self.maps else { return };
        // The page of the schema has no entry.
        if page <= 1 {
            return;
        }
        let map = self.geometry.pointer_map_of(page);
        let Some(bytes) = maps.get(&map) else { return };
        let at = (page - map).saturating_sub(1) as usize * 5;
        let told = (bytes.get(at).copied().unwrap_or(0), be32(bytes, at + 1));
        let wanted = used.entry();
        if told != wanted {
            let what = format!(
                "its entry says type {} below page {}, and it is type {} below page {}",
                told.0, told.1, wanted.0, wanted.1
            );
            faults.add(Fault::new(Rule::PointerMap, object, page, what));
        }
    }

    /// Reports runs of pages that nobody owns.
    pub(super) fn check_orphans(&self, faults: &Faults) {
        let is_orphan = |page: &usize| self.pages[*page].load(Ordering::Relaxed) == 0;
        let mut page = 1;
        while page < self.pages.len() {
            if !is_orphan(&page) {
                page += 1;
                continue;
            }
            let first = page;
            while page < self.pages.len() && is_orphan(&page) {
                page += 1;
            }
            let what = match page - first {
                1 => "no table, index or list of free pages uses it".to_owned(),
                count => format!("this and the next {} pages are used by nothing", count - 1),
            };
            faults.add(Fault::new(Rule::OrphanPage, "", u32::try_from(first).unwrap_or(0), what));
        }
    }

    /// Walks the list of free pages (section 1.5) and compares its length with the header.
    pub(super) fn check_freelist(&self, image: &Image, header: &Header, faults: &Faults) {
        const LIST: &str = "the list of free pages";
        let fault = |page, what: String| faults.add(Fault::new(Rule::Freelist, LIST, page, what));
        let (mut trunk, mut from, mut found) = (header.first_trunk(), 1, 0u64);
        let mut bytes = Vec::new();
        let mut is_whole = true;
        while trunk != 0 {
            if !image.contains(trunk) {
                fault(from, format!("it goes on with page {trunk}, which does not exist"));
                is_whole = false;
                break;
            }
            if let Err(other) = self.claim(trunk, FREE) {
                fault(trunk, taken(other));
                is_whole = false;
                break;
            }
            self.check_map(trunk, Use::Free, LIST, faults);
            found += 1;
            if image.read(trunk, &mut bytes).is_err() {
                faults.add(Fault::new(Rule::Unreadable, LIST, trunk, "the disk gives no data"));
                is_whole = false;
                break;
            }
            let count = be32(&bytes, 4) as usize;
            if count > self.geometry.usable() / 4 - 2 {
                fault(trunk, format!("it announces {count} free pages, more than fit on it"));
                is_whole = false;
            } else {
                for at in 0..count {
                    let leaf = be32(&bytes, 8 + 4 * at);
                    found += 1;
                    if !image.contains(leaf) {
                        fault(trunk, format!("it lists page {leaf}, which does not exist"));
                    } else if let Err(other) = self.claim(leaf, FREE) {
                        fault(leaf, taken(other));
                    } else {
                        self.check_map(leaf, Use::Free, LIST, faults);
                    }
                }
            }
            (from, trunk) = (trunk, be32(&bytes, 0));
        }
        if is_whole && found != u64::from(header.free_pages()) {
            let told = header.free_pages();
            fault(1, format!("the header counts {told} free pages, and the list has {found}"));
        }
    }
}

fn taken(other: u32) -> String {
    match other {
        FREE => "it is in the list twice".to_owned(),
        _ => "it is called free, and something uses it".to_owned(),
    }
}

/// The pointer map pages of the image.
fn maps(image: &Image) -> HashMap<u32, Vec<u8>> {
    let mut maps = HashMap::new();
    let mut page = 2;
    let span = image.geometry().usable() as u32 / 5 + 1;
    while page <= image.pages() {
        let map = image.geometry().pointer_map_of(page);
        let mut bytes = Vec::new();
        if image.read(map, &mut bytes).is_ok() {
            maps.insert(map, bytes);
        }
        page += span;
    }
    maps
}
