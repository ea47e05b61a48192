//! `log.workspace`: whether the workflow daemon has the adapters that isolated runs need.

use super::Check;
use super::config_file;
use super::context::Context;
use super::json_text::Kind;
use super::log;
use super::verdict::Verdict;

pub(super) const CHECK: Check = Check {
    id: "log.workspace",
    title: "The workflow daemon has its workspace and environment adapters",
    why: "Without a workspace adapter every run with the default isolation fails when its first job begins.",
    needs: &[],
    answer,
};

/// Adapter, and what fails without it.
const ADAPTERS: [(&str, &str); 2] = [
    ("workspace", "runs with isolation balanced (the default) or strict fail"),
    ("environment", "runs with isolation strict fail"),
];

fn answer(context: &Context) -> Vec<Verdict> {
    ADAPTERS.iter().map(|(adapter, what)| judge(context, adapter, what)).collect()
}

fn judge(context: &Context, adapter: &str, what: &str) -> Verdict {
    let warning = format!("{adapter} adapter is not configured");
    let mut place = None;
    let finder = memchr::memmem::Finder::new(&warning);
    let names_it = |line: &[u8]| finder.find(line).is_some();
    let account = log::each_that(context, &names_it, &mut |record| {
        if record.message.contains(&warning) {
            place = Some(record.place());
        }
    });
    let configured = config_file::value(context, &["platform", "adapters", adapter]);
    let is_configured = configured.as_ref().is_some_and(|node| !matches!(node.kind, Kind::Null));
    let fix = format!("set platform.adapters.{adapter} in kb.config.json, then restart workflow");
    match (place, is_configured) {
        (Some(place), true) => {
            let value =
                format!("it was missing when the daemon started ({place}); the configuration has it now");
            Verdict::warn(adapter, value)
                .fix("restart workflow after its log was kept (kbsec collect)")
                .at(place)
        }
        (Some(place), false) => {
            Verdict::fail(adapter, format!("not configured ({place}): {what}")).fix(fix).at(place)
        }
        (None, true) => Verdict::pass(adapter, "configured, and no warning in the logs"),
        (None, false) => match config_file::problem(context) {
            Some(problem) => {
                let lines = if account.is_empty() {
                    account.why_nothing()
                } else {
                    "no warning in the logs".to_owned()
                };
                Verdict::unknown(adapter, format!("{problem}, and {lines}"))
            }
            None => Verdict::warn(adapter, format!("not configured: {what}")).fix(fix),
        },
    }
}
