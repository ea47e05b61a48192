//! `kbsec rewrite kit`: its arguments, and where the files for forges, colleagues and hooks go.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use kbsec::date;
use kbsec::git::Repository;
use kbsec::git::banned::{BanList, FILE};
use kbsec::rewrite::forge::kit::{self, Facts};
use kbsec::rewrite::maps::Maps;
use kbsec::rewrite::remote::Remote;

use super::super::environment::Environment;
use super::super::error::Hinted;
use super::super::exit::Exit;
use super::super::{Context, output};
use super::prove;

/// Write what forges, colleagues and hooks have to be told after a rewrite, or ban old commits
///
/// Into a folder go a ticket for GitHub support, advice for other forges, a notice for the team, a check for each clone
/// with its map, and a ban list. With --ban, such a list is put into a repository instead, where the pre-push and
/// pre-receive hooks of kbsec refuse a push that brings an old commit back.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kbsec rewrite kit --maps .git/filter-repo --remote origin --out kit\n  \
                        kbsec rewrite kit --ban kit/kbsec-banned-commits .\n  \
                        kbsec rewrite kit --ban kit/kbsec-banned-commits /srv/git/project.git"
)]
pub(crate) struct KitArgs {
    /// The repository that was rewritten; with --ban, the one that gets the list
    #[arg(help_heading = "Input")]
    path: Option<PathBuf>,
    /// The folder with commit-map and ref-map that the rewrite left
    #[arg(long, value_name = "FOLDER", help_heading = "Input", required_unless_present = "ban")]
    maps: Option<PathBuf>,
    /// Ask this server which pull requests and other references lead to old commits
    #[arg(long, value_name = "NAME|URL", help_heading = "Input", requires = "maps")]
    remote: Option<String>,
    /// Read a value from this file, so that no name that holds it is told
    #[arg(long, value_name = "FILE", help_heading = "Value")]
    value_file: Vec<PathBuf>,
    /// Put this ban list into the repository, beside what is banned there already
    #[arg(long, value_name = "FILE", help_heading = "Ban", conflicts_with_all = ["maps", "out"])]
    ban: Option<PathBuf>,
    /// The folder for the files
    #[arg(long, value_name = "FOLDER", default_value = "kbsec-kit", help_heading = "Output")]
    out: PathBuf,
}

/// Writes the kit, or installs a ban list.
pub(crate) fn run(args: &KitArgs, context: &Context) -> anyhow::Result<Exit> {
    let repository = prove::repository(args.path.as_deref(), context)?;
    if let Some(file) = &args.ban {
        return ban(file, &repository);
    }
    let Some(folder) = &args.maps else { return Ok(Exit::Failed) };
    let maps = prove::maps(folder)?;
    let facts = facts(args, (&repository, &maps), context)?;
    let list = kit::ban_list(&repository, &maps)?;
    let files = kit::files(&maps, &list, &facts);
    kit::write(&files, &args.out).map_err(|error| {
        let what = format!("cannot write {}: {error}", args.out.display());
        Hinted::error(what, "name another folder with --out")
    })?;
    let mut text = format!("written to {}:\n", args.out.display());
    for file in &files {
        let _ = writeln!(text, "  {:<22} {}", file.name, file.purpose);
    }
    if files.iter().any(|file| file.text.contains("[FILL IN")) {
        text.push_str("Fill in what stands in brackets before you send the texts.\n");
    }
    if facts.leading.is_none() {
        text.push_str("The server was not asked: --remote counts pull requests with old commits.\n");
    }
    output::print(&prove::safe(&text)).map(|()| Exit::Clean)
}

fn facts(
    args: &KitArgs,
    (repository, maps): (&Repository, &Maps),
    context: &Context,
) -> anyhow::Result<Facts> {
    let needles = prove::from_files(&args.value_file)?;
    let remote = args.remote.as_deref().map(|name| Remote::open(repository, name)).transpose()?;
    let leading = match &remote {
        None => None,
        Some(remote) => {
            let found = remote.leading_to(&maps.first_changed, &context.environment.temporary);
            let found = found.map_err(|error| Hinted::error(error.to_string(), error.hint()))?;
            let told = |name: &Vec<u8>| {
                let name = String::from_utf8_lossy(name).into_owned();
                needles.iter().fold(name, |name, needle| needle.redact(&name))
            };
            Some(found.iter().map(told).collect())
        }
    };
    let server = remote.as_ref().map(Remote::shown).or_else(|| repository.origin_url().map(str::to_owned));
    let day = date::day(Environment::now()).unwrap_or_default();
    Ok(Facts { repository: server.as_deref().and_then(kit::repository_of), server, day, leading })
}

/// Adds a list to that of a repository.
fn ban(file: &std::path::Path, repository: &Repository) -> anyhow::Result<Exit> {
    let hinted = |error: kbsec::git::banned::BanError| Hinted::error(error.to_string(), error.hint());
    let list = BanList::of_file(file).map_err(hinted)?;
    if list.commits.is_empty() {
        let what = format!("{} bans no commit", file.display());
        return Err(Hinted::error(what, "name a file that `kbsec rewrite kit --maps` wrote"));
    }
    let count = list.install(repository).map_err(hinted)?;
    let place = repository.common_dir().join(FILE);
    let text = format!(
        "{count} commits are banned in {}\n\
         The hooks of kbsec obey it: `kbsec hook install --pre-push` in clones, --pre-receive on servers.\n",
        place.display()
    );
    output::print(&prove::safe(&text)).map(|()| Exit::Clean)
}
