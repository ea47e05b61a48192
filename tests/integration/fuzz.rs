//! The checks of the fuzz targets, on their seeds, on near relatives of those, and on what the fuzzer found once.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library for the fuzzer")]
mod checks;

use std::fs;
use std::path::{Path, PathBuf};

use checks::{TARGETS, seeds};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// The bytes that a file of hexadecimal digits and white space tells.
fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|sign| sign.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[test]
fn seeds_hold() {
    for (name, check) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() > 5, "{name}");
        seeds.iter().for_each(|seed| check(seed));
    }
}

#[test]
fn relatives_of_seeds_hold() {
    for (name, check) in TARGETS {
        for seed in seeds(name) {
            // Each of so many places is cut at, counted up, turned over and left out.
            for at in (0..seed.len()).step_by(seed.len().div_ceil(24).max(1)) {
                check(&seed[..at]);
                for new in [&[seed[at].wrapping_add(1)][..], &[seed[at] ^ 0x80], &[]] {
                    check(&[&seed[..at], new, &seed[at + 1..]].concat());
                }
            }
        }
    }
}

#[test]
fn what_was_found_once_holds() {
    for (name, check) in TARGETS {
        let Ok(files) = fs::read_dir(folder("found").join(name)) else { continue };
        for file in files {
            check(&from_hex(&fs::read_to_string(file.unwrap().path()).unwrap()));
        }
    }
}

/// `cargo test --test integration write_the_corpora -- --ignored` before the fuzzer is started.
#[test]
#[ignore = "writes files"]
fn write_the_corpora() {
    for (name, _) in TARGETS {
        let corpus = folder("corpus").join(name);
        fs::create_dir_all(&corpus).unwrap();
        for (number, seed) in seeds(name).iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}
