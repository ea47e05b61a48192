//! A tar file: blocks of 512 bytes, a header before each member.

const BLOCK: usize = 512;

/// Whether the bytes begin with a header of the POSIX or GNU kind.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar") && size(bytes).is_some()
}

/// Hands every member to `visit`, with its name, until the end or the first header that has no meaning.
pub(super) fn each(bytes: &[u8], visit: &mut dyn FnMut(&[u8], &[u8])) {
    let mut rest = bytes;
    while is_tar(rest) {
        let (Some(name), Some(size), Some(after)) = (rest.get(..100), size(rest), rest.get(BLOCK..)) else {
            return;
        };
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let size = size.min(after.len());
        visit(name, &after[..size]);
        rest = after.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
}

/// The size in a header, in octal digits or, from 8 GiB on, in binary, which is no matter here.
fn size(header: &[u8]) -> Option<usize> {
    let digits = header.get(124..136)?.trim_ascii();
    let digits = digits.split(|&byte| byte == 0 || byte == b' ').next()?;
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: usize) -> Vec<u8> {
        let mut header = vec![0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[257..263].copy_from_slice(b"ustar\0");
        header
    }

    #[test]
    fn members_are_cut_out() {
        let mut tar = header("a", 3);
        tar.extend(b"one");
        tar.resize(2 * BLOCK, 0);
        tar.extend(header("b", 600));
        tar.extend([b'x'; 600]);
        let mut found = Vec::new();
        each(&tar, &mut |name, bytes| found.push((name.to_vec(), bytes.len())));
        assert_eq!(found, [(b"a".to_vec(), 3), (b"b".to_vec(), 600)]);
    }

    proptest::proptest! {
        #[test]
        fn ends_without_panic(tail: Vec<u8>, size in 0usize..3000) {
            each(&[header("x", size), tail].concat(), &mut |_, _| {});
        }
    }
}
