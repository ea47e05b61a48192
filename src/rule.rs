//! A rule: data that states how a secret looks, how bad its loss is, and how to revoke it.

mod format;
mod load;
mod shape;

pub use format::{Call, Check, Example, Pair, Respond, Rule};
pub use load::{RuleError, RuleSet};
pub use shape::{
    AssignedShape, GenericShape, JsonShape, JwtShape, PemShape, RegexShape, Shape, TokenShape, UrlShape,
};
