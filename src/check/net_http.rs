//! `net.http`: whether services answer on their health address, how fast, and what they say of themselves.

use std::thread;
use std::time::Duration;

use super::context::Context;
use super::http::{self, Answer, HttpError};
use super::services::{Service, Services};
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "net.http",
    title: "Services answer on their health address",
    why: "A service that refuses connections is down; one that answers late or unwell is about to be.",
    needs: &[Need::Network],
    answer,
};

/// A refused connection may be a restart, so it is tried again.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(60);
/// A health document that takes longer is a sign of a blocked event loop.
const SLOW: Duration = Duration::from_millis(500);

fn answer(context: &Context) -> Vec<Verdict> {
    let services = Services::of(context);
    let wanted: Vec<&Service> = services.wanted(context).filter(|service| service.health.is_some()).collect();
    if wanted.is_empty() {
        return vec![unnamed(context, &services)];
    }
    // Each has its own timeout, so they are asked at the same time.
    thread::scope(|scope| {
        let asked: Vec<_> = wanted.iter().map(|service| scope.spawn(|| ask(context, service))).collect();
        let gone = |_| Verdict::unknown("", "the question was given up");
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
    })
}

fn unnamed(context: &Context, services: &Services) -> Verdict {
    let name = context.only.service.clone().unwrap_or_default();
    let known: Vec<String> = services.list.iter().map(|service| service.id.clone()).collect();
    let why = "no service of this name has a health address";
    Verdict::unknown(name, why).fix(format!("name one of {}", show::names(&known, 9)))
}

/// Asks one service, again if it does not answer.
pub(super) fn ask(context: &Context, service: &Service) -> Verdict {
    let url = service.health.as_deref().unwrap_or_default();
    let mut tries = 1;
    let result = loop {
        match http::get(context, url) {
            Err(HttpError::Refused(_) | HttpError::Closed(_)) if tries < TRIES => {
                thread::sleep(PAUSE);
                tries += 1;
            }
            result => break result,
        }
    };
    let verdict = match result {
        Ok(answer) => judge(&service.id, &answer),
        Err(error) if error.is_untried() => Verdict::unknown(&service.id, error.to_string()),
        Err(error) if service.is_optional => {
            Verdict::warn(&service.id, format!("{error} ({tries} of {TRIES} tries); it is optional"))
        }
        Err(error) => Verdict::fail(&service.id, format!("{error} ({tries} of {TRIES} tries)"))
            .fix(format!("keep its log first (kbsec collect), then: kb-dev restart {}", service.id)),
    };
    let expected = format!("200 within {}", show::duration(SLOW));
    if verdict.expected.is_empty() { verdict.expected(expected).at(url) } else { verdict.at(url) }
}

fn judge(id: &str, answer: &Answer) -> Verdict {
    let took = show::duration(answer.elapsed);
    if !answer.is_ok() {
        let target = answer.header("location").map(|to| format!(" to {to}")).unwrap_or_default();
        let verdict = Verdict::fail(id, format!("{}{target} in {took}", answer.status));
        return verdict
            .fix(format!("look for the first error of its start: kbsec check log.firsterr --service {id}"));
    }
    let status = answer.json().and_then(|body| Some(body.get("status")?.as_str()?.to_owned()));
    let value = match &status {
        Some(status) => format!("{} {status} in {took}", answer.status),
        None => format!("{} in {took}", answer.status),
    };
    let is_well = status.as_deref().is_none_or(|status| WELL.contains(&status));
    if !is_well {
        let fix = "see what it stands on: kbsec check svc.upstreams";
        return Verdict::warn(id, value).expected("healthy").fix(fix);
    }
    if answer.elapsed > SLOW {
        return Verdict::warn(id, value).fix("see its event loop: kbsec check prom.lag");
    }
    Verdict::pass(id, value)
}

/// What services say when they are well.
const WELL: [&str; 5] = ["healthy", "ok", "up", "ready", "pass"];
