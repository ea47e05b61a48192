//! See `btree_page` in src/database.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::btree_page(data));
