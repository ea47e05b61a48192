//! The detector: rules made executable.

#[cfg_attr(not(test), expect(dead_code, reason = "the token matcher is its first user"))]
pub(crate) mod alphabet;
#[cfg_attr(not(test), expect(dead_code, reason = "the detector is its first user"))]
pub(crate) mod check;
mod date;
#[cfg_attr(not(test), expect(dead_code, reason = "the rules' own test is its first user"))]
pub(crate) mod example;
mod fact;
#[cfg_attr(not(test), expect(dead_code, reason = "the detector is its first user"))]
pub(crate) mod jwt;
#[cfg_attr(not(test), expect(dead_code, reason = "the detector is its first user"))]
pub(crate) mod pem;
mod radix;
mod random;
