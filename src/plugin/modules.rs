//! The modules of a workspace: which file an import means, read once and never followed out of the workspace.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::syntax::{Dialect, Module};
use crate::span::{LineIndex, Position};

/// Endings that are tried in turn; TypeScript first, as built files may be older.
const ENDINGS: [&str; 8] = [".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", "/index.ts", "/index.js"];

/// The modules below a root. Paths are relative to it, with `/`.
#[derive(Debug)]
pub(crate) struct Modules {
    root: PathBuf,
    /// Packages of the workspace: name and folder.
    packages: HashMap<String, String>,
    read: Mutex<HashMap<String, Option<Arc<Module>>>>,
    texts: Mutex<HashMap<String, Option<Arc<str>>>>,
    /// Files by the folder of a package and the name inside of it.
    entries: Mutex<HashMap<(String, String), Option<String>>>,
}

impl Modules {
    /// The modules below `root`, which must be canonical.
    pub(crate) fn new(root: PathBuf, packages: HashMap<String, String>) -> Self {
        Self { root, packages, read: Mutex::default(), texts: Mutex::default(), entries: Mutex::default() }
    }

    /// The same modules, as if a file had another text.
    pub(crate) fn with_text(&self, file: &str, text: &str) -> Self {
        let texts = held(&self.texts).clone();
        let other = Self {
            root: self.root.clone(),
            packages: self.packages.clone(),
            read: Mutex::default(),
            texts: Mutex::new(texts),
            entries: Mutex::new(held(&self.entries).clone()),
        };
        held(&other.texts).insert(file.to_owned(), Some(text.into()));
        other
    }

    /// The module in a file; `None` if it cannot be read or is no code.
    pub(crate) fn module(&self, file: &str) -> Option<Arc<Module>> {
        if let Some(known) = held(&self.read).get(file) {
            return known.clone();
        }
        let read =
            self.text(file).zip(Dialect::of(file)).map(|(text, dialect)| Module::parse(&text, dialect));
        let read = read.map(Arc::new);
        held(&self.read).insert(file.to_owned(), read.clone());
        read
    }

    /// The text of a file of the workspace, also one behind a link, as long as that stays inside. Read once.
    pub(crate) fn text(&self, file: &str) -> Option<Arc<str>> {
        if let Some(known) = held(&self.texts).get(file) {
            return known.clone();
        }
        // Read without the lock; who is first decides, so that places that were found in it stay true.
        let text = self.load(file).map(Arc::from);
        held(&self.texts).entry(file.to_owned()).or_insert(text).clone()
    }

    /// The line and column of an offset in a file; an offset past the end means the end.
    pub(crate) fn position(&self, file: &str, offset: u64) -> Position {
        let text = self.text(file).unwrap_or_default();
        LineIndex::new(text.as_bytes(), Position::START)
            .position(usize::try_from(offset).unwrap_or(usize::MAX))
    }

    fn load(&self, file: &str) -> Option<String> {
        let path = self.root.join(file).canonicalize().ok().filter(|path| path.starts_with(&self.root))?;
        let is_file = path.metadata().is_ok_and(|meta| meta.is_file());
        is_file.then(|| fs::read_to_string(path).ok()).flatten()
    }

    /// The file that `import … from wanted` in `file` means.
    pub(crate) fn resolve(&self, file: &str, wanted: &str) -> Option<String> {
        if wanted.starts_with('.') {
            let folder = Path::new(file).parent().unwrap_or(Path::new(""));
            return self.file(&normal(&folder.join(wanted))?);
        }
        let parts = if wanted.starts_with('@') { 2 } else { 1 };
        let end = wanted.match_indices('/').nth(parts - 1).map_or(wanted.len(), |(at, _)| at);
        let (name, inside) = wanted.split_at(end);
        let folder = match self.packages.get(name) {
            Some(folder) => folder.clone(),
            None => self.installed(file, name)?,
        };
        let key = (folder, inside.trim_start_matches('/').to_owned());
        if let Some(known) = held(&self.entries).get(&key) {
            return known.clone();
        }
        let found = self.entry(&key.0, &key.1);
        held(&self.entries).insert(key, found.clone());
        found
    }

    /// The folder of an installed package, looked for upward from a file.
    fn installed(&self, file: &str, name: &str) -> Option<String> {
        let above = Path::new(file).ancestors().skip(1);
        let mut folders = above.map(|folder| folder.join("node_modules").join(name));
        let found = folders.find(|folder| self.root.join(folder).join("package.json").is_file())?;
        found.to_str().map(ToOwned::to_owned)
    }

    /// The file that a package exports under a name, from its source if that is there.
    fn entry(&self, folder: &str, inside: &str) -> Option<String> {
        let told: serde_json::Value =
            serde_json::from_str(&self.text(&join(folder, "package.json"))?).ok()?;
        let key = if inside.is_empty() { ".".to_owned() } else { format!("./{inside}") };
        let exports = told.get("exports");
        let main = || told.get("module").or_else(|| told.get("main"));
        let target = match exports {
            Some(exports) => {
                exports.get(&key).or(Some(exports).filter(|_| inside.is_empty())).and_then(file_of)
            }
            None if inside.is_empty() => main().and_then(|main| main.as_str().map(ToOwned::to_owned)),
            None => Some(inside.to_owned()),
        };
        let source = if inside.is_empty() { "src/index".to_owned() } else { format!("src/{inside}") };
        let told = target.map(|target| target.trim_start_matches("./").to_owned());
        let from_source =
            told.as_deref().and_then(|told| told.strip_prefix("dist/")).map(|rest| format!("src/{rest}"));
        let wanted = [from_source, told, Some(source)];
        wanted.into_iter().flatten().find_map(|wanted| self.file(&normal(Path::new(&join(folder, &wanted)))?))
    }

    /// The file that a path without or with another ending means.
    fn file(&self, path: &str) -> Option<String> {
        let is_file = |path: &String| self.root.join(path).is_file();
        let bare = [".js", ".mjs", ".cjs", ".jsx"].iter().find_map(|ending| path.strip_suffix(ending));
        let sources =
            bare.into_iter().flat_map(|bare| [".ts", ".tsx"].map(|ending| format!("{bare}{ending}")));
        let exact =
            Some(path.to_owned()).filter(|path| Dialect::of(path).is_some() || path.ends_with(".json"));
        let guesses = ENDINGS.iter().map(|ending| format!("{path}{ending}"));
        sources.chain(exact).chain(guesses).find(is_file)
    }
}

/// What is behind a lock; nothing of it can be half done.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of an entry of `exports`: the first condition that leads to one.
fn file_of(entry: &serde_json::Value) -> Option<String> {
    match entry {
        serde_json::Value::String(file) => Some(file.clone()),
        serde_json::Value::Object(conditions) => {
            ["import", "node", "default", "require"].iter().find_map(|name| file_of(conditions.get(*name)?))
        }
        serde_json::Value::Array(entries) => entries.iter().find_map(file_of),
        _ => None,
    }
}

/// The path of a file in a folder; the root has no name.
pub(crate) fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}

/// The path without `.` and `..`; `None` if it leads out of the root.
fn normal(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}
