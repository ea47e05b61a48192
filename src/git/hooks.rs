//! A hook: a script that git runs before it records or sends something; ours go in and out without a trace.

mod kind;
mod place;
mod script;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use kind::Hook;
use place::Place;
pub use place::{Reach, Redirect};
use script::{Earlier, Origin};

/// Which repository to work on, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Any folder of the work tree; for `pre-receive` it may be in a bare repository.
    pub folder: PathBuf,
    /// Which hook it is about.
    pub hook: Hook,
    /// What to do about a `core.hooksPath` that others share.
    pub sharing: Sharing,
    /// Changes to the environment in which git is asked: a value, or `None` to remove a variable.
    pub environment: Vec<(OsString, Option<OsString>)>,
}

/// Whether a folder of hooks that belongs to more than this repository may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// No: say what is in the way.
    #[default]
    Refuse,
    /// Yes: the user asked for it.
    Accept,
}

/// What [`install`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Installed {
    /// The hook, absolute.
    pub hook: PathBuf,
    /// What changed.
    pub change: Change,
    /// Where the hook that stood there before is kept.
    pub kept: Option<PathBuf>,
}

/// What an installation changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The hook is new.
    Added,
    /// A hook of another version, or one that could not be executed, was replaced.
    Renewed,
    /// Nothing: it was in force already.
    Nothing,
}

/// What [`uninstall`] did.
#[derive(Debug, PartialEq, Eq)]
pub enum Removed {
    /// There was no hook of ours.
    Nothing,
    /// The hook is gone.
    Hook(PathBuf),
    /// The hook is gone and the one that stood there before is back, bit for bit.
    Restored(PathBuf),
    /// The hook is gone; the one that stood there before had been deleted by someone.
    EarlierLost(PathBuf),
}

/// What [`status`] found.
#[derive(Debug, PartialEq, Eq)]
pub struct Status {
    /// The file that git runs, or would run.
    pub hook: PathBuf,
    /// What it is.
    pub state: State,
    /// Set when `core.hooksPath` decides where the hook is.
    pub redirect: Option<Redirect>,
}

/// What stands where git looks for the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// Somebody else's hook.
    Foreign,
    /// Ours, in force.
    Installed {
        /// Version of the script, from 1.
        version: u32,
        /// Whether it runs the hook that stood there before.
        chained: bool,
    },
    /// Ours, moved aside by the pre-commit framework, which runs it: in force.
    Wrapped,
    /// Ours, with changes by somebody.
    Changed,
    /// Ours, but git skips it because it may not be executed.
    NotExecutable,
    /// Ours, but the hook that it must run first is gone, so it stops every commit or push.
    EarlierLost,
    /// Ours is in the standard folder, given here, but `core.hooksPath` makes git look elsewhere.
    Shadowed(PathBuf),
    /// Nothing, but a hook that ours used to run is still kept: ours was deleted by hand.
    Unfinished,
}

impl State {
    /// Whether the next commit or push is examined.
    #[must_use]
    pub fn in_force(&self) -> bool {
        matches!(self, Self::Installed { .. } | Self::Wrapped)
    }
}

/// Why a hook was not installed, removed or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is not there.
    #[error("{} is not a folder; name a folder of the repository", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Git cannot be run.
    #[error("git cannot be run ({cause}); install it or put it on PATH")]
    NoGit {
        /// What the system says.
        cause: io::Error,
    },
    /// Git cannot answer for this folder.
    #[error("{}: git says: {said}; name a folder of a repository that git can use", folder.display())]
    Refused {
        /// The folder.
        folder: PathBuf,
        /// Its message.
        said: String,
    },
    /// A bare repository records no commits of its own.
    #[error("{} is a bare repository, where nobody commits; install the hook in its clones", folder.display())]
    Bare {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder is inside a git directory.
    #[error("{} is not in a work tree; name the folder that holds the files", folder.display())]
    NoWorkTree {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder of hooks belongs to others too.
    #[error("{}", in_the_way(redirect, *hook))]
    Shared {
        /// Which hook it is about.
        hook: Hook,
        /// What sends git there.
        redirect: Redirect,
    },
    /// Somebody has changed our hook.
    #[error("{} is the hook of kbsec with changes that are not ours; move it away, then try again", hook.display())]
    Changed {
        /// The hook.
        hook: PathBuf,
    },
    /// The hook would no longer do its work under another name.
    #[error("{} asks for its own name, so it cannot be renamed and kept; add the line '{command}' to what it runs", hook.display())]
    Unmovable {
        /// The hook.
        hook: PathBuf,
        /// What does the same.
        command: &'static str,
    },
    /// The hook that ours runs first is gone.
    #[error("{} is gone, which the hook of kbsec runs first; put it back, or uninstall the hook and install it again", kept.display())]
    EarlierLost {
        /// Where it should be.
        kept: PathBuf,
    },
    /// There is a hook, and another one under the name that it would get.
    #[error("{} is in the way: the hook beside it would get this name; move one of them away", kept.display())]
    Occupied {
        /// The name.
        kept: PathBuf,
    },
    /// The pre-commit framework holds our hook.
    #[error("{} is run by the pre-commit framework; run 'pre-commit uninstall' first, then try again", hook.display())]
    Wrapped {
        /// The hook.
        hook: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {deed} {}: {cause}", path.display())]
    Io {
        /// What was tried: `read`, `write`.
        deed: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Puts the hook where git looks for it, after any hook that stands there.
///
/// # Errors
/// When there is no work tree, when the place belongs to others or holds a changed hook of ours, and when files cannot
/// be written. Nothing has changed then.
pub fn install(options: &Options) -> Result<Installed, Error> {
    let place = Place::find(options)?;
    if let Some(redirect) = &place.redirect {
        let allowed = match redirect.reach {
            Reach::Own => true,
            Reach::Husky => false,
            Reach::Team | Reach::Elsewhere => options.sharing == Sharing::Accept,
        };
        if !allowed {
            return Err(Error::Shared { hook: options.hook, redirect: redirect.clone() });
        }
    }
    let hook = place.active.join(options.hook.name());
    let kept = place.active.join(options.hook.kept());
    let (change, earlier) = match state_of(&place.active, options.hook)? {
        State::Absent => (Change::Added, Earlier::None),
        State::Unfinished => (Change::Added, Earlier::Kept),
        State::Foreign => {
            keep(options.hook, &hook, &kept)?;
            return Ok(Installed { hook, change: Change::Added, kept: Some(kept) });
        }
        State::Changed => return Err(Error::Changed { hook }),
        State::EarlierLost => return Err(Error::EarlierLost { kept }),
        State::Wrapped => return Ok(Installed { hook, change: Change::Nothing, kept: None }),
        State::Installed { .. } | State::NotExecutable | State::Shadowed(_) => {
            let found = read(&hook)?;
            let earlier = match script::origin(&found) {
                Origin::Ours { earlier, .. } => earlier,
                Origin::Changed | Origin::Foreign => return Err(Error::Changed { hook }),
            };
            let same = found == script::text(options.hook, earlier).as_bytes()
                && look(&hook)?.is_some_and(|file| runs(&file));
            (if same { Change::Nothing } else { Change::Renewed }, earlier)
        }
    };
    if change != Change::Nothing {
        write(options.hook, &hook, earlier)?;
    }
    Ok(Installed { hook, change, kept: (earlier == Earlier::Kept).then_some(kept) })
}

/// Takes the hook out and puts back what stood there before.
///
/// # Errors
/// When there is no work tree, when somebody has changed the hook, and when files cannot be written.
pub fn uninstall(options: &Options) -> Result<Removed, Error> {
    let place = Place::find(options)?;
    for folder in [&place.active, &place.standard] {
        let hook = folder.join(options.hook.name());
        let kept = folder.join(options.hook.kept());
        match state_of(folder, options.hook)? {
            State::Absent | State::Foreign | State::Shadowed(_) => continue,
            State::Changed => return Err(Error::Changed { hook }),
            State::Wrapped => return Err(Error::Wrapped { hook }),
            State::Unfinished => {}
            State::EarlierLost => {
                fs::remove_file(&hook).map_err(failed("remove", &hook))?;
                return Ok(Removed::EarlierLost(hook));
            }
            State::Installed { .. } | State::NotExecutable => {
                let alone =
                    matches!(script::origin(&read(&hook)?), Origin::Ours { earlier: Earlier::None, .. });
                if alone {
                    fs::remove_file(&hook).map_err(failed("remove", &hook))?;
                    return Ok(Removed::Hook(hook));
                }
            }
        }
        fs::rename(&kept, &hook).map_err(failed("rename", &kept))?;
        return Ok(Removed::Restored(hook));
    }
    Ok(Removed::Nothing)
}

/// Tells whether the hook is in force, and if not, why.
///
/// # Errors
/// When there is no work tree or the hook cannot be read.
pub fn status(options: &Options) -> Result<Status, Error> {
    let place = Place::find(options)?;
    let mut state = state_of(&place.active, options.hook)?;
    if !state.in_force() && place.redirect.is_some() {
        let standard = state_of(&place.standard, options.hook)?;
        if !matches!(standard, State::Absent | State::Foreign | State::Unfinished) {
            state = State::Shadowed(place.standard.join(options.hook.name()));
        }
    }
    Ok(Status { hook: place.active.join(options.hook.name()), state, redirect: place.redirect })
}

/// What a folder of hooks holds; never [`State::Shadowed`].
fn state_of(folder: &Path, kind: Hook) -> Result<State, Error> {
    let hook = folder.join(kind.name());
    let earlier_there = look(&folder.join(kind.kept()))?.is_some();
    let Some(file) = look(&hook)? else {
        return Ok(if earlier_there { State::Unfinished } else { State::Absent });
    };
    Ok(match script::origin(&read(&hook)?) {
        Origin::Foreign if is_wrapped(folder, kind)? => State::Wrapped,
        Origin::Foreign => State::Foreign,
        Origin::Changed => State::Changed,
        Origin::Ours { earlier: Earlier::Kept, .. } if !earlier_there => State::EarlierLost,
        Origin::Ours { .. } if !runs(&file) => State::NotExecutable,
        Origin::Ours { version, earlier } => State::Installed { version, chained: earlier == Earlier::Kept },
    })
}

/// Whether the pre-commit framework has moved our hook aside and runs it.
fn is_wrapped(folder: &Path, kind: Hook) -> Result<bool, Error> {
    let path = folder.join(kind.wrapped());
    let runnable = look(&path)?.is_some_and(|file| runs(&file));
    Ok(runnable && matches!(script::origin(&read(&path)?), Origin::Ours { .. }))
}

/// Renames somebody's hook and puts ours in its place; undone when the second step fails.
fn keep(kind: Hook, hook: &Path, kept: &Path) -> Result<(), Error> {
    if look(kept)?.is_some() {
        return Err(Error::Occupied { kept: kept.to_path_buf() });
    }
    if script::asks_its_name(&read(hook)?) {
        return Err(Error::Unmovable { hook: hook.to_path_buf(), command: kind.command() });
    }
    fs::rename(hook, kept).map_err(failed("rename", hook))?;
    write(kind, hook, Earlier::Kept).inspect_err(|_| {
        // The error that is on its way says what went wrong; a second one would hide it.
        let _ = fs::rename(kept, hook);
    })
}

/// Writes our script beside the hook and renames it, so that git never meets half a hook.
fn write(kind: Hook, hook: &Path, earlier: Earlier) -> Result<(), Error> {
    if let Some(folder) = hook.parent() {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
    }
    let draft = hook.with_extension(format!("kbsec-{}", std::process::id()));
    fill(&draft, &script::text(kind, earlier)).and_then(|()| fs::rename(&draft, hook)).map_err(|cause| {
        let _ = fs::remove_file(&draft);
        failed("write", hook)(cause)
    })
}

/// Creates an executable file.
fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    make_executable(&file)?;
    file.sync_all()
}

/// What a path is, without following a link; `None` when nothing is there.
fn look(path: &Path) -> Result<Option<Metadata>, Error> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(cause) if matches!(cause.kind(), NotFound | NotADirectory) => Ok(None),
        Err(cause) => Err(failed("read", path)(cause)),
    }
}

/// The bytes of a hook; none for a link that leads nowhere.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    match fs::read(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(failed("read", path)),
    }
}

/// Whether git would run it.
#[cfg(unix)]
fn runs(file: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.permissions().mode() & 0o111 != 0
}

/// Whether git would run it: without permission bits, every hook.
#[cfg(not(unix))]
fn runs(_file: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn make_executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Says what could not be done to which file.
fn failed(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |cause| Error::Io { deed, path, cause }
}

/// Explains a `core.hooksPath` that others share, and what to do instead.
fn in_the_way(redirect: &Redirect, hook: Hook) -> String {
    let Redirect { folder, origin, reach } = redirect;
    let folder = folder.display();
    let set = format!("core.hooksPath ({origin}) makes git look for hooks in {folder}");
    let (name, command) = (hook.name(), hook.command());
    match reach {
        Reach::Own => set,
        Reach::Husky => format!("{set}, which husky rewrites; add the line '{command}' to .husky/{name}"),
        Reach::Team => format!(
            "{set}, which is part of the work tree; add the line '{command}' to {name} there, or install with \
             --force-hooks-path and commit the result"
        ),
        Reach::Elsewhere => format!(
            "{set}, outside this repository, where other repositories may use them too; add the line '{command}' to \
             {name} there, install with --force-hooks-path, or unset core.hooksPath"
        ),
    }
}
