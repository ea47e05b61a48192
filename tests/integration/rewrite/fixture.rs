//! A repository with a value in it, and an independent look for what is left of the value.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::common::{Run, Sandbox};

/// A value in two halves, so that no file of this repository holds it.
pub(super) fn value() -> String {
    ["tok_9f8a7Zq", "Lm31=xx+Q"].concat()
}

/// A sandbox with a repository, a file with the value beside it, and a place for backups.
pub(super) struct Fixture {
    pub(super) sandbox: Sandbox,
    ticks: std::cell::Cell<u64>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::init(&[])
    }

    pub(super) fn init(arguments: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let init = ["init", "--quiet", "--initial-branch=main"].iter().chain(arguments);
        sandbox.git(init);
        Self::around(sandbox)
    }

    pub(super) fn around(sandbox: Sandbox) -> Self {
        sandbox.write("../value", value());
        Self { sandbox, ticks: std::cell::Cell::new(0) }
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.sandbox.git(arguments)
    }

    /// Writes files, and commits everything at a later time than before.
    pub(super) fn commit(&self, message: &str, files: &[(&str, &[u8])]) -> String {
        for (name, bytes) in files {
            self.sandbox.write(name, bytes);
        }
        self.git(&["add", "--all"]);
        self.commit_as(message, "Ada Example")
    }

    pub(super) fn commit_as(&self, message: &str, author: &str) -> String {
        let tick = self.ticks.get() + 1;
        self.ticks.set(tick);
        let date = format!("{} +0000", 1_700_000_000 + tick);
        let run = self.sandbox.program("git", ["commit", "--quiet", "--allow-empty", "--file=-"]);
        let run =
            run.env("GIT_AUTHOR_NAME", author).env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", date);
        let _ = run.stdin(message).run().code(0);
        self.head()
    }

    pub(super) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Makes an object of these bytes; its id.
    pub(super) fn object(&self, kind: &str, bytes: impl Into<Vec<u8>>) -> String {
        let run = self.sandbox.program("git", ["hash-object", "-t", kind, "-w", "--stdin", "--literally"]);
        run.stdin(bytes).run().code(0).stdout.trim().to_owned()
    }

    pub(super) fn kbsec(&self, arguments: &[&str]) -> Run {
        let start = ["rewrite", "--value-file", "../value"];
        let run = self.sandbox.kbsec(start.iter().chain(arguments));
        run.env("XDG_STATE_HOME", self.state()).run().keeps(&value())
    }

    pub(super) fn state(&self) -> PathBuf {
        self.sandbox.path("../state")
    }

    /// The hash of the plan.
    pub(super) fn plan_hash(&self, arguments: &[&str]) -> String {
        let run = self.kbsec(&[&["--dry-run", "--revoked", "-f", "json"], arguments].concat()).code(0);
        run.json()["plan_hash"].as_str().unwrap().to_owned()
    }

    /// Plans and applies.
    pub(super) fn rewrite(&self, arguments: &[&str]) -> Run {
        let hash = self.plan_hash(arguments);
        self.kbsec(&[&["--revoked", "--confirm", &hash], arguments].concat())
    }

    /// What git finds wrong.
    pub(super) fn fsck(&self) -> Vec<String> {
        let run = self.sandbox.git_unchecked(["fsck", "--full", "--no-dangling"]);
        let mut lines: Vec<String> =
            run.stdout.lines().chain(run.stderr.lines()).map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("notice: ") && !line.starts_with("dangling "));
        // The same fault of an object has another name when the object has.
        let ids = regex::Regex::new("[0-9a-f]{40,}").unwrap();
        let mut lines: Vec<_> = lines.iter().map(|line| ids.replace_all(line, "ID").into_owned()).collect();
        lines.sort();
        lines.dedup();
        lines
    }

    /// Applies the plan and lets git judge: nothing is left, and nothing is broken that was whole.
    #[track_caller]
    pub(super) fn rewrite_well(&self, arguments: &[&str]) {
        let before = self.fsck();
        let _ = self.rewrite(arguments).code(0).says("P1 gone").says("P2 unchanged");
        self.is_well(&before);
    }

    #[track_caller]
    pub(super) fn is_well(&self, fsck_before: &[String]) {
        let new: Vec<_> = self.fsck().into_iter().filter(|line| !fsck_before.contains(line)).collect();
        assert!(new.is_empty(), "git fsck: {new:?}");
        assert_eq!(self.residue(), [""; 0]);
        if self.git(&["rev-parse", "--is-bare-repository"]) == "false" {
            assert_eq!(self.git(&["status", "--porcelain", "--untracked-files=no"]), "");
        }
    }

    pub(super) fn git_dir(&self) -> PathBuf {
        self.sandbox.path(self.git(&["rev-parse", "--absolute-git-dir"]))
    }

    /// Objects and files of the git directory in which some form of the value stands.
    pub(super) fn residue(&self) -> Vec<String> {
        let mut found = Vec::new();
        let listed = self.git(&[
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname) %(objecttype)",
            "--unordered",
        ]);
        for line in listed.lines() {
            let (id, kind) = line.split_once(' ').unwrap();
            let output = self.sandbox.program("git", ["cat-file", kind, id]).into_command().output().unwrap();
            if holds(&output.stdout) {
                found.push(format!("{kind} {id}"));
            }
        }
        files(&self.git_dir(), &mut |path| {
            let is_packed = path.components().any(|part| part.as_os_str() == "objects");
            let bytes = fs::read(path).unwrap();
            if holds(path.as_os_str().as_encoded_bytes()) || (!is_packed && holds(&bytes)) {
                found.push(path.display().to_string());
            }
        });
        found
    }

    /// The folder of the only rewrite.
    pub(super) fn folder(&self) -> PathBuf {
        let mut all = fs::read_dir(self.state().join("kbsec/rewrites")).unwrap();
        all.next().unwrap().unwrap().path()
    }

    /// Everything that the references lead to, in words that say nothing of time.
    pub(super) fn picture(&self) -> String {
        let refs = self.git(&["for-each-ref", "--format=%(refname) %(objectname) %(symref)"]);
        let head = self.git(&["rev-parse", "HEAD", "HEAD^{tree}"]);
        let index = self.git(&["ls-files", "--stage"]);
        let stash = self.git(&["stash", "list", "--format=%H %gs"]);
        [refs, head, index, stash].join("\n")
    }
}

/// Calls for every file below a directory.
pub(super) fn files(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), visit),
            false => visit(&entry.path()),
        }
    }
}

/// Whether some form of the value stands there: written apart from the search of the program, so that both can be wrong
/// in different ways only.
pub(super) fn holds(bytes: &[u8]) -> bool {
    let value = value();
    let mut forms: Vec<Vec<u8>> = vec![value.clone().into_bytes()];
    forms.push(value.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(value.encode_utf16().flat_map(u16::to_be_bytes).collect());
    forms.push(value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes());
    forms.push(value.replace('=', "%3D").replace('+', "%2B").into_bytes());
    for before in 0..3 {
        let encoded = BASE64_STANDARD.encode([&vec![b'x'; before][..], value.as_bytes(), b"yyy"].concat());
        forms.push(encoded.as_bytes()[4..encoded.len() - 8].to_vec());
    }
    let stands = |bytes: &[u8]| forms.iter().any(|form| bytes.windows(form.len()).any(|part| part == form));
    let mut plain = Vec::new();
    let is_gzip =
        bytes.starts_with(b"\x1f\x8b") && flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).is_ok();
    stands(bytes) || (is_gzip && stands(&plain))
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
