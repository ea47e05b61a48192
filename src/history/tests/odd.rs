//! Each odd thing that a repository can hold, one by one.

use super::*;
use crate::finding::Reach;
use crate::git::fixture::Fixture;

fn commit(repo: &Fixture, path: &str, text: &str) -> String {
    repo.write(path, text);
    repo.commit_all();
    repo.git(&["rev-parse", "HEAD"]).trim().to_owned()
}

fn attribute(repo: &Fixture, secrets: u32) -> Vec<Attribution> {
    Scanned::new(repo.root(), secrets).attribute().secrets
}

fn paths(found: &Attribution) -> Vec<Option<String>> {
    let path = |place: &Place| place.path.clone().map(|path| String::from_utf8(path).unwrap());
    found.places.iter().map(path).collect()
}

#[test]
fn a_removed_secret_has_both_commits_and_a_window() {
    let repo = Fixture::new();
    commit(&repo, "other", "x");
    let first = commit(&repo, "dir/file", "sec-0;");
    commit(&repo, "dir/file", "sec-0; and more");
    let last = commit(&repo, "dir/file", "clean");
    let found = &attribute(&repo, 1)[0];
    let exposure = &found.exposure;
    assert_eq!(exposure.introduced.as_ref().unwrap().id, first);
    assert_eq!(exposure.introduced.as_ref().unwrap().author, "A");
    assert_eq!(exposure.introduced.as_ref().unwrap().email, "a@example.org");
    assert_eq!(exposure.removed.as_ref().unwrap().id, last);
    assert_eq!((exposure.reach, exposure.at_head, exposure.window()), (Reach::Head, false, Some(0)));
    assert_eq!(exposure.refs, ["HEAD", "refs/heads/main"]);
    assert_eq!((found.refs, found.live_refs), (2, 0));
    assert_eq!(paths(found), [Some("dir/file".to_owned())]);
    assert_eq!(found.places[0].trail.removed.as_ref().unwrap().id, last);
}

#[test]
fn what_was_amended_away_is_in_the_reflog_only_and_then_nowhere() {
    let repo = Fixture::new();
    commit(&repo, "file", "x");
    let lost = commit(&repo, "file", "sec-0;");
    repo.write("file", "clean");
    repo.git(&["commit", "-q", "-a", "--amend", "-m", "amended"]);
    let found = &attribute(&repo, 1)[0];
    assert_eq!(found.exposure.reach, Reach::Reflog);
    assert_eq!(found.exposure.refs, ["logs/HEAD", "logs/refs/heads/main"]);
    assert_eq!(found.exposure.introduced.as_ref().unwrap().id, lost);
    std::fs::remove_dir_all(repo.path(".git/logs")).unwrap();
    let found = &attribute(&repo, 1)[0];
    assert_eq!(found.exposure.reach, Reach::Unreachable);
    assert_eq!((found.exposure.introduced.as_ref().unwrap().id.clone(), found.refs), (lost, 0));
}

#[test]
fn stashes_and_notes_are_told_apart() {
    let repo = Fixture::new();
    commit(&repo, "file", "x");
    for text in ["sec-0;", "sec-1;"] {
        repo.write("file", text);
        repo.git(&["stash", "-q"]);
    }
    repo.git(&["notes", "add", "-m", "sec-2;"]);
    let found = attribute(&repo, 3);
    assert_eq!(
        (found[0].exposure.reach, &*found[0].exposure.refs),
        (Reach::Stash, &["stash@{1}".to_owned()][..])
    );
    assert_eq!(found[1].exposure.refs, ["refs/stash", "stash@{0}"]);
    assert_eq!((found[2].exposure.reach, &*found[2].exposure.refs[0]), (Reach::Note, "refs/notes/commits"));
    assert!(found.iter().all(|found| !found.exposure.at_head && found.exposure.introduced.is_some()));
}

#[test]
fn tags_of_files_and_directories_reach_them_without_a_commit() {
    let repo = Fixture::new();
    commit(&repo, "file", "x");
    repo.write("one", "sec-0;");
    let blob = repo.git(&["hash-object", "-w", "one"]);
    repo.git(&["tag", "blob", blob.trim()]);
    repo.write("dir/two", "sec-1;");
    repo.git(&["add", "dir"]);
    let tree = repo.git(&["write-tree"]);
    repo.git(&["reset", "-q"]);
    repo.git(&["tag", "-a", "-m", "sec-2;", "tree", tree.trim()]);
    let found = attribute(&repo, 3);
    assert_eq!(found[0].exposure.refs, ["refs/tags/blob"]);
    assert_eq!((found[0].exposure.reach, paths(&found[0])), (Reach::Tag, vec![None]));
    assert_eq!(found[1].exposure.refs, ["refs/tags/tree"]);
    assert_eq!(paths(&found[1]), [Some("dir/two".to_owned())]);
    assert_eq!((found[2].exposure.reach, paths(&found[2])), (Reach::Tag, vec![None]));
    assert!(found.iter().all(|found| found.exposure.introduced.is_none()));
}

#[test]
fn a_blob_that_nothing_holds_is_unreachable_unless_it_is_staged() {
    let repo = Fixture::new();
    commit(&repo, "file", "x");
    repo.write("one", "sec-0;");
    let blob = repo.git(&["hash-object", "-w", "one"]);
    let mut scanned = Scanned::new(repo.root(), 1);
    let found = &scanned.attribute().secrets[0];
    assert_eq!((found.exposure.reach, paths(found)), (Reach::Unreachable, vec![None]));
    let id = crate::git::ObjectId::from_hex(blob.trim().as_bytes()).unwrap();
    let number = scanned.store.number(id.as_bytes()).unwrap();
    scanned.hits.staged.push((b"staged/one".to_vec(), number));
    let found = &scanned.attribute().secrets[0];
    assert_eq!((found.exposure.reach, paths(found)), (Reach::Other, vec![Some("staged/one".to_owned())]));
}

#[test]
fn an_evil_merge_introduces_and_a_merge_of_one_side_does_not() {
    let repo = Fixture::new();
    commit(&repo, "file", "x");
    repo.git(&["checkout", "-q", "-b", "side"]);
    let side = commit(&repo, "side", "sec-0;");
    repo.git(&["checkout", "-q", "main"]);
    commit(&repo, "other", "y");
    repo.git(&["merge", "-q", "--no-commit", "side"]);
    let evil = commit(&repo, "evil", "sec-1;");
    let found = attribute(&repo, 2);
    assert_eq!(found[0].introducing.len(), 1);
    assert_eq!(found[0].exposure.introduced.as_ref().unwrap().id, side);
    assert_eq!(found[1].exposure.introduced.as_ref().unwrap().id, evil);
    assert!(found.iter().all(|found| found.exposure.at_head && found.exposure.removed.is_none()));
    assert_eq!((found[0].live_refs, found[1].live_refs), (3, 2));
}

#[test]
fn a_secret_in_a_message_belongs_to_its_commit() {
    let repo = Fixture::new();
    commit(&repo, "file", "x");
    repo.git(&["commit", "-q", "--allow-empty", "-m", "sec-0;"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let found = &attribute(&repo, 1)[0];
    assert_eq!(found.exposure.introduced.as_ref().unwrap().id, repo.git(&["rev-parse", "HEAD"]).trim());
    assert_eq!(found.exposure.published, ["refs/remotes/origin/main"]);
    assert_eq!(paths(found), [None]);
    assert_eq!(found.places[0].trail.introduced, found.exposure.introduced);
}

#[test]
fn a_name_may_hold_a_secret_and_so_may_what_is_below_it() {
    let repo = Fixture::new();
    let first = commit(&repo, "dir sec-0;/file sec-1;", "sec-1; sec-2;");
    let found = attribute(&repo, 3);
    let names = ["dir sec-0;", "dir sec-0;/file sec-1;", "dir sec-0;/file sec-1;"];
    for (found, name) in found.iter().zip(names) {
        assert_eq!(paths(found), [Some(name.to_owned())]);
        assert_eq!(found.exposure.introduced.as_ref().unwrap().id, first);
        assert!(found.places[0].at_head.is_some());
    }
}

#[test]
fn a_shallow_clone_knows_where_it_is_cut() {
    let repo = Fixture::new();
    commit(&repo, "file", "sec-0;");
    let second = commit(&repo, "file", "sec-0; 2");
    let url = format!("file://{}", repo.root().display());
    repo.git(&["clone", "-q", "--depth=1", &url, "clone"]);
    let scanned = Scanned::new(&repo.path("clone"), 1);
    let found = &scanned.attribute().secrets[0];
    assert_eq!(found.exposure.introduced.as_ref().unwrap().id, second);
    assert!(scanned.graph.is_cut(scanned.commit(&second)));
    assert_eq!((scanned.graph.missing().len(), scanned.references.shallow.len()), (1, 1));
}

#[test]
fn a_missing_directory_removes_nothing() {
    let repo = Fixture::new();
    commit(&repo, "dir/file", "sec-0;");
    commit(&repo, "dir/more", "x");
    let tree = repo.git(&["rev-parse", "HEAD:dir"]);
    commit(&repo, "other", "y");
    let object = format!(".git/objects/{}/{}", &tree[..2], tree[2..].trim());
    std::fs::remove_file(repo.path(&object)).unwrap();
    let scanned = Scanned::new(repo.root(), 1);
    let found = &scanned.attribute().secrets[0];
    assert_eq!((found.introducing.len(), found.removing.len()), (1, 0));
    assert_eq!(scanned.trees.missing().trees, 1);
    assert_eq!(scanned.trees.missing().examples[0].1, b"dir");
}

#[test]
fn a_directory_full_of_itself_ends() {
    let repo = Fixture::new();
    repo.write("file", "sec-0;");
    let mut id = repo.git(&["hash-object", "-w", "file"]).trim().to_owned();
    let mut mode = "100644 blob";
    for _ in 0..12 {
        let lines: String = (0..10).map(|name| format!("{mode} {id}\t{name}\n")).collect();
        repo.write("lines", &lines);
        let command =
            repo.command(&["mktree"]).stdin(std::fs::File::open(repo.path("lines")).unwrap()).output();
        id = String::from_utf8(command.unwrap().stdout).unwrap().trim().to_owned();
        mode = "040000 tree";
    }
    let commit = repo.git(&["commit-tree", "-m", "bomb", &id]);
    repo.git(&["update-ref", "refs/heads/main", commit.trim()]);
    let attributions = Scanned::new(repo.root(), 1).attribute();
    let found = &attributions.secrets[0];
    assert!(attributions.truncated);
    assert_eq!((found.introducing.len(), found.places.len()), (1, 1000));
    assert_eq!((found.exposure.reach, found.exposure.at_head), (Reach::Head, true));
}
