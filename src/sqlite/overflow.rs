//! An overflow chain: the pages with the rest of a payload that one page cannot hold (section 1.7).

use super::btree::Payload;
use super::bytes::be32;
use super::image::Image;

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A link leads to a page that cannot exist.
    #[error("its overflow chain leads to page {0}, which does not exist")]
    OutOfRange(u32),
    /// It comes back to a page that it had before.
    #[error("its overflow chain runs in a circle at page {0}")]
    Circle(u32),
    /// A page of it is not its own.
    #[error("its overflow chain uses page {0}, which something else uses too")]
    Taken(u32),
    /// It ends too early.
    #[error("its overflow chain has {found} pages where {needed} are needed")]
    Short {
        /// Pages that there are.
        found: u64,
        /// Pages that the length of the payload needs.
        needed: u64,
    },
    /// The last page names another one.
    #[error("its overflow chain goes on with page {0} after its last page")]
    Long(u32),
    /// The system cannot read a page, or the file ends inside it.
    #[error("page {0} of its overflow chain cannot be read")]
    Unreadable(u32),
}

/// Appends the whole payload to `out`: the local part, then the pages of the chain as far as it goes.
///
/// `claim` is told every page before it is read and refuses one that belongs to something else.
///
/// # Errors
/// What ended the chain; `out` then has what came before.
pub fn read(
    image: &Image,
    payload: &Payload<'_>,
    out: &mut Vec<u8>,
    claim: &mut dyn FnMut(u32) -> bool,
) -> Result<(), ChainFault> {
    out.extend_from_slice(payload.local);
    let Some(first) = payload.overflow else { return Ok(()) };
    let geometry = image.geometry();
    let mut left = payload.total - payload.local.len() as u64;
    let needed = geometry.overflow_pages(left);
    let (mut next, mut found, mut page) = (first, 0, Vec::new());
    // Where it was after 1, 2, 4, 8 … steps: a circle comes back to one of them.
    let (mut mark, mut marked) = (0, 1);
    while left > 0 {
        if next == 0 {
            return Err(ChainFault::Short { found, needed });
        }
        if !image.contains(next) {
            return Err(ChainFault::OutOfRange(next));
        }
        if next == mark {
            return Err(ChainFault::Circle(next));
        }
        if !claim(next) {
            return Err(ChainFault::Taken(next));
        }
        let present = image.read(next, &mut page).map_err(|_| ChainFault::Unreadable(next))?;
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(geometry.per_overflow_page());
        if present < 4 + count {
            out.extend_from_slice(page.get(4..present).unwrap_or_default());
            return Err(ChainFault::Unreadable(next));
        }
        out.extend_from_slice(&page[4..4 + count]);
        left -= count as u64;
        found += 1;
        if found == marked {
            (mark, marked) = (next, marked * 2);
        }
        next = be32(&page, 0);
    }
    if next == 0 { Ok(()) } else { Err(ChainFault::Long(next)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sqlite::evidence::Evidence;
    use crate::sqlite::header::Geometry;

    fn image(links: &[u32]) -> Image {
        let page = |(number, next): (usize, &u32)| {
            let mut page = vec![number as u8 + 1; 512];
            page[..4].copy_from_slice(&next.to_be_bytes());
            page
        };
        let bytes: Vec<u8> = links.iter().enumerate().flat_map(page).collect();
        Image::new(Arc::new(Evidence::of_bytes("a", bytes)), 0, Geometry::new(512, 0).unwrap())
    }

    fn outcome(links: &[u32], total: u64) -> (usize, Result<(), ChainFault>) {
        let payload = Payload { total, local: b"ab", overflow: Some(2) };
        let mut out = Vec::new();
        let ended = read(&image(links), &payload, &mut out, &mut |_| true);
        (out.len(), ended)
    }

    #[test]
    fn chains_end_where_they_should() {
        assert_eq!(outcome(&[0, 3, 0], 2 + 508 + 5), (515, Ok(())));
        assert_eq!(outcome(&[0, 3, 0], 2 + 508), (510, Err(ChainFault::Long(3))));
        assert_eq!(outcome(&[0, 0], 600), (510, Err(ChainFault::Short { found: 1, needed: 2 })));
        assert_eq!(outcome(&[0, 9], 600), (510, Err(ChainFault::OutOfRange(9))));
        let (length, ended) = outcome(&[0, 3, 2], 1 << 40);
        assert!(matches!(ended, Err(ChainFault::Circle(_))) && length < 4096);
    }
}
