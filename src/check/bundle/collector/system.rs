//! The machine: programs, units, ports, processes, memory, disks, time, changes.

use std::fmt::Write as _;

use super::Collected;
use crate::check::context::Context;
use crate::check::proc::Proc;
use crate::check::services::Services;
use crate::check::{databases as bases, port_owner, program, running, show, variable};
use crate::sqlite::sidecar::Role;

/// Programs of the platform and what makes them say their version.
const PROGRAMS: [(&str, &str); 9] = [
    ("node", "--version"),
    ("pnpm", "--version"),
    ("npm", "--version"),
    ("kb", "--version"),
    ("kb-dev", "--version"),
    ("git", "--version"),
    ("docker", "--version"),
    ("sqlite3", "--version"),
    ("systemctl", "--version"),
];
/// How far back commits are listed.
const DAYS: u64 = 7;

/// Versions of programs and of the kernel.
pub(super) fn versions(context: &Context) -> Collected {
    let mut collected = Collected::default();
    let told: Vec<_> = std::thread::scope(|scope| {
        let ask = |&(name, argument): &(&'static str, &'static str)| {
            (name, scope.spawn(move || program::run(context, name, [argument], context.timeout * 5)))
        };
        let threads: Vec<_> = PROGRAMS.iter().map(ask).collect();
        threads.into_iter().filter_map(|(name, thread)| Some((name, thread.join().ok()?))).collect()
    });
    let mut text = String::new();
    for (name, result) in told {
        let said = match result {
            Ok(output) => output.text().lines().next().unwrap_or("it says nothing").to_owned(),
            Err(error) => error.to_string(),
        };
        let _ = writeln!(text, "{name}: {said}");
    }
    if let Some(kernel) = Proc::open(context).and_then(|proc| proc.text("version")) {
        let _ = writeln!(text, "kernel: {}", kernel.trim());
    }
    collected.add("versions.txt", "--version of each program", text);
    collected
}

/// What systemd knows of each unit.
pub(super) fn units(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for service in &Services::of(context).list {
        if let Some(file) = variable::unit(context, &service.id) {
            let unit = format!("kb-{}", service.id);
            collected.add_program(
                context,
                &format!("units/{unit}.txt"),
                &["systemctl", "show", "--no-pager", &unit],
            );
            collected.add_file(context, &format!("units/{unit}.service"), &file);
        }
    }
    collected
}

/// Who listens on the ports of the services.
pub(super) fn ports(context: &Context) -> Collected {
    let Some(proc) = Proc::open(context) else {
        return Collected::failed("this system does not show its processes");
    };
    let mut collected = Collected::default();
    let mut text = String::new();
    for service in &Services::of(context).list {
        let Some(port) = service.port else { continue };
        let Some(listeners) = proc.listeners(port) else {
            return Collected::failed("the table of sockets cannot be read");
        };
        let (owners, saw_all) = proc.owners(&listeners);
        let owner = match (owners.first(), listeners.is_empty(), saw_all) {
            (Some(owner), ..) => port_owner::describe(context, owner),
            (None, true, _) => "nobody listens".to_owned(),
            (None, false, true) => "a socket without a process".to_owned(),
            (None, false, false) => "a process that only root may see".to_owned(),
        };
        let _ = writeln!(text, "{port} {}: {owner}", service.id);
    }
    collected.add("ports.txt", "/proc/net/tcp", text);
    collected
}

/// The processes of the services and what they have started.
pub(super) fn processes(context: &Context) -> Collected {
    let Some(proc) = Proc::open(context) else {
        return Collected::failed("this system does not show its processes");
    };
    let mut collected = Collected::default();
    let mut text = String::new();
    let all = proc.all();
    for service in &Services::of(context).list {
        let Some(root) = running::pid(context, &proc, &service.id) else { continue };
        for process in all.iter().filter(|process| process.pid == root || process.parent == root) {
            let open = proc.open_files(process.pid).map_or_else(
                || "files not shown".to_owned(),
                |open| format!("{} files, {} sockets", open.descriptors, open.sockets),
            );
            let rss = show::bytes(process.rss);
            let described = port_owner::describe(context, process);
            let _ = writeln!(text, "{}: {described}; state {}, {rss}, {open}", service.id, process.state);
            let limits = proc.text(&format!("{}/limits", process.pid)).unwrap_or_default();
            let files = limits.lines().find(|line| line.starts_with("Max open files"));
            let _ = writeln!(text, "    {}", files.unwrap_or("limits not shown"));
        }
    }
    if text.is_empty() {
        collected.errors.push("no process of a service is seen here".to_owned());
    } else {
        collected.add("processes.txt", "/proc", text);
    }
    collected
}

/// Memory of the machine.
pub(super) fn memory(context: &Context) -> Collected {
    of_proc(context, &[("memory/meminfo.txt", "meminfo"), ("memory/pressure.txt", "pressure/memory")], 1)
}

/// Clock, boot and load.
pub(super) fn time(context: &Context) -> Collected {
    let mut collected = of_proc(context, &[("time/uptime.txt", "uptime"), ("time/load.txt", "loadavg")], 2);
    collected.add("time/clock.txt", "the clock of this machine", format!("{}\n", show::moment(context.now)));
    collected
}

/// Files of the system's own; of the first so many the absence is an error.
fn of_proc(context: &Context, wanted: &[(&str, &str)], needed: usize) -> Collected {
    let Some(proc) = Proc::open(context) else {
        return Collected::failed("this system does not show its state");
    };
    let mut collected = Collected::default();
    for (at, (name, file)) in wanted.iter().enumerate() {
        match proc.text(file) {
            Some(text) => collected.add(*name, format!("/proc/{file}"), text),
            None if at < needed => collected.errors.push(format!("/proc/{file} cannot be read")),
            None => {}
        }
    }
    collected
}

/// Lines of the kernel about processes that it killed.
pub(super) fn killed(context: &Context) -> Collected {
    let arguments = ["-k", "-q", "--no-pager", "-o", "short-iso", "-n", "20000"];
    let output = match program::run(context, "journalctl", arguments, context.timeout * 5) {
        Ok(output) if output.code == Some(0) => output,
        Ok(output) => return Collected::failed(output.complaint()),
        Err(error) => return Collected::failed(error.to_string()),
    };
    let mut collected = Collected::default();
    let text = output.text();
    let words = ["Out of memory", "oom-kill", "oom_reaper", "Killed process"];
    let lines: Vec<&str> = text.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect();
    collected.add(
        "memory/killed.txt",
        "journalctl -k",
        format!("{} lines\n{}\n", lines.len(), lines.join("\n")),
    );
    collected
}

/// Room on disks, and what is mounted where.
pub(super) fn disk(context: &Context) -> Collected {
    let mut collected = of_proc(context, &[("disk/mounts.txt", "mounts")], 1);
    let verdicts = crate::check::run("disk.free", context).unwrap_or_default();
    let lines = verdicts.iter().map(|one| format!("{} {}: {}\n", one.status.name(), one.subject, one.value));
    collected.add("disk/free.txt", "statvfs", lines.collect::<String>());
    collected
}

/// What git has not committed, and where it stands.
pub(super) fn git(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for (name, words) in [
        ("git/head.txt", &["git", "--no-pager", "log", "-n", "1", "--format=%H %cI %s"][..]),
        ("git/branch.txt", &["git", "--no-pager", "branch", "--show-current"][..]),
        (
            "git/status.txt",
            &["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v1"][..],
        ),
    ] {
        collected.add_program(context, name, words);
    }
    collected
}

/// Commits of the last days, with the files that they touch.
pub(super) fn changes(context: &Context) -> Collected {
    let mut collected = Collected::default();
    let since = format!("--since=@{}", context.now.saturating_sub(DAYS * 86_400_000) / 1000);
    let words = [
        "git",
        "--no-pager",
        "-c",
        "core.fsmonitor=false",
        "log",
        "-n",
        "200",
        "--format=%h %cI %an: %s",
        "--name-status",
        &since,
    ];
    collected.add_program(context, "git/changes.txt", &words);
    collected
}

/// Databases with their sizes, sidecars and holders. Their content is not collected.
pub(super) fn databases(context: &Context) -> Collected {
    let mut collected = Collected::default();
    let mut text = String::new();
    for path in bases::all(context) {
        let _ = writeln!(text, "{}", context.name_of(&path));
        for role in [Role::Database, Role::Wal, Role::Journal] {
            let _ = writeln!(text, "    {role:?}: {}", show::bytes(bases::size(&path, role)));
        }
        let processes = bases::held(context, &path).and_then(|outcome| outcome.processes);
        for holder in processes.iter().flat_map(|processes| &processes.holders) {
            let _ = writeln!(
                text,
                "    held by {}, writing: {}",
                bases::name(context, holder),
                holder.is_writing()
            );
        }
    }
    if !text.is_empty() {
        collected.add("databases.txt", ".kb", text);
    }
    collected
}
