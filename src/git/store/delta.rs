//! A delta: the instructions that make an object from its base, checked before they are followed.

use crate::span::Copied;

/// A delta whose sizes, offsets and instructions fit its base and each other, taken apart. Used again and again.
#[derive(Default)]
pub(super) struct Delta {
    copies: Vec<Copied>,
    inserts: Vec<Insert>,
    /// Bytes of the object that it makes.
    target: usize,
}

/// Bytes of the delta that become part of the object.
struct Insert {
    from: u32,
    to: u32,
    length: u32,
}

const CUT: &str = "its delta is cut off";
const HUGE: &str = "its delta makes more than 4 GiB, which is not supported";

impl Delta {
    /// Takes `delta` apart and checks every instruction against a base of `base` bytes. Nothing is allocated for the
    /// object yet: the size that a delta claims may be a lie.
    pub(super) fn check(&mut self, delta: &[u8], base: usize) -> Result<(), &'static str> {
        self.copies.clear();
        self.inserts.clear();
        let (claimed_base, mut at) = size(delta, 0)?;
        let (target, next) = size(delta, at)?;
        at = next;
        if claimed_base != base as u64 {
            return Err("its delta is for a base of another size");
        }
        let target = u32::try_from(target).map_err(|_| HUGE)?;
        // Positions in the delta are kept in four bytes, too.
        u32::try_from(delta.len()).map_err(|_| HUGE)?;
        let mut to = 0u32;
        while let Some(&code) = delta.get(at) {
            at += 1;
            let length = if code & 0x80 == 0 {
                let length = u32::from(code);
                if length == 0 {
                    return Err("its delta has an instruction that does not exist");
                }
                self.inserts.push(Insert { from: at as u32, to, length });
                at += length as usize;
                length
            } else {
                let (from, length) = copied(delta, &mut at, code)?;
                if u64::from(from) + u64::from(length) > base as u64 {
                    return Err("its delta copies beyond the end of its base");
                }
                self.join(Copied { from, to, length });
                length
            };
            to = to.checked_add(length).filter(|to| *to <= target).ok_or("its delta makes too many bytes")?;
        }
        if at > delta.len() {
            return Err(CUT);
        }
        if to != target {
            return Err("its delta makes too few bytes");
        }
        self.target = target as usize;
        Ok(())
    }

    /// What is copied, ascending and without overlap.
    pub(super) fn copies(&self) -> &[Copied] {
        &self.copies
    }

    /// Bytes of the object that it makes.
    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Makes the object in `out`, which has as many bytes as [`Delta::target`] says; `delta` and `base` are those that
    /// were checked.
    pub(super) fn apply(&self, delta: &[u8], base: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
        let mut put = |from: &[u8], (start, to, length): (u32, u32, u32)| {
            let (start, to, length) = (start as usize, to as usize, length as usize);
            let from = from.get(start..start + length)?;
            out.get_mut(to..to + length)?.copy_from_slice(from);
            Some(())
        };
        let copies = self.copies.iter().map(|copy| put(base, (copy.from, copy.to, copy.length)));
        let copied = copies.collect::<Option<()>>();
        let inserts = self.inserts.iter().map(|insert| put(delta, (insert.from, insert.to, insert.length)));
        copied.and(inserts.collect::<Option<()>>()).ok_or("its delta does not fit")
    }

    /// Git splits long copies; without the joints an object has fewer seams.
    fn join(&mut self, copy: Copied) {
        if let Some(last) = self.copies.last_mut()
            && last.to + last.length == copy.to
            && last.from.checked_add(last.length) == Some(copy.from)
        {
            last.length += copy.length;
        } else {
            self.copies.push(copy);
        }
    }
}

/// Offset and length of a copy: seven bits of the code say which of their bytes follow; the others are zero.
fn copied(delta: &[u8], at: &mut usize, code: u8) -> Result<(u32, u32), &'static str> {
    let count = (code & 0x7F).count_ones() as usize;
    let mut rest = match delta.get(*at..*at + 8) {
        Some(bytes) => bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
        None => {
            let bytes = delta.get(*at..*at + count).ok_or(CUT)?;
            bytes.iter().rev().fold(0, |rest, &byte| rest << 8 | u64::from(byte))
        }
    };
    *at += count;
    // Without branches: which bits are set is as good as random.
    let mut value = 0;
    for bit in 0..7 {
        let present = u64::from(code >> bit & 1);
        value |= (rest & present.wrapping_neg() & 0xFF) << (8 * bit);
        rest >>= present * 8;
    }
    let length = match (value >> 32) as u32 {
        0 => 0x1_0000,
        length => length,
    };
    Ok((value as u32, length))
}

/// A size, seven bits a byte, least significant first, and where what follows it begins.
fn size(bytes: &[u8], at: usize) -> Result<(u64, usize), &'static str> {
    let mut value = 0;
    for (number, &byte) in bytes.get(at..).unwrap_or_default().iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7F) << (7 * number);
        if byte & 0x80 == 0 {
            return Ok((value, at + number + 1));
        }
    }
    Err("a size in its delta is cut off or too large")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn applied(delta: &[u8], base: &[u8]) -> Result<(Vec<u8>, Vec<Copied>), &'static str> {
        let mut parts = Delta::default();
        parts.check(delta, base.len())?;
        let mut out = vec![0; parts.target()];
        parts.apply(delta, base, &mut out).unwrap();
        Ok((out, parts.copies().to_vec()))
    }

    #[test]
    fn copies_and_inserts_make_the_object() {
        let base = b"0123456789";
        let (out, copies) = applied(b"\x0a\x08\x91\x02\x03\x90\x01\x02ab\x91\x00\x02", base).unwrap();
        assert_eq!(out, b"2340ab01");
        let copy = |from, to, length| Copied { from, to, length };
        assert_eq!(copies, [copy(2, 0, 3), copy(0, 3, 1), copy(0, 6, 2)]);
        let (out, copies) = applied(b"\x0a\x06\x90\x03\x91\x03\x03", base).unwrap();
        assert_eq!((&out[..], copies), (&b"012345"[..], vec![copy(0, 0, 6)]));
        let large = vec![7; 0x1_0000];
        assert_eq!(applied(b"\x80\x80\x04\x80\x80\x04\x80", &large).unwrap().0, large);
    }

    #[test]
    fn lies_are_found() {
        let base = b"0123456789";
        for (delta, what) in [
            (&b"\x0b\x01\x90\x01"[..], "another size"),
            (b"\x0a\x02\x91\x09\x02", "beyond the end"),
            (b"\x0a\x01\x00", "does not exist"),
            (b"\x0a\x02\x90\x01", "too few"),
            (b"\x0a\x01\x90\x02", "too many"),
            (b"\x0a\x02\x02a", "cut off"),
            (b"\x0a\x02\x93\x01", "cut off"),
            (b"\x0a", "cut off"),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "too large"),
            (b"\x0a\xff\xff\xff\xff\xff\x01", "4 GiB"),
        ] {
            let error = applied(delta, base).unwrap_err();
            assert!(error.contains(what), "{delta:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_instructions_end_in_an_object_or_an_error(base: Vec<u8>, target in 0u8..128, body: Vec<u8>) {
            prop_assume!(base.len() < 128);
            let delta = [&[base.len() as u8, target][..], &body].concat();
            if let Ok((out, copies)) = applied(&delta, &base) {
                prop_assert_eq!(out.len(), usize::from(target));
                let mut end = 0;
                for copy in copies {
                    prop_assert!(copy.to >= end);
                    end = copy.to + copy.length;
                    let part = |from: u32| from as usize..(from + copy.length) as usize;
                    prop_assert_eq!(&out[part(copy.to)], &base[part(copy.from)]);
                }
            }
            let _ = applied(&body, &base);
        }
    }
}
