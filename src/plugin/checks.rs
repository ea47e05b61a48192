//! The checks, one file each.

mod everything;
mod ignored_permissions;
mod mode_flip;
mod no_quota;
mod shell_interpreter;
mod undecidable;
mod unknown_key;
mod write_lost;

use super::check::Check;

/// Every check.
pub(crate) static ALL: &[Check] = &[
    everything::CHECK,
    ignored_permissions::CHECK,
    mode_flip::CHECK,
    no_quota::CHECK,
    shell_interpreter::CHECK,
    undecidable::CHECK,
    unknown_key::CHECK,
    write_lost::CHECK,
];
