//! A pack: the file that holds most objects, and where in it each of them stands.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::super::object::{ObjectFormat, ObjectId};
use super::index::{PackIndex, be32};
use super::names::Numbers;
use crate::coverage::Gap;

/// Bytes before the first entry.
const HEADER: u64 = 12;

/// An open pack. Its entries are numbered in the order of the file; that number is called a node.
pub(super) struct Pack {
    path: PathBuf,
    file: File,
    pub(super) format: ObjectFormat,
    /// Where the entries end.
    end: u64,
    /// Where each entry begins, ascending.
    offsets: Vec<u64>,
    /// The node of each object, in the order of names.
    nodes: Vec<u32>,
    /// The reverse: for each node, where its name stands.
    positions: Vec<u32>,
    /// By position; empty when unknown.
    checksums: Vec<u32>,
    numbers: Numbers,
}

impl Pack {
    /// Opens the file at `path`, whose objects `index` lists. What does not fit together is named in `gaps`, but what can
    /// be read will be.
    pub(super) fn open(
        path: &Path,
        index: PackIndex,
        format: ObjectFormat,
        gaps: &mut Vec<Gap>,
    ) -> Option<Self> {
        let unreadable = |cause: io::Error| Gap::new(path.display().to_string(), cause.kind().to_string());
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|cause| gaps.push(unreadable(cause))).ok()?;
        let faults =
            faults(&file, length, &index, format).unwrap_or_else(|cause| vec![cause.kind().to_string()]);
        // Of a file that was cut off, the last bytes are no hash but part of an entry.
        let end = length.saturating_sub(format.id_bytes() as u64);
        let end = if faults.is_empty() || ends_at(&file, end, &index) { end } else { length };
        gaps.extend(faults.into_iter().map(|fault| {
            Gap::new(path.display().to_string(), format!("the pack is damaged: {fault}"))
                .hint("run `git fsck` to see which objects are lost")
        }));
        let mut order: Vec<(u64, u32)> = index.offsets.iter().copied().zip(0..).collect();
        drop(index.offsets);
        order.par_sort_unstable();
        let mut nodes = vec![0; order.len()];
        for (node, &(_, position)) in (0..).zip(&order) {
            nodes[position as usize] = node;
        }
        Some(Self {
            path: path.to_path_buf(),
            file,
            format,
            end,
            offsets: order.iter().map(|&(offset, _)| offset).collect(),
            nodes,
            positions: order.iter().map(|&(_, position)| position).collect(),
            checksums: index.checksums,
            numbers: Numbers::Listed(Vec::new()),
        })
    }

    /// Tells the pack which numbers its objects have.
    pub(super) fn set_numbers(&mut self, numbers: Numbers) {
        self.numbers = numbers;
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }

    /// The number of the object at a node.
    pub(super) fn number(&self, node: u32) -> u32 {
        self.numbers.number(self.positions[node as usize])
    }

    /// Whether the index names the object of a node twice and this is not the first of the two.
    pub(super) fn is_repeated(&self, node: u32) -> bool {
        self.numbers.is_repeated(self.positions[node as usize])
    }

    /// The node of an object.
    pub(super) fn node(&self, number: u32) -> Option<u32> {
        self.nodes.get(self.numbers.position(number)? as usize).copied()
    }

    /// The node whose entry begins at an offset; `before` is a node that is known to come later, and probably soon.
    pub(super) fn node_at(&self, offset: u64, before: Option<u32>) -> Option<u32> {
        let mut high = before.map_or(self.offsets.len(), |node| node as usize);
        let mut step = 8;
        let mut low = high.saturating_sub(step);
        while before.is_some() && low > 0 && self.offsets[low] > offset {
            high = low;
            step *= 2;
            low = low.saturating_sub(step);
        }
        if before.is_none() {
            low = 0;
        }
        let found = self.offsets[low..high].binary_search(&offset).ok()?;
        u32::try_from(low + found).ok()
    }

    /// All nodes, in the order of the names of their objects.
    pub(super) fn nodes_by_name(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().copied()
    }

    pub(super) fn offset(&self, node: u32) -> u64 {
        self.offsets[node as usize]
    }

    /// Where the entry that begins at `offset` ends at the latest: where the next known one begins.
    pub(super) fn end_after(&self, offset: u64) -> u64 {
        let next = self.offsets.partition_point(|&start| start <= offset);
        self.offsets.get(next).map_or(self.end, |&start| start.min(self.end))
    }

    /// Where the entry of a node ends.
    pub(super) fn end(&self, node: u32) -> u64 {
        let offset = self.offset(node);
        match self.offsets.get(node as usize + 1) {
            Some(&next) if next > offset => next.min(self.end),
            Some(_) => self.end_after(offset),
            None => self.end,
        }
    }

    /// The checksum that the index records for the entry of a node.
    pub(super) fn checksum(&self, node: u32) -> Option<u32> {
        self.checksums.get(self.positions[node as usize] as usize).copied()
    }

    /// Fills `out` from `offset` of the file on.
    pub(super) fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_at(&self.file, offset, out)
    }

    /// Bytes of the file up to the end of the entries.
    pub(super) fn length(&self) -> u64 {
        self.end
    }
}

/// What is wrong with header and trailer of a pack.
fn faults(file: &File, length: u64, index: &PackIndex, format: ObjectFormat) -> io::Result<Vec<String>> {
    let width = format.id_bytes();
    if length < HEADER + width as u64 {
        return Ok(vec!["it is cut off".into()]);
    }
    let mut faults = Vec::new();
    let mut head = [0; HEADER as usize];
    read_at(file, 0, &mut head)?;
    if !head.starts_with(b"PACK") || !matches!(be32(&head[4..]), 2 | 3) {
        faults.push("it does not begin like a pack".into());
    }
    let mut hash = vec![0; width];
    read_at(file, length - width as u64, &mut hash)?;
    // Without a recorded hash the index is a shared one, which may list fewer objects than there are.
    if let Some(recorded) = index.pack {
        if be32(&head[8..]) as usize != index.offsets.len() {
            faults.push("its number of objects is not that of its index".into());
        }
        if ObjectId::from_bytes(&hash) != Some(recorded) {
            faults.push("it does not end with the hash that its index records".into());
        }
    }
    Ok(faults)
}

/// Whether the last entry, whose checksum is known, ends there.
fn ends_at(file: &File, end: u64, index: &PackIndex) -> bool {
    let last = index.offsets.iter().zip(&index.checksums).max();
    last.is_some_and(|(&offset, &checksum)| {
        let Some(length) = end.checked_sub(offset).and_then(|length| usize::try_from(length).ok()) else {
            return false;
        };
        let mut bytes = vec![0; length];
        read_at(file, offset, &mut bytes).is_ok() && crc32fast::hash(&bytes) == checksum
    })
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                offset += count as u64;
                out = &mut out[count..];
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}
