//! `sd.unit`: what systemd knows of the services: state, restarts, how they last ended.

use std::collections::BTreeMap;

use super::context::Context;
use super::program::{self, ProgramError};
use super::services::Services;
use super::variable;
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "sd.unit",
    title: "The units of services are active and do not restart",
    why: "A unit that restarts again and again looks alive whenever somebody looks.",
    needs: &[Need::Privileges],
    answer,
};

const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,NRestarts,ExecMainStatus,ExecMainCode,Result,MainPID,StateChangeTimestamp";
/// Restarts since the unit was started that are a loop.
const LOOP: u64 = 3;

fn answer(context: &Context) -> Vec<Verdict> {
    let services = Services::of(context);
    let wanted: Vec<&str> = services
        .wanted(context)
        .filter(|service| variable::unit(context, &service.id).is_some())
        .map(|service| service.id.as_str())
        .collect();
    if wanted.is_empty() {
        let folders: Vec<String> =
            context.unit_folders.iter().map(|folder| folder.display().to_string()).collect();
        let why = format!("no unit kb-*.service in {}", show::names(&folders, 3));
        return vec![Verdict::unknown("", why).fix("ask kb-dev instead: kbsec check svc.kbdev")];
    }
    wanted.into_iter().map(|id| ask(context, id)).collect()
}

fn ask(context: &Context, id: &str) -> Verdict {
    let unit = format!("kb-{id}.service");
    let output = match program::run(
        context,
        "systemctl",
        ["show", "--no-pager", PROPERTIES, &unit],
        context.timeout,
    ) {
        Ok(output) if output.code == Some(0) => output,
        Ok(output) => return Verdict::unknown(unit, context.shorten(&output.complaint(), 120)),
        Err(ProgramError::NotInstalled(_)) => {
            return Verdict::unknown(unit, "systemctl is not installed here");
        }
        Err(error) => return Verdict::unknown(unit, error.to_string()),
    };
    let text = output.text();
    let told: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    judge(id, unit, &told)
}

fn judge(id: &str, unit: String, told: &BTreeMap<&str, &str>) -> Verdict {
    let get = |key: &str| told.get(key).copied().unwrap_or_default();
    let restarts: u64 = get("NRestarts").parse().unwrap_or(0);
    let exit = match get("ExecMainStatus") {
        "" | "0" => String::new(),
        status => format!(", last exit {status}"),
    };
    let result = match get("Result") {
        "" | "success" => String::new(),
        result => format!(", result {result}"),
    };
    let again = if restarts > 0 { format!(", {}", show::count(restarts, "restart")) } else { String::new() };
    let value = format!("{} ({}){again}{exit}{result}", get("ActiveState"), get("SubState"));
    let log = format!("see why: kbsec check log.firsterr --service {id} (or journalctl -u {unit} -n 200)");
    if get("LoadState") != "loaded" {
        let fix = "sudo systemctl daemon-reload, and check the unit file";
        return Verdict::unknown(unit, format!("systemd has not loaded it: {}", get("LoadState"))).fix(fix);
    }
    if get("Result") == "oom-kill" {
        let fix = "see memory and limits: kbsec check mem.rss";
        return Verdict::fail(unit, value).expected("active").fix(fix);
    }
    match get("ActiveState") {
        "active" if restarts >= LOOP => {
            Verdict::fail(unit, value).expected("active without restarts").fix(log)
        }
        "active" if restarts > 0 => Verdict::warn(unit, value).expected("active without restarts").fix(log),
        "active" => Verdict::pass(unit, value),
        "activating" | "reloading" | "deactivating" => Verdict::warn(unit, value).expected("active").fix(log),
        _ => Verdict::fail(unit, value).expected("active").fix(log),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use crate::check::{Status, run, tests::context};

    /// What `systemctl show` answers for the unit, and what is made of it.
    fn told(folder: &Path, answer: &str) -> (Status, String) {
        let program = folder.join("systemctl");
        std::fs::write(&program, format!("#!/bin/sh\ncat <<'X'\n{answer}\nX\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.join("kb-gateway.service"), "[Service]\n").unwrap();
        let mut context = context(folder);
        context.unit_folders = vec![folder.to_owned()];
        context.timeout = std::time::Duration::from_secs(20);
        let path = format!("{}:{}", folder.display(), context.variables["PATH"]);
        context.variables.insert("PATH".into(), path);
        let verdicts = run("sd.unit", &context).unwrap();
        assert_eq!(verdicts.len(), 1);
        (verdicts[0].status, verdicts[0].value.clone())
    }

    #[test]
    fn states_restarts_and_ends_of_units_are_judged() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let well = "LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\nExecMainStatus=0\nResult=success";
        assert_eq!(told(folder, well), (Status::Pass, "active (running)".to_owned()));
        let (status, value) =
            told(folder, &well.replace("NRestarts=0", "NRestarts=14").replace("Status=0", "Status=1"));
        assert_eq!((status, value.as_str()), (Status::Fail, "active (running), 14 restarts, last exit 1"));
        let killed = well
            .replace("active\nSubState=running", "failed\nSubState=failed")
            .replace("success", "oom-kill");
        assert_eq!(told(folder, &killed).0, Status::Fail);
        assert_eq!(told(folder, "LoadState=not-found").0, Status::Unknown);
    }
}
