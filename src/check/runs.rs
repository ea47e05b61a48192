//! Workflow runs, as the daemon lists them.

use serde_json::Value;

use super::context::Context;
use super::http;
use super::moment;
use super::services::Services;

/// A run that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WorkflowRun {
    pub(super) id: String,
    pub(super) name: String,
    /// The plugin that it belongs to, as far as its description says.
    pub(super) plugin: Option<String>,
    /// Since when it is in its state, in milliseconds of Unix time.
    pub(super) since: Option<u64>,
}

/// The runs of a state, at most so many as the daemon gives, and how many there are in all; or why it gives none.
pub(super) fn of_state(context: &Context, state: &str) -> Result<(Vec<WorkflowRun>, u64), String> {
    let services = Services::of(context);
    let url = services
        .get("workflow")
        .and_then(|service| service.url("/api/v1/runs"))
        .ok_or("there is no service workflow")?;
    let url = format!("{url}?status={state}&limit=500");
    let answer = http::get(context, &url).map_err(|error| error.to_string())?;
    if !answer.is_ok() {
        return Err(format!("the list of runs answers {}", answer.status));
    }
    let body = answer.json().ok_or("the list of runs is not JSON")?;
    let data = body.get("data").unwrap_or(&body);
    let list = data.get("runs").and_then(Value::as_array).ok_or("the list of runs is not understood")?;
    // A daemon that knows no filter gives all.
    let listed = list.iter().filter(|run| run.get("status").and_then(Value::as_str) == Some(state));
    let runs: Vec<_> = listed.map(read).collect();
    let total = data.get("total").and_then(Value::as_u64).unwrap_or(0).max(runs.len() as u64);
    let total = if runs.len() == list.len() { total } else { runs.len() as u64 };
    Ok((runs, total))
}

fn read(run: &Value) -> WorkflowRun {
    let text = |path: &str| run.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let steps = run.pointer("/jobs").and_then(Value::as_array).into_iter().flatten();
    let uses = steps.flat_map(|job| job.get("steps").and_then(Value::as_array).into_iter().flatten());
    let mut used = uses.filter_map(|step| {
        let uses = step.pointer("/spec/uses").or_else(|| step.get("uses"))?.as_str()?;
        let name = uses.strip_prefix("plugin:").unwrap_or(uses);
        name.starts_with('@').then(|| name.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"))
    });
    let plugin = text("/metadata/pluginId").or_else(|| text("/pluginId")).or_else(|| used.next());
    let times = ["/startedAt", "/queuedAt", "/createdAt"];
    WorkflowRun {
        id: text("/id").unwrap_or_default(),
        name: text("/name").unwrap_or_default(),
        plugin,
        since: times.iter().find_map(|path| moment::parse(&text(path)?)),
    }
}
