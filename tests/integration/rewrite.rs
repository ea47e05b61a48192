//! `kbsec rewrite`: what it takes out, what it keeps, when it refuses, and that no crash does harm. Git is the judge.

mod crashes;
mod fixture;
mod peers;
mod places;
mod refusals;
mod shapes;
