//! `svc.kbdev`: what `kb-dev` believes of each service, against the processes that really run.

use serde_json::Value;

use super::context::Context;
use super::pid_file::{self, PidFile};
use super::proc::Proc;
use super::services::{Service, Services};
use super::verdict::Verdict;
use super::{Check, moment, program, show};

pub(super) const CHECK: Check = Check {
    id: "svc.kbdev",
    title: "Services that kb-dev started still run",
    why: "A pid file outlives its process, and the number is given to another one; a restart would end the wrong one.",
    needs: &[],
    answer,
};

/// A process is the one of the pid file when it began at most so long from what the file says.
const TOLERANCE: u64 = 10_000;

fn answer(context: &Context) -> Vec<Verdict> {
    let services = Services::of(context);
    let mut verdicts: Vec<Verdict> = Vec::new();
    if let Some(problem) = &services.problem {
        let fix = "mend the file: kb-dev cannot read it either";
        verdicts.push(Verdict::fail("devservices", problem.clone()).fix(fix));
    }
    match program::run(context, "kb-dev", ["status", "--json"], context.timeout) {
        Ok(output) => match serde_json::from_slice::<Value>(&output.stdout) {
            Ok(status) => verdicts.extend(told(context, &services, &status)),
            Err(_) => verdicts.push(Verdict::unknown("kb-dev status", output.complaint())),
        },
        Err(error) => {
            let files = by_files(context, &services);
            if files.is_empty() {
                let why = format!("{error}, and there are no pid files in .kb/tmp");
                verdicts.push(
                    Verdict::unknown("", why).fix("run this where the services were started with kb-dev"),
                );
            }
            verdicts.extend(files);
        }
    }
    verdicts
}

/// What `kb-dev status --json` says.
fn told(context: &Context, services: &Services, status: &Value) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (id, state) in status.get("services").and_then(Value::as_object).into_iter().flatten() {
        if context.only.service.as_ref().is_some_and(|only| only != id) {
            continue;
        }
        let text = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or_default();
        let pid =
            state.get("pid").and_then(Value::as_u64).map_or_else(String::new, |pid| format!(" pid {pid}"));
        let detail = context.shorten(text("detail"), 100);
        let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
        let occupant = state.get("portOccupant").and_then(|occupant| {
            Some(format!(", its port is held by pid {}", occupant.get("pid")?.as_u64()?))
        });
        let value = format!("{}{pid}{detail}{}", text("state"), occupant.unwrap_or_default());
        let is_well = state.pointer("/health/ok").and_then(Value::as_bool);
        let is_optional = services.get(id).is_some_and(|service| service.is_optional);
        verdicts.push(match (text("state"), is_well) {
            ("alive", Some(false)) => Verdict::fail(id, format!("{value}, but its health check fails"))
                .fix(format!("kbsec check net.http log.firsterr --service {id}")),
            ("alive", _) => Verdict::pass(id, value),
            ("starting" | "stopping", _) => Verdict::warn(id, value).expected("alive"),
            ("dead", _) if is_optional => Verdict::warn(id, format!("{value}, and it is optional")),
            _ => Verdict::fail(id, value)
                .expected("alive")
                .fix(format!("keep its log first (kbsec collect), then: kb-dev start {id}")),
        });
    }
    verdicts
}

fn by_files(context: &Context, services: &Services) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let proc = Proc::open(context);
    for service in services.wanted(context) {
        match pid_file::read(context, &service.id) {
            Ok(Some(file)) => verdicts.push(compare(context, proc.as_ref(), service, &file)),
            Ok(None) => {}
            Err(why) => {
                verdicts.push(Verdict::unknown(&service.id, format!("its pid file cannot be read: {why}")));
            }
        }
    }
    verdicts
}

fn compare(context: &Context, proc: Option<&Proc>, service: &Service, file: &PidFile) -> Verdict {
    let Some(proc) = proc else {
        return Verdict::unknown(&service.id, "this system does not show its processes");
    };
    let fix = format!("keep its log first (kbsec collect), then: kb-dev start {}", service.id);
    let place = format!(".kb/tmp/{}.pid", service.id);
    let Some(process) = proc.process(file.pid) else {
        let value = format!("dead: pid {} is gone", file.pid);
        return Verdict::fail(&service.id, value).expected("running").fix(fix).at(place);
    };
    let told = file.started.as_deref().and_then(moment::parse);
    let is_other = told.zip(process.started).is_some_and(|(told, began)| told.abs_diff(began) > TOLERANCE);
    if is_other {
        let name = context.shorten(&process.name, 40);
        let value = format!("dead: pid {} was given to {name}", file.pid);
        let fix = format!("remove {place}; do not let kb-dev stop it: that would end {name}");
        return Verdict::fail(&service.id, value).expected("running").fix(fix).at(place);
    }
    let since = process.started.map_or_else(String::new, |began| {
        format!(" for {}", show::milliseconds(context.now.saturating_sub(began)))
    });
    match process.state {
        'T' | 't' => Verdict::fail(&service.id, format!("stopped by a signal: pid {}", file.pid))
            .fix(format!("kill -CONT {}", file.pid))
            .at(place),
        'Z' => Verdict::fail(&service.id, format!("ended and not taken away: pid {}", file.pid))
            .fix(fix)
            .at(place),
        _ => Verdict::pass(&service.id, format!("runs{since}, pid {}", file.pid)),
    }
}
