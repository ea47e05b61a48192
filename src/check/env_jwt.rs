//! `env.jwt`: where the gateway gets the key of its tokens, and whether that key is one.

use std::collections::BTreeSet;

use super::Check;
use super::context::Context;
use super::variable::{self, Form, Setting};
use super::verdict::Verdict;

pub(super) const CHECK: Check = Check {
    id: "env.jwt",
    title: "The gateway has a key for its tokens, and it is secret",
    why: "Without GATEWAY_JWT_SECRET the gateway does not start in production, and signs with a public key elsewhere.",
    needs: &[],
    answer,
};

const NAME: &str = "GATEWAY_JWT_SECRET";
const SERVICE: &str = "gateway";
/// Bytes that the platform's documents ask for.
const ENOUGH: usize = 32;
/// Different characters that a generated key of that length has at least: hexadecimal ones have nearly 16.
const VARIETY: usize = 10;

fn answer(context: &Context) -> Vec<Verdict> {
    let settings = variable::settings(context, SERVICE, NAME);
    let is_production = variable::is_production(context, SERVICE);
    if settings.is_empty() {
        return vec![unset(context, is_production)];
    }
    let mut verdicts: Vec<_> = settings.iter().map(|setting| judge(context, setting)).collect();
    verdicts.extend(differing(context, &settings));
    verdicts
}

fn unset(context: &Context, is_production: bool) -> Verdict {
    let looked = match variable::unit(context, SERVICE) {
        Some(unit) => format!("in the shell, in .env files and in {}", context.name_of(&unit)),
        None => "in the shell and in .env files; there is no unit kb-gateway.service".to_owned(),
    };
    let fix = "set it to 32 random bytes or more where the gateway gets its variables (openssl rand -hex 64)";
    let verdict = if is_production {
        let value =
            format!("{NAME} is not set {looked}; with NODE_ENV=production the gateway refuses to start");
        Verdict::fail("", value)
    } else {
        let value = format!("{NAME} is not set {looked}; the gateway signs with its public default");
        Verdict::warn("", value)
    };
    verdict.expected("32 bytes or more, random").fix(fix)
}

fn judge(context: &Context, setting: &Setting) -> Verdict {
    let form = Form::of(&setting.value);
    let about =
        format!("{}, fingerprint {}", form.length_class(), variable::fingerprint(context, &setting.value));
    let fix =
        "make another one (openssl rand -hex 64), set it there, and restart the gateway: all tokens end";
    let bad = |why: &str| {
        let verdict = Verdict::fail(&setting.place, format!("{why} ({about})"));
        verdict.expected("32 bytes or more, random").fix(fix)
    };
    if form.length == 0 {
        return bad("it is empty");
    }
    if form.is_placeholder {
        return bad("a placeholder or a public value: whoever knows it can make tokens");
    }
    if form.length < ENOUGH {
        return bad("too short");
    }
    if form.variety < VARIETY {
        return bad("it repeats few characters, so it can be guessed");
    }
    let value = setting.value.expose();
    if value.first().is_some_and(u8::is_ascii_whitespace) || value.last().is_some_and(u8::is_ascii_whitespace)
    {
        return Verdict::warn(&setting.place, format!("it begins or ends with a blank ({about})")).fix(fix);
    }
    Verdict::pass(&setting.place, about)
}

/// A running gateway that has another key than the files is one that was not restarted.
fn differing(context: &Context, settings: &[Setting]) -> Option<Verdict> {
    let prints: BTreeSet<String> =
        settings.iter().map(|setting| variable::fingerprint(context, &setting.value)).collect();
    if prints.len() < 2 {
        return None;
    }
    let places: Vec<String> = settings
        .iter()
        .map(|setting| format!("{} {}", setting.place, variable::fingerprint(context, &setting.value)))
        .collect();
    let value = format!("the places do not agree: {}", places.join(", "));
    let fix = match settings.iter().any(|setting| setting.is_live) {
        true => "restart the gateway, so that it takes the new value; or set the same one in all places",
        false => "set the same one in all places, or keep only one place",
    };
    Some(Verdict::warn("", value).expected("one value").fix(fix))
}
