//! Parts: what of a module runs when it is loaded, and what only when somebody uses it.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Target};
use crate::plugin::syntax::code::{Outlet, Source};

/// The parts of modules that an exported name means; all exports of a module without a name.
pub(crate) fn parts(graph: &Graph, unit: usize, name: Option<&str>) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    let mut seen: HashSet<(usize, Option<String>)> = HashSet::new();
    let mut open = vec![(unit, name.map(ToOwned::to_owned))];
    while let Some((unit, name)) = open.pop() {
        let Some(home) = graph.units.get(unit) else { continue };
        if !seen.insert((unit, name.clone())) {
            continue;
        }
        let mut through = |request: usize, name: Option<&str>| {
            if let Some(Target::Unit(other)) = home.targets.get(request) {
                open.push((*other, name.map(ToOwned::to_owned)));
            }
        };
        let outlets: Vec<&Outlet> = match &name {
            Some(name) => home.code.exports.get(name.as_str()).into_iter().collect(),
            None => home.code.exports.values().collect(),
        };
        if name.is_none() || outlets.is_empty() {
            home.code.stars.iter().for_each(|request| through(*request, name.as_deref()));
        }
        for outlet in outlets {
            match outlet {
                Outlet::Value(_, owner) => found.push((unit, *owner)),
                Outlet::From(request, name) => through(*request, name.as_deref()),
                Outlet::Local(local) => {
                    let Some(binding) = home.code.top(local) else { continue };
                    found.push((unit, binding.owner));
                    for flow in &binding.sources {
                        if let Source::Import(request, name) = &flow.from {
                            through(*request, name.as_deref());
                        }
                    }
                }
            }
        }
    }
    found
}

/// The parts that run when a module is loaded: its own first part, and those of all that it loads.
pub(crate) fn loaded(graph: &Graph) -> Vec<Vec<usize>> {
    let targets = |unit: &super::graph::Unit| {
        let inside = unit.targets.iter().filter_map(|target| match target {
            Target::Unit(other) => Some(*other),
            _ => None,
        });
        inside.collect()
    };
    graph.units.iter().map(targets).collect()
}

/// Where each part stands among those of all modules; for walks.
pub(crate) type Parent = HashMap<(usize, u32), Option<(usize, u32)>>;
