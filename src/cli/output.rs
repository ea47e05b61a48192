//! Where a report goes: standard output, or a file that is replaced only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::{Hinted, cannot_print};

/// Prints text to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    write(None, |out| out.write_all(text.as_bytes()))
}

/// Writes to the file, or to standard output when there is none. A reader that closes the pipe is no error.
pub(crate) fn write(
    file: Option<&Path>,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let Some(path) = file else {
        let mut out = BufWriter::new(io::stdout().lock());
        return match content(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(cannot_print(&error)),
            _ => Ok(()),
        };
    };
    let describe = |error| cannot_write(path, &error);
    if is_special(path) {
        let mut out = BufWriter::new(File::options().write(true).open(path).map_err(describe)?);
        return content(&mut out).and_then(|()| out.flush()).map_err(describe);
    }
    replace(path, content).map_err(describe)
}

/// Finds out, before the work begins, whether a file can be written there.
pub(crate) fn check(file: &Path) -> anyhow::Result<()> {
    if file.is_dir() {
        return Err(cannot_write(file, &io::ErrorKind::IsADirectory.into()));
    }
    if is_special(file) {
        return Ok(());
    }
    let (_, temporary) = places(file).map_err(|error| cannot_write(file, &error))?;
    let tried = File::create_new(&temporary).and_then(|_| fs::remove_file(&temporary));
    tried.map_err(|error| cannot_write(file, &error))
}

/// A device or a pipe, which is written to and not replaced.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file())
}

fn cannot_write(path: &Path, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            "its directory does not exist; make it first, or name another file with -o"
        }
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::StorageFull => "free some space, or name another file with -o",
        _ => "name another file with -o",
    };
    Hinted::error(format!("cannot write {}: {error}", path.display()), hint)
}

/// Writes a new file beside the old one and moves it into place; who may read the old one may read the new one.
fn replace(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (target, temporary) = places(path)?;
    let write = || {
        let file = File::create_new(&temporary)?;
        if let Ok(old) = fs::metadata(&target) {
            file.set_permissions(old.permissions())?;
        }
        let mut out = BufWriter::new(file);
        content(&mut out)?;
        out.into_inner()?.sync_all()?;
        fs::rename(&temporary, &target)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// The file to replace, which is the one that a link points to, and a name beside it for the time of writing.
fn places(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = target.with_file_name(name);
    Ok((target, temporary))
}
