//! Tests of the commit graph: what git says of names, ranges and order is what the graph says.

use std::collections::BTreeSet;

use super::*;
use crate::finding::Reach;
use crate::git::fixture::Fixture;
use crate::git::refs::References;
use crate::git::store::{self, Kinds, Store, WalkOptions};
use crate::git::{GitEnvironment, Repository};

const OPTIONS: WalkOptions<'static> = WalkOptions {
    stop: &|| false,
    progress: &|_| {},
    max_object_bytes: 1 << 30,
    memory: 256 << 20,
    only: None,
};

struct Read {
    store: Store,
    graph: Graph,
    references: References,
}

fn read(repo: &Fixture) -> Read {
    let found = Repository::discover(repo.root(), &GitEnvironment::default()).unwrap().unwrap();
    let store = found.store(store::Scope::All).unwrap();
    let builder = GraphBuilder::new(&store);
    store.walk(Kinds::COMMITS | Kinds::TAGS, &builder, &OPTIONS);
    let graph = builder.finish();
    Read { references: found.references(), graph, store }
}

impl Read {
    fn id(&self, commit: CommitIndex) -> String {
        self.store.id(self.graph.object(commit)).to_string()
    }

    fn resolve(&self, name: &str) -> Result<String, NameError> {
        let names = Names::new(&self.store, &self.graph, &self.references);
        names.resolve(name).map(|commit| self.id(commit))
    }

    fn commits(&self, scope: &Scope) -> BTreeSet<String> {
        let names = Names::new(&self.store, &self.graph, &self.references);
        scope.commits(&names).unwrap().iter().map(|commit| self.id(commit)).collect()
    }
}

/// Branches that fork and merge, tags, and a remote that lags behind.
fn forked() -> Fixture {
    let repo = Fixture::new();
    let commit = |text: &str| {
        repo.write("file", text);
        repo.commit_all();
    };
    commit("1");
    commit("2");
    repo.git(&["tag", "light"]);
    repo.git(&["tag", "-a", "-m", "m", "heavy"]);
    repo.git(&["tag", "-a", "-m", "m", "nested", "heavy"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    repo.git(&["checkout", "-q", "-b", "topic/side", "HEAD~1"]);
    repo.write("other", "3");
    repo.commit_all();
    repo.git(&["checkout", "-q", "main"]);
    commit("4");
    repo.git(&["merge", "-q", "-m", "merge", "topic/side"]);
    commit("5");
    repo.git(&["tag", "blob", "HEAD:file"]);
    repo
}

#[test]
fn names_stand_for_what_git_says() {
    let repo = forked();
    let read = read(&repo);
    let whole = repo.git(&["rev-parse", "main~1"]).trim().to_owned();
    let names = [
        "HEAD",
        "@",
        "@~2",
        "main",
        "heads/main",
        "refs/heads/main",
        "topic/side",
        "light",
        "heavy",
        "nested",
        "tags/nested",
        "nested~1",
        "origin",
        "origin/main",
        "HEAD~1^2",
        "HEAD~^1~",
        "HEAD^0",
        "main^{commit}",
        "nested^{}",
        "HEAD~1^2^1",
        &whole,
        &whole[..10],
        &format!("{}^2", &whole[..12]),
    ];
    for name in names {
        let told = repo.git(&["rev-parse", &format!("{name}^{{commit}}")]);
        assert_eq!(read.resolve(name).as_deref(), Ok(told.trim()), "{name}");
    }
}

#[test]
fn what_is_no_commit_is_told() {
    let repo = forked();
    let read = read(&repo);
    let blob = repo.git(&["rev-parse", "HEAD:file"]);
    let error = |name: &str| read.resolve(name).unwrap_err();
    assert!(matches!(error("nothing"), NameError::Unknown(_)));
    assert!(matches!(error(""), NameError::Unknown(_)));
    assert!(matches!(error("abc"), NameError::Unknown(_)));
    assert!(matches!(error("blob"), NameError::NotACommit(_)));
    assert!(matches!(error(&blob[..12]), NameError::NotACommit(_)));
    assert!(matches!(error("HEAD~99"), NameError::NoParent(_)));
    assert!(matches!(error("HEAD^3"), NameError::NoParent(_)));
    assert!(matches!(error("HEAD:file"), NameError::Syntax(_)));
    assert!(matches!(error("HEAD~\u{e4}"), NameError::NoParent(_) | NameError::Syntax(_)));
    assert!(matches!(error("HEAD~99999999999"), NameError::Syntax(_)));
    assert!(error("nothing").to_string().contains("nothing") && !error("nothing").hint().is_empty());
}

#[test]
fn scopes_are_what_git_lists() {
    let repo = forked();
    let read = read(&repo);
    let told = |arguments: &[&str]| -> BTreeSet<String> {
        repo.git(&[&["rev-list"], arguments].concat()).lines().map(str::to_owned).collect()
    };
    let range = |text: &str| Scope::Range(text.to_owned());
    for text in [
        "light..main",
        "main..topic/side",
        "topic/side..",
        "..topic/side",
        "main...topic/side",
        "main",
        "@..@",
    ] {
        assert_eq!(read.commits(&range(text)), told(&[text]), "{text}");
    }
    assert_eq!(read.commits(&Scope::Since("light".into())), told(&["light..HEAD"]));
    assert_eq!(read.commits(&Scope::Branch("topic/side".into())), told(&["topic/side"]));
    assert_eq!(read.commits(&Scope::Branch("origin/main".into())), told(&["origin/main"]));
    let unpublished = |tips: &[&str], known: &[&str]| Scope::Unpublished {
        tips: tips.iter().map(|&tip| tip.to_owned()).collect(),
        known: known.iter().map(|&name| name.to_owned()).collect(),
    };
    assert_eq!(read.commits(&unpublished(&[], &[])), told(&["HEAD", "--branches", "--not", "--remotes"]));
    assert_eq!(read.commits(&unpublished(&["topic/side"], &[])), told(&["topic/side", "--not", "--remotes"]));
    let known = [&*"ab".repeat(20), "topic/side"];
    assert_eq!(
        read.commits(&unpublished(&["main"], &known)),
        told(&["main", "--not", "--remotes", "topic/side"])
    );
    let names = Names::new(&read.store, &read.graph, &read.references);
    assert!(Scope::Branch("light".into()).commits(&names).is_err());
}

#[test]
fn the_latest_commits_are_kept() {
    let repo = Fixture::new();
    for time in [3, 1, 2] {
        repo.write("file", time.to_string());
        repo.git(&["add", "-A"]);
        let date = format!("170000000{time} +0000");
        let mut command = repo.command(&["commit", "-q", "-m", "m"]);
        assert!(command.env("GIT_COMMITTER_DATE", &date).status().unwrap().success());
    }
    let read = read(&repo);
    let mut all = read.graph.ancestors(0..3);
    all.keep_latest(2, &read.graph);
    let times: BTreeSet<i64> = all.iter().map(|commit| read.graph.committer_time(commit) % 10).collect();
    // As in `git log`, a commit is not shown before its children, whatever its clock says.
    assert_eq!(times, [1, 2].into());
    all.keep_latest(7, &read.graph);
    assert_eq!(all.len(), 2);
}

#[test]
fn parents_and_tags_and_missing_objects_are_known() {
    let repo = forked();
    let heavy = repo.git(&["rev-parse", "heavy"]);
    let first = repo.git(&["rev-list", "--max-parents=0", "HEAD"]);
    let before = read(&repo);
    assert_eq!(before.graph.len(), 6);
    assert_eq!(before.graph.missing(), []);
    for commit in 0..before.graph.len() {
        let told = repo.git(&["rev-parse", &format!("{}^@", before.id(commit))]);
        let parents: Vec<String> =
            before.graph.parents(commit).iter().map(|&parent| before.id(parent)).collect();
        assert_eq!(parents, told.lines().collect::<Vec<_>>());
        assert!(before.graph.parents(commit).iter().all(|&parent| parent < commit));
    }
    let nested = ObjectId::from_hex(repo.git(&["rev-parse", "nested"]).trim().as_bytes()).unwrap();
    let nested = before.store.number(nested.as_bytes()).unwrap();
    assert_eq!(before.graph.tags_at(nested).count(), 2);
    for gone in [heavy.trim(), first.trim()] {
        std::fs::remove_file(repo.path(&format!(".git/objects/{}/{}", &gone[..2], &gone[2..]))).unwrap();
    }
    let after = read(&repo);
    let links: BTreeSet<&str> = after
        .graph
        .missing()
        .iter()
        .map(|missing| match missing.link {
            Link::Parent => "parent",
            Link::Tree => "tree",
            Link::Target => "target",
        })
        .collect();
    assert_eq!((after.graph.len(), after.graph.missing().len(), links), (5, 3, ["parent", "target"].into()));
    assert_eq!((0..5).filter(|&commit| after.graph.is_cut(commit)).count(), 2);
    assert!(matches!(after.resolve("heavy"), Err(NameError::Missing(_))));
    assert!(matches!(after.resolve("nested"), Err(NameError::NotACommit(_))));
}

#[test]
fn sha256_repositories_have_a_graph() {
    let Some(repo) = Fixture::with_init(&["--object-format=sha256"]) else { return };
    repo.write("file", "1");
    repo.commit_all();
    let read = read(&repo);
    assert_eq!(read.resolve("main").unwrap(), repo.git(&["rev-parse", "main"]).trim());
    assert_eq!(read.references.refs[0].reach, Reach::Head);
}

#[test]
fn marks_reach_all_descendants() {
    let repo = forked();
    let read = read(&repo);
    for commit in 0..read.graph.len() {
        let mut marks = vec![0; read.graph.len() as usize];
        marks[commit as usize] = 4;
        read.graph.spread(&mut marks);
        for other in 0..read.graph.len() {
            let has = read.graph.ancestors([other]).contains(commit);
            assert_eq!(marks[other as usize], if has { 4 } else { 0 });
        }
    }
}
