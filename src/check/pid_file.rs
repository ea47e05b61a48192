//! A pid file of `kb-dev`: which process a service was started as.

use serde_json::Value;

use super::config_file;
use super::context::Context;

/// What stands in a pid file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    /// When it was started, as written: RFC 3339.
    pub(super) started: Option<String>,
    pub(super) command: Option<String>,
}

/// The pid file of a service; `None` if there is none, an error when it cannot be read.
pub(super) fn read(context: &Context, service: &str) -> Result<Option<PidFile>, String> {
    let path = context.path(&format!(".kb/tmp/{service}.pid"));
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let text = config_file::text(&path)?;
    if let Ok(pid) = text.trim().parse() {
        return Ok(Some(PidFile { pid, started: None, command: None }));
    }
    let value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let pid = value.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
    let pid = pid.ok_or("it names no process")?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Some(PidFile { pid, started: text("startedAt"), command: text("command") }))
}
