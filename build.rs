//! Embeds `rules/secrets/*.toml` and `rules/playbooks/*.toml` into the program, in the order of their names, as one JSON
//! text each, and the name of the build: what one build remembers, another one does not trust.

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    embed("secrets")?;
    embed("playbooks")?;
    println!("cargo::rustc-env=KBSEC_BUILD={:016x}", build()?);
    Ok(())
}

/// Writes the files of a folder under `rules` as one JSON text, `[[name, content], …]`.
fn embed(kind: &str) -> Result<(), Box<dyn Error>> {
    let folder = Path::new("rules").join(kind);
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|found| found.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().ok_or("a rule file has no name")?.to_string_lossy().into_owned();
        let table: toml::Table = toml::from_str(&fs::read_to_string(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        files.push((name, table));
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join(format!("{kind}.json")), serde_json::to_string(&files)?)?;
    Ok(())
}

/// A hash of everything that the library is made of. The command line and the reports have no say in what is found.
fn build() -> Result<u64, Box<dyn Error>> {
    let mut open: Vec<PathBuf> = ["Cargo.lock", "build.rs", "rules", "src"].map(PathBuf::from).into();
    let mut hash = DefaultHasher::new();
    while let Some(path) = open.pop() {
        let apart = ["src/main.rs", "src/cli.rs", "src/cli", "src/report.rs", "src/report"];
        if apart.iter().any(|apart| path == Path::new(apart)) {
            continue;
        }
        if !path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            (path.to_string_lossy().replace('\\', "/"), fs::read(&path)?).hash(&mut hash);
            continue;
        }
        let mut inside: Vec<_> =
            fs::read_dir(&path)?.map(|entry| entry.map(|found| found.path())).collect::<Result<_, _>>()?;
        inside.sort();
        open.extend(inside);
    }
    Ok(hash.finish())
}
