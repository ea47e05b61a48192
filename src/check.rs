//! A check: one question about an installation of the KB Labs platform, answered with pass, warn, fail or unknown.
//!
//! A check only looks. Whatever it needs from outside (the folder, the clock, the environment, where processes are
//! shown) stands in its [`Context`], so that a test can point it at a fixture. What it prints was written by services,
//! plugins and people, so [`run`] takes the secrets out of every verdict before anybody sees it.

pub mod bundle;
pub mod context;
pub mod verdict;

mod adapter_lat;
mod cfg_parse;
mod config_file;
mod databases;
mod db_backup;
mod db_busy;
mod db_health;
mod db_integrity;
mod disk_free;
mod env_file;
mod env_jwt;
mod git_deploy;
mod http;
mod http_routes;
mod json_text;
mod lock_market;
mod log;
mod log_adapter;
mod log_firsterr;
mod log_p99;
mod log_plugin;
mod log_sqlite;
mod log_trace;
mod log_workspace;
mod mem_rss;
mod metrics;
mod moment;
mod net_http;
mod npm_ping;
mod npm_pkg;
mod pid_file;
mod plug_files;
mod plug_hosts;
mod plug_perm;
mod plug_res;
mod port_owner;
mod proc;
mod program;
mod prom_alert;
mod prom_jobs;
mod prom_lag;
mod prom_p99;
mod reason;
mod registry;
mod running;
mod runs;
mod sd_unit;
mod sensitive;
mod services;
mod show;
mod signature;
mod svc_kbdev;
mod svc_qdrant;
mod svc_redis;
mod svc_state;
mod svc_upstreams;
mod variable;
mod wf_queue;
mod wf_runaway;
mod yaml;

use std::time::Instant;

pub use context::{Context, Network, Only};
pub use verdict::{Status, Verdict};

/// A question, and how to find the answer.
#[derive(Debug)]
pub struct Check {
    /// Such as `net.http`; never reused.
    pub id: &'static str,
    /// What it asks, in one line.
    pub title: &'static str,
    /// Why that matters in an incident.
    pub why: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Need],
    /// Looks, and answers with at least one verdict.
    answer: fn(&Context) -> Vec<Verdict>,
}

/// What a check needs; without it the answer is `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A connection to a service, on this machine unless the user says otherwise.
    Network,
    /// To see processes of other users, as root does.
    Privileges,
}

impl Need {
    /// As a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Privileges => "privileges",
        }
    }
}

/// Every check, in the order of an incident: what is down, why, what it does, what it holds.
pub static ALL: &[Check] = &[
    net_http::CHECK,
    svc_kbdev::CHECK,
    sd_unit::CHECK,
    svc_upstreams::CHECK,
    prom_alert::CHECK,
    log_firsterr::CHECK,
    cfg_parse::CHECK,
    env_jwt::CHECK,
    port_owner::CHECK,
    http_routes::CHECK,
    log_adapter::CHECK,
    mem_rss::CHECK,
    prom_lag::CHECK,
    log_plugin::CHECK,
    log_trace::CHECK,
    wf_queue::CHECK,
    prom_jobs::CHECK,
    svc_state::CHECK,
    log_workspace::CHECK,
    wf_runaway::CHECK,
    npm_ping::CHECK,
    npm_pkg::CHECK,
    disk_free::CHECK,
    lock_market::CHECK,
    plug_res::CHECK,
    plug_files::CHECK,
    plug_hosts::CHECK,
    plug_perm::CHECK,
    db_health::CHECK,
    db_integrity::CHECK,
    db_backup::CHECK,
    db_busy::CHECK,
    log_sqlite::CHECK,
    prom_p99::CHECK,
    log_p99::CHECK,
    adapter_lat::CHECK,
    svc_qdrant::CHECK,
    svc_redis::CHECK,
    git_deploy::CHECK,
];

/// No check has this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no check is called {0}")]
pub struct UnknownCheck(pub String);

/// The check with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    ALL.iter().find(|check| check.id == id)
}

/// Runs the check with this id. There is at least one verdict, and no secret that the scanner knows is in any.
///
/// # Errors
/// When there is no such check.
pub fn run(id: &str, context: &Context) -> Result<Vec<Verdict>, UnknownCheck> {
    let check = find(id).ok_or_else(|| UnknownCheck(id.to_owned()))?;
    let started = Instant::now();
    let mut verdicts = (check.answer)(context);
    if verdicts.is_empty() {
        verdicts.push(Verdict::unknown("", "there is nothing to look at here"));
    }
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(verdicts.into_iter().map(|verdict| verdict.finish(check.id, milliseconds, context)).collect())
}

#[cfg(test)]
mod tests;
