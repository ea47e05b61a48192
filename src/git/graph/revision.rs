//! A revision: how people spell a commit, as a name and the steps that lead back from it (gitrevisions, section
//! "Specifying revisions").

/// A name and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revision<'a> {
    /// The name of a reference or the digits of an id.
    pub(super) base: &'a str,
    steps: &'a str,
}

/// A step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `~n`: so many first parents back.
    Back(u32),
    /// `^n`: to this parent, counted from 1; `^0` stays.
    Parent(u32),
}

impl<'a> Revision<'a> {
    /// Takes a spelling apart; `@` is HEAD.
    pub(super) fn new(text: &'a str) -> Self {
        let (base, steps) = text.split_at(text.find(['~', '^', ':', '{']).unwrap_or(text.len()));
        Self { base: if base == "@" { "HEAD" } else { base }, steps }
    }

    /// The steps in their order; `None` where one cannot be understood, which ends them.
    pub(super) fn steps(&self) -> impl Iterator<Item = Option<Step>> + 'a {
        let mut rest = Some(self.steps);
        std::iter::from_fn(move || {
            let text = rest.take().map(without_peeling).filter(|text| !text.is_empty())?;
            let step = step(text);
            rest = step.map(|(_, after)| after);
            Some(step.map(|(step, _)| step))
        })
    }

    /// The full names that a short one may stand for, in the order in which git tries them.
    pub(super) fn full_names(&self) -> impl Iterator<Item = String> {
        const PLACES: [(&str, &str); 6] = [
            ("", ""),
            ("refs/", ""),
            ("refs/tags/", ""),
            ("refs/heads/", ""),
            ("refs/remotes/", ""),
            ("refs/remotes/", "/HEAD"),
        ];
        PLACES.into_iter().map(|(before, after)| format!("{before}{}{after}", self.base))
    }
}

/// The full names that the name of a branch may stand for, be it local or remote-tracking.
pub(super) fn branch_names(name: &str) -> impl Iterator<Item = String> {
    ["", "refs/heads/", "refs/remotes/"].into_iter().map(move |before| format!("{before}{name}"))
}

/// What follows `^{commit}` and `^{}`: every name stands for a commit here.
fn without_peeling(steps: &str) -> &str {
    let mut steps = steps;
    while let Some(first) = steps.chars().next() {
        let rest = &steps[first.len_utf8()..];
        match rest.strip_prefix("{commit}").or_else(|| rest.strip_prefix("{}")) {
            Some(after) => steps = after,
            None => break,
        }
    }
    steps
}

fn step(steps: &str) -> Option<(Step, &str)> {
    let first = steps.chars().next()?;
    let rest = &steps[first.len_utf8()..];
    let (digits, after) =
        rest.split_at(rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len()));
    let number = if digits.is_empty() { 1 } else { digits.parse().ok()? };
    match first {
        '~' => Some((Step::Back(number), after)),
        '^' => Some((Step::Parent(number), after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_until_one_cannot_be_understood() {
        use Step::{Back, Parent};
        for (text, base, steps) in [
            ("main", "main", vec![]),
            ("@~3^2", "HEAD", vec![Some(Back(3)), Some(Parent(2))]),
            ("v1^{commit}~", "v1", vec![Some(Back(1))]),
            ("v1^{}^0^", "v1", vec![Some(Parent(0)), Some(Parent(1))]),
            ("a~2:b", "a", vec![Some(Back(2)), None]),
            ("a~99999999999~1", "a", vec![None]),
            ("a^{tree}", "a", vec![Some(Parent(1)), None]),
        ] {
            let revision = Revision::new(text);
            assert_eq!((revision.base, revision.steps().collect::<Vec<_>>()), (base, steps), "{text}");
        }
    }
}
