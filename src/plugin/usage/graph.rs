//! The modules that handlers lead to, each read once, and what their imports mean.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::plugin::modules::Modules;
use crate::plugin::syntax::Dialect;
use crate::plugin::syntax::code::{Code, NodeId, NodeKind, Source};

/// Modules that are read for one audit; the sources of a large workspace have a tenth of that.
const MOST: usize = 20_000;

/// Packages of the platform: what handlers get from them is known, and their own code is not the plugin's.
const PLATFORM: [&str; 31] = [
    "@kb-labs/sdk",
    "@kb-labs/perm-presets",
    "@kb-labs/platform-client",
    "@kb-labs/plugin-contracts",
    "@kb-labs/plugin-execution",
    "@kb-labs/plugin-execution-factory",
    "@kb-labs/plugin-runtime",
    "@kb-labs/llm-router",
    "@kb-labs/telemetry-client",
    "@kb-labs/core-bundle",
    "@kb-labs/core-config",
    "@kb-labs/core-contracts",
    "@kb-labs/core-discovery",
    "@kb-labs/core-ipc",
    "@kb-labs/core-platform",
    "@kb-labs/core-policy",
    "@kb-labs/core-registry",
    "@kb-labs/core-resource-broker",
    "@kb-labs/core-runtime",
    "@kb-labs/core-sandbox",
    "@kb-labs/core-state-broker",
    "@kb-labs/core-sys",
    "@kb-labs/core-tenant",
    "@kb-labs/core-types",
    "@kb-labs/core-workspace",
    "@kb-labs/shared-cli-ui",
    "@kb-labs/shared-command-kit",
    "@kb-labs/shared-http",
    "@kb-labs/shared-perm-presets",
    "@kb-labs/shared-tool-kit",
    "@kb-labs/devkit",
];

/// Modules of node, without `node:` and what is behind a slash.
const BUILTIN: [&str; 45] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "sea",
    "sqlite",
    "stream",
    "string_decoder",
    "sys",
    "test",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// The modules of an audit.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) units: Vec<Unit>,
    numbers: HashMap<String, usize>,
}

/// A module.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) file: Arc<str>,
    pub(crate) code: Code,
    /// What its requests mean.
    pub(crate) targets: Vec<Target>,
    /// What it asks for while it runs, by name.
    pub(crate) dynamic: HashMap<NodeId, Target>,
}

/// What an import means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module of the workspace.
    Unit(usize),
    /// A module of node, without `node:`.
    Builtin(Arc<str>),
    /// A package of the platform.
    Platform(Arc<str>),
    /// A package that is not part of the workspace, and is not looked at.
    Outside(Arc<str>),
    /// Nothing that is here.
    Nowhere(Arc<str>),
}

/// A module as it was read, before modules had numbers.
struct Fresh {
    code: Code,
    targets: Vec<Wanted>,
    dynamic: Vec<(NodeId, Wanted)>,
}

enum Wanted {
    File(String),
    Known(Target),
}

impl Graph {
    /// Reads the given files and all that they lead to; those of one distance at once.
    pub(crate) fn read(files: &[String], modules: &Modules) -> Self {
        let mut graph = Self::default();
        let mut next: Vec<String> = Vec::new();
        files.iter().for_each(|file| graph.number(file, &mut next));
        while !next.is_empty() {
            let read: Vec<Fresh> = next.par_iter().map(|file| fresh(file, modules)).collect();
            let files = std::mem::take(&mut next);
            for (file, fresh) in files.into_iter().zip(read) {
                let mut take = |wanted: Wanted| match wanted {
                    Wanted::Known(target) => target,
                    Wanted::File(file) => {
                        graph.number(&file, &mut next);
                        graph.unit(&file).map_or_else(|| Target::Nowhere(file.into()), Target::Unit)
                    }
                };
                let targets = fresh.targets.into_iter().map(&mut take).collect();
                let dynamic = fresh.dynamic.into_iter().map(|(id, wanted)| (id, take(wanted))).collect();
                graph.units.push(Unit { file: file.into(), code: fresh.code, targets, dynamic });
            }
        }
        graph
    }

    /// The number of a file that was read.
    pub(crate) fn unit(&self, file: &str) -> Option<usize> {
        self.numbers.get(file).copied()
    }

    fn number(&mut self, file: &str, next: &mut Vec<String>) {
        let fresh = self.numbers.len();
        if fresh < MOST && !self.numbers.contains_key(file) {
            self.numbers.insert(file.to_owned(), fresh);
            next.push(file.to_owned());
        }
    }
}

fn fresh(file: &str, modules: &Modules) -> Fresh {
    let code = match (modules.text(file), Dialect::of(file)) {
        (Some(text), Some(dialect)) => Code::parse(&text, dialect),
        _ => Code::default(),
    };
    let loaded = code.requests.iter().map(|request| match request.is_loaded {
        true => meaning(file, &request.from, modules),
        // Types only: nothing of it runs.
        false => Wanted::Known(Target::Nowhere("".into())),
    });
    let targets = loaded.collect();
    let mut dynamic = Vec::new();
    for (at, node) in code.nodes.iter().enumerate() {
        let wanted = match &node.kind {
            NodeKind::Import(name) => code.text(*name),
            NodeKind::Call(callee, arguments) if is_require(&code, *callee) => {
                arguments.first().and_then(|name| code.text(*name))
            }
            _ => continue,
        };
        if let (Some(wanted), Ok(at)) = (wanted, u32::try_from(at)) {
            dynamic.push((NodeId(at), meaning(file, wanted, modules)));
        }
    }
    Fresh { code, targets, dynamic }
}

/// Whether an expression is `require`, or what `createRequire` returned.
fn is_require(code: &Code, callee: NodeId) -> bool {
    let Some(node) = code.node(callee) else { return false };
    let NodeKind::Name(name) = &node.kind else { return false };
    let Some(binding) = code.binding(node.scope, name) else { return &**name == "require" };
    let made = binding.sources.iter().filter_map(|flow| match flow.from {
        Source::Node(value) => Some(&code.node(value)?.kind),
        _ => None,
    });
    made.into_iter().any(|kind| match kind {
        NodeKind::Call(callee, _) => match code.node(*callee).map(|node| &node.kind) {
            Some(NodeKind::Name(name)) => &**name == "createRequire",
            Some(NodeKind::Member(_, key)) => code.text(*key) == Some("createRequire"),
            _ => false,
        },
        _ => false,
    })
}

fn meaning(file: &str, wanted: &str, modules: &Modules) -> Wanted {
    if let Some(name) = builtin(wanted) {
        return Wanted::Known(Target::Builtin(name.into()));
    }
    let package = package(wanted);
    if PLATFORM.contains(&package) {
        return Wanted::Known(Target::Platform(package.into()));
    }
    match modules.resolve(file, wanted) {
        Some(file) if Dialect::of(&file).is_none() => Wanted::Known(Target::Nowhere("".into())),
        Some(file) if !file.split('/').any(|part| part == "node_modules") => Wanted::File(file),
        _ if wanted.starts_with('.') => Wanted::Known(Target::Nowhere(wanted.into())),
        _ => Wanted::Known(Target::Outside(package.into())),
    }
}

/// The name of a module of node, without `node:`; `None` for other modules.
pub(crate) fn builtin(wanted: &str) -> Option<&str> {
    let name = wanted.strip_prefix("node:").unwrap_or(wanted);
    let first = name.split('/').next().unwrap_or(name);
    BUILTIN.contains(&first).then_some(name)
}

/// The package of a module.
pub(crate) fn package(wanted: &str) -> &str {
    let parts = if wanted.starts_with('@') { 2 } else { 1 };
    let end = wanted.match_indices('/').nth(parts - 1).map_or(wanted.len(), |(at, _)| at);
    wanted.get(..end).unwrap_or(wanted)
}
