//! The command `hook`: puts our hooks into a repository, takes them out, and tells whether they are in force.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kbsec::git::hooks::{self, Change, Hook, Options, Reach, Redirect, Removed, Sharing, State, Status};
use kbsec::report::Sanitized;

use super::environment::Environment;
use super::exit::Exit;
use super::{Context, output};

/// Install, remove or check the git hooks that stop a commit or a push with a secret in it.
#[derive(Debug, clap::Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Install the pre-commit hook, or those that are named; a hook that is there already is kept and runs first
    Install {
        /// A folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        folder: PathBuf,
        #[command(flatten)]
        named: Named,
        /// Install even where `core.hooksPath` points to a folder that others share
        #[arg(long)]
        force_hooks_path: bool,
    },
    /// Remove our hooks, or those that are named, and put back the ones that were there before
    Uninstall {
        /// A folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        folder: PathBuf,
        #[command(flatten)]
        named: Named,
    },
    /// Tell whether the next commit and push will be examined: exit code 0 when the commit will, 1 when not
    ///
    /// With names, the exit code is about those hooks. A hook of ours that is broken always leads to 1.
    Status {
        /// A folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        folder: PathBuf,
        #[command(flatten)]
        named: Named,
    },
}

/// Hooks by name.
#[derive(Debug, clap::Args)]
struct Named {
    /// The hook that examines what a commit records
    #[arg(long)]
    pre_commit: bool,
    /// The hook that examines what a push would publish
    #[arg(long)]
    pre_push: bool,
    /// The hook that examines what a repository, such as one on a server, receives
    #[arg(long)]
    pre_receive: bool,
}

impl Named {
    /// The hooks that are named, or `otherwise` where none is.
    fn or(&self, otherwise: &[Hook]) -> Vec<Hook> {
        let named = [self.pre_commit, self.pre_push, self.pre_receive];
        if !named.contains(&true) {
            return otherwise.to_vec();
        }
        Hook::ALL.into_iter().zip(named).filter(|(_, is_named)| *is_named).map(|(hook, _)| hook).collect()
    }

    fn any(&self) -> bool {
        !self.or(&[]).is_empty()
    }
}

/// Runs the command; what it tells goes to stdout.
pub(crate) fn run(args: &HookArgs, context: &Context) -> anyhow::Result<Exit> {
    let (mut text, mut exit) = (String::new(), Exit::Clean);
    match &args.action {
        Action::Install { folder, named, force_hooks_path } => {
            let sharing = if *force_hooks_path { Sharing::Accept } else { Sharing::Refuse };
            for hook in named.or(&[Hook::PreCommit]) {
                let options = Options { sharing, ..options(folder, hook) };
                let told = install(&options, &context.environment);
                // What was installed before the error has to be told.
                text += &told.inspect_err(|_| drop(output::print(&text)))?;
            }
        }
        Action::Uninstall { folder, named } => {
            for hook in named.or(&Hook::ALL) {
                text += &removal(&hooks::uninstall(&options(folder, hook))?);
            }
            if text.is_empty() {
                text.push_str("no hook of kbsec is installed; nothing to remove\n");
            }
        }
        Action::Status { folder, named } => {
            for hook in named.or(&Hook::ALL) {
                let status = hooks::status(&options(folder, hook))?;
                let is_there = !matches!(status.state, State::Absent | State::Foreign);
                if named.any() || hook != Hook::PreReceive || is_there {
                    text += &standing(hook, &status);
                }
                let matters = named.any() || hook == Hook::PreCommit || is_there;
                if matters && !status.state.in_force() {
                    exit = Exit::Findings;
                }
            }
        }
    }
    output::print(&text).map(|()| exit)
}

fn options(folder: &Path, hook: Hook) -> Options {
    Options { folder: folder.to_path_buf(), hook, ..Options::default() }
}

/// What the hook stops.
fn deed(hook: Hook) -> &'static str {
    if hook == Hook::PreCommit { "commit" } else { "push" }
}

/// Installs and tells what happened.
fn install(options: &Options, environment: &Environment) -> Result<String, hooks::Error> {
    let done = hooks::install(options)?;
    let hook = shown(&done.hook);
    let mut text = match done.change {
        Change::Added => format!("hook installed: {hook}\n"),
        Change::Renewed => format!("hook renewed: {hook}\n"),
        Change::Nothing => format!("hook is installed already: {hook}\n"),
    };
    if let Some(kept) = &done.kept {
        let _ = writeln!(text, "The hook that was there runs first; it is kept as {}", shown(kept));
    }
    if !can_be_found(&environment.hook_program, &environment.hook_folders) {
        let _ = writeln!(
            text,
            "Next: the hook cannot find kbsec yet and will stop every {}. Put kbsec on PATH \
             ('cargo install --locked --path .' in its folder does), or set KBSEC to its full path.",
            deed(options.hook)
        );
    }
    Ok(text)
}

/// Tells what was removed.
fn removal(removed: &Removed) -> String {
    match removed {
        Removed::Nothing => String::new(),
        Removed::Hook(hook) => format!("hook removed: {}\n", shown(hook)),
        Removed::Restored(hook) => {
            format!("hook removed: {}\nThe hook that was there before is back, unchanged.\n", shown(hook))
        }
        Removed::EarlierLost(hook) => format!(
            "hook removed: {}\nThe hook that was there before could not be put back: somebody deleted it.\n",
            shown(hook)
        ),
    }
}

/// Tells what stands where git looks, and what to do about it.
fn standing(kind: Hook, status: &Status) -> String {
    let (name, deed) = (kind.name(), deed(kind));
    let command = match kind {
        Hook::PreCommit => "'kbsec hook install'".to_owned(),
        _ => format!("'kbsec hook install --{name}'"),
    };
    let install = format!("run {command}");
    let advice = format!("run {command} to see what can be done");
    let hook = shown(&status.hook);
    let (state, next) = match &status.state {
        State::Installed { version, chained: false } => {
            (format!("installed (version {version})"), String::new())
        }
        State::Installed { version, chained: true } => {
            (format!("installed (version {version}), after the hook that was there before"), String::new())
        }
        State::Wrapped => ("installed, and run by the pre-commit framework".to_owned(), String::new()),
        State::Absent => ("not installed".to_owned(), install.clone()),
        State::Foreign => ("not installed; another hook is there".to_owned(), install.clone()),
        State::Unfinished => {
            ("not installed; the hook that was there before waits beside it".to_owned(), install.clone())
        }
        State::Changed => {
            ("changed by somebody".to_owned(), format!("compare it, move it away, then {install}"))
        }
        State::NotExecutable => ("not executable, so git skips it".to_owned(), install.clone()),
        State::EarlierLost => (
            format!("stops every {deed}: the hook that was there before is gone"),
            format!("put it back, or run 'kbsec hook uninstall' and {command}"),
        ),
        State::Shadowed(ours) => {
            (format!("installed as {} but shadowed by core.hooksPath", shown(ours)), advice.clone())
        }
    };
    // A folder that others use too is not touched unasked.
    let shared = status.redirect.as_ref().is_some_and(|redirect| redirect.reach != Reach::Own);
    let next = if shared && next == install { advice } else { next };
    let mut text = format!("{name} hook: {state}\n  git runs: {hook}\n");
    if let Some(redirect) = &status.redirect {
        let _ = writeln!(
            text,
            "  because:  core.hooksPath ({}), {}",
            Sanitized(&redirect.origin),
            sharers(redirect)
        );
    }
    if !next.is_empty() {
        let _ = writeln!(text, "  next:     {next}");
    }
    text
}

fn sharers(redirect: &Redirect) -> &'static str {
    match redirect.reach {
        Reach::Own => "a folder of this repository alone",
        Reach::Husky => "a folder that husky rewrites",
        Reach::Team => "a folder of the work tree, shared with all who clone it",
        Reach::Elsewhere => "a folder outside this repository",
    }
}

/// Whether a program of that name, or at that path, is there.
fn can_be_found(name: &OsStr, folders: &[PathBuf]) -> bool {
    let there = |path: PathBuf| {
        let mut with_suffix = path.clone().into_os_string();
        with_suffix.push(EXE_SUFFIX);
        path.is_file() || Path::new(&with_suffix).is_file()
    };
    let path = Path::new(name);
    if path.components().count() > 1 {
        return there(path.to_path_buf());
    }
    folders.iter().any(|folder| there(folder.join(name)))
}

/// A path for people.
fn shown(path: &Path) -> String {
    Sanitized(path.display()).to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn status(state: State) -> Status {
        Status { hook: PathBuf::from("/w/.git/hooks/pre-commit"), state, redirect: None }
    }

    #[test]
    fn every_state_that_is_not_in_force_says_what_to_do_next() {
        let states = [
            State::Absent,
            State::Foreign,
            State::Installed { version: 1, chained: false },
            State::Installed { version: 1, chained: true },
            State::Wrapped,
            State::Changed,
            State::NotExecutable,
            State::EarlierLost,
            State::Shadowed(PathBuf::from("/w/.git/hooks/pre-commit")),
            State::Unfinished,
        ];
        for state in states {
            let in_force = state.in_force();
            let text = standing(Hook::PrePush, &status(state));
            assert_eq!(!in_force, text.contains("next:"), "{text}");
        }
    }

    #[test]
    fn the_reason_for_another_folder_is_told() {
        let redirect = Redirect {
            folder: PathBuf::from("/home/ada/hooks"),
            origin: "file:/home/ada/.gitconfig".to_owned(),
            reach: Reach::Elsewhere,
        };
        let text = standing(Hook::PreCommit, &Status { redirect: Some(redirect), ..status(State::Absent) });
        assert!(
            text.contains("core.hooksPath (file:/home/ada/.gitconfig), a folder outside this repository"),
            "{text}"
        );
        assert!(text.contains("to see what can be done"), "nothing is put there unasked: {text}");
    }

    #[test]
    fn the_program_is_looked_for_as_the_hook_does() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(format!("kbsec-test{}", EXE_SUFFIX));
        fs::write(&program, "").unwrap();
        let folders = [folder.path().to_path_buf()];
        assert!(can_be_found(OsStr::new("kbsec-test"), &folders));
        assert!(can_be_found(program.as_os_str(), &[]));
        assert!(!can_be_found(OsStr::new("kbsec-absent"), &folders));
        assert!(!can_be_found(OsStr::new("./kbsec-absent"), &folders));
    }

    #[test]
    fn control_characters_in_paths_are_not_shown() {
        assert_eq!(shown(Path::new("/a\u{1b}[2Jb")), "/a\\u{1b}[2Jb");
    }
}
