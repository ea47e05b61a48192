//! `npm.ping`: whether the registries of npm packages answer.

use super::context::Context;
use super::registry::{self, Settings};
use super::verdict::Verdict;
use super::{Check, Need, show};

pub(super) const CHECK: Check = Check {
    id: "npm.ping",
    title: "The registries of packages answer",
    why: "When the registry is down, installs fail whatever is done here: wait, and do not clear caches.",
    needs: &[Need::Network],
    answer,
};

fn answer(context: &Context) -> Vec<Verdict> {
    let settings = Settings::of(context);
    let mut verdicts = vec![ping(context, &settings, None)];
    verdicts.extend(settings.scopes().into_iter().map(|scope| ping(context, &settings, Some(scope))));
    verdicts
}

fn ping(context: &Context, settings: &Settings, scope: Option<&str>) -> Verdict {
    let subject = scope.unwrap_or("registry");
    let base = match settings.registry(context, scope) {
        Ok(base) => base,
        Err(why) => return Verdict::unknown(subject, why).fix("name it with --base registry=URL"),
    };
    let token = settings.token(context, &base);
    let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    let is_proxied = proxies.iter().any(|name| context.variables.contains_key(*name))
        || ["proxy", "https-proxy"].iter().any(|key| settings.get(key).is_some());
    let proxy = if is_proxied { ", through a proxy" } else { "" };
    let fix = "if its status page says that it is down, wait; else see the network and the proxy";
    let verdict = match registry::status(context, &format!("{base}/-/ping")) {
        Ok((status, took)) => {
            let value = format!("{status} in {}; {token}{proxy}", show::duration(took));
            match status {
                200..300 => Verdict::pass(subject, value),
                // It is there; what it wants is another question.
                401 | 403 if token == "no token" => {
                    Verdict::warn(subject, value).fix("log in: npm login --registry URL")
                }
                401 | 403 | 404 | 405 => Verdict::pass(subject, value),
                _ => Verdict::fail(subject, value).expected("200").fix(fix),
            }
        }
        Err(why) if why.contains("--online") || why.contains("off") || why.contains("not installed") => {
            Verdict::unknown(subject, why).fix("kbsec check npm.ping --online")
        }
        Err(why) => Verdict::fail(subject, format!("{why}{proxy}")).expected("200").fix(fix),
    };
    verdict.at(base)
}
