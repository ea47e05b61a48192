//! `http.routes`: which routes of the REST service answer with an error, and to which plugin they belong. Only routes
//! that are read and take no parameters are asked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::context::Context;
use super::http;
use super::services::Services;
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "http.routes",
    title: "The routes of the REST service answer without errors",
    why: "Health can be fine while every route of one plugin fails; then the plugin goes, and not the service.",
    needs: &[Need::Network],
    answer,
};

/// Routes that are asked at most, and how many at a time: a saturated service must not be made worse.
const MOST: usize = 40;
const AT_ONCE: usize = 6;
/// The whole check.
const BUDGET: Duration = Duration::from_millis(800);
/// Parts of paths that stream without an end, or that asking may change.
const LEFT_OUT: [&str; 8] = [":", "*", "stream", "events", "subscribe", "download", "/ws", "oauth"];

/// The answer of a route.
struct Asked {
    path: String,
    /// The status, or why there is none.
    result: Result<u16, String>,
}

fn answer(context: &Context) -> Vec<Verdict> {
    let services = Services::of(context);
    let id = context.only.service.as_deref().unwrap_or("rest");
    let Some(url) = services.get(id).and_then(|service| service.url("/api/v1/routes")) else {
        return vec![Verdict::unknown(id, "no service of this name has an address")];
    };
    let listed = match http::get(context, &url) {
        Ok(answer) if answer.is_ok() => answer.json(),
        Ok(answer) => {
            let value = format!("the list of routes answers {}", answer.status);
            return vec![
                Verdict::fail(id, value).expected("200").fix("see net.http and log.firsterr").at(url),
            ];
        }
        Err(error) => {
            let fix = "the service itself is the trouble: kbsec check net.http";
            return vec![Verdict::unknown(id, error.to_string()).fix(fix).at(url)];
        }
    };
    let routes = listed.as_ref().and_then(|body| body.get("routes")?.as_array());
    let Some(routes) = routes else {
        return vec![Verdict::unknown(id, "its list of routes is not understood").at(url)];
    };
    let text = |route: &serde_json::Value, key: &str| {
        route.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let readable = routes.iter().filter(|route| text(route, "method").eq_ignore_ascii_case("get"));
    let mut paths: Vec<String> = readable.map(|route| text(route, "url")).collect();
    paths.retain(|path| path.starts_with('/') && !LEFT_OUT.iter().any(|part| path.contains(part)));
    paths.sort();
    paths.dedup();
    let base = url.trim_end_matches("/api/v1/routes");
    judge(id, routes.len(), paths.len(), ask_all(context, base, &spread(paths)))
}

/// Every so many-th path, so that no plugin is left out by its name.
fn spread(paths: Vec<String>) -> Vec<String> {
    let step = paths.len().div_ceil(MOST).max(1);
    paths.into_iter().step_by(step).collect()
}

fn ask_all(context: &Context, base: &str, paths: &[String]) -> Vec<Asked> {
    let started = Instant::now();
    let (next, asked) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let left = BUDGET.saturating_sub(started.elapsed());
                    if left.is_zero() {
                        return;
                    }
                    let context = Context { timeout: context.timeout.min(left), ..context.clone() };
                    let result = http::get(&context, &format!("{base}{path}"));
                    let result = result.map(|answer| answer.status).map_err(|error| error.to_string());
                    if let Ok(mut asked) = asked.lock() {
                        asked.push(Asked { path: path.clone(), result });
                    }
                }
            });
        }
    });
    let mut asked = asked.into_inner().unwrap_or_default();
    asked.sort_by(|one: &Asked, other| one.path.cmp(&other.path));
    asked
}

fn judge(id: &str, all: usize, readable: usize, asked: Vec<Asked>) -> Vec<Verdict> {
    let extent = format!("{} asked of {readable} that can be, {all} in all", asked.len());
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in &asked {
        let what = match &one.result {
            Ok(status @ 500..) => status.to_string(),
            Ok(_) => continue,
            Err(why) => why.clone(),
        };
        broken.entry(owner(&one.path)).or_default().push(format!("{what} {}", one.path));
    }
    if asked.is_empty() {
        return vec![Verdict::unknown(id, format!("no route can be asked without parameters, {all} in all"))];
    }
    if broken.is_empty() {
        return vec![Verdict::pass(id, format!("no route fails: {extent}"))];
    }
    let verdict = |(owner, routes): (String, Vec<String>)| {
        let value = format!(
            "{} ({}); {extent}",
            show::count(routes.len() as u64, "route fails").replace("fails", "fail"),
            show::names(&routes, 3)
        );
        let fix = match owner.as_str() {
            "the service" => "see what it logs: kbsec check log.firsterr log.adapter".to_owned(),
            plugin => format!("kbsec check log.plugin --plugin {plugin}; then disable it and restart rest"),
        };
        Verdict::fail(&owner, value).expected("no 5xx").fix(fix).seen_at(routes)
    };
    broken.into_iter().map(verdict).collect()
}

/// Whose a route is: plugins live below `/plugins/`.
fn owner(path: &str) -> String {
    let Some((_, rest)) = path.split_once("/plugins/") else { return "the service".to_owned() };
    let mut parts = rest.split('/');
    match (parts.next(), parts.next()) {
        (Some(scope), Some(name)) if scope.starts_with('@') => format!("{scope}/{name}"),
        (Some(name), _) if !name.is_empty() => name.to_owned(),
        _ => "the service".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_belong_to_plugins_or_to_the_service() {
        assert_eq!(owner("/api/v1/plugins/@acme/report/list"), "@acme/report");
        assert_eq!(owner("/api/v1/plugins/qa/run"), "qa");
        assert_eq!(owner("/api/v1/health"), "the service");
        let paths: Vec<String> = (0..95).map(|number| format!("/{number:02}")).collect();
        assert_eq!(spread(paths).len(), 32);
    }
}
