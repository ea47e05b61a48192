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
/// | 3 | `Incomplete` | nothing was found, but not everything was examined; for `incident verify`: the log was altered |
/// | 4 | `Cut` | `incident verify`: the end of the log is missing |
/// | 10 | `OpenSteps` | an incident has steps left |
/// | 20 | `ProofFails` | the proof of a step of an incident fails |
/// | 30 | `Blocked` | a step of an incident may not be done as things are |
/// | 40 | `EvidenceIncomplete` | an incident is closed, and some evidence could not be kept |
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
    /// The end of the log of an incident is missing.
    Cut = 4,
    /// An incident has steps left.
    OpenSteps = 10,
    /// The proof of a step fails.
    ProofFails = 20,
    /// A step may not be done as things are.
    Blocked = 30,
    /// Some evidence could not be kept.
    EvidenceIncomplete = 40,
    /// Ctrl-C or a signal ended the run.
    Interrupted = 130,
}

impl Exit {
    /// Every code, in the order of the numbers.
    const ALL: [Self; 10] = [
        Self::Clean,
        Self::Findings,
        Self::Failed,
        Self::Incomplete,
        Self::Cut,
        Self::OpenSteps,
        Self::ProofFails,
        Self::Blocked,
        Self::EvidenceIncomplete,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What it means, as a clause.
    fn meaning(self) -> &'static str {
        match self {
            Self::Clean => "clean: everything was examined and nothing was found",
            Self::Findings => "findings: something was found; for hook status: no hook in force",
            Self::Failed => "failed: the job could not be done; the message says why",
            Self::Incomplete => "incomplete: nothing was found, but not everything was examined",
            Self::Cut => "incident verify: the end of the log is missing (3: it was altered)",
            Self::OpenSteps => "respond: steps of the incident are left; it can be gone on with",
            Self::ProofFails => "respond: the proof of a step fails",
            Self::Blocked => "respond: a step may not be done as things are",
            Self::EvidenceIncomplete => "respond: closed, but some evidence could not be kept",
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
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 10, 20, 30, 40, 130]);
        assert_eq!(format!("{:?}", ExitCode::from(Exit::Interrupted)), format!("{:?}", ExitCode::from(130)));
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
