//! The flow's signature and body: statements in order, names defined as they come.

use serde_json::Value as Json;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::calls::Calls;
use super::declared::Declared;
use super::expressions::{Lowering, Typed, convert};
use super::matched::{Matched, matched};
use super::misfit::part;
use super::model::{Flow, Hir, Input, Operator, Position, Released};
use super::nodes::{Block, Node, NodeKind};
use super::placed::{NAMED_AT_ONCE, Placed};
use super::policies::BOUNDS;
use super::scope::{Scope, defined_names};
use super::shown::spans;
use super::{classes, items, policies};
use crate::diagnostics::codes::{graph, names, retry};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::{Expr, confirmed_by, provenance};
use crate::plan::{Wait, ranges};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Answer, Field, PartsLeft, Type, assignable_to_field};

/// Deadline of a flow that names none: one hour.
const DEADLINE_MS: u64 = 3_600_000;

/// Lowers one flow.
pub(crate) fn flow(
    declared: &mut Declared<'_>,
    operators: &BTreeMap<String, Operator>,
    callees: &BTreeMap<String, Arc<Hir>>,
    item: &ast::Flow,
    text: &str,
    sink: &mut Sink,
) -> Flow {
    let (modules, apis) = (declared.modules, declared.apis);
    let root = modules.root;
    let agent = item.agent.as_ref().and_then(|agent| {
        let id = items::agent(modules, root, agent, sink)?;
        Some((agent.operator.text.clone(), id))
    });
    let agent = agent.filter(|(name, _)| operators.contains_key(name));
    let handoff = item.handoff.as_ref().map(|path| Arc::new(policies::handoff(modules, root, path, sink)));
    let mut later: BTreeSet<String> = item.inputs.iter().map(|input| input.name.text.clone()).collect();
    defined_names(&item.body, &mut later);
    let mut matches = Matched::new();
    matched(&item.body, &mut matches);
    let mut scope = Scope::new(later);
    let mut inputs = Vec::new();
    for input in &item.inputs {
        let ty = declared.ty(root, &input.ty, sink);
        let field = Field::of(ty.clone());
        let default = input.default.as_ref().map(|default| {
            let mut empty = Scope::new(BTreeSet::new());
            let mut value = Lowering {
                scope: &mut empty,
                sink: &mut *sink,
                declared: &mut *declared,
                from: root,
                pure: false,
            }
            .lower(default, Some(&ty));
            convert(&mut value, &field);
            value
        });
        scope.define(
            &input.name,
            if default.is_some() { ty.clone().present() } else { ty.clone() },
            false,
            sink,
        );
        inputs.push((input, ty, field, default));
    }
    let output = declared.ty(root, &item.output, sink);
    let deadline_ms = item.deadline.as_ref().map_or(DEADLINE_MS, |deadline| deadline.value);
    if let Some(deadline) = &item.deadline
        && !(1..=ranges::DEADLINE_MS).contains(&deadline.value)
    {
        let message = "a deadline is between 1ms and 366d";
        sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, deadline.span, message).help(BOUNDS));
    }
    if item.agent.is_none() {
        sink.push(items::no_agent(&item.name, operators));
    }
    let typed: Vec<(&ast::Input, Type)> = inputs.iter().map(|(input, ty, ..)| (*input, ty.clone())).collect();
    let mut classified = classes::inputs(modules, item, &typed, sink);
    classified.extend(typed.iter().flat_map(|(input, _)| declared.described(input)));
    let cleared = classes::cleared(modules, &item.cleared, apis, operators, sink);
    let mut lowering = FlowLowering {
        calls: Calls {
            modules,
            apis,
            handoff: handoff.clone(),
            relaxed: BTreeMap::new(),
            bound: BTreeMap::new(),
        },
        scope,
        sink,
        declared,
        positions: Vec::new(),
        unbound: Vec::new(),
        output_spans: Vec::new(),
        unbuilt: BTreeSet::new(),
        counters: BTreeMap::new(),
        ids: BTreeMap::new(),
        output: output.clone(),
        callees,
        matches,
        operator: agent.as_ref().map(|(name, _)| name.clone()),
        releases: BTreeMap::new(),
        parts: PartsLeft::default(),
        node: String::new(),
        lines: Lines::of(text),
    };
    for (input, _, field, default) in &inputs {
        if let Some(default) = default {
            lowering.node = format!("input_{}", input.name.text);
            let place = || format!("the default of `{}`", input.name.text);
            lowering.position(default, field, place, Some(input.ty.span));
        }
    }
    let body = lowering.block(&item.body, None);
    lowering.scope.leave(lowering.sink);
    classified.extend(lowering.classified_answers());
    let releases = std::mem::take(&mut lowering.releases);
    let positions = std::mem::take(&mut lowering.positions);
    let unbound = std::mem::take(&mut lowering.unbound);
    let output_spans = std::mem::take(&mut lowering.output_spans);
    let inputs = inputs.into_iter().map(|(input, ty, _, default)| Input {
        name: input.name.text.clone(),
        span: input.name.span,
        ty,
        default: default.map(|default| default.expr),
    });
    Flow {
        name: item.name.text.clone(),
        span: item.name.span,
        agent,
        agent_span: item.agent.as_ref().map(|agent| agent.span),
        inputs: inputs.collect(),
        output,
        handoff,
        deadline_ms,
        deadline_span: item.deadline.as_ref().map(|deadline| deadline.span),
        cleared,
        classified,
        releases,
        body,
        positions,
        unbound,
        written: written(&item.body),
        output_spans,
    }
}

/// The calls of a block as they are written: api and operation.
fn written(block: &ast::Block) -> Vec<(String, String)> {
    let of = |call: &ast::Call| (call.api.text.clone(), call.operation.text.clone());
    let calls = |statement: &ast::Statement| match statement {
        ast::Statement::Step(step) => {
            let undo = step.undo.iter().map(|undo| &undo.call);
            let read = step.reconcile.iter().map(|read| &read.call);
            [&step.call].into_iter().chain(undo).chain(read).map(of).collect()
        }
        ast::Statement::SubFlow(call) => call.undo.iter().map(|undo| of(&undo.call)).collect(),
        ast::Statement::For(each) => written(&each.body),
        _ => Vec::new(),
    };
    block.statements.iter().flat_map(calls).collect()
}

/// Where the lines of the flow's file start.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// The 1-based line of a place.
    fn line(&self, span: Span) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= span.start) + 1).unwrap_or(u32::MAX)
    }
}

/// State of lowering a body.
pub(crate) struct FlowLowering<'a, 'd> {
    pub(crate) calls: Calls<'d>,
    pub(super) declared: &'a mut Declared<'d>,
    pub(crate) scope: Scope,
    pub(crate) sink: &'a mut Sink,
    pub(super) positions: Vec<Position>,
    output_spans: Vec<(String, Span)>,
    pub(super) parts: PartsLeft,
    pub(crate) unbound: Vec<(String, ast::Name)>,
    /// Steps of which something was reported, so that they are no nodes.
    unbuilt: BTreeSet<String>,
    counters: BTreeMap<&'static str, usize>,
    /// Where each node's id comes from, made-up ones included.
    ids: BTreeMap<String, Span>,
    output: Type,
    /// The flows that this one may call.
    pub(super) callees: &'a BTreeMap<String, Arc<Hir>>,
    /// Refusals that steps may end with.
    pub(super) matches: Matched,
    /// The flow's own operator.
    pub(super) operator: Option<String>,
    releases: BTreeMap<String, Released>,
    pub(super) node: String,
    lines: Lines,
}

impl<'d> FlowLowering<'_, 'd> {
    pub(super) fn lowering(&mut self) -> Lowering<'_, 'd> {
        let from = self.calls.modules.root;
        Lowering { scope: &mut self.scope, sink: self.sink, declared: self.declared, from, pure: false }
    }

    /// An expression lowered in the current scope.
    pub(crate) fn expression(&mut self, expression: &ast::Expr, wanted: Option<&Type>) -> Typed {
        self.lowering().lower(expression, wanted)
    }

    pub(crate) fn condition(&mut self, expression: &ast::Expr) -> Typed {
        self.lowering().condition(expression)
    }

    /// `when`, with its place.
    pub(super) fn guard(&mut self, when: Option<&ast::Expr>) -> Option<(Expr, Span)> {
        when.map(|when| {
            let typed = self.condition(when);
            (typed.expr, typed.span)
        })
    }

    pub(crate) fn message(&mut self, expression: &ast::Expr) -> Typed {
        self.lowering().message(expression)
    }

    /// Holds a value against a type that the flow names. Whether something of it is left to say.
    pub(super) fn position(
        &mut self,
        value: &Typed,
        wanted: &Field,
        place: impl FnOnce() -> String,
        declared_at: Option<Span>,
    ) -> bool {
        let answer = assignable_to_field(&value.ty, wanted, &value.literal);
        self.record(value, answer, &|_| false, || (place(), wanted.clone(), declared_at))
    }

    /// Keeps the answer for a value at a place. Most fit, and cost nothing more. Whether something of it is left to say.
    /// `takes`: whether the schema that describes the place takes a value to the letter.
    pub(super) fn record(
        &mut self,
        value: &Typed,
        answer: Answer,
        takes: &dyn Fn(&Json) -> bool,
        about: impl FnOnce() -> (String, Field, Option<Span>),
    ) -> bool {
        if answer == Answer::Yes {
            return false;
        }
        let (place, wanted, declared_at) = about();
        let answer = confirmed_by(answer, &value.expr, &wanted.ty, takes, &self.scope);
        let (node, span, found) = (self.node.clone(), value.span, value.ty.clone());
        let (part, key) = (None, false);
        self.positions.push(Position { node, place, span, found, part, wanted, answer, declared_at, key });
        true
    }

    /// Points what was said last at the member of a record literal that is wrong, where it is written there.
    pub(super) fn point_at_member(&mut self, written: &ast::Expr) {
        if let Some(position) = self.positions.last_mut()
            && let Answer::No(wrong) = &position.answer
            && wrong.written.is_none()
            && let Some((span, ty)) = part(written, &position.found, &wrong.path)
        {
            (position.span, position.part) = (span, Some(ty));
        }
    }

    /// An id for a node without a name: `ensure_1`, or the next number that no name of the flow has.
    fn made_up(&mut self, word: &'static str) -> String {
        loop {
            let counter = self.counters.entry(word).or_default();
            *counter += 1;
            let id = format!("{word}_{counter}");
            if !self.scope.defines(&id) && !self.ids.contains_key(&id) {
                self.ids.insert(id.clone(), Span::default());
                return id;
            }
        }
    }

    /// `outer` is the variable of the loop whose body this is.
    pub(super) fn block(&mut self, block: &ast::Block, outer: Option<&str>) -> Block {
        let mut placed = Placed::default();
        // Names of `after` statements: they hold back everything below them.
        let mut barrier: Vec<(String, Span)> = Vec::new();
        for statement in &block.statements {
            let keyword = |word: &str| {
                let span = statement.span();
                Span::new(span.file, span.start, (span.start + word.len()).min(span.end))
            };
            let (id, span, kind) = match statement {
                ast::Statement::After(after) => {
                    self.after(after, &placed, outer, &mut barrier);
                    if barrier.len() > NAMED_AT_ONCE {
                        let (id, span) = (self.made_up("after"), after.span);
                        let node = Node {
                            id: id.clone(),
                            span,
                            written: after.span,
                            line: self.lines.line(span),
                            after: barrier,
                            kind: NodeKind::Let(Expr::Null),
                        };
                        barrier = vec![(id, span)];
                        placed.add(node);
                    }
                    continue;
                }
                ast::Statement::Broken(_) => continue,
                ast::Statement::Step(step) => {
                    self.node = step.name.text.clone();
                    let Some(kind) = self.step(step) else {
                        self.unbuilt.insert(step.name.text.clone());
                        continue;
                    };
                    (step.name.text.clone(), step.name.span, kind)
                }
                ast::Statement::SubFlow(call) => {
                    self.node = call.name.text.clone();
                    let Some(kind) = self.sub_flow(call) else {
                        self.unbuilt.insert(call.name.text.clone());
                        continue;
                    };
                    (call.name.text.clone(), call.name.span, kind)
                }
                ast::Statement::Signal(signal) => {
                    self.node = signal.name.text.clone();
                    let Some(kind) = self.signal(signal) else {
                        self.unbuilt.insert(signal.name.text.clone());
                        continue;
                    };
                    (signal.name.text.clone(), signal.name.span, kind)
                }
                ast::Statement::Let(value) => {
                    self.node = value.name.text.clone();
                    let typed = self.expression(&value.value, None);
                    if let Some(release) = &value.release {
                        let own = self.operator.clone();
                        let released = self.release(release, own.as_deref());
                        self.releases.insert(value.name.text.clone(), released);
                    }
                    let ty = self.parts.keep(typed.ty);
                    let from = provenance(&typed.expr, &self.scope);
                    self.scope.define(&value.name, ty, false, self.sink);
                    self.scope.comes_from(&value.name.text, from, typed.literal);
                    (value.name.text.clone(), value.name.span, NodeKind::Let(typed.expr))
                }
                ast::Statement::Ensure(ensure) => {
                    self.node = self.made_up("ensure");
                    let condition = self.condition(&ensure.condition).expr;
                    let message = self.message(&ensure.message).expr;
                    (self.node.clone(), keyword("ensure"), NodeKind::Ensure { condition, message })
                }
                ast::Statement::Fail(fail) => {
                    self.node = self.made_up("fail");
                    let condition = fail.when.as_ref().map(|when| self.condition(when).expr);
                    let message = self.message(&fail.message).expr;
                    (self.node.clone(), keyword("fail"), NodeKind::Fail { condition, message })
                }
                ast::Statement::Wait(wait) => {
                    self.node = self.made_up("wait");
                    let value = self.lowering().wait(&wait.value, wait.until).expr;
                    let kind = NodeKind::Wait(Wait { until: wait.until, value });
                    (self.node.clone(), keyword("wait"), kind)
                }
                ast::Statement::For(each) => {
                    let id = match &each.binding {
                        Some(name) => name.text.clone(),
                        None => self.made_up("for"),
                    };
                    let span = each.binding.as_ref().map_or(keyword("for"), |name| name.span);
                    (id.clone(), span, self.each(each, id))
                }
                ast::Statement::Return(value) => {
                    self.node = self.made_up("return");
                    if outer.is_some() {
                        let message = "`return` stands in the flow itself, not in a loop";
                        self.sink.push(
                            Diagnostic::new(&graph::UNREACHABLE, keyword("return"), message)
                                .help("`yield` a value of each iteration, name the loop with `let NAME = for …`, and return that below it"),
                        );
                        continue;
                    }
                    self.output_spans = spans(&value.value);
                    let output = self.output.clone();
                    let mut typed = self.expression(&value.value, Some(&output));
                    let field = Field { ty: output, required: true };
                    convert(&mut typed, &field);
                    if self.position(&typed, &field, || "the returned value".to_owned(), None) {
                        self.point_at_member(&value.value);
                    }
                    (self.node.clone(), keyword("return"), NodeKind::Return(typed.expr))
                }
            };
            // A name that stands twice was reported: one node of it is enough to go on with.
            if self.scope.first_place(&id).is_some_and(|first| first != span) {
                continue;
            }
            let mut after = barrier.clone();
            if let NodeKind::Wait(_) = &kind {
                // Its time begins where everything above is finished.
                after.extend(placed.ends().map(|node| (node.id.clone(), span)));
            }
            let written = match statement {
                ast::Statement::Step(step) => step.after.as_ref(),
                ast::Statement::SubFlow(call) => call.after.as_ref(),
                ast::Statement::Signal(signal) => signal.after.as_ref(),
                _ => None,
            };
            if let Some(written) = written {
                self.after(written, &placed, outer, &mut after);
            }
            let line = self.lines.line(span);
            let written = statement.span();
            placed.add(Node { id, span, written, line, after, kind });
        }
        Block { nodes: placed.nodes }
    }

    /// Adds the nodes that `after` names. Names of later nodes are kept: they make a circle, which is reported as one.
    fn after(
        &mut self,
        after: &ast::After,
        placed: &Placed,
        outer: Option<&str>,
        into: &mut Vec<(String, Span)>,
    ) {
        let Some(listed) = &after.names else {
            // What no other node waits for stands for everything above it, earlier barriers included.
            into.retain(|(name, _)| !placed.positions.contains_key(name));
            into.extend(placed.ends().map(|node| (node.id.clone(), after.span)));
            return;
        };
        for name in listed {
            let here = placed.positions.contains_key(&name.text);
            let outside =
                outer.is_some_and(|variable| variable == name.text || self.scope.knows_outside(&name.text));
            if here || outside {
                let _ = self.scope.look_up(name, self.sink);
                into.push((name.text.clone(), name.span));
            } else if self.scope.first_place(&name.text).is_some_and(|first| first != name.span)
                && self.node == name.text
            {
                let message = format!("`{}` would wait for itself", name.text);
                self.sink
                    .push(Diagnostic::new(&graph::CYCLE, name.span, message).help("remove it from `after`"));
            } else if self.unbuilt.contains(&name.text) {
                let _ = self.scope.look_up(name, self.sink);
            } else if self.scope.knows(&name.text) {
                let message = format!("`{}` is not a step, value or loop", name.text);
                self.sink.push(
                    Diagnostic::new(&names::WRONG_KIND, name.span, message)
                        .help("an input is there from the start: nothing needs to wait for it"),
                );
            } else if self.scope.defines(&name.text) && !self.scope.defined(&name.text) {
                into.push((name.text.clone(), name.span));
            } else {
                self.scope.no_step(name, self.sink);
            }
        }
    }
}
