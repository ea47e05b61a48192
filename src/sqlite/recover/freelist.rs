//! The freelist: pages whose content is deleted, as far as the list can still be read (section 1.5).

use std::collections::BTreeSet;

use super::super::bytes::be32;
use super::super::image::Image;
use super::survey::{State, Survey};

/// Pages that are known to be free.
#[derive(Clone, Debug, Default)]
pub(super) struct Freelist {
    pub(super) pages: BTreeSet<u32>,
    /// Whether these are all: the list ends as it should and has as many pages as the header says.
    pub(super) is_complete: bool,
}

impl Freelist {
    /// Follows the list from `first`; `count` is the number of pages that the header says, if it can be believed.
    pub(super) fn read(image: &Image, first: u32, count: Option<u32>) -> Self {
        let mut list = Self::default();
        let (mut next, mut is_sound) = (first, true);
        let mut page = Vec::new();
        while next != 0 {
            if !image.contains(next) || next == 1 || !list.pages.insert(next) {
                is_sound = false;
                break;
            }
            if image.read(next, &mut page).is_err() {
                is_sound = false;
                break;
            }
            is_sound &= list.add_leaves(image, &page);
            next = be32(&page, 0);
        }
        list.is_complete = is_sound && count == u32::try_from(list.pages.len()).ok();
        list
    }

    /// Adds the pages that a trunk names; false if it names what cannot be.
    fn add_leaves(&mut self, image: &Image, trunk: &[u8]) -> bool {
        let room = image.geometry().usable() / 4 - 2;
        let count = be32(trunk, 4) as usize;
        for index in 0..count.min(room) {
            let leaf = be32(trunk, 8 + 4 * index);
            if !image.contains(leaf) || leaf == 1 {
                return false;
            }
            self.pages.insert(leaf);
        }
        count <= room
    }

    /// Where the list cannot be followed: finds other pages that are trunks by what they hold. `is_used` tells of pages
    /// that a tree or a chain has.
    pub(super) fn search(&mut self, image: &Image, survey: &Survey, is_used: &dyn Fn(u32) -> bool) {
        let mut page = Vec::new();
        for (number, facts) in survey.iter() {
            if facts.state != State::Other || is_used(number) || image.read(number, &mut page).is_err() {
                continue;
            }
            if let Some(leaves) = trunk(image, &page, is_used) {
                self.pages.insert(number);
                self.pages.extend(leaves);
            }
        }
    }

    /// Whether a page is free for all that is known.
    pub(super) fn contains(&self, page: u32) -> bool {
        self.pages.contains(&page)
    }
}

/// The leaves of a page that looks like a trunk in every respect.
fn trunk(image: &Image, page: &[u8], is_used: &dyn Fn(u32) -> bool) -> Option<Vec<u32>> {
    let (next, count) = (be32(page, 0), be32(page, 4) as usize);
    let room = image.geometry().usable() / 4 - 2;
    if next != 0 && !image.contains(next) || count == 0 || count > room {
        return None;
    }
    let leaves: BTreeSet<u32> = (0..count).map(|index| be32(page, 8 + 4 * index)).collect();
    let exist = leaves.len() == count && leaves.iter().all(|leaf| image.contains(*leaf) && *leaf != 1);
    // A page that was a trunk once names pages that are in use again.
    let free: Vec<u32> = leaves.iter().copied().filter(|leaf| !is_used(*leaf)).collect();
    (exist && free.len() * 2 > count).then_some(free)
}
