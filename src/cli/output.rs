//! Where a report goes: standard output, or a file that is replaced only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;

use super::error::{Hinted, is_broken_pipe};

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
        let result = content(&mut out).and_then(|()| out.flush());
        let result = result.context("cannot write to standard output");
        return result.or_else(|error| if is_broken_pipe(&error) { Ok(()) } else { Err(error) });
    };
    let describe = |error: io::Error| {
        let what = format!("cannot write {}: {error}", path.display());
        Hinted::new(what, "nothing was written there; choose another file with -o, or free some space")
    };
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if is_special {
        let mut out = BufWriter::new(File::options().write(true).open(path).map_err(describe)?);
        return content(&mut out).and_then(|()| out.flush()).map_err(describe);
    }
    replace(path, content).map_err(describe)
}

/// Writes a new file beside the old one and moves it into place.
fn replace(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut out = BufWriter::new(File::options().write(true).create_new(true).open(&temporary)?);
        content(&mut out)?;
        out.into_inner()?.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
