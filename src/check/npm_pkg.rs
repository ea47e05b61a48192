//! `npm.pkg`: whether a package is named well and is in the registry of its scope; else, which known one is meant.

use std::collections::BTreeSet;

use serde_json::Value;

use super::context::Context;
use super::json_text::{self, Node};
use super::registry::{self, Settings};
use super::verdict::Verdict;
use super::{Check, Need, config_file, metrics, show};

pub(super) const CHECK: Check = Check {
    id: "npm.pkg",
    title: "A package is in the registry of its scope",
    why: "A package that is not found is a wrong name, a missing access, or a registry that its scope has of its own.",
    needs: &[Need::Network],
    answer,
};

fn answer(context: &Context) -> Vec<Verdict> {
    let Some(name) = &context.only.package else {
        let fix = "name it: kbsec check npm.pkg --package @scope/name";
        return vec![Verdict::unknown("", "no package was named").fix(fix)];
    };
    if !is_well_formed(name) {
        let value = "no package can have this name";
        return vec![
            Verdict::fail(name, value).expected("lower case, digits, - . _ and at most one @scope/"),
        ];
    }
    let settings = Settings::of(context);
    let scope = name.split_once('/').map(|(scope, _)| scope);
    let base = match settings.registry(context, scope) {
        Ok(base) => base,
        Err(why) => return vec![Verdict::unknown(name, why).fix("name it with --base registry=URL")],
    };
    let token = settings.token(context, &base);
    let url = format!("{base}/{}", metrics::escape(name).replace("%40", "@"));
    let verdict = match registry::status(context, &url) {
        Ok((200..300, took)) => Verdict::pass(name, format!("there, in {}", show::duration(took))),
        Ok((404, _)) => {
            let near = nearest(context, name);
            let told = near.as_ref().map_or_else(String::new, |near| format!("; nearest here: {near}"));
            let fix = near.map_or_else(
                || "check the name; a private package answers 404 to whoever may not see it".to_owned(),
                |near| format!("is {near} meant? a private package answers 404 to whoever may not see it"),
            );
            Verdict::fail(name, format!("404{told}; {token}")).expected("200").fix(fix)
        }
        Ok((status @ (401 | 403), _)) => {
            let fix = "see that the token is valid and may read the scope; kbsec sends none";
            Verdict::unknown(name, format!("{status} without a token; there is {token}")).fix(fix)
        }
        Ok((status, _)) => {
            Verdict::fail(name, format!("the registry answers {status}")).fix("kbsec check npm.ping")
        }
        Err(why) => Verdict::unknown(name, why).fix("kbsec check npm.pkg --online --package NAME"),
    };
    vec![verdict.at(base)]
}

/// The rules of npm for new names.
fn is_well_formed(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '_'])
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._~".contains(&byte))
    };
    name.len() <= 214
        && match name.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
            None => part(name),
        }
}

/// The package known here whose name differs least, by at most three letters.
fn nearest(context: &Context, name: &str) -> Option<String> {
    let mut known = BTreeSet::new();
    if let Ok(text) = config_file::text(&context.path(".kb/marketplace.lock"))
        && let Some(root) = json_text::parse(&text, false).root
    {
        known.extend(
            root.get("installed").map_or(&[][..], Node::members).iter().map(|entry| entry.key.clone()),
        );
    }
    if let Ok(text) = config_file::text(&context.path("package.json"))
        && let Ok(package) = serde_json::from_str::<Value>(&text)
    {
        for key in ["dependencies", "devDependencies"] {
            known.extend(
                package
                    .get(key)
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.clone()),
            );
        }
    }
    let near = known.into_iter().map(|other| (distance(name, &other), other));
    near.filter(|(distance, _)| (1..=3).contains(distance)).min().map(|(_, other)| other)
}

/// How many letters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row.first().copied().unwrap_or(0);
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, against) in row.iter_mut().skip(1).zip(&other) {
            let cost = diagonal + usize::from(letter != *against);
            diagonal = *cell;
            *cell = cost.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_and_judged() {
        assert_eq!(distance("@acme/repotr", "@acme/report"), 2);
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("abc", "xbcd")), (3, 0, 2));
        for (name, is_good) in [
            ("@acme/report", true),
            ("left-pad", true),
            ("Acme", false),
            ("@acme", false),
            ("_x", false),
            ("a b", false),
        ] {
            assert_eq!(is_well_formed(name), is_good, "{name}");
        }
    }
}
