//! Declarations, functions, classes and the patterns that take values apart.

use std::collections::HashMap;

use oxc_ast::ast;

use super::super::super::code::{Binding, Class, Flow, NodeId, NodeKind, Outlet, Routine, Source};
use super::Walk;

impl Walk {
    pub(super) fn import(&mut self, import: &ast::ImportDeclaration<'_>, erases_types: bool) {
        use ast::ImportDeclarationSpecifier as Specifier;
        let is_value = import.import_kind.is_value();
        let request = self.request(&import.source, is_value);
        if import.specifiers.is_some() && erases_types {
            self.in_doubt.insert(request);
        }
        for specifier in import.specifiers.iter().flatten() {
            let (local, name) = match specifier {
                Specifier::ImportSpecifier(one) if !one.import_kind.is_value() => continue,
                Specifier::ImportSpecifier(one) => (&one.local, Some(one.imported.name().as_str().into())),
                Specifier::ImportDefaultSpecifier(one) => (&one.local, Some("default".into())),
                Specifier::ImportNamespaceSpecifier(one) => (&one.local, None),
            };
            let flow = Flow { from: Source::Import(request, name), path: Vec::new() };
            self.declare(0, local.name.as_str(), Some(flow), None);
        }
    }

    pub(super) fn declaration(&mut self, declaration: &ast::Declaration<'_>) {
        match declaration {
            ast::Declaration::VariableDeclaration(variables) => self.variables(variables),
            ast::Declaration::FunctionDeclaration(function) => {
                self.named_function(function);
            }
            ast::Declaration::ClassDeclaration(class) => {
                self.named_class(class);
            }
            ast::Declaration::TSEnumDeclaration(listed) => {
                let mut members = Vec::new();
                for member in &listed.body.members {
                    let key = NodeKind::Text(member.id.static_name().as_str().into());
                    let key = self.push(member.span, key);
                    let value = match &member.initializer {
                        Some(value) => self.expression(value),
                        None => self.push(member.span, NodeKind::Other),
                    };
                    members.push((Some(key), value));
                }
                let object = self.push(listed.span, NodeKind::Object(members));
                self.declare(self.scope, listed.id.name.as_str(), Some(flow_of(object)), None);
            }
            ast::Declaration::TSNamespaceDeclaration(space) if !space.declare => {
                if let ast::TSNamespaceDeclarationBody::TSModuleBlock(block) = &space.body {
                    // Its names are visible under its own name only; what runs in it is walked all the same.
                    self.scoped(|walk| {
                        for statement in &block.body {
                            match statement {
                                ast::Statement::ExportDeclaration(export) => {
                                    walk.declaration(&export.declaration);
                                }
                                other => walk.statement(other),
                            }
                        }
                    });
                }
            }
            ast::Declaration::TSImportEqualsDeclaration(import) => {
                if let ast::TSModuleReference::ExternalModuleReference(module) = &import.module_reference {
                    let request = self.request(&module.expression, import.import_kind.is_value());
                    let flow = Flow { from: Source::Import(request, None), path: Vec::new() };
                    self.declare(self.scope, import.id.name.as_str(), Some(flow), None);
                }
            }
            _ => {}
        }
    }

    pub(super) fn variables(&mut self, variables: &ast::VariableDeclaration<'_>) {
        for variable in &variables.declarations {
            self.variable(variable, variables.kind);
        }
    }

    pub(super) fn variable(
        &mut self,
        variable: &ast::VariableDeclarator<'_>,
        kind: ast::VariableDeclarationKind,
    ) {
        let value = variable.init.as_ref().map(|init| self.expression(init));
        let scope = if kind == ast::VariableDeclarationKind::Var { self.hoist } else { self.scope };
        self.names(&variable.id, value.map(flow_of), scope);
        if let (ast::BindingPattern::BindingIdentifier(name), Some(written)) =
            (&variable.id, &variable.type_annotation)
            && let Some(binding) =
                self.code.scopes.get_mut(scope as usize).and_then(|it| it.names.get_mut(name.name.as_str()))
        {
            binding.kind = type_name(&written.type_annotation);
        }
    }

    /// The names that an exported declaration declares.
    pub(super) fn export_names(&mut self, declaration: &ast::Declaration<'_>) {
        let mut export = |name: &str| {
            self.code.exports.insert(name.into(), Outlet::Local(name.into()));
        };
        match declaration {
            ast::Declaration::VariableDeclaration(variables) => {
                for variable in &variables.declarations {
                    variable.id.get_binding_identifiers().iter().for_each(|name| export(name.name.as_str()));
                }
            }
            other => {
                if let Some(name) = other.id() {
                    export(name.name.as_str());
                }
            }
        }
    }

    /// Declares a name in a scope.
    fn declare(&mut self, scope: u32, name: &str, flow: Option<Flow>, kind: Option<Box<str>>) {
        let owner = self.owner;
        if let Some(scope) = self.code.scopes.get_mut(scope as usize) {
            let fresh = || Binding { owner, sources: Vec::new(), kind: None };
            let binding = scope.names.entry(name.into()).or_insert_with(fresh);
            binding.sources.extend(flow);
            binding.kind = binding.kind.take().or(kind);
        }
    }

    /// Declares the names of a pattern; the defaults are walked.
    pub(super) fn names(&mut self, pattern: &ast::BindingPattern<'_>, flow: Option<Flow>, scope: u32) {
        match pattern {
            ast::BindingPattern::BindingIdentifier(name) => {
                self.declare(scope, name.name.as_str(), flow, None);
            }
            ast::BindingPattern::AssignmentPattern(with_default) => {
                let default = self.expression(&with_default.right);
                self.names(&with_default.left, flow, scope);
                self.names(&with_default.left, Some(flow_of(default)), scope);
            }
            ast::BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    let key = self.key(&property.key);
                    let key = self.code.text(key).map(Into::into);
                    self.names(&property.value, flow.as_ref().map(|flow| deeper(flow, key)), scope);
                }
                if let Some(rest) = &object.rest {
                    self.names(&rest.argument, flow, scope);
                }
            }
            ast::BindingPattern::ArrayPattern(list) => {
                for (at, element) in list.elements.iter().enumerate() {
                    if let Some(element) = element {
                        let key = Some(at.to_string().into());
                        self.names(element, flow.as_ref().map(|flow| deeper(flow, key)), scope);
                    }
                }
                if let Some(rest) = &list.rest {
                    self.names(&rest.argument, None, scope);
                }
            }
        }
    }

    pub(super) fn named_function(&mut self, function: &ast::Function<'_>) -> NodeId {
        let value = self.function(function);
        if let Some(name) = &function.id {
            self.declare(self.scope, name.name.as_str(), Some(flow_of(value)), None);
        }
        value
    }

    /// A function with its own `this`.
    pub(super) fn function(&mut self, function: &ast::Function<'_>) -> NodeId {
        let class = self.class.take();
        let value = self.method(function);
        self.class = class;
        value
    }

    fn method(&mut self, function: &ast::Function<'_>) -> NodeId {
        let number = self.routine(&function.params, |walk| {
            if let Some(body) = &function.body {
                walk.statements(&body.statements);
            }
        });
        self.push(function.span, NodeKind::Function(number))
    }

    /// Walks a function: its parameters, then what it does.
    pub(super) fn routine(
        &mut self,
        parameters: &ast::FormalParameters<'_>,
        inside: impl FnOnce(&mut Self),
    ) -> u32 {
        let number = u32::try_from(self.code.functions.len()).unwrap_or(u32::MAX);
        self.code.functions.push(Routine::default());
        let before = (self.function, self.hoist);
        self.function = Some(number);
        self.scoped(|walk| {
            walk.hoist = walk.scope;
            for (index, parameter) in parameters.items.iter().enumerate() {
                walk.parameter(number, index, parameter);
            }
            if let Some(rest) = &parameters.rest {
                walk.names(&rest.rest.argument, None, walk.scope);
            }
            inside(walk);
        });
        (self.function, self.hoist) = before;
        number
    }

    fn parameter(&mut self, function: u32, index: usize, parameter: &ast::FormalParameter<'_>) {
        let kind = parameter.type_annotation.as_ref().and_then(|written| type_name(&written.type_annotation));
        if let Some(routine) = self.code.functions.get_mut(function as usize) {
            routine.parameters.push(kind.clone());
        }
        let flow = Flow { from: Source::Parameter(function, index), path: Vec::new() };
        self.names(&parameter.pattern, Some(flow.clone()), self.scope);
        if let Some(default) = &parameter.initializer {
            let default = self.expression(default);
            self.names(&parameter.pattern, Some(flow_of(default)), self.scope);
        }
        let ast::BindingPattern::BindingIdentifier(name) = &parameter.pattern else { return };
        self.declare(self.scope, name.name.as_str(), None, kind.clone());
        let is_property = parameter.accessibility.is_some() || parameter.readonly;
        if let Some(class) = self.class.filter(|_| is_property) {
            self.field(class, name.name.as_str(), Some(flow), kind);
        }
    }

    pub(super) fn named_class(&mut self, class: &ast::Class<'_>) -> NodeId {
        let value = self.class(class);
        if let Some(name) = &class.id {
            self.declare(self.scope, name.name.as_str(), Some(flow_of(value)), None);
        }
        value
    }

    pub(super) fn class(&mut self, class: &ast::Class<'_>) -> NodeId {
        if let Some(heritage) = &class.heritage {
            self.effect(&heritage.expression);
        }
        let number = u32::try_from(self.code.classes.len()).unwrap_or(u32::MAX);
        self.code.classes.push(Class { constructor: None, fields: HashMap::new() });
        let before = (self.class.replace(number), self.owner);
        for element in &class.body.body {
            match element {
                ast::ClassElement::StaticBlock(block) => {
                    self.at_load(|walk| walk.scoped(|walk| walk.statements(&block.body)));
                }
                ast::ClassElement::MethodDefinition(method) => self.class_method(number, method),
                ast::ClassElement::PropertyDefinition(field) => {
                    let take = |walk: &mut Self| field.value.as_ref().map(|value| walk.expression(value));
                    let value = if field.r#static { self.at_load(take) } else { take(self) };
                    let kind = field
                        .type_annotation
                        .as_ref()
                        .and_then(|written| type_name(&written.type_annotation));
                    let key = self.key(&field.key);
                    if let Some(name) = self.code.text(key).map(ToOwned::to_owned) {
                        self.field(number, &name, value.map(flow_of), kind);
                    }
                }
                ast::ClassElement::AccessorProperty(field) => {
                    field.value.iter().for_each(|value| self.effect(value));
                }
                ast::ClassElement::TSIndexSignature(_) => {}
            }
        }
        (self.class, self.owner) = before;
        self.push(class.span, NodeKind::Class(number))
    }

    fn class_method(&mut self, class: u32, method: &ast::MethodDefinition<'_>) {
        let key = self.key(&method.key);
        let value = self.method(&method.value);
        let function = match self.code.node(value).map(|node| &node.kind) {
            Some(NodeKind::Function(number)) => Some(*number),
            _ => None,
        };
        if method.kind.is_constructor() {
            if let Some(class) = self.code.classes.get_mut(class as usize) {
                class.constructor = function;
            }
        } else if method.kind.is_method()
            && let Some(name) = self.code.text(key).map(ToOwned::to_owned)
        {
            self.field(class, &name, Some(flow_of(value)), None);
        }
    }

    /// Walks what loading the module runs, wherever it stands.
    fn at_load<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.owner);
        let result = inside(self);
        self.owner = before;
        result
    }

    pub(super) fn field(&mut self, class: u32, name: &str, flow: Option<Flow>, kind: Option<Box<str>>) {
        let owner = self.owner;
        if let Some(class) = self.code.classes.get_mut(class as usize) {
            let fresh = || Binding { owner, sources: Vec::new(), kind: None };
            let field = class.fields.entry(name.into()).or_insert_with(fresh);
            field.sources.extend(flow);
            field.kind = field.kind.take().or(kind);
        }
    }
}

/// A value as a source.
pub(super) fn flow_of(value: NodeId) -> Flow {
    Flow { from: Source::Node(value), path: Vec::new() }
}

/// A member of what a flow gives.
pub(super) fn deeper(flow: &Flow, key: Option<Box<str>>) -> Flow {
    let path = flow.path.iter().cloned().chain([key]).collect();
    Flow { from: flow.from.clone(), path }
}

/// The name of a type, of one of two, or of what a type operator stands before.
fn type_name(written: &ast::TSType<'_>) -> Option<Box<str>> {
    match written {
        ast::TSType::TSTypeReference(reference) => match &reference.type_name {
            ast::TSTypeName::IdentifierReference(name) => Some(name.name.as_str().into()),
            ast::TSTypeName::QualifiedName(name) => Some(name.right.name.as_str().into()),
            ast::TSTypeName::ThisExpression(_) => None,
        },
        ast::TSType::TSUnionType(union) => union.types.iter().find_map(type_name),
        ast::TSType::TSIntersectionType(both) => both.types.iter().find_map(type_name),
        ast::TSType::TSParenthesizedType(inner) => type_name(&inner.type_annotation),
        // `RuntimeAPI['fs']`.
        ast::TSType::TSIndexedAccessType(member) => {
            let object = type_name(&member.object_type)?;
            match &member.index_type {
                ast::TSType::TSLiteralType(literal) => match &literal.literal {
                    ast::TSLiteral::StringLiteral(key) => Some(format!("{object}.{}", key.value).into()),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}
