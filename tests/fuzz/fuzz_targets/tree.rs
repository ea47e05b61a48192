//! See `tree` in src/lib.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::tree(data));
