//! The audit of plugins: what a manifest declares, against what the platform's own checks let through at run time.
//!
//! A permission is text; what it grants is decided by the code that enforces it, and the platform enforces with several
//! matchers that disagree. This engine therefore compiles each declaration, by an exact model of its matcher, into a
//! set of strings, and answers questions by algebra on sets: does it reach this file, does it grant more than before.

pub mod permission;
