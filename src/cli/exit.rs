//! An exit code: what the program tells scripts about a run.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a run ended. The same for every command and every output format.
///
/// | code | variant | meaning |
/// |---|---|---|
/// | 0 | `Clean` | everything was examined and nothing was found |
/// | 1 | `Findings` | something was found; for `hook status`: the hook is not in force |
/// | 2 | `Failed` | the job could not be done |
/// | 3 | `Incomplete` | nothing was found, but not everything was examined |
/// | 130 | `Interrupted` | Ctrl-C or a signal ended the run |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was examined and nothing was found.
    Clean = 0,
    /// Something was found.
    Findings = 1,
    /// The job could not be done.
    Failed = 2,
    /// Nothing was found, but not everything was examined.
    Incomplete = 3,
    /// Ctrl-C or a signal ended the run.
    Interrupted = 130,
}

impl Exit {
    /// Every code, in the order of the numbers.
    const ALL: [Self; 5] = [Self::Clean, Self::Findings, Self::Failed, Self::Incomplete, Self::Interrupted];

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The code for two parts of one run: findings beat gaps, for they need a person now; a part that failed beats
    /// findings, for the other part cannot be trusted to be all; an interruption says that nothing was finished.
    #[must_use]
    pub(crate) fn merge(self, other: Self) -> Self {
        std::cmp::max_by_key(self, other, |exit| exit.rank())
    }

    fn rank(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Incomplete => 1,
            Self::Findings => 2,
            Self::Failed => 3,
            Self::Interrupted => 4,
        }
    }

    /// What it means, as a clause.
    fn meaning(self) -> &'static str {
        match self {
            Self::Clean => "clean: everything was examined and nothing was found",
            Self::Findings => "findings: something was found; for hook status: no hook in force",
            Self::Failed => "failed: the job could not be done; the message says why",
            Self::Incomplete => "incomplete: nothing was found, but not everything was examined",
            Self::Interrupted => "interrupted by Ctrl-C or a signal",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The text of `kbsec help exit-codes`.
pub(crate) fn table() -> String {
    let mut text = String::from("Exit codes of every command and output format:\n\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text.push_str(
        "\nWhere something was found and not everything was examined, the code is 1 and\n\
         the report tells both. --exit-zero turns 1 into 0, for jobs that only upload;\n\
         --allow-incomplete turns 3 into 0, where some files can never be read.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_a_contract() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 130]);
        assert_eq!(format!("{:?}", ExitCode::from(Exit::Interrupted)), format!("{:?}", ExitCode::from(130)));
    }

    #[test]
    fn the_worse_news_wins_in_either_order() {
        use Exit::{Clean, Failed, Findings, Incomplete, Interrupted};
        let order = [Clean, Incomplete, Findings, Failed, Interrupted];
        for (worse, one) in order.iter().enumerate() {
            for (better, other) in order.iter().enumerate() {
                assert_eq!(one.merge(*other), order[worse.max(better)]);
            }
        }
    }

    #[test]
    fn the_table_names_every_code_and_fits_eighty_columns() {
        let text = table();
        for exit in Exit::ALL {
            assert!(text.contains(&format!("{:>5}  {}", exit.code(), exit.meaning())), "{exit:?}");
        }
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
