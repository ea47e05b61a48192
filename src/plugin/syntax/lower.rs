//! The way from the parser's tree to ours. Nothing else knows the parser.

mod body;

use oxc_allocator::Allocator;
use oxc_ast::ast;
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};

use super::code::Code;
use super::{
    Arithmetic, Dialect, Export, Expr, ExprKind, Function, Import, Item, Logical, Module, Property,
    SyntaxFault,
};
use crate::span::ByteSpan;

/// Brackets in brackets, and expressions in expressions, that are followed.
const DEEPEST: usize = 200;

/// Operators and words without a comma or semicolon between them: these nest too, in the parser.
const LONGEST_CHAIN: usize = 20_000;

/// Chains that need more stack than every thread has.
const LONG_CHAIN: usize = 1000;

/// Room for a chain of the longest kind, of which only what is used is taken.
const STACK: usize = 512 << 20;

/// Bytes of a file.
const LONGEST: usize = 16 << 20;

/// Reads what a module exports.
pub(super) fn module(text: &str, dialect: Dialect) -> Module {
    let taken = with_program(text, dialect, |program, faults| {
        let mut module = Module { faults, ..Module::default() };
        for statement in &program.body {
            module.take(statement);
        }
        module
    });
    taken.unwrap_or_else(|fault| Module { faults: vec![fault], ..Module::default() })
}

/// Reads what a module does.
pub(super) fn code(text: &str, dialect: Dialect) -> Code {
    let taken = with_program(text, dialect, |program, faults| body::code(program, faults, dialect));
    taken.unwrap_or_else(|fault| Code { faults: vec![fault], ..Code::default() })
}

/// Parses a text, on a larger stack if it needs one, and takes what is wanted from the tree.
fn with_program<T: Send>(
    text: &str,
    dialect: Dialect,
    take: impl FnOnce(&ast::Program<'_>, Vec<SyntaxFault>) -> T + Send,
) -> Result<T, SyntaxFault> {
    if chain(text)? < LONG_CHAIN {
        return Ok(parse(text, dialect, take));
    }
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK);
        let parsed = parser
            .spawn_scoped(scope, || parse(text, dialect, take))
            .ok()
            .and_then(|running| running.join().ok());
        parsed.ok_or_else(|| SyntaxFault {
            offset: 0,
            what: "there is not enough memory to read it".to_owned(),
        })
    })
}

fn parse<T>(text: &str, dialect: Dialect, take: impl FnOnce(&ast::Program<'_>, Vec<SyntaxFault>) -> T) -> T {
    let kind = match dialect {
        Dialect::TypeScript => SourceType::ts(),
        Dialect::Tsx => SourceType::tsx(),
        Dialect::JavaScript | Dialect::Json => SourceType::jsx(),
    };
    let arena = Allocator::default();
    let parsed = Parser::new(&arena, text, kind).parse();
    let mut faults = Vec::new();
    for fault in &parsed.diagnostics {
        let offset = fault.labels.first().map_or(0, |label| label.offset() as u64);
        faults.push(SyntaxFault { offset, what: fault.message.to_string() });
    }
    take(&parsed.program, faults)
}

/// The one expression that a text is, which must not be nested deeply.
pub(super) fn expression(text: &str) -> Result<Expr, SyntaxFault> {
    let arena = Allocator::default();
    match Parser::new(&arena, text, SourceType::mjs()).parse_expression() {
        Ok(value) => Ok(expr(DEEPEST, &value)),
        Err(faults) => {
            let offset =
                faults.first().and_then(|fault| fault.labels.first()).map_or(0, |label| label.offset());
            Err(SyntaxFault { offset: offset as u64, what: "it cannot be read".to_owned() })
        }
    }
}

/// The longest chain of a text. Refuses what would exhaust any stack.
fn chain(text: &str) -> Result<usize, SyntaxFault> {
    let fault = |offset: usize, what: &str| Err(SyntaxFault { offset: offset as u64, what: what.to_owned() });
    if text.len() > LONGEST {
        return fault(0, "it is longer than 16 MiB");
    }
    let (mut depth, mut chain, mut longest, mut in_word) = (0_usize, 0_usize, 0, false);
    for (at, byte) in text.bytes().enumerate() {
        let is_word = byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'_' || byte == b'$';
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' | b',' => chain = 0,
            _ if is_word && in_word => {}
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => chain += 1,
        }
        in_word = is_word;
        // A bracket costs the parser more than an operator.
        longest = longest.max(chain).max(depth * 5);
        if longest > LONGEST_CHAIN {
            return fault(at, "it is nested too deeply to be written by a person");
        }
    }
    Ok(longest)
}

impl Module {
    fn take(&mut self, statement: &ast::Statement<'_>) {
        use ast::Statement as S;
        match statement {
            S::VariableDeclaration(declaration) => self.variables(declaration, false),
            S::FunctionDeclaration(function) => self.function(function, false),
            S::TSEnumDeclaration(declaration) => self.enumeration(declaration, false),
            S::ImportDeclaration(import) => self.import(import),
            S::ExportDeclaration(export) => match &export.declaration {
                ast::Declaration::VariableDeclaration(declaration) => self.variables(declaration, true),
                ast::Declaration::FunctionDeclaration(function) => self.function(function, true),
                ast::Declaration::TSEnumDeclaration(declaration) => self.enumeration(declaration, true),
                _ => {}
            },
            S::ExportDefaultDeclaration(export) => {
                if let Some(value) = export.declaration.as_expression() {
                    self.exports.insert("default".to_owned(), Export::Value(expr(DEEPEST, value)));
                }
            }
            S::ExportNamedDeclaration(export) => {
                for specifier in &export.specifiers {
                    let (name, local) = (specifier.exported.name(), specifier.local.name());
                    self.exports.insert(name.to_string(), Export::Local(local.to_string()));
                }
            }
            S::ExportFromDeclaration(export) => {
                for specifier in &export.specifiers {
                    let from = export.source.value.to_string();
                    let import = Import { from, name: Some(specifier.local.name().to_string()) };
                    self.exports.insert(specifier.exported.name().to_string(), Export::From(import));
                }
            }
            S::ExportAllDeclaration(export) => {
                let from = export.source.value.to_string();
                match &export.exported {
                    None => self.stars.push(from),
                    Some(name) => {
                        let import = Import { from, name: None };
                        self.exports.insert(name.name().to_string(), Export::From(import));
                    }
                }
            }
            S::ExpressionStatement(statement) => self.effects.push(span(statement.span)),
            S::IfStatement(_) | S::ForStatement(_) | S::ForOfStatement(_) | S::TryStatement(_) => {
                self.effects.push(span(statement.span()));
            }
            _ => {}
        }
    }

    fn bind(&mut self, name: &str, value: Expr, exported: bool) {
        if exported {
            self.exports.insert(name.to_owned(), Export::Local(name.to_owned()));
        }
        self.bindings.insert(name.to_owned(), value);
    }

    fn variables(&mut self, declaration: &ast::VariableDeclaration<'_>, exported: bool) {
        let is_fixed = declaration.kind == ast::VariableDeclarationKind::Const;
        for variable in &declaration.declarations {
            let Some(init) = &variable.init else { continue };
            let value = match (is_fixed, expr(DEEPEST, init)) {
                (true, value) => value,
                (false, value) => {
                    Expr { span: value.span, kind: ExprKind::Other("a variable that may change") }
                }
            };
            self.pattern(&variable.id, value, exported);
        }
    }

    /// Binds the names of a pattern, which may take an object apart.
    fn pattern(&mut self, pattern: &ast::BindingPattern<'_>, value: Expr, exported: bool) {
        match pattern {
            ast::BindingPattern::BindingIdentifier(name) => self.bind(name.name.as_str(), value, exported),
            ast::BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    let member =
                        ExprKind::Member(Box::new(value.clone()), Box::new(key(DEEPEST, &property.key)));
                    self.pattern(&property.value, Expr { span: span(property.span), kind: member }, exported);
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, function: &ast::Function<'_>, exported: bool) {
        if let Some(name) = &function.id {
            let kind = function_kind(DEEPEST, &function.params, function.body.as_deref());
            self.bind(name.name.as_str(), Expr { span: span(function.span), kind }, exported);
        }
    }

    /// An enumeration is an object with its members.
    fn enumeration(&mut self, declaration: &ast::TSEnumDeclaration<'_>, exported: bool) {
        let mut next = 0.0;
        let mut members = Vec::new();
        for member in &declaration.body.members {
            let at = span(member.span);
            let name = Expr { span: at, kind: ExprKind::Text(member.id.static_name().to_string()) };
            let value = match &member.initializer {
                Some(value) => expr(DEEPEST, value),
                None => Expr { span: at, kind: ExprKind::Number(next) },
            };
            next = if let ExprKind::Number(number) = value.kind { number + 1.0 } else { next + 1.0 };
            members.push(Property::Keyed(name, value));
        }
        let value = Expr { span: span(declaration.span), kind: ExprKind::Object(members) };
        self.bind(declaration.id.name.as_str(), value, exported);
    }

    fn import(&mut self, import: &ast::ImportDeclaration<'_>) {
        use ast::ImportDeclarationSpecifier as Specifier;
        for specifier in import.specifiers.iter().flatten() {
            let (local, name) = match specifier {
                Specifier::ImportSpecifier(one) => (&one.local, Some(one.imported.name().to_string())),
                Specifier::ImportDefaultSpecifier(one) => (&one.local, Some("default".to_owned())),
                Specifier::ImportNamespaceSpecifier(one) => (&one.local, None),
            };
            let import = Import { from: import.source.value.to_string(), name };
            self.imports.insert(local.name.to_string(), import);
        }
    }
}

fn span(span: Span) -> ByteSpan {
    ByteSpan { start: span.start.into(), end: span.end.into() }
}

fn expr(deep: usize, from: &ast::Expression<'_>) -> Expr {
    let kind = match deep {
        0 => ExprKind::Other("an expression that is nested too deeply"),
        deep => kind(deep - 1, from),
    };
    Expr { span: span(from.span()), kind }
}

fn boxed(deep: usize, from: &ast::Expression<'_>) -> Box<Expr> {
    Box::new(expr(deep, from))
}

fn kind(deep: usize, from: &ast::Expression<'_>) -> ExprKind {
    use ast::Expression as E;
    match from {
        E::NullLiteral(_) => ExprKind::Null,
        E::BooleanLiteral(literal) => ExprKind::Bool(literal.value),
        E::NumericLiteral(literal) => ExprKind::Number(literal.value),
        E::StringLiteral(literal) => ExprKind::Text(literal.value.to_string()),
        E::TemplateLiteral(template) => ExprKind::Template(parts(deep, template)),
        E::Identifier(name) => ExprKind::Name(name.name.to_string()),
        E::ArrayExpression(array) => {
            ExprKind::Array(array.elements.iter().map(|from| element(deep, from)).collect())
        }
        E::ObjectExpression(object) => {
            ExprKind::Object(object.properties.iter().map(|from| property(deep, from)).collect())
        }
        E::CallExpression(call) => call_kind(deep, call),
        E::StaticMemberExpression(_) | E::ComputedMemberExpression(_) => {
            from.as_member_expression().map_or(PRIVATE, |from| member(deep, from))
        }
        E::ConditionalExpression(choice) => {
            ExprKind::Either(boxed(deep, &choice.consequent), boxed(deep, &choice.alternate))
        }
        E::LogicalExpression(logical) => {
            let operator = match logical.operator {
                ast::LogicalOperator::Or => Logical::Or,
                ast::LogicalOperator::And => Logical::And,
                ast::LogicalOperator::Coalesce => Logical::Coalesce,
            };
            ExprKind::Logical(operator, boxed(deep, &logical.left), boxed(deep, &logical.right))
        }
        E::BinaryExpression(binary) => match arithmetic(binary.operator) {
            Some(operator) => {
                ExprKind::Binary(operator, boxed(deep, &binary.left), boxed(deep, &binary.right))
            }
            None => ExprKind::Other("a comparison"),
        },
        E::UnaryExpression(unary) if unary.operator == ast::UnaryOperator::UnaryNegation => {
            ExprKind::Negative(boxed(deep, &unary.argument))
        }
        E::ArrowFunctionExpression(arrow) => match &arrow.body {
            ast::ArrowFunctionBody::FunctionBody(body) => function_kind(deep, &arrow.params, Some(body)),
            other => match other.as_expression() {
                Some(body) => computing(&arrow.params, expr(deep, body)),
                None => ExprKind::Other("a function"),
            },
        },
        E::FunctionExpression(function) => function_kind(deep, &function.params, function.body.as_deref()),
        other => wrapped(other).map_or_else(|| unlike(deep, other), |inner| expr(deep, inner).kind),
    }
}

const PRIVATE: ExprKind = ExprKind::Other("a private field");

fn call_kind(deep: usize, call: &ast::CallExpression<'_>) -> ExprKind {
    ExprKind::Call(boxed(deep, &call.callee), arguments(deep, &call.arguments))
}

/// The expression inside of brackets or beside a type.
fn wrapped<'a, 'b>(from: &'b ast::Expression<'a>) -> Option<&'b ast::Expression<'a>> {
    use ast::Expression as E;
    Some(match from {
        E::ParenthesizedExpression(inner) => &inner.expression,
        E::TSAsExpression(inner) => &inner.expression,
        E::TSSatisfiesExpression(inner) => &inner.expression,
        E::TSTypeAssertion(inner) => &inner.expression,
        E::TSNonNullExpression(inner) => &inner.expression,
        E::TSInstantiationExpression(inner) => &inner.expression,
        _ => return None,
    })
}

/// What is left: chains with `?.`, and what is not evaluated.
fn unlike(deep: usize, from: &ast::Expression<'_>) -> ExprKind {
    use ast::Expression as E;
    match from {
        E::ChainExpression(chain) => match &chain.expression {
            ast::ChainElement::CallExpression(call) => call_kind(deep, call),
            ast::ChainElement::TSNonNullExpression(inner) => expr(deep, &inner.expression).kind,
            other => other.as_member_expression().map_or(PRIVATE, |from| member(deep, from)),
        },
        E::NewExpression(_) => ExprKind::Other("a new object"),
        E::AwaitExpression(_) => ExprKind::Other("an awaited value"),
        E::RegExpLiteral(_) => ExprKind::Other("a regular expression"),
        _ => ExprKind::Other("an expression"),
    }
}

fn arithmetic(operator: ast::BinaryOperator) -> Option<Arithmetic> {
    match operator {
        ast::BinaryOperator::Addition => Some(Arithmetic::Add),
        ast::BinaryOperator::Subtraction => Some(Arithmetic::Subtract),
        ast::BinaryOperator::Multiplication => Some(Arithmetic::Multiply),
        ast::BinaryOperator::Division => Some(Arithmetic::Divide),
        _ => None,
    }
}

fn member(deep: usize, from: &ast::MemberExpression<'_>) -> ExprKind {
    match from {
        ast::MemberExpression::StaticMemberExpression(member) => {
            let name = ExprKind::Text(member.property.name.to_string());
            let name = Expr { span: span(member.property.span), kind: name };
            ExprKind::Member(boxed(deep, &member.object), Box::new(name))
        }
        ast::MemberExpression::ComputedMemberExpression(member) => {
            ExprKind::Member(boxed(deep, &member.object), boxed(deep, &member.expression))
        }
        ast::MemberExpression::PrivateFieldExpression(_) => PRIVATE,
    }
}

/// The texts and expressions of a template, in turn.
fn parts(deep: usize, template: &ast::TemplateLiteral<'_>) -> Vec<Expr> {
    let mut expressions = template.expressions.iter();
    let mut parts = Vec::new();
    for text in &template.quasis {
        let cooked = text.value.cooked.as_ref().unwrap_or(&text.value.raw).to_string();
        parts.push(Expr { span: span(text.span), kind: ExprKind::Text(cooked) });
        parts.extend(expressions.next().map(|from| expr(deep, from)));
    }
    parts
}

fn element(deep: usize, from: &ast::ArrayExpressionElement<'_>) -> Item {
    match from {
        ast::ArrayExpressionElement::SpreadElement(spread) => Item::Spread(expr(deep, &spread.argument)),
        other => Item::One(other.as_expression().map_or_else(|| hole(other.span()), |from| expr(deep, from))),
    }
}

fn hole(at: Span) -> Expr {
    Expr { span: span(at), kind: ExprKind::Name("undefined".to_owned()) }
}

fn arguments(deep: usize, from: &[ast::Argument<'_>]) -> Vec<Item> {
    let argument = |from: &ast::Argument<'_>| match from {
        ast::Argument::SpreadElement(spread) => Item::Spread(expr(deep, &spread.argument)),
        other => Item::One(other.as_expression().map_or_else(|| hole(other.span()), |from| expr(deep, from))),
    };
    from.iter().map(argument).collect()
}

fn property(deep: usize, from: &ast::ObjectPropertyKind<'_>) -> Property {
    match from {
        ast::ObjectPropertyKind::SpreadProperty(spread) => Property::Spread(expr(deep, &spread.argument)),
        ast::ObjectPropertyKind::ObjectProperty(property) => {
            let value = match property.kind {
                ast::PropertyKind::Init => expr(deep, &property.value),
                _ => Expr { span: span(property.span), kind: ExprKind::Other("a getter or setter") },
            };
            Property::Keyed(key(deep, &property.key), value)
        }
    }
}

fn key(deep: usize, from: &ast::PropertyKey<'_>) -> Expr {
    let kind = match from {
        ast::PropertyKey::StaticIdentifier(name) => ExprKind::Text(name.name.to_string()),
        other => {
            other.as_expression().map_or(ExprKind::Other("a private name"), |from| expr(deep, from).kind)
        }
    };
    Expr { span: span(from.span()), kind }
}

fn function_kind(
    deep: usize,
    parameters: &ast::FormalParameters<'_>,
    body: Option<&ast::FunctionBody<'_>>,
) -> ExprKind {
    match body.map(|body| &body.statements[..]) {
        Some([ast::Statement::ReturnStatement(only)]) => match &only.argument {
            Some(value) => computing(parameters, expr(deep, value)),
            None => ExprKind::Other("a function"),
        },
        _ => ExprKind::Other("a function with statements"),
    }
}

fn computing(parameters: &ast::FormalParameters<'_>, body: Expr) -> ExprKind {
    let name = |parameter: &ast::FormalParameter<'_>| match &parameter.pattern {
        ast::BindingPattern::BindingIdentifier(name) => Some(name.name.to_string()),
        _ => None,
    };
    let parameters = parameters.items.iter().map(name).collect();
    ExprKind::Function(Box::new(Function { parameters, body }))
}
