//! The places in which a value hides: contents in every encoding, names, messages, people, notes, stashes, side files.

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::fixture::{Fixture, files, gzip, holds, value};

/// The places that git keeps in objects, references and the index.
fn plant(fixture: &Fixture) {
    let value = value();
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain(value.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    fixture.commit("first", &[("kept", b"nothing here")]);
    fixture.commit(
        "plain",
        &[
            ("plain.env", format!("TOKEN={value}\n").as_bytes()),
            ("utf16.txt", &utf16),
            ("binary.db", format!("SQLite format 3\0{value}\0").as_bytes()),
            ("base64.txt", BASE64_STANDARD.encode(format!("user:{value}!")).as_bytes()),
            ("percent.txt", value.replace('=', "%3D").replace('+', "%2B").as_bytes()),
            ("hex.txt", value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().as_bytes()),
            ("packed.gz", &gzip(format!("a {value} b").as_bytes())),
            (&format!("dir/{value}.txt"), b"the name holds it"),
        ],
    );
    std::os::unix::fs::symlink(format!("to-{value}"), fixture.sandbox.path("link")).unwrap();
    fixture.commit(&format!("the message holds {value}"), &[]);
    fixture.commit_as("by somebody odd", &value);
    let tag = format!("tag with {value}");
    let _ = fixture.sandbox.program("git", ["tag", "-a", "-F", "-", "v1"]).stdin(tag).run().code(0);
    fixture.git(&["branch", &format!("topic/{value}")]);
    let note = format!("note with {value}");
    let _ = fixture.sandbox.program("git", ["notes", "add", "-F", "-"]).stdin(note).run().code(0);
    fixture.git(&["tag", "-a", "-m", "x", "of-blob", "HEAD:plain.env"]);
    fixture.git(&["tag", "of-tree", "HEAD^{tree}"]);
}

/// Side files in which other tools leave it.
fn plant_side_files(fixture: &Fixture) {
    let value = value();
    for name in [
        "FETCH_HEAD",
        "COMMIT_EDITMSG",
        "rr-cache/0123/preimage",
        "lost-found/other/0123",
        "filter-repo/expressions",
        "info/refs",
        "info/exclude",
        "description",
        "hooks/post-commit",
        "left.patch",
    ] {
        fixture.sandbox.write(format!(".git/{name}"), format!("# {value}\n"));
    }
    fixture.git(&["config", "remote.origin.url", &format!("https://ada:{value}@example.org/x.git")]);
}

#[test]
fn nothing_is_left_in_any_of_the_places_and_side_files() {
    let fixture = Fixture::new();
    plant(&fixture);
    for text in ["one", "two"] {
        fixture.sandbox.write("plain.env", format!("TOKEN={}\n{text}\n", value()));
        fixture.git(&["stash", "--quiet"]);
    }
    fixture.git(&["pack-refs", "--all"]);
    plant_side_files(&fixture);
    assert!(fixture.residue().len() > 25, "{:?}", fixture.residue());
    fixture.rewrite_well(&[]);
    let stashes = fixture.git(&["stash", "list"]);
    assert_eq!(stashes.lines().count(), 2);
    assert!(stashes.contains(&fixture.head()[..7]), "it cites the commit by its new id: {stashes}");
    assert_eq!(fixture.git(&["show", "stash@{0}:plain.env"]), "TOKEN=***REMOVED***\ntwo");
    assert_eq!(fixture.git(&["show", "stash@{1}:plain.env"]), "TOKEN=***REMOVED***\none");
    let note = fixture.git(&["notes", "show"]);
    assert_eq!(note, "note with ***REMOVED***");
    assert_eq!(fixture.git(&["show", "of-blob^{blob}"]), "TOKEN=***REMOVED***");
    assert_eq!(
        fixture.git(&["for-each-ref", "--format=%(refname)", "refs/heads"]),
        "refs/heads/main\nrefs/heads/topic/REMOVED"
    );
    assert_eq!(fixture.git(&["log", "-1", "--format=%an"]), "***REMOVED***");
    let clean = fs::read_to_string(fixture.sandbox.path(".git/config")).unwrap();
    assert!(clean.contains("https://ada:REMOVED@example.org/x.git"));
    assert_eq!(fs::read(fixture.sandbox.path("plain.env")).unwrap(), b"TOKEN=***REMOVED***\n");
}

#[test]
fn the_folder_tells_nothing_and_the_backup_restores_everything() {
    let fixture = Fixture::new();
    plant(&fixture);
    let before = fixture.picture();
    fixture.rewrite_well(&[]);
    let folder = fixture.folder();
    let mut seen = 0;
    files(&folder, &mut |path| {
        let is_backup = path.strip_prefix(&folder).unwrap().to_string_lossy().starts_with("backup");
        if !is_backup {
            seen += 1;
            assert!(!holds(&fs::read(path).unwrap()), "{}", path.display());
        }
        use std::os::unix::fs::MetadataExt;
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o077, 0, "{}", path.display());
    });
    assert!(seen >= 5);
    let check = fixture.sandbox.program("sha256sum", ["--quiet", "-c", "backup.sha256"]);
    let mut check = check.into_command();
    assert!(check.current_dir(&folder).status().unwrap().success());
    fs::remove_dir_all(fixture.sandbox.path(".git")).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(folder.join("backup"))
        .arg(fixture.sandbox.path(".git"))
        .status();
    assert!(copied.unwrap().success());
    assert_eq!(fixture.picture(), before);
}

#[test]
fn only_what_has_to_change_does_and_signatures_stay() {
    let fixture = Fixture::new();
    let tree = {
        fixture.commit("c", &[("file", b"x")]);
        fixture.git(&["rev-parse", "HEAD^{tree}"])
    };
    let person = "A <a@x> 1700000000 +0000";
    let signed = |parent: &str, text: &str| {
        fixture.object("commit", format!(
            "tree {tree}\n{parent}author {person}\ncommitter {person}\nx-odd header\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n ab\n -----END PGP SIGNATURE-----\n\n{text}"
        ))
    };
    let first = signed("", "signed, no line end");
    let second = signed(&format!("parent {first}\n"), "second\n");
    let dirty = signed(&format!("parent {second}\n"), &format!("has {}\n", value()));
    let after = signed(&format!("parent {dirty}\n"), "descends\n");
    fixture.git(&["reset", "--quiet", "--hard", &after]);
    fixture.git(&["branch", "before", &second]);
    let plan = fixture.kbsec(&["--dry-run", "--revoked", "-f", "json"]).code(0).json();
    assert_eq!(plan["plan"]["commits"]["rewritten"], 2);
    assert_eq!(plan["plan"]["signatures_lost"].as_array().unwrap().len(), 2);
    assert_eq!(plan["plan"]["first_changed_commits"][0], dirty.as_str());
    fixture.rewrite_well(&[]);
    assert_eq!(fixture.git(&["rev-parse", "before", "HEAD~2"]), format!("{second}\n{second}"));
    let raw = |id: &str| fixture.git(&["cat-file", "commit", id]);
    assert!(raw(&first).contains("gpgsig"));
    assert!(!raw("HEAD").contains("gpgsig"));
    assert!(raw("HEAD").contains("x-odd header"));
    let map = fs::read_to_string(fixture.folder().join("commit-map")).unwrap();
    assert!(map.starts_with("old                                      new\n"));
    assert!(map.contains(&format!("{after} {}", fixture.head())));
}

#[test]
fn cited_ids_notes_and_replacements_follow_their_commits() {
    let fixture = Fixture::new();
    fixture.commit("clean", &[("a", b"1")]);
    let leak = fixture.commit("leak", &[("a", value().as_bytes())]);
    fixture.git(&["checkout", "--quiet", "-b", "side"]);
    let side = fixture.commit("side", &[("b", b"2")]);
    fixture.git(&["checkout", "--quiet", "main"]);
    // It cites a commit that is written after it in most orders.
    let citing = fixture.commit(&format!("fixes {leak}, like {} and 1234567", &side[..9]), &[("a", b"3")]);
    fixture.git(&["notes", "add", "-m", "a note", &leak]);
    fixture.git(&["notes", "add", "-m", "another", &citing]);
    let other =
        fixture.object("commit", fixture.git(&["cat-file", "commit", &leak]).replace("leak", "instead"));
    fixture.git(&["replace", &leak, &other]);
    fixture.rewrite_well(&[]);
    let plain = |arguments: &[&str]| fixture.git(&[&["--no-replace-objects"], arguments].concat());
    let (leak, side) = (plain(&["rev-parse", "main~1"]), plain(&["rev-parse", "side"]));
    assert_eq!(
        plain(&["log", "-1", "--format=%s"]),
        format!("fixes {leak}, like {} and 1234567", &side[..9])
    );
    assert_eq!(fixture.git(&["notes", "show", &leak]), "a note");
    assert_eq!(fixture.git(&["notes", "show", "main"]), "another");
    assert_eq!(fixture.git(&["replace", "-l"]), leak);
    assert_eq!(fixture.git(&["log", "-1", "--format=%s", "main~1"]), "instead");
}

#[test]
fn files_of_lfs_and_their_pointers_change_together() {
    use sha2::Digest as _;
    let fixture = Fixture::new();
    let hash = |bytes: &[u8]| -> String {
        sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let place = |name: &str| format!(".git/lfs/objects/{}/{}/{name}", &name[..2], &name[2..4]);
    let pointer = |bytes: &[u8]| {
        let (name, size) = (hash(bytes), bytes.len());
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {size}\n")
    };
    let (old, new) = (format!("large {}\n", value()), "large ***REMOVED***\n");
    fixture.sandbox.write(place(&hash(old.as_bytes())), &old);
    fixture.commit("pointer", &[("data.bin", pointer(old.as_bytes()).as_bytes())]);
    fixture.rewrite_well(&[]);
    assert_eq!(fixture.git(&["show", "HEAD:data.bin"]) + "\n", pointer(new.as_bytes()));
    assert_eq!(fs::read(fixture.sandbox.path(place(&hash(new.as_bytes())))).unwrap(), new.as_bytes());
    assert!(!fixture.sandbox.path(place(&hash(old.as_bytes()))).exists());
    let orphans = fs::read_to_string(fixture.folder().join("lfs-orphans")).unwrap();
    assert_eq!(orphans, format!("{}\n", hash(old.as_bytes())));
}

#[test]
fn links_to_submodules_follow_the_map_of_their_rewrite() {
    let inner = Fixture::new();
    inner.commit("clean", &[("a", b"1")]);
    let old = inner.commit("leak", &[("a", value().as_bytes())]);
    inner.rewrite_well(&[]);
    let outer = Fixture::new();
    fs::create_dir_all(outer.sandbox.path("lib/inner")).unwrap();
    outer.commit("own", &[("own", b"x")]);
    outer.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{old},lib/inner")]);
    outer.commit_as("with a submodule", "Ada Example");
    let map = inner.folder().join("commit-map");
    let before = outer.fsck();
    let _ = outer.rewrite(&["--submodule-map", map.to_str().unwrap()]).code(0).says("P1 gone");
    outer.is_well(&before);
    let link = outer.git(&["ls-tree", "HEAD", "lib/inner"]);
    assert!(link.contains(&inner.head()), "{link}");
}

#[test]
fn a_database_is_edited_by_rows() {
    let fixture = Fixture::new();
    let path = fixture.sandbox.path("app.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("CREATE TABLE t(a TEXT PRIMARY KEY, b); CREATE INDEX i ON t(b, a);").unwrap();
    for number in 0..300 {
        let text = if number % 3 == 0 { format!("{number} {}", value()) } else { format!("row {number}") };
        database.execute("INSERT INTO t VALUES(?1, ?2)", (&text, number)).unwrap();
    }
    database.execute_batch("DELETE FROM t WHERE b > 200").unwrap();
    drop(database);
    fixture.commit("database", &[]);
    fixture.rewrite_well(&[]);
    let database = rusqlite::Connection::open(&path).unwrap();
    let text = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(text("SELECT a FROM t WHERE b = 3"), "3 ***REMOVED***");
    assert_eq!(text("SELECT count(*) || '' FROM t"), "201");
}

#[test]
fn several_values_leave_together_and_an_absent_one_changes_nothing() {
    let fixture = Fixture::new();
    let other = ["another-", "secret-77"].concat();
    fixture.commit("one", &[("a", format!("{} {other}", value()).as_bytes())]);
    fixture.sandbox.write("../other", &other);
    fixture.rewrite_well(&["--value-file", "../other"]);
    assert_eq!(fs::read(fixture.sandbox.path("a")).unwrap(), b"***REMOVED*** ***REMOVED***");
    let head = fixture.head();
    let _ = fixture.rewrite(&[]).code(0).complains("nothing has to change");
    assert_eq!(fixture.head(), head);
}
