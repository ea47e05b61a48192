//! The checks, one file each.

mod code_sink;
mod control_plane;
mod dead_grant;
mod drift;
mod env_everything;
mod env_secret;
mod everything;
mod ignored_permissions;
mod mode_flip;
mod network_target;
mod network_wide;
mod no_quota;
mod platform_wide;
mod quota_large;
mod reached;
mod repeated_key;
mod runs_at_discovery;
mod shadowed_grant;
mod shell_interpreter;
mod undecidable;
mod unknown_key;
mod unverified;
mod write_lost;

use super::check::Check;

/// Every check.
pub(crate) static ALL: &[Check] = &[
    code_sink::CHECK,
    control_plane::CHECK,
    dead_grant::CHECK,
    drift::CHECK,
    env_everything::CHECK,
    env_secret::CHECK,
    everything::CHECK,
    ignored_permissions::CHECK,
    mode_flip::CHECK,
    network_target::CHECK,
    network_wide::CHECK,
    no_quota::CHECK,
    platform_wide::CHECK,
    quota_large::CHECK,
    repeated_key::CHECK,
    runs_at_discovery::CHECK,
    shadowed_grant::CHECK,
    shell_interpreter::CHECK,
    undecidable::CHECK,
    unknown_key::CHECK,
    unverified::CHECK,
    write_lost::CHECK,
];
