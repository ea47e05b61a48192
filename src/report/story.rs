//! The story of a secret: who brought it, who took it away, and who can still reach it, in words.

use super::terminal::Sanitized;
use super::wording::{date, duration, names};
use crate::finding::{Commit, Exposure, Reach, Trail};

/// Refs that are named; the others are counted.
const REFS: usize = 4;

/// Characters of a name or an address that are shown: whoever commits chooses them, and their number.
const NAME: usize = 40;

/// The namespace of refs that mirror another repository.
const REMOTES: &str = "refs/remotes/";

/// What there is to tell, each part with a label, in the order of events. `now` is the end of the run, in seconds
/// since the Unix epoch.
pub(super) fn chapters(exposure: &Exposure, now: u64) -> Vec<(&'static str, String)> {
    let parts = [
        ("introduced", exposure.introduced.as_deref().map(signed)),
        ("removed", removal(exposure, now)),
        ("reach", Some(reach(exposure))),
        ("published", publication(&exposure.published)),
    ];
    parts.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
}

/// A commit, its day and its author.
pub(super) fn signed(commit: &Commit) -> String {
    let mut text = format!("{} on {}", commit.short(), date(commit.time));
    let address = cut(&commit.email);
    match (cut(&commit.author), address.is_empty()) {
        (name, true) if name.is_empty() => {}
        (name, true) => text.push_str(&format!(" by {name}")),
        (name, false) if name.is_empty() => text.push_str(&format!(" by <{address}>")),
        (name, false) => text.push_str(&format!(" by {name} <{address}>")),
    }
    text
}

/// The life of a secret at one path, such as `in 5f2b…, removed by 0a1b…`; nothing where HEAD has it.
pub(super) fn fate(trail: &Trail) -> String {
    if trail.at_head {
        return String::new();
    }
    let introduced = trail.introduced.as_ref().map(|commit| format!("in {}", commit.short()));
    let removed = trail.removed.as_ref().map(|commit| format!("removed by {}", commit.short()));
    introduced.into_iter().chain(removed).collect::<Vec<_>>().join(", ")
}

/// How long it lasted and who ended that; `None` where there is no commit to speak of.
fn removal(exposure: &Exposure, now: u64) -> Option<String> {
    if let Some(commit) = exposure.removed.as_deref().filter(|_| !exposure.at_head) {
        let lasted = exposure.window().map(|seconds| format!("after {}, ", duration(seconds)));
        return Some(lasted.unwrap_or_default() + &signed(commit));
    }
    let begun = exposure.introduced.as_ref().map(|commit| commit.time);
    let open = begun
        .and_then(|begun| now.checked_sub(u64::try_from(begun).ok()?))
        .map(|seconds| format!(", open for {}", duration(seconds)))
        .unwrap_or_default();
    match (exposure.at_head, begun) {
        (true, _) => Some(format!("no, still in HEAD{open}")),
        (false, Some(_)) => Some(format!("never{open}")),
        (false, None) => None,
    }
}

fn reach(exposure: &Exposure) -> String {
    let refs: Vec<_> = exposure.refs.iter().map(String::as_str).filter(|name| *name != "HEAD").collect();
    let list = names(refs.iter().copied(), REFS);
    let within = |kind: &str| if refs.is_empty() { format!("a {kind}") } else { format!("{kind} {list}") };
    match exposure.reach {
        Reach::Head if refs.is_empty() => "in the history of HEAD".to_owned(),
        Reach::Head => format!("in the history of HEAD, {list}"),
        Reach::Branch => format!("in {}, not in HEAD", within("branch")),
        Reach::Tag => format!("only in {}", within("tag")),
        Reach::Remote => format!("only in {}", within("remote-tracking ref")),
        Reach::PullRequest => format!("only in {}, which the forge keeps", within("pull request")),
        Reach::Other => format!("only in {}", within("ref")),
        Reach::Note => format!("only in {}", within("note")),
        Reach::Stash => "only in the stash".to_owned(),
        Reach::Reflog => "only in a reflog: git forgets it in time".to_owned(),
        Reach::Unreachable => "in no ref: unreachable, still on disk".to_owned(),
    }
}

fn publication(refs: &[String]) -> Option<String> {
    let short = refs.iter().map(|name| name.strip_prefix(REMOTES).unwrap_or(name));
    let plural = if refs.len() == 1 { "" } else { "s" };
    let list = names(short, REFS);
    (!refs.is_empty()).then(|| format!("on remote-tracking ref{plural} {list}: treat it as published"))
}

/// What is shown of a name: its hidden characters as escapes, so that they count, and not more than a line has.
fn cut(name: &str) -> String {
    let name = Sanitized(name.trim()).to_string();
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const DAY: i64 = 86_400;

    fn commit(id: &str, day: i64, author: &str, email: &str) -> Arc<Commit> {
        Arc::new(Commit { time: day * DAY, id: id.repeat(20), author: author.into(), email: email.into() })
    }

    fn exposure(reach: Reach, refs: &[&str]) -> Exposure {
        let refs: Vec<_> = refs.iter().map(|name| (*name).to_owned()).collect();
        Exposure { reach, refs, published: Vec::new(), introduced: None, removed: None, at_head: false }
    }

    fn told(exposure: &Exposure, label: &str) -> Option<String> {
        let chapters = chapters(exposure, 20_000 * DAY.unsigned_abs());
        chapters.into_iter().find(|(named, _)| *named == label).map(|(_, text)| text)
    }

    #[test]
    fn each_reach_has_words_of_its_own() {
        let many = ["HEAD", "refs/heads/a", "refs/heads/b", "refs/tags/c", "refs/tags/d", "refs/tags/e"];
        let cases = [
            (Reach::Head, &many[..1], "in the history of HEAD"),
            (
                Reach::Head,
                &many[..],
                "in the history of HEAD, refs/heads/a, refs/heads/b, refs/tags/c, refs/tags/d and 1 more",
            ),
            (Reach::Branch, &["refs/heads/x"], "in branch refs/heads/x, not in HEAD"),
            (Reach::Tag, &["refs/tags/v1"], "only in tag refs/tags/v1"),
            (Reach::Remote, &["refs/remotes/o/x"], "only in remote-tracking ref refs/remotes/o/x"),
            (
                Reach::PullRequest,
                &["refs/pull/7/head"],
                "only in pull request refs/pull/7/head, which the forge keeps",
            ),
            (Reach::Other, &["refs/custom/x"], "only in ref refs/custom/x"),
            (Reach::Note, &["refs/notes/commits"], "only in note refs/notes/commits"),
            (Reach::Note, &[], "only in a note"),
            (Reach::Stash, &["refs/stash"], "only in the stash"),
            (Reach::Reflog, &[], "only in a reflog: git forgets it in time"),
            (Reach::Unreachable, &[], "in no ref: unreachable, still on disk"),
        ];
        for (reach, refs, expected) in cases {
            assert_eq!(told(&exposure(reach, refs), "reach").as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_end_of_an_exposure_is_told_as_far_as_it_is_known() {
        let mut told_of = exposure(Reach::Head, &[]);
        assert_eq!(told(&told_of, "removed"), None);
        told_of.introduced = Some(commit("a1", 19_588, "Ada", "ada@example.com"));
        assert_eq!(told(&told_of, "removed").as_deref(), Some("never, open for 412 days"));
        told_of.at_head = true;
        assert_eq!(told(&told_of, "removed").as_deref(), Some("no, still in HEAD, open for 412 days"));
        told_of.at_head = false;
        told_of.removed = Some(commit("b2", 19_591, "", ""));
        assert_eq!(told(&told_of, "removed").as_deref(), Some("after 3 days, b2b2b2b2b2b2 on 2023-08-22"));
        // Clocks of committers disagree.
        told_of.removed = Some(commit("b2", 19_500, "", "bob@example.com"));
        assert_eq!(
            told(&told_of, "removed").as_deref(),
            Some("b2b2b2b2b2b2 on 2023-05-23 by <bob@example.com>")
        );
        told_of.introduced = Some(commit("a1", 30_000, "", ""));
        told_of.removed = None;
        assert_eq!(told(&told_of, "removed").as_deref(), Some("never"));
    }

    #[test]
    fn remote_refs_mean_published() {
        let mut told_of = exposure(Reach::Head, &[]);
        assert_eq!(told(&told_of, "published"), None);
        told_of.published = vec!["refs/remotes/origin/main".into()];
        assert_eq!(
            told(&told_of, "published").as_deref(),
            Some("on remote-tracking ref origin/main: treat it as published")
        );
        told_of.published = (0..7).map(|at| format!("refs/remotes/origin/{at}")).collect();
        assert_eq!(
            told(&told_of, "published").as_deref(),
            Some(
                "on remote-tracking refs origin/0, origin/1, origin/2, origin/3 and 3 more: treat it as published"
            )
        );
    }

    #[test]
    fn names_are_sanitised_and_cut_and_every_time_has_a_date() {
        let mut hostile = Commit {
            time: i64::MAX,
            id: "ab".into(),
            author: "\u{1b}[2J\r".repeat(1000),
            email: "\u{202e}".into(),
        };
        let expected =
            "ab on 9999-12-31 by \\u{1b}[2J\\u{d}\\u{1b}[2J\\u{d}\\u{1b}[2J\\u{d}\\u{1… <\\u{202e}>";
        assert!(signed(&hostile).starts_with("ab on 9999-12-31 by \\u{1b}[2J\\u{d}"), "{}", signed(&hostile));
        assert!(signed(&hostile).ends_with("… <\\u{202e}>") && signed(&hostile).len() <= expected.len() + 8);
        hostile.time = -1;
        assert!(signed(&hostile).starts_with("ab on 1970-01-01 by "));
    }

    #[test]
    fn one_path_has_a_fate_unless_head_has_it() {
        let (first, last) = (commit("a1", 1, "", ""), commit("b2", 2, "", ""));
        let mut trail = Trail { introduced: Some(first), removed: Some(last), at_head: false };
        assert_eq!(fate(&trail), "in a1a1a1a1a1a1, removed by b2b2b2b2b2b2");
        trail.removed = None;
        assert_eq!(fate(&trail), "in a1a1a1a1a1a1");
        trail.at_head = true;
        assert_eq!(fate(&trail), "");
    }
}
