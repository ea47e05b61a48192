//! git-filter-repo beside kbsec: the same trees at every reference where nothing is signed.

use super::fixture::{Fixture, value};

/// A history with plain text only, which both programs treat alike.
fn history(seed: u64) -> Fixture {
    let fixture = Fixture::new();
    let mut state = seed * 2 + 1;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for number in 0..30 {
        let name = format!("d{}/f{}", random(3), random(4));
        let text = match random(3) {
            0 => format!("line {number}\ntoken {}{}\n", value(), value()),
            _ => format!("line {number}\n"),
        };
        let message = if random(4) == 0 { format!("see {}", value()) } else { format!("c{number}") };
        fixture.commit(&message, &[(&name, text.as_bytes())]);
        if random(5) == 0 {
            fixture.git(&["branch", &format!("b{number}")]);
        }
        if random(6) == 0 {
            fixture.git(&["tag", "-a", "-m", "t", &format!("t{number}")]);
        }
    }
    fixture
}

fn trees(fixture: &Fixture) -> String {
    let refs = fixture.git(&["for-each-ref", "--format=%(refname)"]);
    let lines = refs.lines().map(|name| {
        let trees = fixture.git(&["log", "--format=%T %s %an %at", name]);
        format!("{name}\n{trees}\n")
    });
    lines.collect()
}

#[test]
#[ignore = "needs git-filter-repo: set KBSEC_FILTER_REPO to its path"]
fn both_make_the_same_trees() {
    let program = std::env::var_os("KBSEC_FILTER_REPO").expect("KBSEC_FILTER_REPO names git-filter-repo");
    for seed in 0..12 {
        let (ours, theirs) = (history(seed), history(seed));
        assert_eq!(trees(&ours), trees(&theirs));
        ours.rewrite_well(&[]);
        theirs.sandbox.write("../expressions", format!("literal:{}\n", value()));
        let arguments =
            ["--force", "--replace-text", "../expressions", "--replace-message", "../expressions"];
        let run = theirs.sandbox.program(program.to_str().unwrap(), arguments);
        let _ = run.run().code(0);
        assert_eq!(trees(&ours), trees(&theirs), "seed {seed}");
    }
}
