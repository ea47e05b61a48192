//! The checks, one file each.

mod code_sink;
mod control_plane;
mod dead_grant;
mod env_everything;
mod env_secret;
mod everything;
mod ignored_permissions;
mod mode_flip;
mod network_wide;
mod no_quota;
mod reached;
mod shell_interpreter;
mod undecidable;
mod undeclared_use;
mod unknown_key;
mod unused_grant;
mod used;
mod write_lost;

use super::check::Check;

/// Every check.
pub(crate) static ALL: &[Check] = &[
    code_sink::CHECK,
    control_plane::CHECK,
    dead_grant::CHECK,
    env_everything::CHECK,
    env_secret::CHECK,
    everything::CHECK,
    ignored_permissions::CHECK,
    mode_flip::CHECK,
    network_wide::CHECK,
    no_quota::CHECK,
    shell_interpreter::CHECK,
    undecidable::CHECK,
    undeclared_use::CHECK,
    unknown_key::CHECK,
    unused_grant::CHECK,
    write_lost::CHECK,
];
