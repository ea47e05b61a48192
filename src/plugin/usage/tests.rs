//! Tests of the use analysis on small plugins.

use std::path::PathBuf;

use crate::plugin::audit::Options;
use crate::plugin::workspace::Workspace;

/// Prints every use of a checkout of the platform, for review; KBSEC_PLATFORM is the checkout.
#[test]
#[ignore = "needs a checkout of the platform"]
fn uses_of_the_platform() {
    let root = PathBuf::from(std::env::var_os("KBSEC_PLATFORM").unwrap());
    let start = std::time::Instant::now();
    let mut workspace = Workspace::read(&Options { root, base: PathBuf::new() }).unwrap();
    println!("read {:?}", start.elapsed());
    let start = std::time::Instant::now();
    workspace.examine_code();
    println!("examined {:?}", start.elapsed());
    for plugin in &workspace.plugins {
        let usage = plugin.usage.as_ref().unwrap();
        println!(
            "== {} files {} outside {:?} handed {:?} missing {:?}",
            plugin.name(),
            usage.files.len(),
            usage.outside,
            usage.handed,
            usage.missing
        );
        for used in &usage.uses {
            let at = workspace.modules.position(&used.at.file, used.at.span.start);
            println!(
                "{:?} {:?} {} {} {}:{}:{} handlers {} chain {}",
                used.of.act,
                used.of.way,
                used.of.name,
                used.of.shapes.iter().map(|shape| shape.shown()).collect::<Vec<_>>().join(" | "),
                used.at.file,
                at.line,
                at.column,
                used.handlers.len(),
                used.chain.len()
            );
        }
    }
    for gap in &workspace.coverage.missed {
        println!("gap {gap:?}");
    }
}
