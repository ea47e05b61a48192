//! The detector: rules made executable.

#[cfg_attr(not(test), expect(dead_code, reason = "the token matcher is its first user"))]
pub(crate) mod alphabet;
