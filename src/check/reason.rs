//! Reason codes of the platform's diagnostic events, and what to do about each.

/// What to do about a reason code; `None` for one that the platform does not list.
pub(super) fn fix(code: &str) -> Option<&'static str> {
    FIXES.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, fix)| *fix)
}

const FIXES: &[(&[&str], &str)] = &[
    (
        &["snapshot_stale", "snapshot_partial", "registry_restore_failed", "registry_refresh_failed"],
        "make the registry anew: kb marketplace clear-cache, then restart rest",
    ),
    (
        &["manifest_missing", "manifest_invalid", "manifest_load_timeout", "plugin_discovery_failed"],
        "look at the manifest (kbsec audit), or disable the plugin",
    ),
    (&["integrity_mismatch"], "the package is not what was installed: kbsec check lock.market"),
    (&["version_mismatch"], "install the version that the lock names: kb marketplace sync"),
    (
        &["handler_not_found", "module_import_failed", "export_missing"],
        "the build of the plugin is incomplete: build or install it again",
    ),
    (&["zod_validation_failed"], "the caller sends what the schema refuses; see the message for the field"),
    (
        &["execution_host_unavailable", "execution_dispatch_failed"],
        "see what runs the handlers: kbsec check svc.upstreams",
    ),
    (
        &["route_validation_failed", "route_mount_failed", "ws_mount_failed"],
        "the routes of the plugin are not valid: disable it and restart rest",
    ),
    (&["upstream_unavailable"], "see which one is down: kbsec check svc.upstreams"),
    (
        &[
            "websocket_auth_failed",
            "websocket_hello_timeout",
            "websocket_handshake_invalid",
            "websocket_protocol_unsupported",
            "websocket_message_invalid",
        ],
        "see the version and the token of the host that connects",
    ),
    (
        &["adapter_call_rejected", "adapter_bridge_unavailable"],
        "see the adapter's service and its credentials: kbsec check log.adapter",
    ),
    (
        &["workspace_provision_failed", "workspace_provision_timeout"],
        "see the workspace adapter and the disk: kbsec check log.workspace disk.free",
    ),
    (&["worker_loop_error"], "restart workflow after its log was kept (kbsec collect)"),
];
