//! `mem.rss`: how much memory services hold, against their limit and that of the machine, and whom the kernel has killed.

use std::path::PathBuf;

use super::context::Context;
use super::proc::Proc;
use super::services::Services;
use super::verdict::Verdict;
use super::{Check, Need, metrics, program, running, show};

pub(super) const CHECK: Check = Check {
    id: "mem.rss",
    title: "Services and the machine have memory left, and the kernel kills none",
    why: "A process that the kernel kills for memory logs nothing: it looks like a restart without a reason.",
    needs: &[Need::Privileges],
    answer,
};

/// Share of a limit, in percent, at which a process is about to be killed, and at which it deserves a look.
const FULL: u64 = 95;
const HIGH: u64 = 80;

fn answer(context: &Context) -> Vec<Verdict> {
    let Some(proc) = Proc::open(context) else {
        return vec![Verdict::unknown("", "this system does not show its processes")];
    };
    let mut verdicts = vec![machine(&proc)];
    verdicts.extend(killed(context, &proc));
    let services = Services::of(context);
    let mut seen = false;
    for service in services.wanted(context) {
        let Some(process) = running::pid(context, &proc, &service.id).and_then(|pid| proc.process(pid))
        else {
            continue;
        };
        seen = true;
        let subject = format!("{} pid {}", service.id, process.pid);
        verdicts.push(match limit(context, &proc, process.pid) {
            Some(limit) => of_limit(subject, process.rss, limit),
            None => {
                Verdict::pass(subject, format!("{}, without a limit of its own", show::bytes(process.rss)))
            }
        });
    }
    if !seen {
        verdicts.push(from_metrics(context));
    }
    verdicts
}

fn of_limit(subject: String, used: u64, limit: u64) -> Verdict {
    let share = used.saturating_mul(100) / limit.max(1);
    let value = format!("{} of {} ({share} %)", show::bytes(used), show::bytes(limit));
    let fix = "keep its log (kbsec collect), restart it to get memory back, then look for the leak";
    match share {
        FULL.. => Verdict::fail(subject, value).expected(format!("below {HIGH} %")).fix(fix),
        HIGH.. => Verdict::warn(subject, value).expected(format!("below {HIGH} %")).fix(fix),
        _ => Verdict::pass(subject, value),
    }
}

fn machine(proc: &Proc) -> Verdict {
    let text = proc.text("meminfo").unwrap_or_default();
    let entry = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    match entry("MemTotal:").zip(entry("MemAvailable:")) {
        Some((total, available)) => of_limit("machine".to_owned(), total.saturating_sub(available), total),
        None => Verdict::unknown("machine", "it does not tell how much memory it has"),
    }
}

/// Whom the kernel has killed: its own log where that may be read, else its counter, which has no dates.
fn killed(context: &Context, proc: &Proc) -> Vec<Verdict> {
    let since = format!("@{}", context.now.saturating_sub(86_400_000) / 1000);
    let arguments = ["-k", "-q", "--no-pager", "-o", "short-unix", "--since", &since];
    let log = program::run(context, "journalctl", arguments, context.timeout);
    let lines: Option<Vec<String>> = log.ok().filter(|output| output.code == Some(0)).map(|output| {
        let text = output.text();
        let told = text.lines().filter(|line| line.contains("Out of memory") || line.contains("oom-kill"));
        told.map(str::to_owned).collect()
    });
    let counter = proc.text("vmstat").and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse::<u64>().ok()
    });
    let fix = "see which limit it was (a unit's MemoryMax, a container's, the machine's) and raise it, or end the leak";
    match (lines, counter) {
        (Some(lines), _) if !lines.is_empty() => {
            let last = lines.last().map_or_else(String::new, |line| context.shorten(line, 100));
            let value = format!("{} today: {last}", show::count(lines.len() as u64, "kill"));
            vec![Verdict::fail("out of memory", value).expected("none").fix(fix)]
        }
        (_, Some(0)) => {
            vec![Verdict::pass("out of memory", "the kernel has killed nobody since it was started")]
        }
        (_, Some(count)) => {
            let value =
                format!("{} since the machine was started, at times unknown", show::count(count, "kill"));
            vec![
                Verdict::warn("out of memory", value)
                    .fix("sudo journalctl -k | grep -i 'out of memory' tells when"),
            ]
        }
        (_, None) => vec![Verdict::unknown("out of memory", "the kernel's log and counter cannot be read")],
    }
}

/// The tightest limit of the control groups that a process is in.
fn limit(context: &Context, proc: &Proc, pid: u32) -> Option<u64> {
    let text = proc.text(&format!("{pid}/cgroup"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let mut folder: PathBuf = context.cgroup_folder.join(path);
    let mut tightest = None;
    while folder.starts_with(&context.cgroup_folder) {
        let limit = std::fs::read_to_string(folder.join("memory.max")).ok();
        let limit = limit.and_then(|text| text.trim().parse::<u64>().ok());
        tightest = tightest.into_iter().chain(limit).min();
        if !folder.pop() {
            break;
        }
    }
    tightest
}

/// What services say of themselves, where their processes cannot be seen.
fn from_metrics(context: &Context) -> Verdict {
    let known = metrics::now(context, metrics::RSS);
    if known.samples.is_empty() {
        let why = known.gaps.first().cloned().unwrap_or_else(|| "no service runs here".to_owned());
        return Verdict::unknown("services", format!("none of their processes is seen here; {why}"));
    }
    let told: Vec<String> = known
        .samples
        .iter()
        .map(|sample| format!("{} {}", sample.subject(), show::bytes(sample.value.max(0.0) as u64)))
        .collect();
    let value = format!("{}, by {}", show::names(&told, 6), known.source);
    Verdict::pass("services", value)
}
