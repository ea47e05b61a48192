//! A delta: the instructions that make an object from its base, checked before they are followed.

/// A part of an object that is also in its base: `bytes[to..to + length]` of the object are `from..from + length` of
/// its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where it begins in the base.
    pub from: u32,
    /// Where it begins in the object.
    pub to: u32,
    /// How many bytes.
    pub length: u32,
}

/// A delta whose sizes, offsets and instructions fit its base and each other.
pub(super) struct Delta<'a> {
    instructions: &'a [u8],
    /// Bytes of the object that it makes.
    pub(super) target: usize,
}

/// One step of a delta.
enum Instruction<'a> {
    Copy { from: usize, length: usize },
    Insert(&'a [u8]),
}

const CUT: &str = "its delta is cut off";

/// Bytes of the base and of the object that a delta is for, and the instructions.
pub(super) fn sizes(delta: &[u8]) -> Result<(u64, u64, &[u8]), &'static str> {
    let (base, rest) = size(delta)?;
    let (target, rest) = size(rest)?;
    Ok((base, target, rest))
}

impl<'a> Delta<'a> {
    /// Checks every instruction against a base of `base` bytes, and notes in `copies` what is taken from it; adjacent
    /// copies are joined. Nothing is allocated for the object yet: the size that a delta claims may be a lie.
    pub(super) fn check(delta: &'a [u8], base: usize, copies: &mut Vec<Copy>) -> Result<Self, &'static str> {
        copies.clear();
        let (claimed_base, target, instructions) = sizes(delta)?;
        if claimed_base != base as u64 {
            return Err("its delta is for a base of another size");
        }
        let target =
            u32::try_from(target).map_err(|_| "its delta makes more than 4 GiB, which is not supported")?;
        let mut rest = instructions;
        let mut to = 0u32;
        while !rest.is_empty() {
            let (instruction, next) = Instruction::take(rest)?;
            rest = next;
            let length = match instruction {
                Instruction::Insert(bytes) => bytes.len(),
                Instruction::Copy { from, length } => {
                    if from + length > base {
                        return Err("its delta copies beyond the end of its base");
                    }
                    length
                }
            };
            let (start, length) = (to, u32::try_from(length).map_err(|_| CUT)?);
            to = to.checked_add(length).filter(|to| *to <= target).ok_or("its delta makes too many bytes")?;
            if let Instruction::Copy { from, .. } = instruction {
                let from = u32::try_from(from).map_err(|_| "its delta copies from beyond 4 GiB")?;
                join(copies, Copy { from, to: start, length });
            }
        }
        if to != target {
            return Err("its delta makes too few bytes");
        }
        Ok(Self { instructions, target: target as usize })
    }

    /// Makes the object in `out`, which has as many bytes as [`Delta::target`] says; `base` has as many as were checked.
    pub(super) fn apply(&self, base: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
        const CHANGED: &str = "its delta does not fit";
        let mut rest = self.instructions;
        let mut out = out;
        while !rest.is_empty() {
            let (instruction, next) = Instruction::take(rest)?;
            rest = next;
            let bytes = match instruction {
                Instruction::Insert(bytes) => bytes,
                Instruction::Copy { from, length } => base.get(from..from + length).ok_or(CHANGED)?,
            };
            let (here, after) = out.split_at_mut_checked(bytes.len()).ok_or(CHANGED)?;
            here.copy_from_slice(bytes);
            out = after;
        }
        Ok(())
    }
}

impl<'a> Instruction<'a> {
    fn take(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), &'static str> {
        let (&code, rest) = bytes.split_first().ok_or(CUT)?;
        if code & 0x80 != 0 {
            return Self::take_copy(code, rest);
        }
        if code == 0 {
            return Err("its delta has an instruction that does not exist");
        }
        let (bytes, rest) = rest.split_at_checked(usize::from(code)).ok_or(CUT)?;
        Ok((Self::Insert(bytes), rest))
    }

    /// Seven bits of the code say which bytes of offset and length follow; the others are zero.
    fn take_copy(code: u8, rest: &'a [u8]) -> Result<(Self, &'a [u8]), &'static str> {
        let count = (code & 0x7F).count_ones() as usize;
        let (present, rest) = rest.split_at_checked(count).ok_or(CUT)?;
        let mut present = present.iter();
        let mut value = 0u64;
        for bit in 0..7 {
            if code >> bit & 1 == 1 {
                value |= u64::from(*present.next().ok_or(CUT)?) << (8 * bit);
            }
        }
        let length = match value >> 32 {
            0 => 0x1_0000,
            length => length as usize,
        };
        Ok((Self::Copy { from: (value & 0xFFFF_FFFF) as usize, length }, rest))
    }
}

/// Git splits long copies; without the joints an object has fewer seams.
fn join(copies: &mut Vec<Copy>, copy: Copy) {
    if let Some(last) = copies.last_mut()
        && last.to + last.length == copy.to
        && last.from.checked_add(last.length) == Some(copy.from)
    {
        last.length += copy.length;
    } else {
        copies.push(copy);
    }
}

/// A size, seven bits a byte, least significant first.
fn size(bytes: &[u8]) -> Result<(u64, &[u8]), &'static str> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[at + 1..]));
        }
    }
    Err("a size in its delta is cut off or too large")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn applied(delta: &[u8], base: &[u8]) -> Result<(Vec<u8>, Vec<Copy>), &'static str> {
        let mut copies = Vec::new();
        let delta = Delta::check(delta, base.len(), &mut copies)?;
        let mut out = vec![0; delta.target];
        delta.apply(base, &mut out).unwrap();
        Ok((out, copies))
    }

    #[test]
    fn copies_and_inserts_make_the_object() {
        let base = b"0123456789";
        let (out, copies) = applied(b"\x0a\x08\x91\x02\x03\x90\x01\x02ab\x91\x00\x02", base).unwrap();
        assert_eq!(out, b"2340ab01");
        let copy = |from, to, length| Copy { from, to, length };
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
