//! A script: the text of our hook, told apart from other people's hooks and from changed copies of ours.

use super::Hook;
use crate::digest::sha256;

/// The hook as it stands in `hooks/` of our repository. What gets installed differs in one word at most.
fn original(hook: Hook) -> &'static str {
    match hook {
        Hook::PreCommit => include_str!("../../../hooks/pre-commit"),
        Hook::PrePush => include_str!("../../../hooks/pre-push"),
        Hook::PreReceive => include_str!("../../../hooks/pre-receive"),
    }
}

/// Opens the line that carries the version and the digest, and thereby says whose hook this is.
const MARKER: &str = "# kbsec-hook ";

/// The line that tells the hook whether to run another one first.
const ALONE: &str = "\nearlier=no ";
const CHAINED: &str = "\nearlier=yes ";

/// Whether a hook stood in our place before ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    /// There was none.
    None,
    /// It is kept beside ours, which runs it first.
    Kept,
}

/// Whose script it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Ours, of this or another version, as it was installed.
    Ours { version: u32, earlier: Earlier },
    /// Ours, but someone changed it.
    Changed,
    /// Somebody else's.
    Foreign,
}

/// The script to install.
pub(super) fn text(hook: Hook, earlier: Earlier) -> String {
    match earlier {
        Earlier::None => original(hook).to_owned(),
        Earlier::Kept => original(hook).replacen(ALONE, CHAINED, 1),
    }
}

/// Tells whose script this is.
///
/// The marker line carries a digest of the rest, so every version of kbsec recognises the unchanged hook of every
/// other and may replace or remove it, and none touches one that somebody has worked on.
pub(super) fn origin(script: &[u8]) -> Origin {
    let Some((rest, version, digest)) = std::str::from_utf8(script).ok().and_then(parse) else {
        let marked = script.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
        return if marked { Origin::Changed } else { Origin::Foreign };
    };
    let earlier = if rest.contains(CHAINED) { Earlier::Kept } else { Earlier::None };
    if digest_of(&rest) == digest { Origin::Ours { version, earlier } } else { Origin::Changed }
}

/// Whether a hook asks for its own name, and so may do something else once it is renamed.
pub(super) fn asks_its_name(script: &[u8]) -> bool {
    let text = String::from_utf8_lossy(script);
    text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).any(|line| {
        let own_name = |after: &str| {
            let argument = after.trim_start_matches([' ', '-', '(', '"', '\'']);
            argument.starts_with("$0") || argument.starts_with("${0")
        };
        line.split("basename").skip(1).any(own_name)
            || line.contains("${0##")
            || line.contains("$PROGRAM_NAME")
    })
}

/// The text without its marker line, and the version and digest that the line carries.
fn parse(text: &str) -> Option<(String, u32, &str)> {
    let start = text.find(&format!("\n{MARKER}"))? + 1;
    let (line, after) = text[start..].split_once('\n')?;
    let (version, digest) = line[MARKER.len()..].split_once(' ')?;
    Some((format!("{}{after}", &text[..start]), version.parse().ok()?, digest))
}

/// SHA-256, in hexadecimal, of a script without its marker line; the same whether or not it runs another hook.
fn digest_of(rest: &str) -> String {
    let alone = rest.replacen(CHAINED, ALONE, 1);
    sha256(alone.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_line_carries_the_digest_of_the_script() {
        for hook in Hook::ALL {
            let (rest, version, digest) = parse(original(hook)).expect("every hook has a marker line");
            assert!(version >= 1);
            assert_eq!(
                digest,
                digest_of(&rest),
                "put the digest on the right into hooks/{} and raise its version",
                hook.name()
            );
        }
    }

    #[test]
    fn both_forms_are_ours() {
        for hook in Hook::ALL {
            for earlier in [Earlier::None, Earlier::Kept] {
                let found = origin(text(hook, earlier).as_bytes());
                assert!(matches!(found, Origin::Ours { earlier: kept, .. } if kept == earlier), "{found:?}");
            }
            assert_ne!(text(hook, Earlier::None), text(hook, Earlier::Kept));
        }
    }

    #[test]
    fn another_version_is_ours_and_any_change_is_seen() {
        let rest = "#!/bin/sh\nearlier=no # a later one\necho later\n".to_owned();
        let later = rest.replacen('\n', &format!("\n{MARKER}7 {}\n", digest_of(&rest)), 1);
        assert_eq!(origin(later.as_bytes()), Origin::Ours { version: 7, earlier: Earlier::None });
        let ours = text(Hook::PreCommit, Earlier::Kept);
        for (old, new) in [
            ("scan --staged", "scan --staged || true"),
            ("\nset -u", "\nexit 0\nset -u"),
            ("#!/bin/sh\n", "#!/bin/sh\r\n"),
            ("earlier=yes", "earlier=maybe"),
            ("# kbsec-hook 1 ", "# kbsec-hook one "),
        ] {
            assert!(ours.contains(old), "{old}");
            assert_eq!(origin(ours.replacen(old, new, 1).as_bytes()), Origin::Changed, "{new}");
        }
        assert_eq!(origin(&[ours.as_bytes(), b"\xff"].concat()), Origin::Changed);
    }

    #[test]
    fn scripts_of_others_are_foreign() {
        for script in [&b""[..], b"\x7fELF\xff\x00", b"#!/bin/sh\nkbsec scan --staged\n"] {
            assert_eq!(origin(script), Origin::Foreign);
        }
    }

    #[test]
    fn a_hook_that_dispatches_on_its_name_is_noticed() {
        assert!(asks_its_name(b"#!/bin/sh\nhook=$(basename \"$0\")\n"));
        assert!(asks_its_name(b"#!/bin/sh\nhook=${0##*/}\n"));
        assert!(!asks_its_name(
            b"#!/bin/sh\nfor f in *; do basename \"$f\"; done; . \"$(dirname \"$0\")/lib\"\n"
        ));
        assert!(!asks_its_name(b"#!/bin/sh\n# basename $0\nexit 0\n"));
    }
}
