//! What services, `kb-dev`, Prometheus and the checks tell.

use super::Collected;
use crate::check::context::Context;
use crate::check::services::Services;
use crate::check::{ALL, http, metrics as prom, run};

/// `kb-dev status`.
pub(super) fn status(context: &Context) -> Collected {
    let mut collected = Collected::default();
    collected.add_program(context, "kb-dev/status.txt", &["kb-dev", "status", "--json"]);
    let folder = context.path(".kb/tmp");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".pid") {
            collected.add_file(context, &format!("kb-dev/{name}.json"), &entry.path());
        }
    }
    collected
}

/// `kb-dev doctor`.
pub(super) fn doctor(context: &Context) -> Collected {
    let mut collected = Collected::default();
    collected.add_program(context, "kb-dev/doctor.txt", &["kb-dev", "doctor", "--json"]);
    collected
}

/// What each service answers on its health address.
pub(super) fn health(context: &Context) -> Collected {
    let mut collected = Collected::default();
    let services = Services::of(context);
    collected.errors.extend(services.problem.clone());
    for service in &services.list {
        let Some(url) = &service.health else { continue };
        match http::get(context, url) {
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body);
                let took = answer.elapsed.as_millis();
                collected.add(
                    format!("health/{}.txt", service.id),
                    url.clone(),
                    format!("{} after {took} ms\n\n{body}\n", answer.status),
                );
            }
            Err(error) => collected.errors.push(format!("{}: {error}", service.id)),
        }
    }
    collected
}

/// Every check that makes sense without being told what to look for.
pub(super) fn checks(context: &Context) -> Collected {
    let mut collected = Collected::default();
    let mut verdicts = Vec::new();
    for check in ALL {
        verdicts.extend(run(check.id, context).unwrap_or_default());
    }
    match serde_json::to_string_pretty(&verdicts) {
        Ok(text) => collected.add("checks.json", "kbsec check --all", text),
        Err(error) => collected.errors.push(error.to_string()),
    }
    collected
}

/// The metrics of each service.
pub(super) fn metrics(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for service in &Services::of(context).list {
        let Some(url) = service.metrics().filter(|_| service.health.is_some() && !service.is_container)
        else {
            continue;
        };
        match http::get(context, &url) {
            Ok(answer) if answer.is_ok() => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                collected.add(format!("metrics/{}.prom", service.id), url, text);
            }
            Ok(answer) => collected.errors.push(format!("{}: answers {}", service.id, answer.status)),
            Err(error) => collected.errors.push(format!("{}: {error}", service.id)),
        }
    }
    collected
}

/// What Prometheus knows.
pub(super) fn prometheus(context: &Context) -> Collected {
    let mut collected = Collected::default();
    for what in ["targets", "alerts", "rules"] {
        match prom::api(context, what) {
            Ok(data) => {
                let text = serde_json::to_string_pretty(&data).unwrap_or_default();
                collected.add(format!("prometheus/{what}.json"), prom::prometheus(context), text);
            }
            Err(error) => {
                collected.errors.push(error.to_string());
                break;
            }
        }
    }
    collected
}
