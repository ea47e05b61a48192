//! Tests of the algebra: its laws on random patterns, and its corners.

use proptest::prelude::*;

use super::*;

/// Texts of few characters, so that random patterns meet; one needs two units, one ends a line.
fn texts() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(vec!['a', 'b', '/', '\n', '😀', '\u{2028}']), 0..7)
        .prop_map(String::from_iter)
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let units = proptest::sample::select(vec![
        Units::ALL,
        Units::only(u16::from(b'a')),
        Units::except(&['/']),
        Units::within_line(),
        Units::among(&[('a', 'b')]),
    ]);
    proptest::collection::vec((units, any::<bool>(), texts()), 0..4).prop_map(|pieces| {
        pieces.into_iter().fold(Pattern::new(), |pattern, (units, repeated, text)| {
            let pattern = pattern.text(&text);
            if repeated { pattern.many(units) } else { pattern.one(units) }
        })
    })
}

fn language(pattern: &Pattern) -> Language {
    Language::of(pattern).unwrap()
}

proptest! {
    #[test]
    fn a_language_holds_what_its_pattern_matches(pattern in patterns(), text in texts()) {
        prop_assert_eq!(language(&pattern).contains(&text), pattern.matches(&text));
    }

    #[test]
    fn operations_are_those_of_sets(one in patterns(), other in patterns(), text in texts()) {
        let (a, b) = (language(&one), language(&other));
        let (in_a, in_b) = (one.matches(&text), other.matches(&text));
        prop_assert_eq!(a.union(&b).unwrap().contains(&text), in_a || in_b);
        prop_assert_eq!(a.intersection(&b).unwrap().contains(&text), in_a && in_b);
        prop_assert_eq!(a.difference(&b).unwrap().contains(&text), in_a && !in_b);
        prop_assert_eq!(a.complement().contains(&text), !in_a);
    }

    #[test]
    fn differences_and_inclusions_agree(one in patterns(), other in patterns()) {
        let (a, b) = (language(&one), language(&other));
        let rest = a.difference(&b).unwrap();
        prop_assert!(!rest.intersects(&b).unwrap());
        prop_assert_eq!(b.includes(&a).unwrap(), rest.is_empty());
        prop_assert!(a.union(&b).unwrap().includes(&a).unwrap());
        prop_assert!(a.includes(&a.intersection(&b).unwrap()).unwrap());
        match rest.witness() {
            Some(witness) => prop_assert!(one.matches(&witness) && !other.matches(&witness), "{witness:?}"),
            None => prop_assert!(rest.is_empty()),
        }
    }

    #[test]
    fn no_member_is_shorter_than_the_witness(pattern in patterns(), text in texts()) {
        if pattern.matches(&text) {
            let witness = language(&pattern).witness().unwrap();
            prop_assert!(witness.encode_utf16().count() <= text.encode_utf16().count());
        }
    }
}

#[test]
fn half_a_surrogate_pair_is_no_member() {
    let one = language(&Pattern::new().one(Units::ALL));
    assert!(!one.contains("😀"));
    let two = language(&Pattern::new().one(Units::ALL).one(Units::ALL));
    assert!(two.contains("😀") && two.contains("ab"));
    // The first half of the face, then a letter: no text holds that.
    let half = Pattern::new().one(Units::only(0xD83D)).one(Units::only(u16::from(b'a')));
    assert!(language(&half).is_empty());
    let letters = language(&Pattern::new().one(Units::only(0xD83D)).one(Units::ALL));
    assert_eq!(letters.witness().as_deref(), Some("\u{1F400}"));
}

#[test]
fn a_witness_is_short_clear_and_an_exemplar_when_one_fits() {
    let workflows = language(&Pattern::new().text(".github/workflows/").anything().text(".yml"));
    assert_eq!(workflows.witness().as_deref(), Some(".github/workflows/.yml"));
    let exemplars = ["package.json", ".github/workflows/ci.yml"];
    assert_eq!(workflows.witness_among(exemplars).as_deref(), Some(".github/workflows/ci.yml"));
    assert_eq!(workflows.witness_among(["x"]).as_deref(), Some(".github/workflows/.yml"));
    assert_eq!(language(&Pattern::new().one(Units::ALL)).witness().as_deref(), Some("a"));
    assert_eq!(Language::none().witness_among([""]), None);
    assert_eq!(Language::all().witness().as_deref(), Some(""));
}

#[test]
fn equal_languages_have_automata_of_equal_size() {
    let [a, b] = ["ab", "ac"].map(|text| Language::exactly(text).unwrap());
    let both = a.union(&b).unwrap();
    let same = language(&Pattern::new().text("a").one(Units::among(&[('b', 'c')])));
    assert_eq!((both.states(), same.states()), (4, 4));
    assert_eq!(both.difference(&same).unwrap().states(), 1);
}

#[test]
fn a_question_that_is_too_large_is_undecided() {
    let fifteenth_from_the_end =
        (0..14).fold(Pattern::new().anything().text("a"), |pattern, _| pattern.one(Units::ALL));
    assert_eq!(Language::of(&fifteenth_from_the_end).unwrap_err(), TooLarge);
    assert_eq!(Language::exactly(&"a".repeat(MAX_STATES + 1)).unwrap_err(), TooLarge);
    let long = |text: &str, other: &str| {
        language(&(0..150).fold(Pattern::new(), |pattern, _| pattern.many(Units::except(&['/'])).text(text)))
            .union(&Language::exactly(other).unwrap())
    };
    let many = |letter| Pattern::new().anything().text(letter).anything();
    let letters = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"];
    let every =
        letters.iter().try_fold(Language::all(), |all, letter| all.intersection(&language(&many(letter))));
    assert_eq!(every.unwrap_err(), TooLarge);
    assert!(long("a", "b").is_ok());
}
