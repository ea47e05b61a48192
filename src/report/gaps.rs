//! Gaps that belong together: inputs that were not examined for the same reason, to be told in one breath.

use std::collections::HashMap;

use crate::coverage::Gap;

/// Inputs with the same reason and the same hint; never empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group<'a> {
    pub(super) reason: &'a str,
    pub(super) hint: &'a str,
    pub(super) subjects: Vec<&'a str>,
}

/// The groups in the order in which they first occur, and within each the inputs likewise.
pub(super) fn grouped(gaps: &[Gap]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut index = HashMap::new();
    for Gap { subject, reason, hint } in gaps {
        let group = *index.entry((reason, hint)).or_insert_with(|| {
            groups.push(Group { reason, hint, subjects: Vec::new() });
            groups.len() - 1
        });
        groups[group].subjects.push(subject);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_together_only_where_reason_and_hint_agree() {
        let gaps = [
            Gap::new("a", "missing").hint("fetch"),
            Gap::new("b", "damaged"),
            Gap::new("c", "missing").hint("fetch"),
            Gap::new("d", "missing"),
        ];
        let found: Vec<_> = grouped(&gaps).into_iter().map(|group| (group.hint, group.subjects)).collect();
        assert_eq!(found, [("fetch", vec!["a", "c"]), ("", vec!["b"]), ("", vec!["d"])]);
    }
}
