//! A chunked body: pieces with their lengths before them, as RFC 9112 section 7.1 has them.

/// Whether the last chunk is there.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut chunks = Chunks { rest: bytes, is_complete: false };
    while chunks.next().is_some() {}
    chunks.is_complete
}

/// The chunks without their lengths, as far as they go.
pub(super) fn joined(bytes: &[u8]) -> Vec<u8> {
    Chunks { rest: bytes, is_complete: false }.flatten().copied().collect()
}

struct Chunks<'a> {
    rest: &'a [u8],
    is_complete: bool,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memmem::find(self.rest, b"\r\n")?;
        let line = std::str::from_utf8(self.rest.get(..end)?).ok()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).ok()?;
        let rest = self.rest.get(end + 2..)?;
        if length == 0 {
            self.is_complete = true;
            return None;
        }
        let chunk = rest.get(..length.min(rest.len()))?;
        // A chunk that is cut off is the last one, and its bytes count.
        self.rest = length.checked_add(2).and_then(|length| rest.get(length..)).unwrap_or_default();
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_the_last_one_is_known() {
        let whole = b"4\r\nkb-l\r\n3;x=y\r\nabs\r\n0\r\n\r\n";
        assert_eq!(joined(whole), b"kb-labs");
        assert!(is_complete(whole));
        for end in 0..whole.len() - 4 {
            assert!(!is_complete(&whole[..end]), "{end}");
            assert!(b"kb-labs".starts_with(&joined(&whole[..end])[..]), "{end}");
        }
        assert_eq!(joined(b"ffffffffffffffff\r\nabc"), b"abc");
        assert_eq!(joined(b"zz\r\nabc"), b"");
    }
}
