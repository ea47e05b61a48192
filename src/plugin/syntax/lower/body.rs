//! The way from the parser's tree to [`Code`]: statements, and which part of a module each belongs to.

mod declare;
mod express;

use std::collections::HashSet;

use oxc_ast::ast;
use oxc_span::GetSpan;

use super::super::code::{Code, Flow, Node, NodeId, NodeKind, Outlet, Request, Scope, Source};
use super::super::{Dialect, SyntaxFault};
use super::span;

/// Statements and expressions inside of each other that are followed.
const DEEPEST: usize = 250;

/// Where the walk stands.
struct Walk {
    code: Code,
    scope: u32,
    /// The scope that `var` and parameters belong to.
    hoist: u32,
    owner: u32,
    function: Option<u32>,
    class: Option<u32>,
    depth: usize,
    /// Values given to names after they were declared.
    assigned: Vec<(u32, Box<str>, Flow)>,
    /// Requests that are loaded only if one of their names is used, as the names may all be types.
    in_doubt: HashSet<usize>,
}

/// Reads a program.
pub(super) fn code(program: &ast::Program<'_>, faults: Vec<SyntaxFault>, dialect: Dialect) -> Code {
    let code = Code { faults, scopes: vec![Scope::default()], owners: 1, ..Code::default() };
    let mut walk = Walk {
        code,
        scope: 0,
        hoist: 0,
        owner: 0,
        function: None,
        class: None,
        depth: 0,
        assigned: Vec::new(),
        in_doubt: HashSet::new(),
    };
    let erases_types = dialect != Dialect::JavaScript;
    // Imports come first, whatever their place: what is pure depends on them.
    for statement in &program.body {
        if let ast::Statement::ImportDeclaration(import) = statement {
            walk.import(import, erases_types);
        }
    }
    for statement in &program.body {
        walk.top(statement);
    }
    walk.finish()
}

impl Walk {
    /// A statement at the top of the module.
    fn top(&mut self, statement: &ast::Statement<'_>) {
        use ast::Statement as S;
        match statement {
            S::ImportDeclaration(_) => {}
            S::ExportDeclaration(export) => {
                self.top_declaration(&export.declaration);
                self.export_names(&export.declaration);
            }
            S::ExportDefaultDeclaration(export) => self.export_default(export),
            S::ExportNamedDeclaration(export) => {
                for specifier in &export.specifiers {
                    if export.export_kind.is_value() && specifier.export_kind.is_value() {
                        let outlet = Outlet::Local(specifier.local.name().as_str().into());
                        self.code.exports.insert(specifier.exported.name().as_str().into(), outlet);
                    }
                }
            }
            S::ExportFromDeclaration(export) => {
                let request = self.request(&export.source, export.export_kind.is_value());
                for specifier in &export.specifiers {
                    let name = Some(specifier.local.name().as_str().into());
                    let outlet = Outlet::From(request, name);
                    self.code.exports.insert(specifier.exported.name().as_str().into(), outlet);
                }
            }
            S::ExportAllDeclaration(export) => {
                let request = self.request(&export.source, export.export_kind.is_value());
                match &export.exported {
                    None => self.code.stars.push(request),
                    Some(name) => {
                        self.code.exports.insert(name.name().as_str().into(), Outlet::From(request, None));
                    }
                }
            }
            other => match other.as_declaration() {
                Some(declaration) => self.top_declaration(declaration),
                None => self.statement(other),
            },
        }
    }

    /// A declaration at the top is a part of its own unless loading already runs it.
    fn top_declaration(&mut self, declaration: &ast::Declaration<'_>) {
        match declaration {
            ast::Declaration::FunctionDeclaration(_) | ast::Declaration::ClassDeclaration(_) => {
                self.as_part(|walk| walk.declaration(declaration));
            }
            ast::Declaration::VariableDeclaration(variables) => {
                for variable in &variables.declarations {
                    let is_quiet = variable.init.as_ref().is_none_or(|init| self.is_quiet(init));
                    match is_quiet {
                        true => self.as_part(|walk| walk.variable(variable, variables.kind)),
                        false => self.variable(variable, variables.kind),
                    }
                }
            }
            other => self.declaration(other),
        }
    }

    fn export_default(&mut self, export: &ast::ExportDefaultDeclaration<'_>) {
        use ast::ExportDefaultDeclarationKind as D;
        let is_quiet = match &export.declaration {
            D::FunctionDeclaration(_) | D::ClassDeclaration(_) => true,
            other => other.as_expression().is_some_and(|value| self.is_quiet(value)),
        };
        let take = |walk: &mut Self| {
            let value = match &export.declaration {
                D::FunctionDeclaration(function) => walk.named_function(function),
                D::ClassDeclaration(class) => walk.named_class(class),
                other => match other.as_expression() {
                    Some(value) => walk.expression(value),
                    None => return,
                },
            };
            let outlet = Outlet::Value(value, walk.owner);
            walk.code.exports.insert("default".into(), outlet);
        };
        if is_quiet { self.as_part(take) } else { take(self) }
    }

    /// Whether evaluating an expression runs nothing of the module itself.
    fn is_quiet(&self, value: &ast::Expression<'_>) -> bool {
        use ast::Expression as E;
        match value {
            E::ArrowFunctionExpression(_)
            | E::FunctionExpression(_)
            | E::ClassExpression(_)
            | E::StringLiteral(_)
            | E::NumericLiteral(_)
            | E::BooleanLiteral(_)
            | E::NullLiteral(_)
            | E::RegExpLiteral(_) => true,
            E::ObjectExpression(object) => object.properties.iter().all(|property| match property {
                ast::ObjectPropertyKind::ObjectProperty(one) => self.is_quiet(&one.value),
                ast::ObjectPropertyKind::SpreadProperty(_) => false,
            }),
            // What the platform offers to define handlers with keeps them for later.
            E::CallExpression(call) => match &call.callee {
                E::Identifier(name) => {
                    name.name.starts_with("define")
                        && self.code.top(&name.name).is_some_and(|binding| {
                            matches!(binding.sources.as_slice(),
                                [Flow { from: Source::Import(request, _), .. }]
                                    if self.code.requests.get(*request).is_some_and(|it| it.from.starts_with("@kb-labs/")))
                        })
                }
                _ => false,
            },
            other => super::wrapped(other).is_some_and(|inner| self.is_quiet(inner)),
        }
    }

    /// Walks something as a part of the module that runs only when it is used.
    fn as_part(&mut self, inside: impl FnOnce(&mut Self)) {
        let before = self.owner;
        self.owner = u32::try_from(self.code.owners).unwrap_or(u32::MAX);
        self.code.owners += 1;
        inside(self);
        self.owner = before;
    }

    fn request(&mut self, source: &ast::StringLiteral<'_>, is_loaded: bool) -> usize {
        let request = Request { from: source.value.as_str().into(), span: span(source.span), is_loaded };
        self.code.requests.push(request);
        self.code.requests.len() - 1
    }

    fn statement(&mut self, statement: &ast::Statement<'_>) {
        if self.depth >= DEEPEST {
            return self.too_deep(statement.span());
        }
        self.depth += 1;
        self.inside(statement);
        self.depth -= 1;
    }

    fn too_deep(&mut self, at: oxc_span::Span) {
        let what = "it is nested too deeply to be followed".to_owned();
        self.code.faults.push(SyntaxFault { offset: at.start.into(), what });
    }

    fn statements(&mut self, all: &[ast::Statement<'_>]) {
        for statement in all {
            self.statement(statement);
        }
    }

    fn inside(&mut self, statement: &ast::Statement<'_>) {
        use ast::Statement as S;
        match statement {
            S::BlockStatement(block) => self.scoped(|walk| walk.statements(&block.body)),
            S::ExpressionStatement(only) => self.effect(&only.expression),
            S::ThrowStatement(throw) => self.effect(&throw.argument),
            S::ReturnStatement(result) => {
                let value = result.argument.as_ref().map(|value| self.expression(value));
                self.returns(value);
            }
            S::IfStatement(choice) => {
                self.effect(&choice.test);
                self.statement(&choice.consequent);
                choice.alternate.iter().for_each(|other| self.statement(other));
            }
            S::LabeledStatement(labeled) => self.statement(&labeled.body),
            S::WithStatement(with) => {
                self.effect(&with.object);
                self.statement(&with.body);
            }
            S::SwitchStatement(switch) => {
                self.effect(&switch.discriminant);
                self.scoped(|walk| {
                    for case in &switch.cases {
                        case.test.iter().for_each(|test| walk.effect(test));
                        walk.statements(&case.consequent);
                    }
                });
            }
            S::TryStatement(attempt) => self.attempt(attempt),
            S::DoWhileStatement(_)
            | S::WhileStatement(_)
            | S::ForStatement(_)
            | S::ForInStatement(_)
            | S::ForOfStatement(_) => self.scoped(|walk| walk.repeat(statement)),
            other => other.as_declaration().into_iter().for_each(|one| self.declaration(one)),
        }
    }

    fn attempt(&mut self, attempt: &ast::TryStatement<'_>) {
        self.scoped(|walk| walk.statements(&attempt.block.body));
        if let Some(handler) = &attempt.handler {
            self.scoped(|walk| {
                if let Some(caught) = &handler.param {
                    walk.names(&caught.pattern, None, walk.scope);
                }
                walk.statements(&handler.body.body);
            });
        }
        if let Some(last) = &attempt.finalizer {
            self.scoped(|walk| walk.statements(&last.body));
        }
    }

    fn repeat(&mut self, statement: &ast::Statement<'_>) {
        use ast::Statement as S;
        match statement {
            S::DoWhileStatement(each) => {
                self.statement(&each.body);
                self.effect(&each.test);
            }
            S::WhileStatement(each) => {
                self.effect(&each.test);
                self.statement(&each.body);
            }
            S::ForStatement(each) => {
                match &each.init {
                    Some(ast::ForStatementInit::VariableDeclaration(variables)) => self.variables(variables),
                    Some(other) => other.as_expression().into_iter().for_each(|it| self.effect(it)),
                    None => {}
                }
                each.test.iter().chain(&each.update).for_each(|it| self.effect(it));
                self.statement(&each.body);
            }
            S::ForInStatement(each) => {
                self.effect(&each.right);
                self.each(&each.left, None);
                self.statement(&each.body);
            }
            S::ForOfStatement(each) => {
                let list = self.expression(&each.right);
                self.each(&each.left, Some(Flow { from: Source::Element(list), path: Vec::new() }));
                self.statement(&each.body);
            }
            _ => {}
        }
    }

    fn each(&mut self, left: &ast::ForStatementLeft<'_>, element: Option<Flow>) {
        match left {
            ast::ForStatementLeft::VariableDeclaration(variables) => {
                for variable in &variables.declarations {
                    self.names(&variable.id, element.clone(), self.scope);
                }
            }
            other => {
                if let Some(target) = other.as_assignment_target() {
                    self.target(target, element);
                }
            }
        }
    }

    fn returns(&mut self, value: Option<NodeId>) {
        let function = self.function.and_then(|number| self.code.functions.get_mut(number as usize));
        if let (Some(function), Some(value)) = (function, value) {
            function.returns.push(value);
        }
    }

    /// Walks something in a scope of its own.
    fn scoped<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scope;
        self.scope = u32::try_from(self.code.scopes.len()).unwrap_or(u32::MAX);
        self.code.scopes.push(Scope { parent: Some(before), ..Scope::default() });
        let result = inside(self);
        self.scope = before;
        result
    }

    fn push(&mut self, at: oxc_span::Span, kind: NodeKind) -> NodeId {
        let id = NodeId(u32::try_from(self.code.nodes.len()).unwrap_or(u32::MAX));
        self.code.nodes.push(Node { span: span(at), scope: self.scope, owner: self.owner, kind });
        id
    }

    /// Gives names the values that were assigned to them, and decides which modules are loaded.
    fn finish(mut self) -> Code {
        for (scope, name, flow) in std::mem::take(&mut self.assigned) {
            let mut at = Some(scope);
            while let Some(scope) = at.and_then(|at| self.code.scopes.get_mut(at as usize)) {
                if let Some(binding) = scope.names.get_mut(&name) {
                    binding.sources.push(flow);
                    break;
                }
                at = scope.parent;
            }
        }
        let mut used: HashSet<usize> = HashSet::new();
        let imported = |sources: &[Flow]| match sources.first() {
            Some(Flow { from: Source::Import(request, _), .. }) => Some(*request),
            _ => None,
        };
        for node in &self.code.nodes {
            if let NodeKind::Name(name) = &node.kind
                && let Some(binding) = self.code.binding(node.scope, name)
            {
                used.extend(imported(&binding.sources));
            }
        }
        for outlet in self.code.exports.values() {
            if let Outlet::Local(name) = outlet
                && let Some(binding) = self.code.top(name)
            {
                used.extend(imported(&binding.sources));
            }
        }
        for number in self.in_doubt.difference(&used) {
            if let Some(request) = self.code.requests.get_mut(*number) {
                request.is_loaded = false;
            }
        }
        self.code
    }
}
