//! See `write_ahead_log` in src/database.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::write_ahead_log(data));
