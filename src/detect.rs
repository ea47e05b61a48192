//! The detector: rules made executable.

#[cfg_attr(not(test), expect(dead_code, reason = "the token matcher is its first user"))]
pub(crate) mod alphabet;
#[cfg_attr(not(test), expect(dead_code, reason = "the detector is its first user"))]
pub(crate) mod check;
mod date;
mod fact;
#[cfg_attr(not(test), expect(dead_code, reason = "the detector is its first user"))]
pub(crate) mod jwt;
mod radix;
mod random;
