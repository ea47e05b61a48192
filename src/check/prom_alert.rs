//! `prom.alert`: which alerts fire, and whether those that the manual names can fire at all.

use serde_json::Value;

use super::context::Context;
use super::metrics::{self, MetricsError};
use super::verdict::Verdict;
use super::{Check, Need, moment, show};

pub(super) const CHECK: Check = Check {
    id: "prom.alert",
    title: "No alert fires, and the alerts of the manual exist",
    why: "An alert that is defined nowhere never fires: its silence says nothing.",
    needs: &[Need::Network],
    answer,
};

/// What the manual and the documents rely on.
const RELIED_ON: [&str; 4] = ["KbGatewayDown", "KbHighErrorRate", "KbEventLoopLag", "KbWorkflowRunBacklog"];

fn answer(context: &Context) -> Vec<Verdict> {
    let alerts = match metrics::api(context, "alerts") {
        Ok(alerts) => alerts,
        Err(error) => return vec![unreachable(context, &error)],
    };
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut verdicts: Vec<Verdict> =
        list(&alerts, "alerts").iter().map(|alert| judge(context, alert)).collect();
    if verdicts.is_empty() {
        verdicts.push(Verdict::pass("", "no alert is pending or firing"));
    }
    let known: Vec<String> = match metrics::api(context, "rules") {
        Ok(rules) => {
            let rules =
                list(&rules, "groups").iter().flat_map(|group| list(group, "rules")).collect::<Vec<_>>();
            let name = |rule: &Value| rule.get("name").and_then(Value::as_str).map(str::to_owned);
            rules
                .iter()
                .filter(|rule| rule.get("type").is_some_and(|kind| kind == "alerting"))
                .filter_map(name)
                .collect()
        }
        Err(error) => {
            verdicts.push(Verdict::unknown("rules", error.to_string()));
            return verdicts;
        }
    };
    for name in RELIED_ON {
        if !known.iter().any(|rule| rule == name) {
            let fix = "do not wait for it: define it over the metrics that the platform exports";
            verdicts.push(Verdict::unknown(name, "no such rule on this server").fix(fix));
        }
    }
    verdicts
}

fn unreachable(context: &Context, error: &MetricsError) -> Verdict {
    let fix = "name it with --base prometheus=http://HOST:PORT (and --online for another machine)";
    Verdict::unknown("Prometheus", error.to_string()).fix(fix).at(metrics::prometheus(context))
}

fn judge(context: &Context, alert: &Value) -> Verdict {
    let text = |path: &str| alert.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let since = moment::parse(text("/activeAt")).map_or_else(String::new, |since| {
        format!(" for {}", show::milliseconds(context.now.saturating_sub(since)))
    });
    let labels = alert.get("labels").and_then(Value::as_object).into_iter().flatten();
    let about: Vec<String> = labels
        .filter(|(name, _)| ["service", "job", "instance", "route", "plugin"].contains(&name.as_str()))
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
        .collect();
    let value = format!("{}{since} {}", text("/state"), about.join(" "));
    let name = text("/labels/alertname");
    let summary = [text("/annotations/summary"), text("/annotations/description")].concat();
    let verdict =
        if text("/state") == "firing" { Verdict::fail(name, value) } else { Verdict::warn(name, value) };
    verdict.fix(context.shorten(&summary, 120)).expected("silent")
}
