//! The running process of a service: by its pid file, by its unit, or by the port that it holds.

use super::context::Context;
use super::pid_file;
use super::proc::Proc;
use super::services::Services;

/// The process that a service runs as, as far as that can be seen.
pub(super) fn pid(context: &Context, proc: &Proc, service: &str) -> Option<u32> {
    let told = pid_file::read(context, service).ok().flatten().map(|file| file.pid);
    let on_port = || {
        let port = Services::of(context).get(service)?.port?;
        let (owners, _) = proc.owners(&proc.listeners(port)?);
        owners.first().map(|owner| owner.pid)
    };
    told.filter(|&pid| proc.process(pid).is_some()).or_else(on_port)
}
