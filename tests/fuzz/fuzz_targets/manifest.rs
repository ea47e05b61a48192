//! See `manifest` in src/plugin.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kbsec_fuzz::manifest(data));
