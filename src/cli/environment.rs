//! The environment: variables, clock, current directory and terminals. Nothing else in the program asks for them.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use kbsec::git::GitEnvironment;

use super::Color;
use super::error::Hinted;

/// What the program knows of its surroundings, read once.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Variables with which git points hooks at a repository.
    pub(crate) git: GitEnvironment,
    /// `KBSEC_FINGERPRINT_KEY`.
    pub(crate) fingerprint_key: Option<OsString>,
    /// The name or path by which the hook calls kbsec: `KBSEC`, else `kbsec`.
    pub(crate) hook_program: OsString,
    /// The folders in which the hook looks for it, as `hooks/pre-commit` lists them.
    pub(crate) hook_folders: Vec<PathBuf>,
    /// What the pre-commit framework is pushing, `PRE_COMMIT_TO_REF`, and where to, `PRE_COMMIT_REMOTE_NAME`.
    pub(crate) framework: (Option<String>, Option<String>),
    /// Whether this is a machine that builds and tests what was pushed: `CI` is set, and not to `false`.
    pub(crate) ci: bool,
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    /// Where programs keep what they have done: `XDG_STATE_HOME`, else `.local/state` at home.
    pub(crate) state: PathBuf,
    /// In builds for tests, the step of a rewrite after which the program ends at once: `KBSEC_FAILPOINT`.
    pub(crate) failpoint: Option<String>,
    /// Where the user is.
    pub(crate) directory: PathBuf,
    /// What responding to an incident needs to know.
    pub(crate) responder: Responder,
    /// Where files for a moment go.
    pub(crate) temporary: PathBuf,
    no_color: bool,
    columns: Option<usize>,
}

/// Who responds to an incident, and where.
#[derive(Debug)]
pub(crate) struct Responder {
    /// Login name; `unknown` where nothing tells.
    pub(crate) user: String,
    /// Name of the machine.
    pub(crate) host: String,
    /// The folders of `$PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// Variables of the user's shell; their values are never shown.
    pub(crate) variables: Vec<(String, OsString)>,
    /// The record after which a debug build ends at once, `KBSEC_FAIL_AFTER`: for tests of what a crash leaves.
    pub(crate) fail_after: Option<u64>,
}

impl Responder {
    fn read() -> Self {
        let text = |name: &str| env::var_os(name).and_then(|value| value.into_string().ok());
        let named = |text: String| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().and_then(named);
        Self {
            user: text("USER")
                .or_else(|| text("LOGNAME"))
                .and_then(named)
                .unwrap_or_else(|| "unknown".into()),
            host: host.or_else(|| text("HOSTNAME")).unwrap_or_else(|| "unknown".into()),
            path: env::var_os("PATH").iter().flat_map(env::split_paths).collect(),
            variables: env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .collect(),
            fail_after: text("KBSEC_FAIL_AFTER")
                .filter(|_| cfg!(debug_assertions))
                .and_then(|n| n.parse().ok()),
        }
    }
}

impl Environment {
    pub(crate) fn read() -> Self {
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let paths =
            |name: &str| -> Vec<PathBuf> { env::var_os(name).iter().flat_map(env::split_paths).collect() };
        let cargo = path("CARGO_HOME").or_else(|| env::home_dir().map(|home| home.join(".cargo")));
        let text = |name: &str| env::var_os(name).and_then(|value| value.into_string().ok());
        let mut hook_folders = paths("PATH");
        hook_folders.push(cargo.unwrap_or_default().join("bin"));
        hook_folders.extend(["/usr/local/bin".into(), "/opt/homebrew/bin".into()]);
        Self {
            git: GitEnvironment {
                git_dir: path("GIT_DIR"),
                work_tree: path("GIT_WORK_TREE"),
                index_file: path("GIT_INDEX_FILE"),
                object_directory: path("GIT_OBJECT_DIRECTORY"),
                alternate_object_directories: paths("GIT_ALTERNATE_OBJECT_DIRECTORIES"),
                ceiling_directories: paths("GIT_CEILING_DIRECTORIES"),
            },
            fingerprint_key: env::var_os("KBSEC_FINGERPRINT_KEY").filter(|key| !key.is_empty()),
            hook_program: path("KBSEC").unwrap_or_else(|| "kbsec".into()).into_os_string(),
            hook_folders,
            ci: env::var_os("CI")
                .is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case("false")),
            framework: (text("PRE_COMMIT_TO_REF"), text("PRE_COMMIT_REMOTE_NAME")),
            home: env::home_dir(),
            state: path("XDG_STATE_HOME")
                .unwrap_or_else(|| env::home_dir().unwrap_or_default().join(".local/state")),
            failpoint: if cfg!(debug_assertions) { text("KBSEC_FAILPOINT") } else { None },
            directory: env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            responder: Responder::read(),
            no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || env::var_os("TERM").is_some_and(|terminal| terminal == "dumb"),
            temporary: env::temp_dir(),
            columns: env::var_os("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok()),
        }
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_milliseconds() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// The path of this program, to run it again as a child.
    pub(crate) fn program() -> PathBuf {
        env::current_exe().unwrap_or_else(|_| PathBuf::from("kbsec"))
    }

    pub(crate) fn stderr_is_terminal() -> bool {
        std::io::stderr().is_terminal()
    }

    /// Every variable that is text. Their values are secrets until the opposite is known.
    pub(crate) fn variables() -> BTreeMap<String, String> {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        env::vars_os().filter_map(text).collect()
    }

    pub(crate) fn stdin_is_terminal() -> bool {
        std::io::stdin().is_terminal()
    }

    pub(crate) fn stdout_is_terminal() -> bool {
        std::io::stdout().is_terminal()
    }

    /// Whether text for people is coloured when it goes to standard output.
    pub(crate) fn wants_color(&self, color: Color) -> bool {
        match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => Self::stdout_is_terminal() && !self.no_color,
        }
    }

    /// The same for standard error, where people are asked.
    pub(crate) fn wants_color_on_stderr(&self, color: Color) -> bool {
        match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => Self::stderr_is_terminal() && !self.no_color,
        }
    }

    /// Columns of the terminal, 80 where there is none to ask.
    pub(crate) fn width(&self) -> usize {
        let asked = || terminal_size::terminal_size().map_or(80, |(columns, _)| usize::from(columns.0));
        self.columns.unwrap_or_else(asked).clamp(40, 120)
    }
}

/// Random bytes from the system.
pub(crate) fn random(count: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| {
        Hinted::error(format!("the system gives no random bytes: {error}"), "check /dev/urandom")
    })?;
    Ok(bytes)
}
