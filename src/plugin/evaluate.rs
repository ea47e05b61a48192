//! The evaluator: what an export of a module comes to, without running it.
//!
//! It follows constants over files, spreads, the builder of permissions and helpers whose body is one expression. What it
//! does not know is [`Kind::Unknown`] with the reason, never a guess.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use super::builder;
use super::modules::Modules;
use super::syntax::{Arithmetic, Export, Expr, ExprKind, Function, Import, Item, Logical, Module, Property};
use super::value::{Code, Kind, Place, Sdk, Value};

/// Expressions that one evaluation may take; manifests need some thousands.
const MOST: usize = 400_000;

/// How deep names, calls and expressions may lead in all.
const DEEPEST: usize = 250;

/// Packages whose functions are modelled in [`builder`].
const SDK: [&str; 3] = ["@kb-labs/sdk", "@kb-labs/perm-presets", "@kb-labs/shared-perm-presets"];

/// Evaluates exports of modules.
pub(crate) struct Evaluator<'a> {
    modules: &'a Modules,
    left: Cell<usize>,
    /// Expressions that are being evaluated inside of each other.
    depth: Cell<usize>,
    /// The names that are being evaluated, to notice when they lead in a circle.
    open: RefCell<Vec<(String, String)>>,
    known: RefCell<HashMap<(String, String), Value>>,
}

/// Where an expression stands, and the names that a call gave values.
struct Scope<'s> {
    file: &'s str,
    module: &'s Module,
    locals: Option<&'s HashMap<String, Value>>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(modules: &'a Modules) -> Self {
        Self {
            modules,
            left: Cell::new(MOST),
            depth: Cell::new(0),
            open: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// What a module exports under a name; `None` if it exports nothing of that name.
    pub(crate) fn export(&self, file: &str, name: &str) -> Option<Value> {
        let module = self.modules.module(file)?;
        let scope = Scope { file, module: &module, locals: None };
        match module.exports.get(name) {
            Some(Export::Local(local)) => Some(self.name(&scope, local, scope.start())),
            Some(Export::Value(value)) => Some(self.value(&scope, value)),
            Some(Export::From(import)) => Some(self.import(&scope, import, scope.start())),
            None => module.stars.iter().find_map(|from| {
                let target = self.modules.resolve(file, from)?;
                self.guarded(&target, &format!("* {name}"), || self.export(&target, name)).flatten()
            }),
        }
    }

    /// Runs `inside` unless the same name is being evaluated already.
    fn guarded<T>(&self, file: &str, name: &str, inside: impl FnOnce() -> T) -> Option<T> {
        let entry = (file.to_owned(), name.to_owned());
        if self.open.borrow().len() > DEEPEST || self.open.borrow().contains(&entry) {
            return None;
        }
        self.open.borrow_mut().push(entry);
        let result = inside();
        self.open.borrow_mut().pop();
        Some(result)
    }

    fn name(&self, scope: &Scope<'_>, name: &str, at: Place) -> Value {
        if let Some(local) = scope.locals.and_then(|locals| locals.get(name)) {
            return local.clone();
        }
        if let Some(bound) = scope.module.bindings.get(name) {
            let key = (scope.file.to_owned(), name.to_owned());
            if let Some(known) = self.known.borrow().get(&key) {
                return known.clone();
            }
            let outside = Scope { locals: None, ..*scope };
            let value = self.guarded(scope.file, name, || self.value(&outside, bound));
            let value = value.unwrap_or_else(|| unknown(&at, format!("{name} is defined by itself")));
            self.known.borrow_mut().insert(key, value.clone());
            return value;
        }
        match (scope.module.imports.get(name), name) {
            (Some(import), _) => self.import(scope, import, at),
            (None, "undefined") => Value::new(Kind::Undefined, at),
            (None, "Infinity") => Value::new(Kind::Number(f64::INFINITY), at),
            (None, "NaN") => Value::new(Kind::Number(f64::NAN), at),
            (None, _) => unknown(&at, format!("{name} is not defined in this file")),
        }
    }

    fn import(&self, scope: &Scope<'_>, import: &Import, at: Place) -> Value {
        let name = import.name.as_deref();
        if SDK.contains(&import.from.as_str())
            && let Some(modelled) = name.and_then(|name| builder::sdk(name, &at))
        {
            return modelled;
        }
        let Some(target) = self.modules.resolve(scope.file, &import.from) else {
            return unknown(&at, format!("the module {} is not here", import.from));
        };
        let step: Arc<str> = format!("import {} from {}", name.unwrap_or("*"), import.from).into();
        match name {
            Some(name) => {
                let found = self.guarded(&target, &format!("export {name}"), || self.export(&target, name));
                match found {
                    Some(Some(value)) => value.stepped(&step, &at),
                    Some(None) => unknown(&at, format!("{target} exports no {name}")),
                    None => unknown(&at, format!("{name} is imported in a circle")),
                }
            }
            None => self.namespace(&target, &at),
        }
    }

    /// All exports of a module as an object.
    fn namespace(&self, target: &str, at: &Place) -> Value {
        let Some(module) = self.modules.module(target) else {
            return unknown(at, format!("{target} cannot be read"));
        };
        let mut names: Vec<&String> = module.exports.keys().collect();
        names.sort();
        let member = |name: &String| {
            let value =
                self.guarded(target, &format!("export {name}"), || self.export(target, name)).flatten();
            Some((name.as_str().into(), value?))
        };
        Value::new(Kind::Object(names.into_iter().filter_map(member).collect()), at.clone())
    }

    fn value(&self, scope: &Scope<'_>, expr: &Expr) -> Value {
        let at = scope.place(expr);
        let Some(left) = self.left.get().checked_sub(1) else {
            return unknown(&at, "it is too large to evaluate".to_owned());
        };
        self.left.set(left);
        if self.depth.get() > DEEPEST {
            return unknown(&at, "the calls lead too deep".to_owned());
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.inside(scope, expr, at);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn inside(&self, scope: &Scope<'_>, expr: &Expr, at: Place) -> Value {
        let value = |kind| Value::new(kind, at.clone());
        match &expr.kind {
            ExprKind::Null => value(Kind::Null),
            ExprKind::Bool(is) => value(Kind::Bool(*is)),
            ExprKind::Number(number) => value(Kind::Number(*number)),
            ExprKind::Text(text) => value(Kind::Text(text.as_str().into())),
            ExprKind::Name(name) => self.name(scope, name, at),
            ExprKind::Array(items) => match self.items(scope, items) {
                Ok(values) => value(Kind::List(values)),
                Err(cause) => cause,
            },
            ExprKind::Object(properties) => self.object(scope, properties, &at),
            ExprKind::Member(object, key) => self.member(scope, object, key, &at),
            ExprKind::Call(callee, arguments) => self.call(scope, callee, arguments, &at),
            ExprKind::Template(parts) => self.template(scope, parts, &at),
            ExprKind::Either(one, other) => {
                either(vec![self.value(scope, one), self.value(scope, other)], &at)
            }
            ExprKind::Logical(operator, one, other) => self.logical(scope, *operator, (one, other), &at),
            ExprKind::Binary(operator, one, other) => {
                arithmetic(*operator, &self.value(scope, one), &self.value(scope, other), &at)
            }
            ExprKind::Negative(inner) => match self.value(scope, inner).kind {
                Kind::Number(number) => value(Kind::Number(-number)),
                _ => unknown(&at, "a minus before something that is no number".to_owned()),
            },
            ExprKind::Function(function) => {
                value(Kind::Code(Code::Own(Arc::new((**function).clone()), scope.file.into())))
            }
            ExprKind::Other(what) => unknown(&at, format!("{what} is not evaluated")),
        }
    }

    /// The elements of an array or call; the cause if a spread is not known.
    fn items(&self, scope: &Scope<'_>, items: &[Item]) -> Result<Vec<Value>, Value> {
        let mut values = Vec::new();
        for item in items {
            match item {
                Item::One(expr) => values.push(self.value(scope, expr)),
                Item::Spread(expr) => match self.value(scope, expr) {
                    Value { kind: Kind::List(inner), .. } => values.extend(inner),
                    other => {
                        // What it adds is not known; what else is there counts all the same.
                        let at = scope.place(expr);
                        let why = reason(&other).unwrap_or("what is spread here is no array");
                        values.push(unknown(&at, why.to_owned()));
                    }
                },
            }
            if values.len() > self.left.get() {
                return Err(unknown(&scope.start(), "it is too large to evaluate".to_owned()));
            }
        }
        Ok(values)
    }

    fn object(&self, scope: &Scope<'_>, properties: &[Property], at: &Place) -> Value {
        let mut members: Vec<(Arc<str>, Value)> = Vec::new();
        let mut put = |key: Arc<str>, value: Value| match members.iter_mut().find(|(name, _)| *name == key) {
            Some((_, old)) => *old = value,
            None => members.push((key, value)),
        };
        for property in properties {
            match property {
                Property::Keyed(key, value) => match self.value(scope, key).kind {
                    Kind::Text(key) => put(key, self.value(scope, value)),
                    Kind::Number(number) => put(number.to_string().into(), self.value(scope, value)),
                    _ => return unknown(&scope.place(key), "the name of a member is not known".to_owned()),
                },
                Property::Spread(expr) => match self.value(scope, expr) {
                    Value { kind: Kind::Object(inner), .. } => {
                        inner.into_iter().for_each(|(key, value)| put(key, value));
                    }
                    Value { kind: Kind::Undefined | Kind::Null, .. } => {}
                    other => {
                        let why = reason(&other).unwrap_or("what is spread here is no object");
                        return unknown(&scope.place(expr), why.to_owned());
                    }
                },
            }
        }
        Value::new(Kind::Object(members), at.clone())
    }

    fn member(&self, scope: &Scope<'_>, object: &Expr, key: &Expr, at: &Place) -> Value {
        if let (ExprKind::Name(name), ExprKind::Text(key)) = (&object.kind, &key.kind)
            && (name == "process" || name == "import.meta")
        {
            return unknown(at, format!("{name}.{key} depends on where it runs"));
        }
        let (object, key) = (self.value(scope, object), self.value(scope, key));
        member(&object, &key, at)
    }

    fn template(&self, scope: &Scope<'_>, parts: &[Expr], at: &Place) -> Value {
        let mut text = String::new();
        for part in parts {
            match self.value(scope, part).kind {
                Kind::Text(part) => text.push_str(&part),
                Kind::Number(number) => text.push_str(&number.to_string()),
                _ => return unknown(&scope.place(part), "a part of the text is not known".to_owned()),
            }
        }
        Value::new(Kind::Text(text.into()), at.clone())
    }

    fn logical(
        &self,
        scope: &Scope<'_>,
        operator: Logical,
        (one, other): (&Expr, &Expr),
        at: &Place,
    ) -> Value {
        let first = self.value(scope, one);
        let takes_first = match operator {
            Logical::Or => first.is_true(),
            Logical::And => first.is_true().map(|is| !is),
            Logical::Coalesce => match first.kind {
                Kind::Undefined | Kind::Null => Some(false),
                Kind::Unknown(_) | Kind::Either(_) => None,
                _ => Some(true),
            },
        };
        match takes_first {
            Some(true) => first,
            Some(false) => self.value(scope, other),
            None => either(vec![first, self.value(scope, other)], at),
        }
    }

    fn call(&self, scope: &Scope<'_>, callee: &Expr, arguments: &[Item], at: &Place) -> Value {
        let given = match self.items(scope, arguments) {
            Ok(given) => given,
            Err(cause) => return cause,
        };
        let first = given.first().cloned().unwrap_or_else(|| Value::new(Kind::Undefined, at.clone()));
        if let ExprKind::Member(object, method) = &callee.kind
            && let ExprKind::Text(method) = &method.kind
        {
            if matches!(&object.kind, ExprKind::Name(name) if name == "Object") && method == "freeze" {
                return first;
            }
            let object = self.value(scope, object);
            if let Some(result) = self.method(&object, method, &first, &scope.method_place(callee, at)) {
                return result;
            }
        }
        match self.value(scope, callee) {
            Value { kind: Kind::Code(Code::Sdk(sdk)), .. } => call_sdk(sdk, &given, first, at),
            Value { kind: Kind::Code(Code::Own(function, file)), .. } => {
                self.apply(&function, &file, given, at)
            }
            other => match reason(&other) {
                Some(why) => unknown(at, why.to_owned()),
                None => unknown(at, "what is called here is not known".to_owned()),
            },
        }
    }

    /// Calls a method of a value; `None` if it is none that is known.
    fn method(&self, object: &Value, method: &str, first: &Value, at: &Place) -> Option<Value> {
        match (&object.kind, method) {
            (Kind::Builder(collected), "build") => Some(builder::build(collected)),
            (Kind::Builder(collected), _) => Some(match builder::call(collected, method, first, at) {
                Some(collected) => Value::new(Kind::Builder(Box::new(collected)), at.clone()),
                None => unknown(at, format!("the builder has no {method}")),
            }),
            (Kind::List(values), "concat") => match &first.kind {
                Kind::List(more) => {
                    Some(Value::new(Kind::List([&values[..], &more[..]].concat()), at.clone()))
                }
                _ => None,
            },
            (Kind::List(values), "map") => {
                let Kind::Code(Code::Own(function, file)) = &first.kind else { return None };
                let mapped = values.iter().map(|value| self.apply(function, file, vec![value.clone()], at));
                Some(Value::new(Kind::List(mapped.collect()), at.clone()))
            }
            (Kind::Text(text), "toUpperCase") => {
                Some(Value::new(Kind::Text(text.to_uppercase().into()), at.clone()))
            }
            (Kind::Text(text), "toLowerCase") => {
                Some(Value::new(Kind::Text(text.to_lowercase().into()), at.clone()))
            }
            (Kind::Unknown(_), _) => Some(object.clone()),
            _ => None,
        }
    }

    /// Calls a function of a file.
    fn apply(&self, function: &Function, file: &str, given: Vec<Value>, at: &Place) -> Value {
        let Some(module) = self.modules.module(file) else {
            return unknown(at, format!("{file} cannot be read"));
        };
        let mut given = given.into_iter();
        let mut locals = HashMap::new();
        for parameter in &function.parameters {
            let value = given.next().unwrap_or_else(|| Value::new(Kind::Undefined, at.clone()));
            match parameter {
                Some(name) => locals.insert(name.clone(), value),
                None => return unknown(at, "the function takes its argument apart".to_owned()),
            };
        }
        let scope = Scope { file, module: &module, locals: Some(&locals) };
        let key = format!("call {}", self.open.borrow().len());
        let value = self.guarded(file, &key, || self.value(&scope, &function.body));
        value.unwrap_or_else(|| unknown(at, "the calls lead too deep".to_owned()))
    }
}

impl Scope<'_> {
    fn place(&self, expr: &Expr) -> Place {
        Place { file: self.file.into(), span: expr.span }
    }

    fn start(&self) -> Place {
        Place { file: self.file.into(), span: crate::span::ByteSpan { start: 0, end: 0 } }
    }

    /// Where the name of a method stands, which is where its call is seen in a chain.
    fn method_place(&self, callee: &Expr, at: &Place) -> Place {
        match &callee.kind {
            ExprKind::Member(_, method) => Place { file: self.file.into(), span: method.span },
            _ => at.clone(),
        }
    }
}

fn call_sdk(sdk: Sdk, given: &[Value], first: Value, at: &Place) -> Value {
    match sdk {
        Sdk::Same => first,
        Sdk::Combine => Value::new(Kind::Builder(Box::new(builder::empty(at))), at.clone()),
        Sdk::CombinePresets => {
            let with =
                |collected: Value, preset| builder::call(&collected, "with", preset, at).unwrap_or(collected);
            builder::build(&given.iter().fold(builder::empty(at), with))
        }
        Sdk::CreateManifest => {
            let text = |text: &str| Value::new(Kind::Text(text.into()), at.clone());
            let mut members = vec![("schema".into(), text("kb.plugin/3"))];
            for (key, value) in ["id", "version"].into_iter().zip(given) {
                members.push((key.into(), value.clone()));
            }
            if let Some(Value { kind: Kind::Object(rest), .. }) = given.get(2) {
                members.extend(rest.iter().cloned());
            }
            Value::new(Kind::Object(members), at.clone())
        }
    }
}

fn unknown(at: &Place, why: String) -> Value {
    Value::new(Kind::Unknown(why.into()), at.clone())
}

/// Why a value is not known.
fn reason(value: &Value) -> Option<&str> {
    match &value.kind {
        Kind::Unknown(why) => Some(why),
        Kind::Either(values) => values.iter().find_map(reason),
        _ => None,
    }
}

fn either(values: Vec<Value>, at: &Place) -> Value {
    Value::new(Kind::Either(values), at.clone())
}

fn member(object: &Value, key: &Value, at: &Place) -> Value {
    let undefined = || Value::new(Kind::Undefined, at.clone());
    match (&object.kind, &key.kind) {
        (Kind::Object(_), Kind::Text(key)) => object.get(key).cloned().unwrap_or_else(undefined),
        (Kind::List(values), Kind::Number(index)) if *index >= 0.0 => {
            values.get(*index as usize).cloned().unwrap_or_else(undefined)
        }
        (Kind::List(values), Kind::Text(key)) if &**key == "length" => {
            Value::new(Kind::Number(values.len() as f64), at.clone())
        }
        (Kind::Either(values), _) => either(values.iter().map(|value| member(value, key, at)).collect(), at),
        _ => unknown(at, reason(object).unwrap_or("a member of something that has none").to_owned()),
    }
}

fn arithmetic(operator: Arithmetic, one: &Value, other: &Value, at: &Place) -> Value {
    let kind = match (operator, &one.kind, &other.kind) {
        (Arithmetic::Add, Kind::Text(one), Kind::Text(other)) => Kind::Text(format!("{one}{other}").into()),
        (Arithmetic::Add, Kind::Text(one), Kind::Number(other)) => Kind::Text(format!("{one}{other}").into()),
        (Arithmetic::Add, Kind::Number(one), Kind::Text(other)) => Kind::Text(format!("{one}{other}").into()),
        (_, Kind::Number(one), Kind::Number(other)) => Kind::Number(match operator {
            Arithmetic::Add => one + other,
            Arithmetic::Subtract => one - other,
            Arithmetic::Multiply => one * other,
            Arithmetic::Divide => one / other,
        }),
        _ => {
            let why =
                reason(one).or_else(|| reason(other)).unwrap_or("arithmetic on something that is no number");
            Kind::Unknown(why.into())
        }
    };
    Value::new(kind, at.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// What `value` of `a.ts` comes to, as a text; other files are given by name.
    fn shown(text: &str, others: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [("a.ts", text)].iter().chain(others) {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let modules = Modules::new(folder.path().canonicalize().unwrap(), HashMap::new());
        let value = Evaluator::new(&modules).export("a.ts", "value");
        value.map_or_else(|| "nothing".to_owned(), |value| told(&value))
    }

    fn told(value: &Value) -> String {
        match &value.kind {
            Kind::Undefined => "undefined".into(),
            Kind::Null => "null".into(),
            Kind::Bool(is) => is.to_string(),
            Kind::Number(number) => number.to_string(),
            Kind::Text(text) => format!("'{text}'"),
            Kind::List(values) => format!("[{}]", values.iter().map(told).collect::<Vec<_>>().join(", ")),
            Kind::Object(members) => {
                let member = |(key, value): &(Arc<str>, Value)| format!("{key}: {}", told(value));
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
            Kind::Unknown(why) => format!("? {why}"),
            Kind::Either(values) => values.iter().map(told).collect::<Vec<_>>().join(" | "),
            Kind::Builder(_) => "a builder".into(),
            Kind::Code(_) => "code".into(),
        }
    }

    #[test]
    fn constants_are_followed() {
        let cases = [
            (
                "export const value = [1, 2_000, -3, .5, null, undefined, true];",
                "[1, 2000, -3, 0.5, null, undefined, true]",
            ),
            (
                "const a = ['x']; export const value = [...a, `y${1 + 1}`, 'z' + a[0], a.length];",
                "['x', 'y2', 'zx', 1]",
            ),
            (
                "const a = { b: 1, c: 2 }; export const value = { ...a, ['b']: 3, d: a.c, e: a.f };",
                "{b: 3, c: 2, d: 2, e: undefined}",
            ),
            (
                "const f = (x: string) => ({ id: x }); export const value = ['a', 'b'].map(f);",
                "[{id: 'a'}, {id: 'b'}]",
            ),
            ("enum E { A, B = 'b' } export const value = [E.A, E.B];", "[0, 'b']"),
            ("export const value = undefined ?? 'a'; ", "'a'"),
            ("export const value = Number(process.env.X) || 5;", "? Number is not defined in this file | 5"),
            ("let a = 1; export const value = a;", "? a variable that may change is not evaluated"),
            ("export const value = { a: b };", "{a: ? b is not defined in this file}"),
            ("const a = b, b = a; export const value = a;", "? a is defined by itself"),
            ("const f = (x) => f(x); export const value = f(1);", "? the calls lead too deep"),
            ("export const value = Object.freeze(['a'] as const) satisfies readonly string[];", "['a']"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn other_files_are_followed() {
        let others = [
            ("b.ts", "export * from './c.js'; export { d as default } from './c';"),
            ("c.ts", "export const d = 'd';"),
        ];
        assert_eq!(shown("import e, { d } from './b'; export const value = [d, e];", &others), "['d', 'd']");
        assert_eq!(shown("import * as b from './c'; export const value = b.d;", &others), "'d'");
        assert_eq!(shown("export { d as value } from './b';", &others), "'d'");
        assert_eq!(
            shown("import { d } from '../outside'; export const value = d;", &[]),
            "? the module ../outside is not here"
        );
        let circle = [("b.ts", "import { value } from './a'; export const d = value;")];
        assert_eq!(
            shown("import { d } from './b'; export const value = d;", &circle),
            "? value is defined by itself"
        );
    }

    #[test]
    fn depth_does_no_harm() {
        let nested = |inside: &str| format!("{}{inside}{}", "[".repeat(150), "]".repeat(150));
        let mut text = "const a0 = ['x'];".to_owned();
        for at in 1..300 {
            text += &format!("const a{at} = {};", nested(&format!("a{}", at - 1)));
        }
        assert!(
            shown(&format!("{text} export const value = a299;"), &[]).contains("? the calls lead too deep")
        );
    }

    #[test]
    fn growth_ends() {
        let mut text = "const a0 = ['x'];".to_owned();
        for at in 1..60 {
            text += &format!("const a{at} = [...a{0}, ...a{0}];", at - 1);
        }
        let told = shown(&format!("{text} export const value = a59;"), &[]);
        assert!(told.starts_with("? it is too large") || told.contains("? it is too large"), "{:.200}", told);
    }

    #[test]
    fn builders_have_one_mode() {
        let built = |calls: &str| {
            shown(
                &format!(
                    "import {{ combinePermissions }} from '@kb-labs/sdk'; export const value = combinePermissions(){calls}.build();"
                ),
                &[],
            )
        };
        assert_eq!(
            built(".withFs({ mode: 'read', allow: ['a'] }).withFs({ mode: 'readWrite', allow: ['b', 'a'] })"),
            "{fs: {read: ['a', 'b'], write: ['a', 'b']}}"
        );
        assert_eq!(built(".withEnv(['A']).withEnv(['B', 'A'])"), "{env: {read: ['A', 'B']}}");
        assert_eq!(
            built(
                ".withPlatform({ cache: ['a'], llm: true }).withPlatform({ cache: ['b'], llm: { models: ['m'] } })"
            ),
            "{platform: {cache: ['a', 'b'], llm: {models: ['m']}}}"
        );
        assert_eq!(built(".withFs({ mode: 'read', allow: [] })"), "{}");
        assert_eq!(built(".withMagic()"), "? the builder has no withMagic");
    }
}
