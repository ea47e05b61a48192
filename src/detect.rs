//! The detector: rules made executable.

#[cfg_attr(not(test), expect(dead_code, reason = "the token matcher is its first user"))]
pub(crate) mod alphabet;
mod date;
mod fact;
#[cfg_attr(not(test), expect(dead_code, reason = "the detector is its first user"))]
pub(crate) mod jwt;
#[cfg_attr(not(test), expect(dead_code, reason = "the checks use the rest of it"))]
mod radix;
