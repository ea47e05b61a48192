//! Verification: every rule tried on its own examples and near misses.

use super::example::expand;
use super::{CompileError, Detector};
use crate::rule::{Example, Rule, RuleSet};

/// An example that does not do what its rule promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub rule: String,
    /// The template of the example.
    pub template: String,
    /// What went wrong, as a clause.
    pub problem: String,
}

/// Different random parts that each template is tried with.
const SEEDS: u64 = 5;

/// Tries every rule, in the presence of all the others, on its examples.
///
/// # Errors
/// When a rule of the set cannot be compiled.
pub fn verify(rules: &RuleSet) -> Result<Vec<Failure>, CompileError> {
    let detector = Detector::new(rules)?;
    Ok(rules.iter().flat_map(|rule| failures(&detector, rule)).collect())
}

fn failures(detector: &Detector, rule: &Rule) -> Vec<Failure> {
    let mut failures = Vec::new();
    let id = rule.meta.id.as_str();
    for (examples, must_fire) in [(&rule.examples, true), (&rule.non_examples, false)] {
        for example in examples {
            let problem = (0..SEEDS).find_map(|seed| problem(detector, rule, example, (seed, must_fire)));
            failures.extend(problem.map(|problem| Failure {
                rule: id.to_owned(),
                template: example.0.clone(),
                problem,
            }));
        }
    }
    failures
}

fn problem(
    detector: &Detector,
    rule: &Rule,
    example: &Example,
    (seed, must_fire): (u64, bool),
) -> Option<String> {
    let text = match expand(&example.0, rule.check, seed) {
        Ok(text) => text,
        Err(error) => return Some(error),
    };
    let found = detector.detect(&text);
    let own = found.iter().filter(|found| found.rule.id == rule.meta.id).count();
    let others: Vec<&str> = found.iter().map(|found| found.rule.id.name()).collect();
    match (must_fire, own) {
        (true, 1) if found.len() == 1 => None,
        (true, 1) => Some(format!("other rules fire as well: {}", others.join(", "))),
        (true, 0) => Some(format!("the rule does not fire; found: [{}]", others.join(", "))),
        (true, _) => Some(format!("the rule fires {own} times")),
        (false, 0) => None,
        (false, _) => Some("the rule fires on a near miss".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::shape::Matcher;

    #[test]
    fn every_built_in_rule_finds_its_examples_and_passes_its_near_misses() {
        let failures = verify(&RuleSet::built_in().unwrap()).unwrap();
        let lines: Vec<_> = failures
            .iter()
            .map(|failure| format!("{}: {}: {}", failure.rule, failure.problem, failure.template))
            .collect();
        assert!(lines.is_empty(), "{} examples fail:\n{}", lines.len(), lines.join("\n"));
    }

    #[test]
    fn every_built_in_pattern_compiles() {
        for rule in RuleSet::built_in().unwrap().iter() {
            Matcher::new(&rule.shape, rule.check).unwrap().try_out().unwrap();
        }
    }

    #[test]
    fn what_stands_far_away_changes_no_verdict() {
        let rules = RuleSet::built_in().unwrap();
        let detector = Detector::new(&rules).unwrap();
        let far = "nothing to see on this line\n".repeat(2_000).into_bytes();
        for rule in rules.iter() {
            for example in &rule.examples {
                let text = expand(&example.0, rule.check, 3).unwrap();
                let whole = [&far[..], &text, b"\n", &far].concat();
                let found = detector.detect(&whole);
                assert_eq!(found.len(), 1, "{}: {}", rule.meta.id, example.0);
                assert_eq!(found[0].rule.id, rule.meta.id, "{}", example.0);
            }
        }
    }

    #[test]
    fn a_rule_that_misses_its_example_fails() {
        let mut rules = RuleSet::default();
        let text = "[[rule]]\nid = 'a-b'\ntitle = 't'\nseverity = 'low'\nconfidence = 'low'\n\
            token = { format = ['abcd_{hex:20}'] }\nexamples = ['abcd_{{hex:19}}']\nnon-examples = ['abcd_{{hex:20}}']\n";
        rules.parse(text, "test", "test").unwrap();
        let problems: Vec<_> = verify(&rules).unwrap().into_iter().map(|failure| failure.problem).collect();
        assert_eq!(problems, ["the rule does not fire; found: []", "the rule fires on a near miss"]);
    }
}
