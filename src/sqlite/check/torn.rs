//! Torn writes: pages of which the disk has written some sectors and not the others.

use std::collections::HashSet;

use super::fault::Fault;
use super::rule::Rule;
use super::view::{Kind, Views};
use crate::sqlite::btree::BtreePage;
use crate::sqlite::image::Image;

/// What disks write at once, at least.
const SECTOR: usize = 512;

/// The torn pages among those that have a fault.
pub(super) fn faults(known: &[Fault], views: &Views) -> Vec<Fault> {
    let mut seen = HashSet::new();
    let harmed = known.iter().filter(|fault| fault.page > 0 && fault.rule.harms_a_page());
    let torn = harmed.filter(|fault| seen.insert(fault.page)).filter_map(|fault| {
        Some(Fault::new(Rule::TornPage, &fault.object, fault.page, cause(fault.page, views)?))
    });
    torn.collect()
}

fn cause(page: u32, views: &Views) -> Option<String> {
    let mut bytes = Vec::new();
    views.image.read(page, &mut bytes).ok()?;
    let all = bytes.len() / SECTOR;
    let zero = zeroed(&views.image, page, &bytes);
    if !zero.is_empty() {
        let is = if zero.len() == 1 { "is" } else { "are" };
        return Some(format!("{} {is} zero: a torn write", list(&zero, all)));
    }
    let before = views.others.iter().filter(|(kind, _)| matches!(kind, Kind::File | Kind::RolledBack));
    let journal = before.clone().any(|(kind, _)| *kind == Kind::RolledBack);
    let images = views.generations.iter().chain(before.map(|(_, image)| image));
    let mut others: Vec<Vec<u8>> = Vec::new();
    for image in images {
        let mut other = Vec::new();
        if image.read(page, &mut other).is_ok() && other != bytes && !others.contains(&other) {
            others.push(other);
        }
    }
    let old = mixed(&bytes, &others).or_else(|| match &others[..] {
        [only] if journal => Some(same(&bytes, only)).filter(|same| !same.is_empty()),
        _ => None,
    })?;
    let is = if old.len() == 1 { "is" } else { "are" };
    Some(format!("{} {is} from another time than the rest of the page: a torn write", list(&old, all)))
}

/// Sectors, from 0 on, that are zero where something must stand. A page has unused bytes between its pointers and its
/// cells, and those are often zero.
fn zeroed(image: &Image, number: u32, bytes: &[u8]) -> Vec<usize> {
    let zero: Vec<usize> = bytes
        .chunks_exact(SECTOR)
        .enumerate()
        .filter(|(_, sector)| sector.iter().all(|byte| *byte == 0))
        .map(|(at, _)| at)
        .collect();
    if zero.is_empty() || zero.len() == bytes.len() / SECTOR {
        return Vec::new();
    }
    let Ok(page) = BtreePage::parse(bytes, number, image.geometry()) else {
        // Without a header nobody can tell which of the others should not be zero.
        let first = zero.iter().enumerate().take_while(|(at, sector)| at == *sector);
        return first.map(|(_, sector)| *sector).collect();
    };
    // A cell begins with its length, which is not zero.
    let begins: HashSet<usize> = (0..page.cells()).map(|cell| page.pointer(cell) / SECTOR).collect();
    let is_pointers = |sector: &usize| sector * SECTOR < page.pointers_end();
    if !zero.iter().any(|sector| begins.contains(sector) || is_pointers(sector)) {
        return Vec::new();
    }
    let holds_cells = |sector: &usize| (sector + 1) * SECTOR > page.content_start();
    zero.into_iter().filter(|sector| is_pointers(sector) || holds_cells(sector)).collect()
}

/// Sectors that are of the first of two other states of the page, if all the rest are of the second one.
fn mixed(bytes: &[u8], others: &[Vec<u8>]) -> Option<Vec<usize>> {
    let pairs =
        others.iter().enumerate().flat_map(|(at, one)| others[at + 1..].iter().map(move |two| (one, two)));
    for (one, two) in pairs {
        let (of_one, of_two) = (same(bytes, one), same(bytes, two));
        let only: Vec<usize> = of_one.iter().copied().filter(|sector| !of_two.contains(sector)).collect();
        let is_whole = (0..bytes.len() / SECTOR).all(|at| of_one.contains(&at) || of_two.contains(&at));
        if is_whole && !only.is_empty() {
            return Some(only);
        }
    }
    None
}

/// Sectors that are the same in another state of the page, but for empty ones.
fn same(bytes: &[u8], other: &[u8]) -> Vec<usize> {
    let pairs = bytes.chunks_exact(SECTOR).zip(other.chunks_exact(SECTOR)).enumerate();
    let is_same = |(_, (one, two)): &(usize, (&[u8], &[u8]))| one == two && one.iter().any(|byte| *byte != 0);
    pairs.filter(is_same).map(|(at, _)| at).collect()
}

/// `sectors 3-4 and 7 of 8`, counted from 1.
fn list(sectors: &[usize], all: usize) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for sector in sectors.iter().map(|sector| sector + 1) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == sector => *last = sector,
            _ => runs.push((sector, sector)),
        }
    }
    let run = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let noun = if sectors.len() == 1 { "sector" } else { "sectors" };
    format!("{noun} {} of {all}", runs.iter().map(run).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_are_listed_in_runs() {
        assert_eq!(list(&[2, 3], 8), "sectors 3-4 of 8");
        assert_eq!(list(&[0, 4, 5, 7], 8), "sectors 1, 5-6, 8 of 8");
        assert_eq!(list(&[7], 8), "sector 8 of 8");
    }

    #[test]
    fn a_mixture_of_two_states_is_seen() {
        let page = |parts: [u8; 4]| parts.map(|part| [part; SECTOR]).concat();
        let (one, two) = (page([1, 1, 1, 9]), page([2, 2, 2, 9]));
        assert_eq!(mixed(&page([1, 1, 2, 9]), &[one.clone(), two.clone()]), Some(vec![0, 1]));
        // A sector that is of neither state means another kind of damage.
        assert_eq!(mixed(&page([1, 3, 2, 9]), &[one.clone(), two]), None);
        assert_eq!(mixed(&page([1, 1, 2, 9]), &[one]), None);
    }
}
