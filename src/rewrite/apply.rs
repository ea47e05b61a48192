//! The run of a rewrite: checks, plan, and after consent the steps that the journal records, one after the other.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::checks::{self, Check, Checks, Consents};
use super::commit_point::{self, Todo};
use super::folder::{Folder, Step};
use super::lfs::LfsFiles;
use super::plan::{Material, Plan};
use super::references::Inventory;
use super::scan::{Scanned, Wanted};
use super::side_files;
use super::values::Values;
use super::{Outcome, RewriteError, purge};
use crate::git::edit::GitEdit;
use crate::git::store::Scope;
use crate::git::{NewPack, ObjectId, Repository};
use crate::secret::FingerprintKey;
use crate::source::Stop;

/// The file that says which rewrite is going on; its content is the folder of it.
const MARK: &str = "kbsec-rewrite";

/// How to rewrite.
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct Settings<'a> {
    /// Key of the fingerprints.
    pub key: FingerprintKey,
    /// The folder for the backup, the maps and the journal; it must not exist yet.
    pub folder: PathBuf,
    /// What the user has agreed to.
    pub consents: Consents,
    /// New ids of commits in submodules that were rewritten before.
    pub submodules: HashMap<ObjectId, ObjectId>,
    /// Seconds since the Unix epoch.
    pub now: &'a dyn Fn() -> u64,
    /// Called after each step: a test ends the program there.
    pub reached: &'a dyn Fn(Step),
    /// Asked often while nothing has changed.
    pub stop: &'a Stop,
}

/// A rewrite of one repository.
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct Rewrite<'a> {
    repository: &'a Repository,
    values: &'a Values,
    settings: &'a Settings<'a>,
    git: GitEdit,
    /// Held while the program runs.
    mark: Option<File>,
}

/// A plan that can be applied.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    pack: Option<NewPack>,
}

/// What the checks and the plan say.
#[derive(Debug)]
pub struct Survey {
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// The plan; none where a check failed before.
    pub prepared: Option<Prepared>,
}

impl Survey {
    /// Whether every check passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.checks.iter().all(|check| check.pass)
    }
}

impl<'a> Rewrite<'a> {
    /// A rewrite that has not begun. With `exclusive`, no other one can run in the repository until this is dropped.
    ///
    /// # Errors
    /// When another one runs, or began and did not end.
    pub fn new(
        repository: &'a Repository,
        values: &'a Values,
        settings: &'a Settings<'a>,
        exclusive: bool,
    ) -> Result<Self, RewriteError> {
        let mark = exclusive.then(|| lock(repository.common_dir())).transpose()?;
        Ok(Self { repository, values, settings, git: GitEdit::new(repository), mark })
    }

    /// The folder of a rewrite of the repository that began and did not end.
    #[must_use]
    pub fn unfinished(repository: &Repository) -> Option<PathBuf> {
        let folder = fs::read_to_string(repository.common_dir().join(MARK)).ok()?;
        Some(PathBuf::from(folder)).filter(|folder| !folder.as_os_str().is_empty())
    }

    /// Runs the checks, and makes the plan where they pass. Only if `to_apply`, new objects are written, to a place that
    /// git does not know.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn survey(&self, to_apply: bool) -> Result<Survey, RewriteError> {
        let inventory = Inventory::read(self.repository, &self.git)?;
        let checks = Checks {
            repository: self.repository,
            git: &self.git,
            inventory: &inventory,
            consents: self.settings.consents,
            folder: &self.settings.folder,
        };
        let mut checks = checks.before();
        let store = self.repository.store(Scope::All)?;
        let lfs = LfsFiles::with_values(self.repository.common_dir(), self.values);
        let submodules = &self.settings.submodules;
        let wanted = Wanted { values: self.values, lfs: &lfs, submodules: !submodules.is_empty() };
        let scanned = Scanned::search(&wanted, &store, self.settings.stop);
        if self.settings.stop.requested() {
            return Err(RewriteError::Interrupted);
        }
        checks.extend(checks::after(&scanned, store.gaps(), self.settings.consents));
        // A plan is of use even where the user still has to confirm something; not where the repository is not whole.
        let is_whole = checks.iter().all(|check| check.pass || !matches!(check.id, "rw.intact" | "rw.full"));
        if !is_whole || (to_apply && checks.iter().any(|check| !check.pass)) {
            return Ok(Survey { checks, prepared: None });
        }
        let failed = |cause| RewriteError::io("make a place for the new objects", cause);
        let pack = if to_apply {
            let place = commit_point::quarantine(self.repository).map_err(failed)?;
            NewPack::create(&place.join("new.pack"), store.format()).map_err(failed)?
        } else {
            NewPack::imagined(store.format())
        };
        let material = Material {
            store: &store,
            scanned: &scanned,
            values: self.values,
            inventory: &inventory,
            key: &self.settings.key,
            lfs: &lfs,
            submodules,
        };
        let (mut plan, pack) = Plan::make(&material, pack)?;
        let common = self.repository.common_dir();
        let shown =
            |path: &Path| self.values.redact(&path.strip_prefix(common).unwrap_or(path).to_string_lossy());
        plan.files = side_files::with_values(common, self.values)
            .iter()
            .map(|file| (shown(&file.path), file.fate.word()))
            .collect();
        plan.files.sort();
        Ok(Survey { checks, prepared: Some(Prepared { plan, pack: to_apply.then_some(pack) }) })
    }

    /// Gives up what was prepared: nothing of it stays.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn give_up(self) -> Result<(), RewriteError> {
        let removed = fs::remove_dir_all(self.repository.common_dir().join("kbsec-quarantine"));
        let removed = removed
            .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) });
        let removed = removed.and_then(|()| fs::remove_file(self.repository.common_dir().join(MARK)));
        removed.map_err(|cause| RewriteError::io("remove the prepared objects", cause))
    }

    /// Applies a plan, up to the purge. What follows is the proof.
    ///
    /// # Errors
    /// When a step fails. Before the references have changed, nothing has; afterwards [`Rewrite::resume`] goes on.
    pub fn apply(&mut self, prepared: Prepared) -> Result<Outcome, RewriteError> {
        let Prepared { plan, pack } = prepared;
        let folder = Folder::create(&self.settings.folder)?;
        if let Some(mark) = &mut self.mark {
            let text = folder.path().to_string_lossy().into_owned();
            let written = mark.set_len(0).and_then(|()| mark.rewind());
            let written =
                written.and_then(|()| mark.write_all(text.as_bytes())).and_then(|()| mark.sync_all());
            written.map_err(|cause| RewriteError::io("mark the repository", cause))?;
        }
        folder.write_plan(&plan, self.values)?;
        let submodules = self.settings.submodules.iter().map(|(old, new)| format!("{old} {new}\n"));
        folder.write("submodule-map", submodules.collect::<String>().as_bytes())?;
        let backup = folder.back_up(self.repository.common_dir())?;
        self.done(
            &folder,
            Step::Planned,
            &json!({ "plan_hash": plan.hash(self.values), "backup_bytes": backup }),
        )?;
        let place = self.repository.common_dir().join("kbsec-quarantine");
        let objects = pack.as_ref().map_or(0, NewPack::len);
        if let Some(pack) = pack {
            pack.finish().map_err(|cause| RewriteError::io("write the new objects", cause))?;
            commit_point::move_in(self.repository, &self.git, &place)?;
            let placed = plan.lfs.place(self.repository.common_dir(), self.values);
            placed.map_err(|cause| RewriteError::io("write the new files of Git LFS", cause))?;
        }
        self.done(&folder, Step::Packed, &json!({ "objects": objects }))?;
        self.forward(&folder, &Todo::of(&plan), Step::Packed).map_err(|error| error.redacted(self.values))?;
        Ok(Outcome::of(plan, folder))
    }

    /// Goes on with a rewrite that did not end: forward where its references have changed.
    ///
    /// # Errors
    /// When it had not come so far ([`RewriteError::NotBegun`]: everything is as it was), or a step fails again.
    pub fn resume(&self, folder: &Path) -> Result<Outcome, RewriteError> {
        let folder = Folder::open(folder);
        let last = folder.last_step();
        if last.is_none_or(|step| step < Step::Packed) {
            return Err(RewriteError::NotBegun);
        }
        let inventory = Inventory::read(self.repository, &self.git)?;
        let todo = Todo::left(&folder, &inventory, self.values)?;
        if last == Some(Step::Packed) && !todo.strangers.is_empty() {
            if todo.done > 0 {
                return Err(RewriteError::HalfChanged { names: todo.strangers.join(", ") });
            }
            self.remove_mark()?;
            return Err(RewriteError::NotBegun);
        }
        let forward = self.forward(&folder, &todo, last.unwrap_or(Step::Packed));
        forward.map_err(|error| error.redacted(self.values))?;
        Outcome::read(folder)
    }

    /// All steps after `last`.
    fn forward(&self, folder: &Folder, todo: &Todo, last: Step) -> Result<(), RewriteError> {
        let nothing = json!({});
        if last < Step::Refs {
            commit_point::change_refs(todo, &self.git)?;
            self.done(folder, Step::Refs, &json!({ "refs": todo.refs.len() }))?;
        }
        if last < Step::Index {
            commit_point::change_symbolic(todo, &self.git)?;
            commit_point::change_stash(todo, self.repository, &self.git)?;
            commit_point::change_index(todo, self.repository, &self.git)?;
            self.done(folder, Step::Index, &nothing)?;
        }
        if last < Step::Purged {
            purge::purge(self.repository, &self.git, self.values)?;
            self.done(folder, Step::Purged, &nothing)?;
        }
        Ok(())
    }

    fn done(&self, folder: &Folder, step: Step, more: &serde_json::Value) -> Result<(), RewriteError> {
        folder.note(step, (self.settings.now)(), more)?;
        (self.settings.reached)(step);
        Ok(())
    }

    /// Records that the proof was made, and with what result; only `clean` ends the rewrite.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn proven(
        self,
        outcome: &Outcome,
        clean: bool,
        details: &serde_json::Value,
    ) -> Result<(), RewriteError> {
        if !clean {
            return Ok(());
        }
        self.done(&outcome.folder, Step::Verified, details)?;
        self.remove_mark()
    }

    fn remove_mark(&self) -> Result<(), RewriteError> {
        let removed = fs::remove_file(self.repository.common_dir().join(MARK));
        removed.map_err(|cause| RewriteError::io("remove the mark of the rewrite", cause))
    }
}

/// Takes the mark of the repository, which only one program can hold.
fn lock(common: &Path) -> Result<File, RewriteError> {
    let failed = |cause| RewriteError::io("mark the repository", cause);
    let path = common.join(MARK);
    let mut options = File::options();
    let mut mark = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    if rustix::fs::flock(&mark, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(RewriteError::Running);
    }
    let mut folder = String::new();
    mark.read_to_string(&mut folder).map_err(failed)?;
    Ok(mark)
}
