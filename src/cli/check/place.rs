//! What checks look at: the arguments that name it, and the context made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kbsec::check::{self, Network, Only};
use kbsec::detect::Detector;

use crate::cli::Context;
use crate::cli::environment::Environment;
use crate::cli::error::Hinted;
use crate::cli::project::{Project, Settings};

/// What checks look at, and what they may do.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlaceArgs {
    /// The folder of the installation: the one with .kb
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Only this service
    #[arg(long, value_name = "NAME", help_heading = "What to look at")]
    service: Option<String>,
    /// Only this plugin
    #[arg(long, value_name = "ID", help_heading = "What to look at")]
    plugin: Option<String>,
    /// The request, trace or execution that log.trace follows
    #[arg(long, value_name = "ID", help_heading = "What to look at")]
    request: Option<String>,
    /// The package that npm.pkg looks for
    #[arg(long, value_name = "NAME", help_heading = "What to look at")]
    package: Option<String>,
    /// The port that port.owner looks at
    #[arg(long, value_name = "NUMBER", help_heading = "What to look at")]
    port: Option<u16>,
    /// A log file besides those in .kb/logs; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    log: Vec<PathBuf>,
    /// How far to look back: 90s, 30m, 2h or 3d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = milliseconds)]
    #[arg(help_heading = "What to look at")]
    since: u64,
    /// Where a service, prometheus or registry is, such as gateway=http://127.0.0.1:4000; may be repeated
    #[arg(long, value_name = "NAME=URL", value_parser = base, help_heading = "Network")]
    base: Vec<(String, String)>,
    /// Make no connections at all
    #[arg(long, conflicts_with = "online", help_heading = "Network")]
    offline: bool,
    /// Allow connections to other machines
    #[arg(long, help_heading = "Network")]
    online: bool,
    /// How long one answer may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 600, help_heading = "Network")]
    timeout: u64,
}

impl PlaceArgs {
    /// The context of the checks.
    pub(in crate::cli) fn context(&self, context: &Context) -> anyhow::Result<check::Context> {
        let here = &context.environment.directory;
        let root = here.join(&self.root);
        let root = root.canonicalize().map_err(|error| {
            let what = format!("cannot look into {}: {error}", self.root.display());
            Hinted::error(what, "name the folder of the installation with --root")
        })?;
        if !root.is_dir() {
            let what = format!("{} is no folder", self.root.display());
            return Err(Hinted::error(what, "name the folder of the installation with --root"));
        }
        let missing = self.log.iter().find(|log| !here.join(log).is_file());
        if let Some(missing) = missing {
            let what = format!("there is no log {}", missing.display());
            return Err(Hinted::error(what, "name a file that is there with --log"));
        }
        let project = Project::find(&root, Settings::Nearest, context)?;
        let detector = Arc::new(Detector::new(&project.rules(&[], &[])?)?);
        let mut made = check::Context::new(root, Environment::now_milliseconds(), detector);
        made.key = project.key(context);
        made.home.clone_from(&context.environment.home);
        made.variables = Environment::variables();
        made.window = self.since;
        made.timeout = Duration::from_millis(self.timeout.max(1));
        made.logs = self.log.iter().map(|log| here.join(log)).collect();
        made.bases = self.base.iter().cloned().collect::<BTreeMap<_, _>>();
        made.network = match (self.offline, self.online) {
            (true, _) => Network::Off,
            (_, true) => Network::Any,
            _ => Network::Local,
        };
        made.only = Only {
            service: self.service.clone(),
            plugin: self.plugin.clone(),
            request: self.request.clone(),
            package: self.package.clone(),
            port: self.port,
        };
        Ok(made)
    }
}

/// `30m` in milliseconds.
fn milliseconds(text: &str) -> Result<u64, String> {
    let told = || "write a time as 90s, 30m, 2h or 3d".to_owned();
    let (digits, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let factor = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(told()),
    };
    let number: u64 = digits.parse().map_err(|_| told())?;
    number.checked_mul(factor).ok_or_else(told)
}

/// A name and an address.
fn base(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write it as NAME=URL")?;
    match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok((name.to_owned(), url.trim_end_matches('/').to_owned())),
        false => Err("the address has to begin with http:// or https://".to_owned()),
    }
}
