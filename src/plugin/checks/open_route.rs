//! What: a route, channel or webhook that anybody may call, and whose code runs programs, writes files or fetches what it is
//! told.
//!
//! Why: a missing check of who asks is the commonest fault of plugins elsewhere (CWE-862). What the caller sends reaches the
//! disk, a program or an address inside of the network.
//! Broad: `security: ['none']` on a route that starts a build. Narrow: `security: ['user']`, or a handler that only reads.

use std::collections::BTreeMap;

use super::used::{names, objects, verb};
use crate::finding::{Confidence, Severity};
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::usage::{Act, Used};
use crate::plugin::value::{Kind, Value};

pub(super) const CHECK: Check = Check {
    id: "open-route",
    title: "Anybody may make a plugin do things",
    severity: Severity::Medium,
    impact: "Whoever reaches the service runs this code, without a name and without a trace of who it was",
    steps: &[
        "Ask for `user` or `token` in `security`, and check it in front of the service",
        "Check what the caller sends",
    ],
    run,
};

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    let Some(usage) = &plugin.usage else { return };
    let mut told: BTreeMap<String, Fault> = BTreeMap::new();
    for (number, handler) in plugin.handlers.iter().enumerate() {
        let Some(open) = ["security", "auth"].iter().find_map(|key| none(handler.entry.get(key)?)) else {
            continue;
        };
        let is_deed = |used: &&Used| match used.of.act {
            Act::Run | Act::Write | Act::Code => true,
            Act::Fetch => used.of.shapes.iter().any(|shape| shape.beginning().is_empty()),
            _ => false,
        };
        let uses: Vec<&Used> =
            usage.uses.iter().filter(|used| used.handlers.contains(&number)).filter(is_deed).collect();
        let Some(first) = uses.iter().min_by_key(|used| used.of.act != Act::Run) else { continue };
        let same: Vec<&Used> = uses.iter().copied().filter(|used| used.of.act == first.of.act).collect();
        let what = format!(
            "nobody is asked who calls, and it {} {} with {}",
            verb(first.of.act),
            objects(&same),
            names(&same)
        );
        // Routes that lead to the same code are one thing to mend.
        match told.get_mut(&what) {
            Some(known) => {
                known.more.push(open.at.clone());
                known.others.push(handler.name.clone());
            }
            None => {
                let fault = Fault::of(open, what.clone()).handler(handler).confidence(Confidence::Medium);
                told.insert(what, fault);
            }
        }
    }
    faults.extend(told.into_values());
}

/// The text that lets everybody in.
fn none(value: &Value) -> Option<&Value> {
    match &value.kind {
        Kind::Text(text) if &**text == "none" => Some(value),
        Kind::List(values) => values.iter().find(|value| value.text() == Some("none")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        let with = |security: &str, statements: &str| {
            let member = format!(
                "permissions: {{ shell: {{ allow: ['pdftotext'] }}, {} }}, rest: {{ basePath: '/v1/plugins/a',
                 routes: [{{ path: '/a', handler: './route.js', security: [{security}] }}] }}",
                sample::QUOTAS
            );
            let code = format!("export default {{ async execute(ctx, input) {{ {statements} }} }};");
            sample::audited(&member, &[("src/run.ts", &code), ("src/route.ts", &code)])
                .contains(&"plugin/open-route".to_owned())
        };
        let deed = "await ctx.api.shell.exec('pdftotext', [input.body.file]);";
        assert!(with("'none'", deed));
        assert!(!with("'user'", deed));
        assert!(!with("'none'", "return ctx.runtime.fs.readFile('docs/a.md');"));
    }
}
