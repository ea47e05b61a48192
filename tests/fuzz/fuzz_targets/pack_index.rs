//! See `pack_index` in src/lib.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::pack_index(data));
