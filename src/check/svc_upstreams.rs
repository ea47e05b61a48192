//! `svc.upstreams`: what a service stands on, asked from the ground up, so that the first failure is the cause.

use super::context::Context;
use super::http::{self, Address, HttpError};
use super::services::{Service, Services};
use super::verdict::{Status, Verdict};
use super::{Check, Need, net_http, show};

pub(super) const CHECK: Check = Check {
    id: "svc.upstreams",
    title: "What services stand on answers, from the ground up",
    why: "A service starts without what it stands on and then fails its health check; the lowest failure is the cause.",
    needs: &[Need::Network],
    answer,
};

/// The service at the top, unless the user names another.
const TOP: &str = "gateway";

fn answer(context: &Context) -> Vec<Verdict> {
    let services = Services::of(context);
    let top = context.only.service.as_deref().unwrap_or(TOP);
    let Some(service) = services.get(top) else {
        return vec![Verdict::unknown(top, "no service is called so")];
    };
    // The gateway forwards to these, whatever its file says that it depends on.
    let mut order = services.below(service);
    if top == TOP {
        for name in ["workflow", "rest", "marketplace"] {
            if let Some(found) = services.get(name) {
                for one in services.below(found).into_iter().chain([found]) {
                    if one.id != top && !order.iter().any(|known| known.id == one.id) {
                        order.push(one);
                    }
                }
            }
        }
    }
    if order.is_empty() {
        return vec![Verdict::pass(top, "stands on no other service")];
    }
    let asked: Vec<Verdict> = std::thread::scope(|scope| {
        let threads: Vec<_> = order.iter().map(|one| scope.spawn(|| ask(context, one))).collect();
        let gone = |_| Verdict::unknown("", "the question was given up");
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
    });
    let mut verdicts = vec![sum(top, &asked)];
    verdicts.extend(asked);
    verdicts
}

/// All in one line, lowest first: `redis pass · state-daemon fail (first cause) · workflow fail`.
fn sum(top: &str, asked: &[Verdict]) -> Verdict {
    let first = asked.iter().position(|one| one.status == Status::Fail);
    let mark = |at: usize| if first == Some(at) { " (first cause)" } else { "" };
    let parts: Vec<String> = asked
        .iter()
        .enumerate()
        .map(|(at, one)| format!("{} {}{}", one.subject, one.status.name(), mark(at)))
        .collect();
    let value = parts.join(" · ");
    let worst = asked.iter().map(|one| one.status).max().unwrap_or(Status::Unknown);
    match (worst, first.and_then(|at| asked.get(at))) {
        (Status::Fail, Some(cause)) => {
            let fix = format!("start {} first, then what stands on it", cause.subject);
            Verdict::fail(format!("below {top}"), value).fix(fix)
        }
        (Status::Pass, _) => Verdict::pass(format!("below {top}"), value),
        (Status::Unknown, _) => Verdict::unknown(format!("below {top}"), value),
        _ => Verdict::warn(format!("below {top}"), value),
    }
}

fn ask(context: &Context, service: &Service) -> Verdict {
    if service.health.is_some() {
        return net_http::ask(context, service);
    }
    let Some(port) = service.port else {
        return Verdict::unknown(&service.id, "it has no port and no health address");
    };
    let address = Address { host: "127.0.0.1".to_owned(), port, target: "/".to_owned() };
    let started = std::time::Instant::now();
    match http::connect(context, &address, started + context.timeout) {
        Ok(_) => {
            Verdict::pass(&service.id, format!("port {port} open in {}", show::duration(started.elapsed())))
        }
        Err(error) if error.is_untried() => Verdict::unknown(&service.id, error.to_string()),
        Err(HttpError::Refused(place)) if service.is_optional => {
            Verdict::warn(&service.id, format!("connection refused by {place}; it is optional"))
        }
        Err(error) => {
            Verdict::fail(&service.id, error.to_string()).fix(format!("kb-dev start {}", service.id))
        }
    }
}
