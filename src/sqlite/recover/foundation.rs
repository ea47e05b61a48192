//! The foundation: where the first page begins, how large pages are and how text is stored, told by the header or, where
//! it cannot be believed, by the pages themselves.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::super::btree::BtreePage;
use super::super::evidence::Evidence;
use super::super::header::{Encoding, Geometry, HEADER_BYTES, Header, MAGIC};
use super::super::image::Image;
use super::super::record::{Record, Value};

/// How far into a file its first page is searched, and how much of it is looked at to find the page size.
const SEARCHED: usize = 4 << 20;
/// Pages that are looked at for one guess.
const SAMPLES: usize = 256;

/// What must be known before any page can be read.
#[derive(Clone, Debug)]
pub(super) struct Foundation {
    pub(super) header: Header,
    pub(super) base: u64,
    pub(super) geometry: Geometry,
    pub(super) encoding: Encoding,
    /// What was wrong with the header, and what was taken instead.
    pub(super) notes: Vec<String>,
}

impl Foundation {
    /// Finds it; `None` if nothing in the file looks like a page of a database.
    pub(super) fn find(file: &Arc<Evidence>) -> io::Result<Option<Self>> {
        let mut start = vec![0; SEARCHED.min(usize::try_from(file.len()).unwrap_or(SEARCHED))];
        let count = file.read_at(0, &mut start)?;
        start.truncate(count);
        let mut notes = Vec::new();
        let Some((base, geometry)) = place(&start, &mut notes) else { return Ok(None) };
        let header = Header::new(&start[base..]);
        complain(&header, geometry, &mut notes);
        let image = Image::new(Arc::clone(file), base as u64, geometry);
        let encoding = encoding(&header, &image, &mut notes)?;
        Ok(Some(Self { header, base: base as u64, geometry, encoding, notes }))
    }

    /// Whether the first page is there at all, so that its fields mean something.
    pub(super) fn has_header(&self) -> bool {
        self.header.has_magic() || self.header.fractions() == [64, 32, 32]
    }
}

/// Where the first page begins, and the size of pages.
fn place(start: &[u8], notes: &mut Vec<String>) -> Option<(usize, Geometry)> {
    let told = Header::new(start).geometry();
    let at_start = best(start, 0, told);
    // A header that fits its pages needs no search.
    if let (Some(told), Some((found, _))) = (told, at_start)
        && told == found
        && start.starts_with(MAGIC)
    {
        return Some((0, told));
    }
    let magics: Vec<usize> = memchr::memmem::find_iter(start, MAGIC).filter(|at| *at > 0).take(64).collect();
    let steps: Vec<usize> = (1..=128).map(|step| step * 512).collect();
    // Half as much again is demanded of other places: a database may lie in a value of this one. But where this is none
    // by its header, the pages behind another header are as good.
    let here = at_start.map_or(0, |(_, score)| score);
    let has_fields = Header::new(start).fractions() == [64, 32, 32];
    let search = |bases: &[usize], needed: u64| {
        let found = bases.iter().filter(|base| **base + 512 <= start.len()).filter_map(|base| {
            let told = Header::new(&start[*base..]).geometry().filter(|_| start[*base..].starts_with(MAGIC));
            best(start, *base, told).map(|(geometry, score)| (score, std::cmp::Reverse(*base), geometry))
        });
        found.max_by_key(|(score, base, _)| (*score, *base)).filter(|(score, ..)| *score > needed)
    };
    let is_good = start.starts_with(MAGIC) && at_start.is_some();
    let behind_magic = if has_fields { here + here / 2 } else { here - here / 8 };
    let moved = match is_good {
        true => None,
        false => search(&magics, behind_magic).or_else(|| search(&steps, here + here / 2)),
    };
    if let Some((_, std::cmp::Reverse(base), geometry)) = moved {
        notes.push(format!("the database begins at byte {base} of the file"));
        return Some((base, geometry));
    }
    let (geometry, _) =
        at_start.or_else(|| told.filter(|_| start.starts_with(MAGIC)).map(|told| (told, 0)))?;
    Some((0, geometry))
}

/// The geometry by which most bytes are pages, and how many.
fn best(start: &[u8], base: usize, told: Option<Geometry>) -> Option<(Geometry, u64)> {
    let sizes = (9..=16).map(|power| 1u32 << power);
    let mut found: Option<(Geometry, u64)> = None;
    for size in sizes {
        let reserved = told.filter(|told| told.page_size == size).map(|told| told.reserved);
        let (reserved, score) = score(start, base, size, reserved);
        let Some(geometry) = Geometry::new(size, reserved) else { continue };
        let is_told = told == Some(geometry);
        // What the header says wins when it is as good.
        let better = found.is_none_or(|(_, best)| score > best || is_told && score == best);
        if score > 0 && better {
            found = Some((geometry, score));
        }
    }
    found
}

/// The bytes of pages that are filled to their end with cells, and how much of each page is reserved.
fn score(start: &[u8], base: usize, size: u32, reserved: Option<u8>) -> (u8, u64) {
    let Some(whole) = Geometry::new(size, 0) else { return (0, 0) };
    let pages = start.get(base..).unwrap_or_default().chunks_exact(size as usize);
    let step = (pages.len() / SAMPLES).max(1);
    // Where a payload goes on elsewhere, its length here depends on what is reserved, so such pages count only if there
    // are no others.
    let (mut plain, mut spilling) = (BTreeMap::<u8, u64>::new(), BTreeMap::<u8, u64>::new());
    for (index, page) in pages.enumerate().step_by(step) {
        let candidates = match reserved {
            Some(reserved) => &[reserved, 0][..],
            None => &[0][..],
        };
        let end = candidates.iter().find_map(|reserved| {
            let geometry = Geometry::new(size, *reserved).unwrap_or(whole);
            filled_to(page, index as u32 + 1, geometry)
        });
        if let Some((end, spills)) = end
            && let Ok(reserved) = u8::try_from(size as usize - end)
        {
            let ends = if spills { &mut spilling } else { &mut plain };
            *ends.entry(reserved).or_default() += u64::from(size);
        }
    }
    let ends = if plain.is_empty() { &spilling } else { &plain };
    let most = ends.iter().max_by_key(|(reserved, bytes)| (**bytes, std::cmp::Reverse(**reserved)));
    let others = if plain.is_empty() { 0 } else { spilling.values().sum() };
    most.map_or((0, 0), |(reserved, bytes)| (*reserved, (bytes + others) * step as u64))
}

/// Where the last cell of a page ends, if every cell of it is whole, and whether a payload goes on elsewhere.
fn filled_to(page: &[u8], number: u32, geometry: Geometry) -> Option<(usize, bool)> {
    let parsed = BtreePage::parse(page, number, geometry).ok()?;
    let (mut end, mut spills) = (0, false);
    for cell in parsed.iter() {
        let cell = cell.ok()?;
        if let Some(payload) = cell.payload {
            spills |= payload.overflow.is_some();
            if payload.overflow.is_none() {
                Record::parse(payload.local).ok()?.check().ok()?;
            }
        }
        end = end.max(cell.offset + cell.size);
    }
    (end > 0).then_some((end, spills))
}

/// Says what of the header cannot be right.
fn complain(header: &Header, geometry: Geometry, notes: &mut Vec<String>) {
    if header.bytes()[..HEADER_BYTES].iter().all(|byte| *byte == 0) {
        notes.push("the file header is gone: user_version and application_id are lost with it".to_owned());
        return;
    }
    if !header.has_magic() {
        notes.push("the file does not begin as a database does".to_owned());
    }
    if header.geometry() != Some(geometry) {
        let told = header.geometry().map_or("no possible page size".to_owned(), |told| {
            format!("pages of {} bytes with {} reserved", told.page_size, told.reserved)
        });
        notes.push(format!(
            "the header says {told}; the pages have {} bytes with {} reserved",
            geometry.page_size, geometry.reserved
        ));
    }
    for (name, version) in [("write", header.write_version()), ("read", header.read_version())] {
        if !(1..=2).contains(&version) {
            notes.push(format!("the {name} version {version} in the header is unknown and was ignored"));
        }
    }
    if header.schema_format() > 4 {
        notes.push(format!("the schema format {} in the header is unknown", header.schema_format()));
    }
}

/// How text is stored: as the header says, or as the text of tables looks.
fn encoding(header: &Header, image: &Image, notes: &mut Vec<String>) -> io::Result<Encoding> {
    if (1..=3).contains(&header.encoding_code()) {
        return Ok(header.encoding());
    }
    let found = look(image)?;
    if header.encoding_code() != 0 || found != Encoding::Utf8 {
        let code = header.encoding_code();
        notes.push(format!("the header says text encoding {code}; the texts are {}", found.name()));
    }
    Ok(found)
}

/// In UTF-16, every other byte of most text is zero.
fn look(image: &Image) -> io::Result<Encoding> {
    let mut zeros = [0u64; 2];
    let mut bytes = 0u64;
    let mut page = Vec::new();
    let step = (image.pages() / SAMPLES as u32).max(1);
    for number in (1..=image.pages()).step_by(step as usize).chain(1..=image.pages().min(16)) {
        image.read(number, &mut page)?;
        let Ok(parsed) = BtreePage::parse(&page, number, image.geometry()) else { continue };
        for payload in parsed.iter().flatten().filter_map(|cell| cell.payload) {
            let Ok(record) = Record::parse(payload.local) else { continue };
            for text in record.values().map_while(Result::ok) {
                let Value::Text(text) = text else { continue };
                bytes += text.len() as u64;
                for (at, _) in text.iter().enumerate().filter(|(_, byte)| **byte == 0) {
                    zeros[at % 2] += 1;
                }
            }
        }
    }
    Ok(match zeros {
        [even, odd] if odd > bytes / 8 && odd > 2 * even => Encoding::Utf16Le,
        [even, odd] if even > bytes / 8 && even > 2 * odd => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    })
}
