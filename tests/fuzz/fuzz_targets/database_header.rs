//! See `database_header` in src/database.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::database_header(data));
