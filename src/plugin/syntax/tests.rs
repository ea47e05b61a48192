//! What a module says, from its text.

use proptest::prelude::*;

use super::{Dialect, Module};

#[test]
fn names_come_from_everywhere() {
    let module = Module::parse(
        "import a, { b as c } from './x'; import * as all from '@acme/y';
         export const one = 1 as const; const { two, three: { four } } = c; let five = 5;
         export { two as second }; export * from './z'; export * as rest from './w'; export { q } from './v';
         enum Size { Small, Large = 'large' } export default { one }; start();",
        Dialect::TypeScript,
    );
    assert_eq!(module.faults, []);
    let import = |name: &str| module.imports.get(name).map(|import| (&*import.from, import.name.as_deref()));
    assert_eq!(import("a"), Some(("./x", Some("default"))));
    assert_eq!(import("c"), Some(("./x", Some("b"))));
    assert_eq!(import("all"), Some(("@acme/y", None)));
    let mut names: Vec<&str> = module.bindings.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["Size", "five", "four", "one", "two"]);
    let mut exports: Vec<&str> = module.exports.keys().map(String::as_str).collect();
    exports.sort_unstable();
    assert_eq!(exports, ["default", "one", "q", "rest", "second"]);
    assert_eq!(module.stars, ["./z"]);
    assert_eq!(module.effects.len(), 1);
}

#[test]
fn faults_have_places() {
    let module = Module::parse("export const a = 1;\nexport const = ;", Dialect::TypeScript);
    assert!(module.faults.iter().all(|fault| fault.offset >= 20), "{:?}", module.faults);
    assert!(!module.faults.is_empty());
}

#[test]
fn depth_does_no_harm() {
    for deep in
        ["[", "(", "{a:", "!", "a?", "a=>", "-", "f(", "a+", "a.b(", "`${", "<T>", "a?.b", "new ", "await "]
    {
        let module = Module::parse(&format!("export const a = {}", deep.repeat(50_000)), Dialect::TypeScript);
        assert!(!module.faults.is_empty(), "{deep}");
    }
}

proptest! {
    #[test]
    fn no_text_does_harm(text in "(export|const|default|import|from|[a-c=(){}\\[\\]'`$,.:;?!+*/<> \n]){0,80}") {
        for dialect in [Dialect::TypeScript, Dialect::Tsx, Dialect::JavaScript] {
            let _ = Module::parse(&text, dialect);
        }
    }
}
