//! The commands that `ctx.api.shell` runs: an exact command word or `*`, unless the line holds a text that is blocked.
//!
//! Arguments, working folder and environment are the plugin's choice.

use super::super::language::{Language, Pattern, TooLarge};

/// Texts that stop a line wherever they stand in it, be it within an argument.
const BLOCKED: [&str; 9] = [
    "rm -rf /",
    "rm -rf /*",
    "mkfs",
    "dd if=",
    ":(){:|:&};:",
    "chmod -R 777 /",
    "chown -R",
    "> /dev/sda",
    "mv /* ",
];

/// What the shell decides about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// The pattern that lets it through.
    Granted(&'p str),
    /// The blocked text that its line holds.
    Blocked(&'static str),
    /// No pattern is its command word, or none is declared.
    Unlisted,
}

/// Whether a pattern is a command word or stands for all.
#[must_use]
pub fn matches(pattern: &str, command: &str) -> bool {
    pattern == "*" || pattern == command
}

/// The command words that a pattern lets through; blocked texts are left aside.
///
/// # Errors
/// When the pattern is undecided.
pub fn language(pattern: &str) -> Result<Language, TooLarge> {
    if pattern == "*" { Ok(Language::all()) } else { Language::exactly(pattern) }
}

/// What the shell decides about a command word and its arguments. Blocked texts come first, as in the platform, unless
/// nothing is declared.
#[must_use]
pub fn decide<'p>(patterns: &[&'p str], command: &str, arguments: &[&str]) -> Decision<'p> {
    if patterns.is_empty() {
        return Decision::Unlisted;
    }
    let line = format!("{command} {}", arguments.join(" "));
    if let Some(blocked) = BLOCKED.iter().find(|blocked| line.contains(**blocked)) {
        return Decision::Blocked(blocked);
    }
    let first = patterns.iter().find(|pattern| matches(pattern, command));
    first.map_or(Decision::Unlisted, |pattern| Decision::Granted(pattern))
}

/// The command words that can be run with some arguments.
///
/// # Errors
/// When the patterns together are undecided.
pub fn commands(patterns: &[&str]) -> Result<Language, TooLarge> {
    let words = Language::any(patterns.iter().map(|pattern| language(pattern)))?;
    // The line of a command without arguments ends in a space, so a word may complete a blocked text with it.
    let with_space = BLOCKED.iter().filter_map(|text| text.strip_suffix(' '));
    let ends = with_space.map(|text| Language::of(&Pattern::new().anything().text(text)));
    words.difference(&holding_blocked()?)?.difference(&Language::any(ends)?)
}

/// The lines that can be run: command word, space, arguments with spaces between them.
///
/// # Errors
/// When the patterns together are undecided.
pub fn lines(patterns: &[&str]) -> Result<Language, TooLarge> {
    let line = |pattern: &&str| match *pattern {
        "*" => Language::of(&Pattern::new().anything().text(" ").anything()),
        word => Language::of(&Pattern::new().text(word).text(" ").anything()),
    };
    Language::any(patterns.iter().map(line))?.difference(&holding_blocked()?)
}

fn holding_blocked() -> Result<Language, TooLarge> {
    Language::any(BLOCKED.iter().map(|text| Language::of(&Pattern::new().anything().text(text).anything())))
}
