//! `svc.state`: whether the state daemon is needed by the configuration, and whether it answers.

use super::context::Context;
use super::json_text::Kind;
use super::services::Services;
use super::verdict::{Status, Verdict};
use super::{Check, Need, config_file, net_http};

pub(super) const CHECK: Check = Check {
    id: "svc.state",
    title: "The state daemon answers where the configuration needs it",
    why: "With a distributed resource broker and no state daemon, the workflow daemon gets no slot and starts nothing.",
    needs: &[Need::Network],
    answer,
};

const SERVICE: &str = "state-daemon";

fn answer(context: &Context) -> Vec<Verdict> {
    let keys = ["platform", "core", "resourceBroker", "distributed"];
    let distributed = config_file::value(context, &keys).or_else(|| config_file::value(context, &keys[1..]));
    let is_needed = distributed.is_some_and(|node| node.kind == Kind::Bool(true));
    let services = Services::of(context);
    let Some(service) = services.get(SERVICE).filter(|service| service.health.is_some()) else {
        return vec![Verdict::unknown(SERVICE, "it is in no list of services")];
    };
    let mut verdict = net_http::ask(context, service);
    let problem = config_file::problem(context);
    let need = match (is_needed, &problem) {
        (true, _) => "required by the configuration",
        (false, None) => "not required by the configuration",
        (false, Some(_)) => "not known whether it is required",
    };
    verdict.value = format!("{need}: {}", verdict.value);
    if verdict.status == Status::Fail {
        if !is_needed && problem.is_none() {
            verdict.status = Status::Warn;
        }
        verdict.fix = format!("kb-dev start {SERVICE}, then kb-dev restart workflow");
    }
    vec![verdict]
}
