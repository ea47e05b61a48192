//! A crash after each step: harmless before the references change, resumed forward to the same end afterwards.

use super::fixture::{Fixture, value};

fn leaky() -> Fixture {
    let fixture = Fixture::new();
    fixture.commit("clean", &[("a", b"1"), ("b", b"2")]);
    fixture.commit(&format!("leak {}", value()), &[("a", value().as_bytes())]);
    fixture.git(&["tag", "-a", "-m", "t", "v1"]);
    fixture.git(&["branch", &format!("b-{}", value())]);
    fixture.git(&["notes", "add", "-m", "n"]);
    fixture.sandbox.write("a", format!("{}\nchanged", value()));
    fixture.git(&["stash", "--quiet"]);
    fixture
}

fn crash(fixture: &Fixture, step: &str) {
    let hash = fixture.plan_hash(&[]);
    let arguments = ["rewrite", "--value-file", "../value", "--revoked", "--confirm", &hash];
    let run = fixture.sandbox.kbsec(arguments).env("XDG_STATE_HOME", fixture.state());
    let run = run.env("KBSEC_FAILPOINT", step).run();
    assert_eq!(run.code, None, "{step}: {}{}", run.stdout, run.stderr);
}

#[test]
fn every_step_can_be_the_last_one() {
    let whole = leaky();
    let fsck = whole.fsck();
    let untouched = whole.picture();
    whole.rewrite_well(&[]);
    let expected = whole.picture();
    for step in ["planned", "packed", "refs", "index", "purged"] {
        let fixture = leaky();
        assert_eq!(fixture.picture(), untouched, "the fixture is the same each time");
        crash(&fixture, step);
        if step == "planned" {
            assert_eq!(fixture.picture(), untouched);
            let _ = fixture.kbsec(&["--resume"]).code(2).complains("nothing has changed");
            let _ = fixture.rewrite(&[]).code(0);
        } else {
            if step != "purged" {
                let run = fixture.kbsec(&["--revoked", "--confirm", "00000000"]);
                let _ = run.code(2).complains("--resume");
            }
            let _ = fixture.kbsec(&["--resume"]).code(0).says("P1 gone").says("P2 unchanged");
        }
        assert_eq!(fixture.picture(), expected, "{step}");
        fixture.is_well(&fsck);
        let _ = fixture.kbsec(&["--resume"]).code(2).complains("no rewrite to go on with");
    }
}

#[test]
fn references_that_were_changed_half_are_changed_to_the_end() {
    let whole = leaky();
    whole.rewrite_well(&[]);
    let fixture = leaky();
    let fsck = fixture.fsck();
    crash(&fixture, "packed");
    let tag = whole.git(&["rev-parse", "v1"]);
    fixture.git(&["update-ref", "refs/tags/v1", &tag]);
    let _ = fixture.kbsec(&["--resume"]).code(0);
    assert_eq!(fixture.picture(), whole.picture());
    fixture.is_well(&fsck);
}

#[test]
fn a_reference_that_changes_meanwhile_stops_all_of_them() {
    let fixture = leaky();
    let hash = fixture.plan_hash(&[]);
    fixture.git(&["branch", "new"]);
    let _ = fixture.kbsec(&["--revoked", "--confirm", &hash]).code(2).complains("another one was confirmed");
    crash(&fixture, "packed");
    let head = fixture.commit("in between", &[("c", b"3")]);
    let _ = fixture.kbsec(&["--resume"]).code(2).complains("references changed since");
    assert_eq!(fixture.head(), head);
    fixture.rewrite_well(&[]);
    assert_eq!(fixture.git(&["show", "HEAD:c"]), "3");
}
