//! The checks, one file each.

mod code_sink;
mod control_plane;
mod dead_grant;
mod drift;
mod dynamic_code;
mod early_code;
mod env_everything;
mod env_secret;
mod everything;
mod exfiltration;
mod foreign_id;
mod hidden_text;
mod ignored_permissions;
mod install_script;
mod loose_dependency;
mod mode_flip;
mod network_target;
mod network_wide;
mod no_quota;
mod obfuscation;
mod open_route;
mod package_text;
mod platform_wide;
mod plugin_code;
mod quota_large;
mod reached;
mod repeated_key;
mod sandbox_bypass;
mod shadowed_grant;
mod shell_interpreter;
mod undecidable;
mod undeclared_use;
mod unknown_key;
mod unused_grant;
mod unverified;
mod used;
mod write_lost;

use super::check::Check;

/// Every check.
pub(crate) static ALL: &[Check] = &[
    code_sink::CHECK,
    control_plane::CHECK,
    dead_grant::CHECK,
    drift::CHECK,
    dynamic_code::CHECK,
    early_code::CHECK,
    env_everything::CHECK,
    env_secret::CHECK,
    everything::CHECK,
    exfiltration::CHECK,
    foreign_id::CHECK,
    hidden_text::CHECK,
    ignored_permissions::CHECK,
    install_script::CHECK,
    loose_dependency::CHECK,
    mode_flip::CHECK,
    network_target::CHECK,
    network_wide::CHECK,
    no_quota::CHECK,
    obfuscation::CHECK,
    open_route::CHECK,
    platform_wide::CHECK,
    plugin_code::CHECK,
    quota_large::CHECK,
    repeated_key::CHECK,
    sandbox_bypass::CHECK,
    shadowed_grant::CHECK,
    shell_interpreter::CHECK,
    undecidable::CHECK,
    undeclared_use::CHECK,
    unknown_key::CHECK,
    unused_grant::CHECK,
    unverified::CHECK,
    write_lost::CHECK,
];
