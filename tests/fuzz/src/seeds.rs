//! Inputs to begin with: one of each form that git writes, and the lies that come to mind first.

/// The names of objects in these inputs.
const ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// The seeds of a target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "pack_entry" => pack_entries(),
        "delta" => deltas(),
        "pack_index" => pack_indexes(),
        "commit" => commits(),
        "tree" => trees(),
        "inspect_copy" => edits(),
        "manifest" | "permission_pattern" => super::plugin_seeds::seeds(target),
        other => super::database_seeds::seeds(other),
    }
}

/// A zlib stream that stores its bytes as they are; there are less than 64 KiB of them.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u16;
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let head = [&[0x78, 0x01, 0x01][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
    [&head, bytes, &(b << 16 | a).to_be_bytes()].concat()
}

/// Kind and size as an entry has them.
fn header(kind: u8, size: usize) -> Vec<u8> {
    let (mut bytes, mut rest) = (vec![kind << 4 | (size & 15) as u8], size >> 4);
    while rest > 0 {
        if let Some(last) = bytes.last_mut() {
            *last |= 0x80;
        }
        bytes.push((rest & 0x7F) as u8);
        rest >>= 7;
    }
    bytes
}

fn pack_entries() -> Vec<Vec<u8>> {
    let text = b"a file\nof two lines\n";
    let mut seeds: Vec<_> =
        (0..8).map(|kind| [&[0][..], &header(kind, text.len()), &stored(text)].concat()).collect();
    seeds.push([&[2][..], &header(6, 4), &[20], &stored(b"\x05\x05\x90\x05")].concat());
    seeds.push([&[255][..], &header(6, 4), &[0x81, 0x20], &stored(b"\x05\x05\x90\x05")].concat());
    seeds.push([&[4][..], &header(7, 4), &[7; 20], &stored(b"\x05\x05\x90\x05")].concat());
    seeds.push([&[5][..], &header(7, 4), &[7; 32], &stored(b"\x05\x05\x90\x05")].concat());
    // Sizes that are not true.
    for size in [text.len() - 1, text.len() + 1, 1 << 40] {
        seeds.push([&[0][..], &header(3, size), &stored(text)].concat());
    }
    seeds.push([&[0, 0xB5][..], &[0xFF; 9], &[0x7F]].concat());
    seeds
}

fn deltas() -> Vec<Vec<u8>> {
    // The base of the first byte 1 has 300 bytes: 0xAC 0x02.
    [
        &b"\x01\xac\x02\x0c\x90\x08\x04more"[..],
        b"\x01\xac\x02\x08\x91\x02\x03\x90\x01\x02ab\x91\x00\x02",
        b"\x01\xac\x02\xac\x02\xb0\x2c\x01",
        b"\x01\xac\x02\x06\x90\x03\x91\x03\x03",
        b"\xff\xd4\xd5\x12\x80\x80\x04\x80",
        b"\x01\xac\x02\x02\x93\x2b\x01\x02",
        b"\x01\xac\x02\x01\x00",
        b"\x01\xac\x02\x02\x02a",
        b"\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x90\x01",
        b"\x00\x00\x00",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

/// How many names begin with at most each byte.
fn fan_out(names: &[u8]) -> Vec<u8> {
    let upto = |first| names.iter().filter(|name| **name <= first).count() as u32;
    (0..=255).flat_map(|first| upto(first).to_be_bytes()).collect()
}

fn ids(names: &[u8], width: usize) -> Vec<u8> {
    names.iter().flat_map(|name| vec![*name; width]).collect()
}

fn pack_indexes() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (bit, width) in [(0, 20), (1, 32)] {
        let names = [1, 1, 7];
        let offsets: [&[u8]; 3] = [&[0, 0, 0, 12], &[0, 0, 0, 99], &[0x80, 0, 0, 0]];
        let second = [
            &[bit][..],
            b"\xfftOc\0\0\0\x02",
            &fan_out(&names),
            &ids(&names, width),
            &[5; 12],
            &offsets.concat(),
            &[0, 0, 1, 0, 0, 0, 0, 0],
            &vec![9; width],
            &vec![0; width],
        ];
        seeds.push(second.concat());
        let entries: Vec<u8> =
            names.iter().flat_map(|name| [&[0, 0, 0, 12 + name][..], &vec![*name; width]].concat()).collect();
        seeds.push([&[bit][..], &fan_out(&names), &entries, &vec![9; 2 * width]].concat());
        seeds.push([&[bit | 2][..], &multi_pack_index(&names, width)].concat());
    }
    let first = seeds[0].clone();
    seeds.extend([9, 500, 1033, first.len() - 41].map(|length| first[..length].to_vec()));
    seeds
}

/// One of two packs, `pack-a` and `pack-b`.
fn multi_pack_index(names: &[u8], width: usize) -> Vec<u8> {
    let places: Vec<u8> = (0..names.len() as u8).flat_map(|at| [0, 0, 0, at & 1, 0, 0, 0, 12 + at]).collect();
    let chunks: [(&[u8; 4], Vec<u8>); 4] = [
        (b"PNAM", b"pack-a.idx\0pack-b.idx\0\0\0".to_vec()),
        (b"OIDF", fan_out(names)),
        (b"OIDL", ids(names, width)),
        (b"OOFF", places),
    ];
    let mut at = 12 + 12 * (chunks.len() as u64 + 1);
    let mut bytes = vec![b'M', b'I', b'D', b'X', 1, if width == 20 { 1 } else { 2 }, 4, 0, 0, 0, 0, 2];
    for (name, content) in &chunks {
        bytes.extend_from_slice(*name);
        bytes.extend(at.to_be_bytes());
        at += content.len() as u64;
    }
    bytes.extend([0; 4]);
    bytes.extend(at.to_be_bytes());
    chunks.iter().for_each(|(_, content)| bytes.extend(content));
    bytes.extend(vec![0; width]);
    bytes
}

fn commits() -> Vec<Vec<u8>> {
    let person = "Ada Example <ada@example.org> 1767323045 +0100";
    let plain = format!("tree {ID}\nauthor {person}\ncommitter {person}\n\nsubject\n\nbody\n");
    let merge =
        format!("tree {ID}\nparent {ID}\nparent {ID}\nauthor {person}\ncommitter {person}\n\nmerge\n");
    let signed = format!(
        "tree {ID}\nparent {ID}\nauthor {person}\ncommitter {person}\nencoding ISO-8859-1\n\
         gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\ns\u{fc}bject\n"
    );
    let tag = format!("object {ID}\ntype commit\ntag v1.0\ntagger {person}\n\nmessage\n");
    let odd =
        format!("tree {ID}\nauthor <>\ncommitter {person} \x00\nparent {ID}\nencoding utf-9\n mergetag\n\n");
    let wide = format!("tree {}\nauthor A <a> 99999999999999999999 -9999\n\n", "ab".repeat(32));
    [plain, merge, signed, tag, odd, wide, "\n".into(), "tree".into()].map(String::into_bytes).to_vec()
}

fn trees() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (bit, width) in [(0, 20), (1, 32)] {
        let entry = |text: &[u8]| [text, b"\0", &vec![7; width]].concat();
        let all = [
            entry(b"100644 a file"),
            entry(b"100755 script"),
            entry(b"120000 link"),
            entry(b"160000 module"),
            entry(b"40000 directory"),
            entry(b"040000 old"),
        ];
        seeds.push([&[bit][..], &all.concat()].concat());
        for odd in [&b"100644 "[..], b"8 x", b" x", b"7777777 x", b"100644\nx"] {
            seeds.push([&[bit][..], &all[0], &entry(odd)].concat());
        }
        seeds.push([&[bit][..], &all[0], b"100644 cut\0short"].concat());
    }
    seeds
}

/// The number of texts, then each of them; the number of parts of an edit, then each of them; the same once more.
fn edits() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for piece in (0..1200u16).step_by(29) {
        let [high, low] = piece.to_be_bytes();
        let whole = [1, 0, 0, 0xFF, 0xFF];
        let part = [1, 0, 20, 0, 30];
        // The piece alone; all of it and a line break; something else and then a part of it.
        seeds
            .push([&[1, 2, high, low][..], &[2], &whole, &[0, 2, 0, 0], &[2], &[0, 2, 0, 3], &part].concat());
        // Between others; the first half, the letter A, the second half.
        let halves = [&[3][..], &[1, 0, 0, 0, 30], &[0, 0, 1, b'A'], &[1, 0, 30, 0xFF, 0xFF]].concat();
        seeds.push([&[3, 2, 0, 0, 2, high, low, 2, 0, 7][..], &halves, &halves].concat());
    }
    seeds
}
