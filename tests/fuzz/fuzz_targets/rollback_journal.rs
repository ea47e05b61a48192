//! See `rollback_journal` in src/database.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::rollback_journal(data));
