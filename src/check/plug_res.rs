//! `plug.res`: which processes of the platform use how much, measured over a moment: processor, memory, files, sockets.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::context::Context;
use super::proc::{Proc, Process};
use super::services::Services;
use super::verdict::Verdict;
use super::{Check, Need, running, show};

pub(super) const CHECK: Check = Check {
    id: "plug.res",
    title: "No worker uses more than its share",
    why: "Plugins run in workers of a service: the worker that burns a processor or holds sockets is where to look.",
    needs: &[Need::Privileges],
    answer,
};

/// How long is measured. A check has a second.
const MEASURED: Duration = Duration::from_millis(500);
/// Percent of one processor, sockets, and open files that are unusual.
const BUSY: u64 = 90;
const MANY_SOCKETS: usize = 200;
const MANY_FILES: usize = 1000;
/// Processes that are told.
const TOLD: usize = 5;

fn answer(context: &Context) -> Vec<Verdict> {
    let Some(proc) = Proc::open(context) else {
        return vec![Verdict::unknown("", "this system does not show its processes")];
    };
    let services = Services::of(context);
    let mut roots = BTreeMap::new();
    for service in services.wanted(context) {
        if let Some(pid) = running::pid(context, &proc, &service.id) {
            roots.insert(pid, service.id.as_str());
        }
    }
    if roots.is_empty() {
        let why = "no process of a service is seen here";
        return vec![
            Verdict::unknown("", why)
                .fix("run this as root on the machine of the services: sudo kbsec check plug.res"),
        ];
    }
    let before = family(&proc.all(), &roots);
    let started = Instant::now();
    thread::sleep(MEASURED);
    let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let after = family(&proc.all(), &roots);
    let mut used: Vec<(u64, &Process, &str)> = after
        .iter()
        .map(|(pid, (process, service))| {
            let earlier = before.get(pid).map_or(0, |(process, _)| process.used);
            (process.used.saturating_sub(earlier) * 100 / elapsed, process, *service)
        })
        .collect();
    used.sort_by_key(|(share, process, _)| std::cmp::Reverse((*share, process.rss)));
    used.iter()
        .take(TOLD)
        .map(|(share, process, service)| judge(context, &proc, (*share, process, service)))
        .collect()
}

/// Services with all that they have started, each with the name of its service.
fn family<'s>(all: &[Process], roots: &BTreeMap<u32, &'s str>) -> BTreeMap<u32, (Process, &'s str)> {
    let parents: BTreeMap<u32, u32> = all.iter().map(|process| (process.pid, process.parent)).collect();
    let service = |mut pid: u32| {
        for _ in 0..32 {
            if let Some(service) = roots.get(&pid) {
                return Some(*service);
            }
            pid = *parents.get(&pid)?;
        }
        None
    };
    all.iter().filter_map(|process| Some((process.pid, (process.clone(), service(process.pid)?)))).collect()
}

fn judge(context: &Context, proc: &Proc, (share, process, service): (u64, &Process, &str)) -> Verdict {
    let open = proc.open_files(process.pid);
    let told = open.as_ref().map_or_else(
        || "its files are not shown".to_owned(),
        |open| {
            format!(
                "{}, {}",
                show::count(open.descriptors as u64, "file"),
                show::count(open.sockets as u64, "socket")
            )
        },
    );
    let command = context.shorten(&process.command, 50);
    let subject = format!("{service} pid {}", process.pid);
    let value = format!("cpu {share} %, {}, {told}: {command}", show::bytes(process.rss));
    let is_much =
        open.as_ref().is_some_and(|open| open.sockets > MANY_SOCKETS || open.descriptors > MANY_FILES);
    if share >= BUSY || is_much {
        let fix = "see which plugin works there: kbsec check log.plugin log.p99 wf.runaway";
        let expected = format!("below {BUSY} % of one processor, {MANY_SOCKETS} sockets");
        return Verdict::warn(subject, value).expected(expected).fix(fix);
    }
    match open {
        Some(_) => Verdict::pass(subject, value),
        None => Verdict::unknown(subject, value).fix("sudo kbsec check plug.res sees its files too"),
    }
}
