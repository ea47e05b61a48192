//! What holds for every bundle.

use super::*;
use crate::check::tests::context;

#[test]
fn names_lead_nowhere_else() {
    for (name, expected) in [
        ("logs/tmp/rest.log", "logs/tmp/rest.log"),
        ("../../etc/passwd", "etc/passwd"),
        ("/a//b/", "a/b"),
        ("x\u{1b}[31m y", "x__31m_y"),
        ("..", "unnamed"),
    ] {
        assert_eq!(file_name(name), expected);
    }
    let files = vec![("a".to_owned(), Vec::new()), ("a.2".to_owned(), Vec::new())];
    assert_eq!((unique(&files, "a"), unique(&files, "b")), ("a.3".to_owned(), "b".to_owned()));
}

#[test]
fn an_archive_unpacks_to_the_same_files() {
    let long = format!("{}/{}", "f".repeat(90), "n".repeat(60));
    let files = vec![
        ("a.txt".to_owned(), b"abc".to_vec()),
        (long.clone(), vec![7; 1000]),
        ("empty".to_owned(), Vec::new()),
    ];
    let packed = archive::packed(&files, 1_740_839_400);
    let folder = tempfile::tempdir().unwrap();
    let mut tar = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap();
    io::Read::read_to_end(&mut decoder, &mut tar).unwrap();
    let path = folder.path().join("a.tar");
    std::fs::write(&path, tar).unwrap();
    let status =
        std::process::Command::new("tar").arg("-xf").arg(&path).current_dir(folder.path()).status().unwrap();
    assert!(status.success());
    for (name, bytes) in &files {
        assert_eq!(&std::fs::read(folder.path().join(name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_collector_that_finds_nothing_and_one_that_fails_differ() {
    assert_eq!(Collected::default().status(), Status::Absent);
    assert_eq!(Collected::failed("why").status(), Status::Failed);
    let ids: std::collections::BTreeSet<_> = collectors().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), COLLECTORS.len());
}

#[test]
fn what_is_there_already_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("bundle");
    std::fs::create_dir(&target).unwrap();
    assert!(collect(&context(folder.path()), &Target::of(&target), "0").is_err());
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
}
