//! References in reftables, as the git program lists them: neither libgit2 nor this program reads that format.

use super::{Place, Reference, References, Reflog, reach};
use crate::coverage::Gap;
use crate::git::object::ObjectId;
use crate::git::{GitError, program};

/// Lists the references and reflogs of one git directory. Of reflogs, git prints the ids and messages, not the names.
pub(super) fn read(place: &Place, found: &mut References) {
    if let Err(error) = refs(place, found).and_then(|()| reflogs(place, found)) {
        found.gaps.push(Gap::new(place.git_dir.display().to_string(), error.to_string()).hint(error.hint()));
    }
}

fn refs(place: &Place, found: &mut References) -> Result<(), GitError> {
    // HEAD, ORIG_HEAD and their like lie in the tables, too; every git that reads these knows the option.
    let arguments = ["for-each-ref", "--include-root-refs", "--format=%(objectname) %(refname)"];
    for line in program::output(&place.git_dir, &arguments)?.split(|&byte| byte == b'\n') {
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        let Some(target) = ObjectId::from_hex(&line[..space]) else { continue };
        // Shared references are listed for each work tree; equal ones are dropped in the end.
        let name = place.name(line.get(space + 1..).unwrap_or_default());
        found.refs.push(Reference { reach: reach(&name), name, target });
    }
    Ok(())
}

fn reflogs(place: &Place, found: &mut References) -> Result<(), GitError> {
    let listed = program::output(&place.git_dir, &["reflog", "list"])?;
    for name in listed.split(|&byte| byte == b'\n').filter(|name| !name.is_empty()) {
        let text = String::from_utf8_lossy(name);
        let shown = program::output(
            &place.git_dir,
            &["log", "-g", "--no-abbrev", "--format=%H %H reflog%x09%gs", &text, "--"],
        )?;
        // Git shows the newest line first, the files of git have the oldest first.
        let mut lines: Vec<&[u8]> =
            shown.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        lines.reverse();
        let log = [&place.prefix, &b"logs/"[..], name].concat();
        found.reflogs.push(Reflog::parse(log, lines.join(&b'\n')));
    }
    Ok(())
}
