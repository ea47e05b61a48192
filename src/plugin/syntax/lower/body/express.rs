//! Expressions, and what they assign to.

use oxc_ast::ast;
use oxc_span::GetSpan;

use super::super::super::code::{Flow, NodeId, NodeKind};
use super::declare::{deeper, flow_of};
use super::{DEEPEST, Walk};

impl Walk {
    /// Walks an expression whose value nobody takes.
    pub(super) fn effect(&mut self, from: &ast::Expression<'_>) {
        self.expression(from);
    }

    pub(super) fn expression(&mut self, from: &ast::Expression<'_>) -> NodeId {
        if self.depth >= DEEPEST {
            self.too_deep(from.span());
            return self.push(from.span(), NodeKind::Other);
        }
        self.depth += 1;
        let kind = self.value(from);
        self.depth -= 1;
        match kind {
            Ok(kind) => self.push(from.span(), kind),
            Err(known) => known,
        }
    }

    /// What an expression is; the number of one that is there already where they are the same.
    fn value(&mut self, from: &ast::Expression<'_>) -> Result<NodeKind, NodeId> {
        use ast::Expression as E;
        Ok(match from {
            E::StringLiteral(literal) => NodeKind::Text(literal.value.as_str().into()),
            E::NumericLiteral(literal) => NodeKind::Number(literal.value),
            E::TemplateLiteral(template) => NodeKind::Join(self.template(template)),
            E::Identifier(name) => NodeKind::Name(name.name.as_str().into()),
            E::ThisExpression(_) => NodeKind::This(self.class),
            E::ArrayExpression(list) => NodeKind::Array(self.elements(list)),
            E::ObjectExpression(object) => NodeKind::Object(self.object(object)),
            E::CallExpression(call) => self.call(call),
            E::NewExpression(call) => {
                let callee = self.expression(&call.callee);
                NodeKind::New(callee, self.arguments(&call.arguments))
            }
            E::ImportExpression(import) => NodeKind::Import(self.expression(&import.source)),
            E::TaggedTemplateExpression(tagged) => {
                let tag = self.expression(&tagged.tag);
                let parts = self.template(&tagged.quasi);
                let text = self.push(tagged.quasi.span, NodeKind::Join(parts));
                NodeKind::Call(tag, vec![text])
            }
            E::ConditionalExpression(choice) => {
                self.effect(&choice.test);
                NodeKind::Choice(self.expression(&choice.consequent), self.expression(&choice.alternate))
            }
            E::LogicalExpression(logical) => {
                NodeKind::Choice(self.expression(&logical.left), self.expression(&logical.right))
            }
            E::BinaryExpression(binary) => {
                let sides = vec![self.expression(&binary.left), self.expression(&binary.right)];
                let is_sum = binary.operator == ast::BinaryOperator::Addition;
                if is_sum { NodeKind::Join(sides) } else { NodeKind::Other }
            }
            E::AwaitExpression(inner) => NodeKind::Same(self.expression(&inner.argument)),
            E::AssignmentExpression(assignment) => self.assignment(assignment),
            E::SequenceExpression(all) => {
                let values: Vec<_> = all.expressions.iter().map(|one| self.expression(one)).collect();
                values.last().map_or(NodeKind::Other, |last| NodeKind::Same(*last))
            }
            E::ChainExpression(chain) => return self.chain(chain),
            E::ArrowFunctionExpression(arrow) => NodeKind::Function(self.arrow(arrow)),
            E::FunctionExpression(function) => return Err(self.function(function)),
            E::ClassExpression(class) => return Err(self.class(class)),
            other => return self.rest(other),
        })
    }

    /// The rarer kinds.
    fn rest(&mut self, from: &ast::Expression<'_>) -> Result<NodeKind, NodeId> {
        use ast::Expression as E;
        if let Some(inner) = super::super::wrapped(from) {
            return Err(self.expression(inner));
        }
        if let Some(member) = from.as_member_expression() {
            return Ok(self.member(member));
        }
        match from {
            E::UnaryExpression(unary) => self.effect(&unary.argument),
            E::YieldExpression(result) => {
                result.argument.iter().for_each(|value| self.effect(value));
            }
            E::UpdateExpression(update) => {
                if let Some(member) = update.argument.as_member_expression() {
                    self.member(member);
                }
            }
            E::PrivateInExpression(inside) => self.effect(&inside.right),
            E::JSXElement(element) => self.element(element),
            E::JSXFragment(fragment) => self.children(&fragment.children),
            E::ImportMeta(_) => return Ok(NodeKind::Name("import.meta".into())),
            _ => {}
        }
        Ok(NodeKind::Other)
    }

    fn call(&mut self, call: &ast::CallExpression<'_>) -> NodeKind {
        let callee = self.expression(&call.callee);
        NodeKind::Call(callee, self.arguments(&call.arguments))
    }

    fn chain(&mut self, chain: &ast::ChainExpression<'_>) -> Result<NodeKind, NodeId> {
        match &chain.expression {
            ast::ChainElement::CallExpression(call) => Ok(self.call(call)),
            ast::ChainElement::TSNonNullExpression(inner) => Err(self.expression(&inner.expression)),
            other => Ok(other.as_member_expression().map_or(NodeKind::Other, |member| self.member(member))),
        }
    }

    fn member(&mut self, member: &ast::MemberExpression<'_>) -> NodeKind {
        match member {
            ast::MemberExpression::StaticMemberExpression(one) => {
                let object = self.expression(&one.object);
                let key = NodeKind::Text(one.property.name.as_str().into());
                NodeKind::Member(object, self.push(one.property.span, key))
            }
            ast::MemberExpression::ComputedMemberExpression(one) => {
                NodeKind::Member(self.expression(&one.object), self.expression(&one.expression))
            }
            ast::MemberExpression::PrivateFieldExpression(one) => {
                let object = self.expression(&one.object);
                let key = NodeKind::Text(format!("#{}", one.field.name).into());
                NodeKind::Member(object, self.push(one.field.span, key))
            }
        }
    }

    fn arrow(&mut self, arrow: &ast::ArrowFunctionExpression<'_>) -> u32 {
        self.routine(&arrow.params, |walk| match &arrow.body {
            ast::ArrowFunctionBody::FunctionBody(body) => walk.statements(&body.statements),
            other => {
                let value = other.as_expression().map(|value| walk.expression(value));
                walk.returns(value);
            }
        })
    }

    fn template(&mut self, template: &ast::TemplateLiteral<'_>) -> Vec<NodeId> {
        let mut expressions = template.expressions.iter();
        let mut parts = Vec::new();
        for text in &template.quasis {
            let cooked = text.value.cooked.as_ref().unwrap_or(&text.value.raw);
            if !cooked.is_empty() || template.quasis.len() == 1 {
                parts.push(self.push(text.span, NodeKind::Text(cooked.as_str().into())));
            }
            parts.extend(expressions.next().map(|value| self.expression(value)));
        }
        parts
    }

    fn elements(&mut self, list: &ast::ArrayExpression<'_>) -> Vec<NodeId> {
        let mut values = Vec::new();
        for element in &list.elements {
            values.push(match element {
                ast::ArrayExpressionElement::SpreadElement(spread) => self.spread(spread),
                other => match other.as_expression() {
                    Some(value) => self.expression(value),
                    None => self.push(other.span(), NodeKind::Other),
                },
            });
        }
        values
    }

    fn spread(&mut self, spread: &ast::SpreadElement<'_>) -> NodeId {
        let inner = self.expression(&spread.argument);
        self.push(spread.span, NodeKind::Same(inner))
    }

    fn arguments(&mut self, all: &[ast::Argument<'_>]) -> Vec<NodeId> {
        let mut values = Vec::new();
        for argument in all {
            values.push(match argument {
                ast::Argument::SpreadElement(spread) => self.spread(spread),
                other => match other.as_expression() {
                    Some(value) => self.expression(value),
                    None => self.push(other.span(), NodeKind::Other),
                },
            });
        }
        values
    }

    fn object(&mut self, object: &ast::ObjectExpression<'_>) -> Vec<(Option<NodeId>, NodeId)> {
        let mut members = Vec::new();
        for property in &object.properties {
            members.push(match property {
                ast::ObjectPropertyKind::SpreadProperty(spread) => (None, self.expression(&spread.argument)),
                ast::ObjectPropertyKind::ObjectProperty(one) => {
                    (Some(self.key(&one.key)), self.expression(&one.value))
                }
            });
        }
        members
    }

    pub(super) fn key(&mut self, key: &ast::PropertyKey<'_>) -> NodeId {
        match key {
            ast::PropertyKey::StaticIdentifier(name) => {
                self.push(name.span, NodeKind::Text(name.name.as_str().into()))
            }
            ast::PropertyKey::PrivateIdentifier(name) => {
                self.push(name.span, NodeKind::Text(format!("#{}", name.name).into()))
            }
            other => match other.as_expression() {
                Some(value) => self.expression(value),
                None => self.push(other.span(), NodeKind::Other),
            },
        }
    }

    fn assignment(&mut self, assignment: &ast::AssignmentExpression<'_>) -> NodeKind {
        let value = self.expression(&assignment.right);
        let target = self.target(&assignment.left, Some(flow_of(value)));
        target.map_or(NodeKind::Same(value), |target| NodeKind::Assign(target, value))
    }

    /// Walks what is assigned to, and gives it its value.
    pub(super) fn target(
        &mut self,
        target: &ast::AssignmentTarget<'_>,
        flow: Option<Flow>,
    ) -> Option<NodeId> {
        use ast::AssignmentTarget as T;
        match target {
            T::AssignmentTargetIdentifier(name) => {
                if let Some(flow) = flow {
                    self.assigned.push((self.scope, name.name.as_str().into(), flow));
                }
                Some(self.push(name.span, NodeKind::Name(name.name.as_str().into())))
            }
            T::ObjectAssignmentTarget(object) => {
                for property in &object.properties {
                    match property {
                        ast::AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(one) => {
                            let name = one.binding.name.as_str();
                            if let Some(flow) = &flow {
                                let flow = deeper(flow, Some(name.into()));
                                self.assigned.push((self.scope, name.into(), flow));
                            }
                            one.init.iter().for_each(|default| self.effect(default));
                        }
                        ast::AssignmentTargetProperty::AssignmentTargetPropertyProperty(one) => {
                            let key = self.key(&one.name);
                            let key = self.code.text(key).map(Into::into);
                            let flow = flow.as_ref().map(|flow| deeper(flow, key));
                            self.maybe_default(&one.binding, flow);
                        }
                    }
                }
                None
            }
            T::ArrayAssignmentTarget(list) => {
                for (at, element) in list.elements.iter().enumerate() {
                    let key = || Some(at.to_string().into());
                    if let Some(element) = element {
                        self.maybe_default(element, flow.as_ref().map(|flow| deeper(flow, key())));
                    }
                }
                None
            }
            other => {
                let member = other.as_simple_assignment_target()?.as_member_expression()?;
                let kind = self.member(member);
                self.own_field(&kind, flow);
                if let NodeKind::Member(object, key) = &kind {
                    self.code.is_common |= self.is_exports(*object, *key);
                }
                Some(self.push(member.span(), kind))
            }
        }
    }

    fn maybe_default(&mut self, target: &ast::AssignmentTargetMaybeDefault<'_>, flow: Option<Flow>) {
        match target {
            ast::AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(one) => {
                self.effect(&one.init);
                self.target(&one.binding, flow);
            }
            other => {
                if let Some(target) = other.as_assignment_target() {
                    self.target(target, flow);
                }
            }
        }
    }

    /// `this.name = value` in a class.
    fn own_field(&mut self, kind: &NodeKind, flow: Option<Flow>) {
        let NodeKind::Member(object, key) = kind else { return };
        let class = match self.code.node(*object).map(|node| &node.kind) {
            Some(NodeKind::This(Some(class))) => *class,
            _ => return,
        };
        if let Some(name) = self.code.text(*key).map(ToOwned::to_owned) {
            self.field(class, &name, flow, None);
        }
    }

    /// Whether a member is one of `exports`, or `module.exports`.
    fn is_exports(&self, object: NodeId, key: NodeId) -> bool {
        match self.code.node(object).map(|node| &node.kind) {
            Some(NodeKind::Name(name)) => {
                &**name == "exports" || (&**name == "module" && self.code.text(key) == Some("exports"))
            }
            Some(NodeKind::Member(inner, key)) => self.is_exports(*inner, *key),
            _ => false,
        }
    }

    fn element(&mut self, element: &ast::JSXElement<'_>) {
        let opening = &element.opening_element;
        if let ast::JSXElementName::IdentifierReference(name) = &opening.name {
            self.push(name.span, NodeKind::Name(name.name.as_str().into()));
        }
        for attribute in &opening.attributes {
            match attribute {
                ast::JSXAttributeItem::SpreadAttribute(spread) => self.effect(&spread.argument),
                ast::JSXAttributeItem::Attribute(one) => match &one.value {
                    Some(ast::JSXAttributeValue::ExpressionContainer(inner)) => {
                        inner.expression.as_expression().into_iter().for_each(|it| self.effect(it));
                    }
                    Some(ast::JSXAttributeValue::Element(inner)) => self.element(inner),
                    _ => {}
                },
            }
        }
        self.children(&element.children);
    }

    fn children(&mut self, children: &[ast::JSXChild<'_>]) {
        if self.depth >= DEEPEST {
            return;
        }
        self.depth += 1;
        for child in children {
            match child {
                ast::JSXChild::Element(element) => self.element(element),
                ast::JSXChild::Fragment(fragment) => self.children(&fragment.children),
                ast::JSXChild::ExpressionContainer(inner) => {
                    inner.expression.as_expression().into_iter().for_each(|it| self.effect(it));
                }
                ast::JSXChild::Spread(spread) => self.effect(&spread.expression),
                ast::JSXChild::Text(_) => {}
            }
        }
        self.depth -= 1;
    }
}
