//! The command `hook`: puts the pre-commit hook into a repository, takes it out, and tells whether it is in force.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kbsec::git::hooks::{self, Change, Options, Reach, Redirect, Removed, Sharing, State, Status};
use kbsec::report::Sanitized;

use super::environment::Environment;
use super::exit::Exit;
use super::{Context, output};

/// Install, remove or check the git hook that stops a commit with a secret in it.
#[derive(Debug, clap::Args)]
pub(crate) struct HookArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Install the pre-commit hook; a hook that is there already is kept and runs first
    Install {
        /// A folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        folder: PathBuf,
        /// Install even where `core.hooksPath` points to a folder that others share
        #[arg(long)]
        force_hooks_path: bool,
    },
    /// Remove the pre-commit hook and put back the one that was there before
    Uninstall {
        /// A folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        folder: PathBuf,
    },
    /// Tell whether the next commit will be examined: exit code 0 when it will, 1 when it will not
    Status {
        /// A folder of the repository
        #[arg(value_name = "PATH", default_value = ".")]
        folder: PathBuf,
    },
}

/// Runs the command; what it tells goes to stdout.
pub(crate) fn run(args: &HookArgs, context: &Context) -> anyhow::Result<Exit> {
    let (text, exit) = match &args.action {
        Action::Install { folder, force_hooks_path } => {
            let sharing = if *force_hooks_path { Sharing::Accept } else { Sharing::Refuse };
            (install(&Options { sharing, ..options(folder) }, &context.environment)?, Exit::Clean)
        }
        Action::Uninstall { folder } => (removal(&hooks::uninstall(&options(folder))?), Exit::Clean),
        Action::Status { folder } => {
            let status = hooks::status(&options(folder))?;
            let exit = if status.state.in_force() { Exit::Clean } else { Exit::Findings };
            (standing(&status), exit)
        }
    };
    output::print(&text).map(|()| exit)
}

fn options(folder: &Path) -> Options {
    Options { folder: folder.to_path_buf(), ..Options::default() }
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
        text.push_str(
            "Next: the hook cannot find kbsec yet and will stop every commit. Put kbsec on PATH \
             ('cargo install --locked --path .' in its folder does), or set KBSEC to its full path.\n",
        );
    }
    Ok(text)
}

/// Tells what was removed.
fn removal(removed: &Removed) -> String {
    match removed {
        Removed::Nothing => "no hook of kbsec is installed; nothing to remove\n".to_owned(),
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
fn standing(status: &Status) -> String {
    const INSTALL: &str = "run 'kbsec hook install'";
    const ADVICE: &str = "run 'kbsec hook install' to see what can be done";
    let hook = shown(&status.hook);
    let (state, next) = match &status.state {
        State::Installed { version, chained: false } => (format!("installed (version {version})"), ""),
        State::Installed { version, chained: true } => {
            (format!("installed (version {version}), after the hook that was there before"), "")
        }
        State::Wrapped => ("installed, and run by the pre-commit framework".to_owned(), ""),
        State::Absent => ("not installed".to_owned(), INSTALL),
        State::Foreign => ("not installed; another hook is there".to_owned(), INSTALL),
        State::Unfinished => {
            ("not installed; the hook that was there before waits beside it".to_owned(), INSTALL)
        }
        State::Changed => {
            ("changed by somebody".to_owned(), "compare it, move it away, then run 'kbsec hook install'")
        }
        State::NotExecutable => ("not executable, so git skips it".to_owned(), INSTALL),
        State::EarlierLost => (
            "stops every commit: the hook that was there before is gone".to_owned(),
            "put it back, or run 'kbsec hook uninstall' and 'kbsec hook install'",
        ),
        State::Shadowed(ours) => {
            (format!("installed as {} but shadowed by core.hooksPath", shown(ours)), ADVICE)
        }
    };
    // A folder that others use too is not touched unasked.
    let shared = status.redirect.as_ref().is_some_and(|redirect| redirect.reach != Reach::Own);
    let next = if shared && next == INSTALL { ADVICE } else { next };
    let mut text = format!("pre-commit hook: {state}\n  git runs: {hook}\n");
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
            let text = standing(&status(state));
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
        let text = standing(&Status { redirect: Some(redirect), ..status(State::Absent) });
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
