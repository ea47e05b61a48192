//! Holds the models of the platform's matchers against what the platform itself answered to a million questions each.
//!
//! The questions are generated here and in `tests/fixtures/plugin/record.mjs` by the same dice from the same pieces; the
//! answers of the platform are recorded as hashes, one for a thousand questions. Nothing of it runs here.

use std::path::Path;

use kbsec::plugin::permission::engine::scope::Scope;
use kbsec::plugin::permission::engine::{env, fetch, fs, hardener, shell};
use kbsec::plugin::permission::language::Language;
use serde_json::Value;

/// Questions of a line.
const PAIRS: usize = 1000;
/// Lines of a file of answers.
const LINES: usize = 1000;
/// One line of so many is checked when the program is not optimised; an optimised one checks all.
const STRIDE: usize = if cfg!(debug_assertions) { 25 } else { 1 };
/// One question of so many is put to the language of the pattern as well.
const THROUGH_LANGUAGE: usize = 500;

/// The dice of the recorder: xorshift with 32 bits, thrown anew for each line.
struct Dice(u32);

impl Dice {
    fn new(engine: usize, line: usize) -> Self {
        let part = |number: usize, factor: u32| u32::try_from(number + 1).unwrap().wrapping_mul(factor);
        Self((part(line, 0x9E37_79B1) ^ part(engine, 0x85EB_CA6B)).max(1))
    }

    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % count
    }

    fn one<'p>(&mut self, list: &[&'p str]) -> &'p str {
        list[self.below(list.len())]
    }

    fn some<'p>(&mut self, list: &[&'p str], most: usize) -> Vec<&'p str> {
        let count = self.below(most + 1);
        (0..count).map(|_| self.one(list)).collect()
    }
}

/// What the questions are made of.
struct Pieces(Value);

impl Pieces {
    fn read() -> Self {
        Self(serde_json::from_str(&fixture("pieces.json")).unwrap())
    }

    fn list(&self, pointer: &str) -> Vec<&str> {
        let list = self.0.pointer(pointer).unwrap().as_array().unwrap();
        list.iter().map(|piece| piece.as_str().unwrap()).collect()
    }

    fn number(&self, engine: &str) -> usize {
        self.list("/engines").iter().position(|name| *name == engine).unwrap()
    }
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plugin");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// No pattern, one or two, as pieces.
fn patterns<'p>(dice: &mut Dice, list: &[&'p str]) -> Vec<Vec<&'p str>> {
    let count = match dice.below(16) {
        0 => 0,
        1..4 => 2,
        _ => 1,
    };
    (0..count).map(|_| dice.some(list, 5)).collect()
}

/// A text that is often close to what the first pattern asks for.
fn input(dice: &mut Dice, list: &[Vec<&str>], pieces: &[&str], wild: &[&str]) -> String {
    let Some(pattern) = list.first() else { return dice.some(pieces, 6).concat() };
    if dice.below(3) == 0 {
        return dice.some(pieces, 6).concat();
    }
    let mut text = String::new();
    for piece in pattern {
        match dice.below(12) {
            0 => {}
            1 => text += dice.one(pieces),
            _ if wild.contains(piece) => text += &dice.some(pieces, 2).concat(),
            _ => text += piece,
        }
    }
    if dice.below(4) == 0 {
        text += dice.one(pieces);
    }
    text
}

fn joined(list: &[Vec<&str>]) -> Vec<String> {
    list.iter().map(|pattern| pattern.concat()).collect()
}

fn borrowed(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

/// A question, told to whoever has to look into it, with the answer of the model and, if asked, of its language.
struct Answer {
    granted: bool,
    by_language: Option<bool>,
    question: String,
}

/// Asks an engine the questions of every line and holds the hashes of its answers against the recorded ones.
fn hold(engine: &str, mut ask: impl FnMut(&mut Dice, bool) -> Answer) {
    let number = Pieces::read().number(engine);
    let recorded = fixture(&format!("{engine}.answers"));
    assert_eq!(recorded.lines().count(), LINES);
    let mut wrong = Vec::new();
    for (line, expected) in recorded.lines().enumerate().step_by(STRIDE) {
        let mut dice = Dice::new(number, line);
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for pair in 0..PAIRS {
            let answer = ask(&mut dice, pair % THROUGH_LANGUAGE == 0);
            if let Some(by_language) = answer.by_language {
                assert_eq!(by_language, answer.granted, "language and model: {}", answer.question);
            }
            hash = (hash ^ u64::from(answer.granted)).wrapping_mul(0x0100_0000_01B3);
        }
        if format!("{hash:016x}") != expected {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{engine}: other answers than the platform's in lines {wrong:?}");
}

fn answer(granted: bool, language: Option<Language>, question: (&[&str], &str)) -> Answer {
    let by_language = language.map(|language| language.contains(question.1));
    let question = if by_language.is_some() { format!("{question:?}") } else { String::new() };
    Answer { granted, by_language, question }
}

#[test]
fn files_are_granted_as_by_the_platform() {
    let pieces = Pieces::read();
    let (pattern, texts, wild) = (pieces.list("/fs/pattern"), pieces.list("/fs/input"), pieces.list("/wild"));
    let cwd = pieces.0["cwd"].as_str().unwrap();
    let outdirs = pieces.0["outdirs"].as_array().unwrap();
    let systems: Vec<_> = outdirs.iter().map(|outdir| fs::Fs::new(cwd, outdir.as_str()).unwrap()).collect();
    hold("fs", |dice, through_language| {
        let kind = dice.below(4);
        let list = patterns(dice, &pattern);
        let asked = input(dice, &list, &texts, &wild);
        let list = joined(&list);
        let list = borrowed(&list);
        let system = &systems[kind % 3];
        let access = if kind == 3 { fs::Access::Read } else { fs::Access::Write };
        let decision = system.decide(access, &list, &asked);
        let granted = matches!(decision, fs::Decision::Granted(_) | fs::Decision::Always);
        let language = through_language.then(|| match access {
            fs::Access::Read => system.readable(&list).unwrap(),
            fs::Access::Write => system.writable(&list).unwrap(),
        });
        answer(granted, language, (&list, &system.resolved(&asked)))
    });
}

#[test]
fn urls_are_fetched_as_by_the_platform() {
    let pieces = Pieces::read();
    let (pattern, texts, wild) =
        (pieces.list("/fetch/pattern"), pieces.list("/fetch/input"), pieces.list("/wild"));
    hold("fetch", |dice, through_language| {
        let list = patterns(dice, &pattern);
        let asked = input(dice, &list, &texts, &wild);
        let list = joined(&list);
        let list = borrowed(&list);
        let granted = list.iter().any(|pattern| fetch::matches(pattern, &asked));
        let language = through_language
            .then(|| Language::any(list.iter().map(|pattern| fetch::language(pattern))).unwrap());
        answer(granted, language, (&list, &asked))
    });
}

#[test]
fn urls_are_hardened_as_by_the_platform() {
    let pieces = Pieces::read();
    let list_of = |name: &str| pieces.list(&format!("/hardener/{name}"));
    let (pattern, before, labels) = (list_of("pattern"), list_of("before"), list_of("labels"));
    let (hosts, path) = (list_of("hosts"), list_of("path"));
    hold("hardener", |dice, through_language| {
        let mut list = joined(&patterns(dice, &pattern));
        if !list.is_empty() && dice.below(2) == 0 {
            let begin = dice.one(&before);
            let first = dice.one(&labels);
            list[0] = format!("{begin}{}", [&[first], &dice.some(&labels, 1)[..]].concat().join("."));
        }
        let scheme = dice.one(&["https://", "http://"]);
        let host = if dice.below(5) == 0 {
            dice.one(&hosts).to_owned()
        } else {
            let first = dice.one(&labels);
            [&[first], &dice.some(&labels, 2)[..]].concat().join(".")
        };
        let port = dice.one(&["", "", ":8080"]);
        let asked = format!("{scheme}{host}{port}/{}", dice.some(&path, 3).concat());
        let list = borrowed(&list);
        let granted = list.iter().any(|pattern| hardener::matches(pattern, &asked));
        answer(granted, through_language.then(|| hardener::reachable(&list).unwrap()), (&list, &asked))
    });
}

#[test]
fn variables_are_read_as_by_the_platform() {
    let pieces = Pieces::read();
    let (pattern, texts, wild) =
        (pieces.list("/env/pattern"), pieces.list("/env/input"), pieces.list("/wild"));
    hold("env", |dice, through_language| {
        let hardened = dice.below(2) == 1;
        let list = patterns(dice, &pattern);
        let asked = input(dice, &list, &texts, &wild);
        let list = joined(&list);
        let list = borrowed(&list);
        let always = !hardened && env::ALWAYS.contains(&asked.as_str());
        let granted = always || list.iter().any(|pattern| env::matches(pattern, &asked));
        let language = || if hardened { env::patched(&list) } else { env::readable(&list) };
        answer(granted, through_language.then(|| language().unwrap()), (&list, &asked))
    });
}

#[test]
fn commands_run_as_by_the_platform() {
    let pieces = Pieces::read();
    let (pattern, texts, wild) =
        (pieces.list("/shell/pattern"), pieces.list("/shell/input"), pieces.list("/wild"));
    hold("shell", |dice, through_language| {
        let list = patterns(dice, &pattern);
        let command = input(dice, &list, &texts, &wild);
        let arguments = dice.some(&texts, 4);
        let list = joined(&list);
        let list = borrowed(&list);
        let granted = matches!(shell::decide(&list, &command, &arguments), shell::Decision::Granted(_));
        if through_language {
            let alone = matches!(shell::decide(&list, &command, &[]), shell::Decision::Granted(_));
            let words = shell::commands(&list).unwrap();
            assert_eq!(words.contains(&command), alone, "{list:?} {command:?}");
        }
        // A line may be cut into words in several ways; what one way is granted must be among the lines.
        let line = format!("{command} {}", arguments.join(" "));
        let lines = (through_language && granted).then(|| shell::lines(&list).unwrap());
        answer(granted, lines, (&list, &line))
    });
}

#[test]
fn names_are_in_scope_as_by_the_platform() {
    let pieces = Pieces::read();
    let (pattern, texts, wild) =
        (pieces.list("/scope/pattern"), pieces.list("/scope/input"), pieces.list("/wild"));
    let scopes = [
        Scope::Beginning,
        Scope::Beginning,
        Scope::Beginning,
        Scope::FirstBeginning,
        Scope::Identifier,
        Scope::Identifier,
        Scope::Optional,
        Scope::Optional,
        Scope::Optional,
        Scope::Target,
        Scope::Plugin,
    ];
    hold("scope", |dice, through_language| {
        let scope = scopes[dice.below(scopes.len())];
        let list = patterns(dice, &pattern);
        let asked = input(dice, &list, &texts, &wild);
        let list = joined(&list);
        let list = borrowed(&list);
        let granted = scope.allows(&list, &asked);
        answer(granted, through_language.then(|| scope.allowed(&list).unwrap()), (&list, &asked))
    });
}
