//! What: a command that runs other programs, or every command.
//!
//! Why: only the first word of a command is compared; its arguments are free, and it gets the whole environment. An
//! interpreter, a package manager or git (`-c core.pager=…`) is arbitrary code with every secret of the process.
//! Broad: `shell: { allow: ['bash'] }`. Narrow: a program of one purpose, or none.

use crate::finding::Severity;
use crate::plugin::check::{Check, Fault, Plugin};

pub(super) const CHECK: Check = Check {
    id: "shell-interpreter",
    title: "A plugin may run arbitrary programs",
    severity: Severity::High,
    impact: "Whoever controls the handler's input or code runs programs with every variable of the service's environment",
    steps: &["Allow a program that does one thing, or use an interface of the platform instead of a command"],
    run,
};

/// Programs that run what their arguments or files say.
const RUNNERS: [&str; 34] = [
    "sh",
    "bash",
    "zsh",
    "dash",
    "fish",
    "pwsh",
    "powershell",
    "cmd",
    "node",
    "deno",
    "bun",
    "python",
    "python3",
    "perl",
    "ruby",
    "php",
    "npm",
    "npx",
    "pnpm",
    "yarn",
    "corepack",
    "git",
    "make",
    "docker",
    "ssh",
    "env",
    "xargs",
    "find",
    "tar",
    "awk",
    "vim",
    "kb",
    "sudo",
    "cargo",
];

fn run(plugin: &Plugin, faults: &mut Vec<Fault>) {
    for handler in &plugin.handlers {
        for (command, value) in handler.permissions.list("shell", "allow") {
            let what = if command == "*" {
                "`*` allows every program".to_owned()
            } else if RUNNERS.contains(&command) {
                format!("`{command}` runs whatever its arguments say; arguments are not restricted")
            } else if command.contains(' ') {
                let what = format!("`{command}` never matches, as only the name of the program is compared");
                faults.push(Fault::of(value, what).severity(Severity::Info).handler(handler));
                continue;
            } else {
                continue;
            };
            faults.push(Fault::of(value, what).handler(handler));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plugin::sample;

    const QUOTAS: &str = "quotas: { timeoutMs: 1, memoryMb: 1 }";

    #[test]
    fn broad_and_narrow() {
        let with = |command: &str| {
            sample::ids(&format!("permissions: {{ shell: {{ allow: ['{command}'] }}, {QUOTAS} }}"))
        };
        assert_eq!(with("bash"), ["plugin/shell-interpreter"]);
        assert_eq!(with("*"), ["plugin/shell-interpreter"]);
        assert_eq!(with("pdftotext"), [""; 0]);
    }
}
