//! `svc.qdrant`: whether the vector store answers, and is ready to search.

use serde_json::Value;

use super::context::Context;
use super::json_text::Kind;
use super::services::Services;
use super::verdict::Verdict;
use super::{Check, Need, config_file, http, show};

pub(super) const CHECK: Check = Check {
    id: "svc.qdrant",
    title: "The vector store answers and is ready",
    why: "A vector store without memory answers late or not, and every search of the platform with it.",
    needs: &[Need::Network],
    answer,
};

/// Where it is unless something says otherwise.
const DEFAULT: &str = "http://127.0.0.1:6333";

fn answer(context: &Context) -> Vec<Verdict> {
    let adapter = config_file::value(context, &["platform", "adapters", "vectorStore"]);
    let is_used = adapter.as_ref().is_some_and(|node| match &node.kind {
        Kind::Text(text) => text.contains("qdrant"),
        Kind::List(nodes) => nodes.iter().any(|node| node.text().is_some_and(|text| text.contains("qdrant"))),
        _ => false,
    });
    let base = base(context);
    let ready = match http::get(context, &format!("{base}/readyz")) {
        Ok(answer) => answer,
        Err(error) if error.is_untried() => {
            return vec![Verdict::unknown("qdrant", error.to_string()).at(base)];
        }
        Err(error) if is_used => {
            let fix = "kb-dev start qdrant; searches fail until then";
            return vec![Verdict::fail("qdrant", error.to_string()).expected("ready").fix(fix).at(base)];
        }
        Err(error) => {
            let value = format!("{error}; {}", unused(context));
            return vec![Verdict::warn("qdrant", value).at(base)];
        }
    };
    let took = show::duration(ready.elapsed);
    // Older versions have no such address, and answer 404.
    if !ready.is_ok() && ready.status != 404 {
        let value = format!("not ready: {} in {took}", ready.status);
        return vec![
            Verdict::fail("qdrant", value)
                .expected("200")
                .fix("see its log, its disk and its memory")
                .at(base),
        ];
    }
    let count = http::get(context, &format!("{base}/collections")).ok().and_then(|answer| {
        let collections =
            answer.json()?.pointer("/result/collections").and_then(Value::as_array).map(Vec::len);
        Some(collections.map_or_else(
            || format!(", its collections answer {}", answer.status),
            |count| format!(", {}", show::count(count as u64, "collection")),
        ))
    });
    vec![Verdict::pass("qdrant", format!("ready in {took}{}", count.unwrap_or_default())).at(base)]
}

/// Its address: the user's, that of the configuration, that of the list of services.
fn base(context: &Context) -> String {
    let told = config_file::value(context, &["platform", "adapterOptions", "vectorStore", "url"]);
    let told = told.as_ref().and_then(|node| node.text()).filter(|url| url.starts_with("http"));
    let listed = Services::of(context).get("qdrant").and_then(|service| service.base.clone());
    let base = context.bases.get("qdrant").cloned().or(told.map(str::to_owned)).or(listed);
    base.unwrap_or_else(|| DEFAULT.to_owned()).trim_end_matches('/').to_owned()
}

/// Why it may be fine that it does not answer.
fn unused(context: &Context) -> String {
    config_file::problem(context).unwrap_or_else(|| "the configuration does not use it".to_owned())
}
