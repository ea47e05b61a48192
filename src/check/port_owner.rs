//! `port.owner`: who listens on the ports of the services, and whether it is the service.

use super::context::Context;
use super::proc::{Listener, Proc, Process};
use super::services::{Service, Services};
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "port.owner",
    title: "The ports of services belong to them",
    why: "A port that something else holds keeps a service from starting, and answers in its place.",
    needs: &[Need::Privileges],
    answer,
};

fn answer(context: &Context) -> Vec<Verdict> {
    let Some(proc) = Proc::open(context) else {
        return vec![Verdict::unknown("", "this system does not show its processes")];
    };
    if let Some(port) = context.only.port {
        return vec![look(context, &proc, None, port)];
    }
    let services = Services::of(context);
    let wanted = services.wanted(context).filter_map(|service| Some((service, service.port?)));
    wanted.map(|(service, port)| look(context, &proc, Some(service), port)).collect()
}

fn look(context: &Context, proc: &Proc, service: Option<&Service>, port: u16) -> Verdict {
    let subject = service.map_or_else(|| port.to_string(), |service| format!("{} {port}", service.id));
    let Some(listeners) = proc.listeners(port) else {
        return Verdict::unknown(subject, "the table of sockets cannot be read");
    };
    if listeners.is_empty() {
        return match service {
            // Whether that is bad is the question of net.http.
            Some(_) => Verdict::pass(subject, "free: nobody listens"),
            None => Verdict::pass(subject, "free"),
        };
    }
    let (owners, saw_all) = proc.owners(&listeners);
    let Some(owner) = owners.first() else {
        let uid = listeners.first().map_or(0, |listener| listener.uid);
        let why = if saw_all {
            format!("held by a socket of uid {uid} that no process of this machine has open")
        } else {
            format!("held by a process of uid {uid}, which only root may see")
        };
        return Verdict::unknown(subject, why).fix(format!("sudo kbsec check port.owner --port {port}"));
    };
    let value = format!("held by {}", describe(context, owner));
    let places = listeners.iter().map(place);
    let Some(service) = service else { return Verdict::pass(subject, value).seen_at(places) };
    let verdict = match belongs(context, proc, service, owner) {
        Some(how) => Verdict::pass(subject, format!("{value}, {how}")),
        None => {
            Verdict::fail(subject, value).expected(format!("the process of {}", service.id)).fix(format!(
                "see what pid {} is, end it or move it to another port, then: kb-dev restart {}",
                owner.pid, service.id
            ))
        }
    };
    verdict.seen_at(places)
}

/// How it is known that a process is that of the service: by its pid file, its unit, or its program.
fn belongs(context: &Context, proc: &Proc, service: &Service, owner: &Process) -> Option<String> {
    let mut pid = owner.pid;
    let told = super::pid_file::read(context, &service.id).ok().flatten();
    // The service may be a child of what was started.
    for _ in 0..8 {
        if told.as_ref().is_some_and(|file| file.pid == pid) {
            return Some("as its pid file says".to_owned());
        }
        match proc.process(pid) {
            Some(process) if process.parent > 1 => pid = process.parent,
            _ => break,
        }
    }
    let unit = format!("kb-{}.service", service.id);
    if proc.text(&format!("{}/cgroup", owner.pid)).is_some_and(|text| text.contains(&unit)) {
        return Some(format!("in {unit}"));
    }
    if service.is_container && owner.name.contains("docker") {
        return Some("for its container".to_owned());
    }
    let names = [format!("/{}/", service.id), format!("kb-{}", service.id), format!("{}-daemon", service.id)];
    let is_node = owner.name.starts_with("node") || owner.name == "MainThread";
    let is_named = names.iter().any(|name| owner.command.contains(name.as_str()))
        || (service.id == "rest" && owner.command.contains("/rest-api/"));
    (is_node && is_named).then(|| "by its command line".to_owned())
}

/// `node pid 4411 uid 1000 since 16:02:11Z: next dev`.
pub(super) fn describe(context: &Context, process: &Process) -> String {
    let uid = process.uid.map_or_else(String::new, |uid| format!(" uid {uid}"));
    let since =
        process.started.map_or_else(String::new, |started| match context.now.saturating_sub(started) {
            0..86_400_000 => format!(" since {}", show::time(started)),
            _ => format!(" since {}", show::moment(started)),
        });
    let command = context.shorten(&process.command, 60);
    format!("{} pid {}{uid}{since}: {command}", process.name, process.pid)
}

fn place(listener: &Listener) -> String {
    format!("{}:{}", listener.address, listener.port)
}
