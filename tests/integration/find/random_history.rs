//! A random history: merges, renames, copies, links, submodules and more, in which some files hold a word.

use std::collections::BTreeMap;

use crate::common::Sandbox;

/// A file as a tree has it.
#[derive(Clone)]
struct File {
    mode: &'static str,
    content: Vec<u8>,
}

type Tree = BTreeMap<String, File>;

/// The same seed makes the same history.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn text(&mut self) -> Vec<u8> {
        let lines = 3 + self.roll(20);
        let mut text: String = (0..lines).map(|_| format!("line {}\n", self.roll(60))).collect();
        for _ in 0..self.roll(3) {
            text.push_str(["needle\n", "needle-needle\n", "a needle, a needleneedle\n"][self.roll(3)]);
        }
        if self.roll(8) == 0 {
            text.push('\0');
        }
        text.into_bytes()
    }

    fn path(&mut self) -> String {
        let name = format!("file{}", self.roll(12));
        match self.roll(4) {
            0 => format!("dir{}/{name}", self.roll(3)),
            1 => format!("dir{}/deep/{name}", self.roll(2)),
            _ => name,
        }
    }

    fn pick(&mut self, tree: &Tree) -> Option<String> {
        let at = self.roll(tree.len().max(1));
        tree.keys().nth(at).cloned()
    }
}

/// Fills the repository with commits on several branches, and packs it in a random way.
pub(super) fn make(sandbox: &Sandbox, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9).wrapping_add(7));
    let mut stream = Vec::new();
    let mut trees: Vec<Tree> = Vec::new();
    for commit in 0..40 {
        let mut parents = Vec::new();
        if commit > 0 && dice.roll(25) > 0 {
            let wanted = [1, 1, 1, 2, 2, 3][dice.roll(6)];
            for _ in 0..wanted {
                let parent = commit - 1 - dice.roll(commit.min(6));
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
        }
        let mut tree = parents.first().map_or(Tree::new(), |&parent| trees[parent].clone());
        for &other in parents.iter().skip(1) {
            merge(&mut tree, &trees[other], &mut dice);
        }
        // Most merges change nothing themselves.
        if parents.len() < 2 || dice.roll(3) == 0 {
            for _ in 0..1 + dice.roll(3) {
                change(&mut tree, &mut dice);
            }
        }
        write(&mut stream, commit, &parents, &tree, &mut dice);
        trees.push(tree);
    }
    let _ = sandbox.program("git", ["fast-import", "--quiet", "--force"]).stdin(stream).run().code(0);
    sandbox.git(["symbolic-ref", "HEAD", "refs/heads/b0"]);
    sandbox.git(["tag", "-am", "tag", "v1", "b1"]);
    if dice.roll(3) > 0 {
        let window = format!("--window={}", dice.roll(20));
        sandbox.git(["repack", "-adfq", &window, &format!("--depth={}", 1 + dice.roll(50))]);
    }
}

/// Takes some files as the other side has them.
fn merge(tree: &mut Tree, other: &Tree, dice: &mut Dice) {
    for (path, file) in other {
        if dice.roll(2) == 0 {
            insert(tree, path.clone(), file.clone());
        }
    }
    let gone: Vec<_> = tree.keys().filter(|path| !other.contains_key(*path)).cloned().collect();
    for path in gone {
        if dice.roll(3) == 0 {
            tree.remove(&path);
        }
    }
}

fn change(tree: &mut Tree, dice: &mut Dice) {
    let existing = dice.pick(tree);
    match (dice.roll(12), existing) {
        (0..=2, _) | (_, None) => {
            let file = File { mode: "100644", content: dice.text() };
            insert(tree, dice.path(), file);
        }
        (3, Some(path)) => {
            tree.remove(&path);
        }
        // A file that moves as it is, or with a change.
        (4..=6, Some(path)) => {
            if let Some(mut file) = tree.remove(&path) {
                if dice.roll(2) == 0 {
                    edit(&mut file, dice);
                }
                insert(tree, dice.path(), file);
            }
        }
        (7, Some(path)) => {
            let mut copy = tree[&path].clone();
            if dice.roll(2) == 0 {
                edit(&mut copy, dice);
            }
            insert(tree, dice.path(), copy);
        }
        (8, Some(path)) => {
            if let Some(file) = tree.get_mut(&path).filter(|file| file.mode.starts_with("100")) {
                file.mode = if file.mode == "100644" { "100755" } else { "100644" };
            }
        }
        (9, _) => {
            let target = ["needle", "file1"][dice.roll(2)].into();
            insert(tree, dice.path(), File { mode: "120000", content: target });
        }
        (10, _) => {
            let commit = format!("{:040x}", 1 + dice.roll(5));
            insert(tree, dice.path(), File { mode: "160000", content: commit.into() });
        }
        (_, Some(path)) => {
            if let Some(file) = tree.get_mut(&path) {
                edit(file, dice);
            }
        }
    }
}

fn edit(file: &mut File, dice: &mut Dice) {
    if !file.mode.starts_with("100") {
        return;
    }
    let text = String::from_utf8_lossy(&file.content).into_owned();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    match dice.roll(4) {
        0 => lines.push("needle\n".into()),
        1 => lines.retain(|line| !line.contains("needle")),
        2 => lines.insert(dice.roll(lines.len() + 1), format!("new {}\n", dice.roll(99))),
        _ => lines.reverse(),
    }
    file.content = lines.concat().into_bytes();
}

/// Puts a file there; what is a directory or lies in the way goes.
fn insert(tree: &mut Tree, path: String, file: File) {
    let inside = format!("{path}/");
    tree.retain(|other, _| !other.starts_with(&inside) && !path.starts_with(&format!("{other}/")));
    tree.insert(path, file);
}

fn write(stream: &mut Vec<u8>, commit: usize, parents: &[usize], tree: &Tree, dice: &mut Dice) {
    // Equal dates, and parents that are younger than their children.
    let time = 1_700_000_000 + commit * 10 / 7 + dice.roll(4);
    let mut head = format!("commit refs/heads/b{}\nmark :{}\n", dice.roll(6), commit + 1);
    head += &format!("committer C <c@example.org> {time} +0000\ndata 1\nm\n");
    match parents.split_first() {
        Some((first, others)) => {
            head += &format!("from :{}\n", first + 1);
            others.iter().for_each(|other| head += &format!("merge :{}\n", other + 1));
        }
        // Else fast-import takes the last commit of the branch.
        None => head += "from 0000000000000000000000000000000000000000\n",
    }
    stream.extend(head.into_bytes());
    stream.extend(b"deleteall\n");
    for (path, file) in tree {
        if file.mode == "160000" {
            let id = String::from_utf8_lossy(&file.content);
            stream.extend(format!("M 160000 {id} {path}\n").into_bytes());
        } else {
            let head = format!("M {} inline {path}\ndata {}\n", file.mode, file.content.len());
            stream.extend(head.into_bytes());
            stream.extend(&file.content);
            stream.push(b'\n');
        }
    }
}
