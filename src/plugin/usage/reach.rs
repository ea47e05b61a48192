//! Reach: from the handlers of plugins to the uses in the parts of modules that they lead to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rayon::prelude::*;

use super::graph::{Graph, Target};
use super::parts::{Parent, loaded, parts};
use super::shape::Part;
use super::sink::Act;
use super::survey::{self, Surveyed, Use};
use super::unseen::{self, Unseen};
use crate::plugin::handler::Handler;
use crate::plugin::modules::{Modules, join};
use crate::plugin::value::Place;

/// What the code of one plugin uses.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub(crate) uses: Vec<Used>,
    /// What loading the manifest does, before any handler is started.
    pub(crate) early: Vec<Used>,
    /// Packages that are not looked at.
    pub(crate) outside: BTreeSet<String>,
    /// Beginnings of the context that go to code which is not followed, such as `runtime.fs`; empty for all of it.
    pub(crate) handed: BTreeSet<String>,
    /// Handlers, by number, whose code is not here.
    pub(crate) missing: Vec<usize>,
    /// Files that were looked at.
    pub(crate) files: BTreeSet<Arc<str>>,
    /// What is not seen in these files: at most one of a kind for each.
    pub(crate) unseen: Vec<(Arc<str>, Unseen)>,
    /// The text of package.json.
    pub(crate) package: Arc<str>,
    /// What could not be read: file, offset and why.
    pub(crate) faults: Vec<(Arc<str>, u64, String)>,
}

/// Variables that programs read by themselves, so that a grant of them serves whoever runs one.
const BY_PROGRAMS: [(&[&str], &[&str]); 2] = [
    (
        &["git", "gh"],
        &[
            "HOME", "USER", "PATH", "SHELL", "TERM", "LANG", "LC_*", "TZ", "EDITOR", "VISUAL", "GIT_*",
            "SSH_*", "GPG_*", "XDG_*", "TMPDIR",
        ],
    ),
    (
        &["npm", "pnpm", "yarn", "npx", "node", "corepack"],
        &[
            "HOME", "USER", "PATH", "SHELL", "TERM", "LANG", "TMPDIR", "NODE_*", "NPM_*", "npm_*", "PNPM_*",
            "YARN_*", "CI", "XDG_*",
        ],
    ),
];

impl Usage {
    /// Whether a section of the context goes to code that is not followed.
    pub(crate) fn is_handed(&self, section: &str) -> bool {
        let group = match section {
            "fs" | "network" | "env" => "runtime",
            "shell" | "invoke" => "api",
            other => other,
        };
        self.handed.iter().any(|path| path.is_empty() || path.split('.').next() == Some(group))
    }

    /// Whether a variable is one that a program reads which these handlers run.
    pub(crate) fn implies(&self, pattern: &str, handlers: &[usize]) -> bool {
        let runs = self.uses.iter().filter(|used| {
            used.of.act == Act::Run && used.handlers.iter().any(|number| handlers.contains(number))
        });
        let part = match pattern {
            "HOME" | "USER" => Part::Home,
            "TMPDIR" => Part::Temporary,
            _ => Part::Any,
        };
        let looks = |used: &Used| used.of.shapes.iter().any(|shape| shape.0.contains(&part));
        if part != Part::Any && self.uses.iter().any(looks) {
            return true;
        }
        let beginning = pattern.trim_end_matches('*');
        runs.flat_map(|used| &used.of.shapes).any(|shape| {
            let Some(program) = shape.constant() else { return true };
            let program = program.rsplit('/').next().unwrap_or(&program).to_owned();
            let known = BY_PROGRAMS.iter().find(|(programs, _)| programs.contains(&program.as_str()));
            match known {
                Some((_, names)) => names.iter().any(|name| match name.strip_suffix('*') {
                    Some(start) => {
                        beginning.starts_with(start)
                            || (pattern.ends_with('*') && start.starts_with(beginning))
                    }
                    None => *name == pattern,
                }),
                // Every program has a home and a path.
                None => matches!(pattern, "HOME" | "USER" | "PATH" | "SHELL" | "TERM" | "TMPDIR" | "LANG"),
            }
        })
    }
}

/// A use, and who leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) of: Use,
    pub(crate) at: Place,
    /// Handlers, by number.
    pub(crate) handlers: Vec<usize>,
    /// Files from a handler to the use.
    pub(crate) chain: Vec<Arc<str>>,
}

/// A handler's code: the module and what it exports.
type Start = Option<(usize, String)>;

/// Analyses the code of several plugins, each given by its folder, the file of its manifest and its handlers.
pub(crate) fn analyse(plugins: &[(&str, &str, &[Handler])], modules: &Modules) -> Vec<Usage> {
    let places: Vec<Vec<Option<(String, String)>>> = plugins
        .iter()
        .map(|(folder, manifest, handlers)| {
            handlers.iter().map(|handler| located(folder, manifest, handler, modules)).collect()
        })
        .collect();
    let mut files: Vec<String> = places.iter().flatten().flatten().map(|(file, _)| file.clone()).collect();
    // Loading the manifest runs what it loads.
    files.extend(plugins.iter().map(|(_, manifest, _)| (*manifest).to_owned()));
    files.sort();
    files.dedup();
    let graph = Graph::read(&files, modules);
    let start = |place: &Option<(String, String)>| {
        let (file, name) = place.as_ref()?;
        Some((graph.unit(file)?, name.clone()))
    };
    let starts: Vec<Vec<Start>> = places.iter().map(|list| list.iter().map(start).collect()).collect();
    let all: Vec<(usize, String)> = starts.iter().flatten().flatten().cloned().collect();
    let surveyed = survey::all(&graph, &all);
    let map = Map::new(&graph, &surveyed);
    let mut usages: Vec<Usage> = starts.par_iter().map(|starts| map.usage(starts)).collect();
    for (usage, (folder, manifest, _)) in usages.iter_mut().zip(plugins) {
        usage.early = graph.unit(manifest).map(|unit| map.early(unit)).unwrap_or_default();
        usage.files.insert((*manifest).into());
        usage.package = modules.text(&join(folder, "package.json")).unwrap_or_default();
        let texts = usage.files.iter().filter_map(|file| Some((file, modules.text(file)?)));
        let found = texts.flat_map(|(file, text)| {
            unseen::unseen(&text).into_iter().map(|one| (Arc::clone(file), one)).collect::<Vec<_>>()
        });
        usage.unseen = found.collect();
    }
    usages
}

/// The file of a handler, and the name of its export.
fn located(folder: &str, manifest: &str, handler: &Handler, modules: &Modules) -> Option<(String, String)> {
    let text = handler.entry.get("handler")?.text()?;
    let (file, name) = text.split_once('#').unwrap_or((text, "default"));
    let file = file.trim_start_matches("./");
    let base = manifest.rsplit_once('/').map_or("", |(base, _)| base);
    let from = |base: &str, file: &str| modules.resolve(&join(base, "x"), &format!("./{file}"));
    let built = file.strip_prefix("dist/");
    let found = from(base, file)
        .or_else(|| built.and_then(|rest| from(&join(folder, "src"), rest)))
        .or_else(|| from(&join(folder, "src"), file))
        .or_else(|| from(folder, file))
        .or_else(|| from(&join(folder, "dist"), file))?;
    Some((found, name.to_owned()))
}

/// Parts to be looked at, each with the one before it.
type Queue = VecDeque<((usize, u32), Option<(usize, u32)>)>;

/// Which part leads to which.
struct Map<'a> {
    graph: &'a Graph,
    surveyed: &'a [Surveyed],
    edges: HashMap<(usize, u32), Vec<(usize, u32)>>,
    uses: HashMap<(usize, u32), Vec<&'a Use>>,
    loads: Vec<Vec<usize>>,
}

impl<'a> Map<'a> {
    fn new(graph: &'a Graph, surveyed: &'a [Surveyed]) -> Self {
        let mut edges: HashMap<(usize, u32), Vec<(usize, u32)>> = HashMap::new();
        let mut uses: HashMap<(usize, u32), Vec<&Use>> = HashMap::new();
        for (unit, done) in surveyed.iter().enumerate() {
            for (owner, target) in &done.edges {
                edges.entry((unit, *owner)).or_default().push(*target);
            }
            for (owner, one) in &done.uses {
                uses.entry((unit, *owner)).or_default().push(one);
            }
        }
        Self { graph, surveyed, edges, uses, loads: loaded(graph) }
    }

    /// What the handlers of one plugin use.
    fn usage(&self, starts: &[Start]) -> Usage {
        let mut usage = Usage::default();
        let mut found: BTreeMap<(usize, u64, usize), Used> = BTreeMap::new();
        for (number, start) in starts.iter().enumerate() {
            let Some((unit, name)) = start else {
                usage.missing.push(number);
                continue;
            };
            let reached = self.walk(*unit, name);
            for part in reached.keys() {
                for (at, one) in self.uses.get(part).into_iter().flatten().enumerate() {
                    let key = (part.0, one.span.start, at);
                    let fresh = || self.used(part, one, &reached);
                    found.entry(key).or_insert_with(fresh).handlers.push(number);
                }
                self.note(part, &mut usage);
            }
        }
        usage.uses = found.into_values().collect();
        usage
    }

    /// What loading a module does.
    fn early(&self, unit: usize) -> Vec<Used> {
        let reached = self.follow([((unit, 0), None)].into());
        let mut found: BTreeMap<(usize, u64, usize), Used> = BTreeMap::new();
        for part in reached.keys() {
            for (at, one) in self.uses.get(part).into_iter().flatten().enumerate() {
                found.insert((part.0, one.span.start, at), self.used(part, one, &reached));
            }
        }
        found.into_values().collect()
    }

    fn used(&self, part: &(usize, u32), one: &Use, reached: &Parent) -> Used {
        let mut chain: Vec<Arc<str>> = Vec::new();
        let mut at = Some(*part);
        while let Some(part) = at {
            let file = self.file(part.0);
            if chain.last() != Some(&file) {
                chain.push(file);
            }
            at = reached.get(&part).copied().flatten();
        }
        chain.reverse();
        let at = Place { file: self.file(part.0), span: one.span };
        Used { of: one.clone(), at, handlers: Vec::new(), chain }
    }

    fn file(&self, unit: usize) -> Arc<str> {
        self.graph.units.get(unit).map_or_else(|| "".into(), |unit| Arc::clone(&unit.file))
    }

    /// What else is known of a part that is reached.
    fn note(&self, part: &(usize, u32), usage: &mut Usage) {
        let Some(done) = self.surveyed.get(part.0) else { return };
        for (_, package) in done.outside.iter().filter(|(owner, _)| *owner == part.1) {
            usage.outside.insert(package.clone());
        }
        for (_, origin) in done.handed.iter().filter(|(owner, _)| *owner == part.1) {
            usage.handed.insert(origin.keys.join("."));
        }
        let Some(unit) = self.graph.units.get(part.0) else { return };
        if usage.files.insert(Arc::clone(&unit.file)) {
            let faults = unit.code.faults.iter();
            usage
                .faults
                .extend(faults.map(|fault| (Arc::clone(&unit.file), fault.offset, fault.what.clone())));
            for (request, target) in unit.code.requests.iter().zip(&unit.targets) {
                match target {
                    Target::Outside(package) if request.is_loaded => {
                        usage.outside.insert(package.to_string());
                    }
                    Target::Nowhere(wanted) if !wanted.is_empty() => {
                        let why = format!("the module {wanted} is not here");
                        usage.faults.push((Arc::clone(&unit.file), request.span.start, why));
                    }
                    _ => {}
                }
            }
        }
    }

    /// The parts that a handler leads to, each with the one before it; the nearest first.
    fn walk(&self, unit: usize, name: &str) -> Parent {
        let mut queue: Queue = VecDeque::new();
        let begin = parts(self.graph, unit, Some(name));
        queue.push_back(((unit, 0), None));
        queue.extend(begin.into_iter().map(|part| (part, Some((unit, 0)))));
        self.follow(queue)
    }

    /// The parts that some lead to.
    fn follow(&self, mut queue: Queue) -> Parent {
        let mut reached = Parent::new();
        while let Some((part, before)) = queue.pop_front() {
            if reached.contains_key(&part) {
                continue;
            }
            reached.insert(part, before);
            let next = self.edges.get(&part).into_iter().flatten();
            queue.extend(next.map(|next| (*next, Some(part))));
            if part.1 == 0 {
                let loads = self.loads.get(part.0).into_iter().flatten();
                queue.extend(loads.map(|unit| ((*unit, 0), Some(part))));
            } else {
                queue.push_back(((part.0, 0), Some(part)));
            }
        }
        reached
    }
}
