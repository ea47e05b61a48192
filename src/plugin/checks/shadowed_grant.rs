//! What: a pattern that grants nothing which another one of the same list does not grant.
//!
//! Why: whoever removes or narrows it believes to have taken something away.
//! Broad: `read: ['docs/**', 'docs/api/**']`. Narrow: one of them.

use std::collections::HashMap;

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};
use crate::plugin::permission::language::Language;
use crate::plugin::value::Value;
use crate::plugin::wider;

pub(super) const CHECK: Check = Check {
    id: "shadowed-grant",
    title: "A pattern is covered by another one",
    severity: Severity::Info,
    impact: "To remove it changes nothing, though it looks as if it did",
    steps: &["Remove the pattern that is covered, or the wide one if the narrow one is what is meant"],
    run,
};

const LISTS: [(&str, &str); 5] =
    [("fs", "read"), ("fs", "write"), ("network", "fetch"), ("env", "read"), ("shell", "allow")];
/// Lists longer than this are not compared, pattern by pattern.
const LONGEST: usize = 40;

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    // Most handlers have the lists of the plugin.
    let mut known: HashMap<(String, Vec<String>), HashMap<String, String>> = HashMap::new();
    for handler in &plugin.handlers {
        for (section, name) in LISTS {
            let key = format!("{section}.{name}");
            let all: Vec<(&str, &Value)> = handler.permissions.list(section, name).take(LONGEST).collect();
            let patterns: Vec<String> = all.iter().map(|(pattern, _)| (*pattern).to_owned()).collect();
            let entry = known.entry((key.clone(), patterns));
            let shadows = entry.or_insert_with_key(|(key, patterns)| shadows(key, patterns));
            // What comes from a preset is not the author's to remove.
            let is_own = |value: &Value| !value.steps().any(|step| step.what.starts_with("preset"));
            for (pattern, value) in all.into_iter().filter(|(_, value)| is_own(value)) {
                if let Some(other) = shadows.get(pattern) {
                    let what = format!("`{pattern}` is covered by `{other}`");
                    faults.push(Fault::of(value, what).handler(handler));
                }
            }
        }
    }
}

/// The patterns of a list that another one covers, each with the first of those.
fn shadows(key: &str, patterns: &[String]) -> HashMap<String, String> {
    let languages: Vec<Option<Language>> =
        patterns.iter().map(|pattern| wider::language(key, pattern)).collect();
    let mut found = HashMap::new();
    for (pattern, language) in patterns.iter().zip(&languages) {
        let Some(language) = language else { continue };
        let mut others = patterns.iter().zip(&languages).filter(|(other, _)| *other != pattern);
        let covers = |wide: &Option<Language>| {
            wide.as_ref().is_some_and(|wide| wide.includes(language).unwrap_or(false))
        };
        if let Some((other, _)) = others.find(|(_, wide)| covers(wide)) {
            found.insert(pattern.clone(), other.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    #[test]
    fn broad_and_narrow() {
        assert_eq!(
            sample::permissions("fs: { read: ['docs/**', 'docs/api/**'] }"),
            ["plugin/shadowed-grant"]
        );
        assert_eq!(sample::permissions("fs: { read: ['docs/**', 'notes/**'] }"), [""; 0]);
        assert_eq!(sample::permissions("env: { read: ['MY_*', 'MY_NAME'] }"), ["plugin/shadowed-grant"]);
    }
}
