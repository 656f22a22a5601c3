//! Flows and their statements.

use crate::diagnostics::codes::syntax as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::Span;
use crate::syntax::ast::{
    After, Agent, Argument, Block, Call, Cleared, Ensure, Expr, Fail, Flow, FlowCall, For, Input,
    Irreversible, Key, Let, Millis, Name, OnStatus, Path, Reconcile, Release, Return, Statement, Step,
    SubFlow, Target, TypeExpr, Undo, UseHandoff, Wait,
};
use crate::syntax::grammar::{Node, Rule};

use super::{Lower, child, children, taken};

/// What stands at the top of a flow: filled parts with their places.
#[derive(Default)]
pub(in crate::syntax) struct Settings {
    agent: Option<(Agent, Span)>,
    handoff: Option<(Path, Span)>,
    deadline: Option<(Millis, Span)>,
    cleared: Vec<Cleared>,
}

/// `flow NAME(…) -> T`.
pub(in crate::syntax) struct Header {
    name: Name,
    inputs: Vec<Input>,
    output: TypeExpr,
}

impl Header {
    /// The flow with its body.
    pub(in crate::syntax) fn flow(self, span: Span, settings: Settings, body: Block) -> Flow {
        Flow {
            span,
            name: self.name,
            inputs: self.inputs,
            output: self.output,
            agent: taken(settings.agent),
            handoff: taken(settings.handoff),
            deadline: taken(settings.deadline),
            cleared: settings.cleared,
            body,
        }
    }
}

/// The clauses of a step: filled parts with their places.
#[derive(Default)]
pub(in crate::syntax) struct Clauses {
    when: Option<(Expr, Span)>,
    after: Option<(After, Span)>,
    on: Vec<OnStatus>,
    retry: Option<(Path, Span)>,
    handoff: Option<(UseHandoff, Span)>,
    key: Option<(Key, Span)>,
    reconcile: Option<(Box<Reconcile>, Span)>,
    undo: Option<(Box<Undo>, Span)>,
    irreversible: Option<(Irreversible, Span)>,
}

impl Clauses {
    /// The step with its head.
    pub(in crate::syntax) fn step(
        self,
        span: Span,
        name: Name,
        target: Target,
        sink: &mut Sink,
    ) -> Statement {
        let (call, poll, pages) = match target {
            Target::Operation(call, poll) => (call, poll, None),
            Target::Paged(call, pages) => (call, None, Some(pages)),
            Target::Flow(call) => return self.sub_flow(span, name, call, sink),
        };
        Statement::Step(Box::new(Step {
            span,
            name,
            call: *call,
            poll,
            pages,
            when: taken(self.when),
            after: taken(self.after),
            on: self.on,
            retry: taken(self.retry),
            handoff: taken(self.handoff),
            key: taken(self.key),
            reconcile: taken(self.reconcile),
            undo: taken(self.undo),
            irreversible: taken(self.irreversible),
        }))
    }

    fn sub_flow(self, span: Span, name: Name, call: FlowCall, sink: &mut Sink) -> Statement {
        let on = self.on.first().map(|on| (on.span, "on"));
        let retry = self.retry.as_ref().map(|(_, at)| (*at, "retry"));
        let handoff = self.handoff.as_ref().map(|(_, at)| (*at, "handoff"));
        let key = self.key.as_ref().map(|(_, at)| (*at, "key"));
        let reconcile = self.reconcile.as_ref().map(|(_, at)| (*at, "reconcile"));
        for (at, word) in [on, retry, handoff, key, reconcile].into_iter().flatten() {
            let message = format!("`{word}` is said of a call over the network, not of a flow");
            sink.push(
                Diagnostic::new(&codes::MISPLACED, at, message)
                    .and(call.span, "this starts a flow")
                    .help(format!("say it at the steps of `{}`", call.flow.text)),
            );
        }
        Statement::SubFlow(Box::new(SubFlow {
            span,
            name,
            call,
            when: taken(self.when),
            after: taken(self.after),
            undo: taken(self.undo),
            irreversible: taken(self.irreversible),
        }))
    }
}

impl Lower<'_> {
    pub(super) fn flow(&mut self, node: Node<'_>) -> Option<Flow> {
        let span = self.span(&node);
        let header = self.header(child(node.clone(), Rule::flow_header)?)?;
        let block = child(node, Rule::flow_block)?;
        let mut body = Block { span: self.span(&block), statements: Vec::new() };
        let mut settings = Settings::default();
        for part in block.into_inner() {
            match part.as_rule() {
                Rule::flow_as | Rule::use_handoff | Rule::flow_deadline | Rule::cleared => {
                    self.setting(part, &mut settings, body.statements.first());
                }
                _ => self.statement(part, &mut body.statements),
            }
        }
        Some(header.flow(span, settings, body))
    }

    pub(in crate::syntax) fn header(&mut self, node: Node<'_>) -> Option<Header> {
        let name = self.name(child(node.clone(), Rule::name)?);
        let mut inputs = Vec::new();
        for input in children(node.clone(), Rule::input) {
            let span = self.span(&input);
            let name = self.name(child(input.clone(), Rule::binding)?);
            let ty = self.type_expr(child(input.clone(), Rule::type_expr)?)?;
            let default = match child(input, Rule::expr) {
                Some(value) => Some(self.expr(value)?),
                None => None,
            };
            inputs.push(Input { span, name, ty, default });
        }
        Some(Header { name, inputs, output: self.type_expr(child(node, Rule::type_expr)?)? })
    }

    /// What holds for the whole flow stands above its first statement: below one it would look like a clause of that, or
    /// as if it held from there on.
    pub(in crate::syntax) fn setting(
        &mut self,
        node: Node<'_>,
        settings: &mut Settings,
        first: Option<&Statement>,
    ) {
        let at = self.span(&node);
        if let Some(first) = first {
            let message = "this holds for the whole flow, and stands below a statement";
            self.sink.push(
                Diagnostic::new(&codes::MISPLACED, at, message)
                    .and(first.span(), "the flow's first statement")
                    .help("move it above the first statement"),
            );
        }
        match node.as_rule() {
            Rule::flow_as => {
                let value = child(node, Rule::agent_ref).and_then(|agent| self.agent(agent));
                self.once(&mut settings.agent, value, at, "as");
            }
            Rule::use_handoff => {
                let value = self.used_path(node);
                self.once(&mut settings.handoff, value, at, "handoff");
            }
            Rule::flow_deadline => {
                let value = self.millis_in(node);
                self.once(&mut settings.deadline, value, at, "deadline");
            }
            Rule::cleared => settings.cleared.extend(self.cleared(node)),
            _ => {}
        }
    }

    /// A statement; two where a step is followed by an `after` that the layout takes out of it.
    pub(in crate::syntax) fn statement(&mut self, node: Node<'_>, statements: &mut Vec<Statement>) {
        let statement = match node.as_rule() {
            Rule::step => return self.step(node, statements).unwrap_or(()),
            Rule::signal_statement => return self.signal(node, statements).unwrap_or(()),
            Rule::let_statement => self.let_statement(node).map(Statement::Let),
            Rule::ensure_statement => self.ensure(node).map(Statement::Ensure),
            Rule::fail_statement => self.fail(node).map(Statement::Fail),
            Rule::for_statement => self.for_statement(node).map(|each| Statement::For(Box::new(each))),
            Rule::wait_statement => self.wait(node).map(Statement::Wait),
            Rule::after_clause => Some(Statement::After(self.after(node))),
            Rule::return_statement => self.returned(node).map(Statement::Return),
            _ => None,
        };
        statements.extend(statement);
    }

    fn step(&mut self, node: Node<'_>, statements: &mut Vec<Statement>) -> Option<()> {
        let mut span = self.span(&node);
        let (name, target) = self.step_head(child(node.clone(), Rule::step_head)?)?;
        let mut clauses = Clauses::default();
        let (end, barriers) =
            self.clauses(node, &name, &mut |lower, part| lower.clause(part, &mut clauses))?;
        span.end = end;
        let step = clauses.step(span, name, target, self.sink);
        statements.push(step);
        statements.extend(barriers);
        Some(())
    }

    /// Gives every clause of a statement to `take`. Where the statement ends, and each `after` that the layout takes out of it.
    pub(super) fn clauses(
        &mut self,
        node: Node<'_>,
        name: &Name,
        take: &mut dyn FnMut(&mut Self, Node<'_>),
    ) -> Option<(usize, Vec<Statement>)> {
        let column = self.token(self.span(&node).start).map_or(0, |token| token.column);
        let mut parts = node.into_inner();
        let mut end = self.span(&parts.next()?).end;
        let mut barriers: Vec<Statement> = Vec::new();
        for part in parts {
            let at = self.span(&part);
            let outside = self.token(at.start).is_some_and(|token| token.first && token.column <= column);
            match part.as_rule() {
                Rule::after_clause if outside => barriers.push(Statement::After(self.after(part))),
                _ if outside || !barriers.is_empty() => self.misplaced(at, name),
                _ => {
                    take(self, part);
                    end = at.end;
                }
            }
        }
        Some((end, barriers))
    }

    fn misplaced(&mut self, at: Span, step: &Name) {
        let message =
            format!("this stands at the level of statements, but is a clause of step `{}`", step.text);
        self.sink.push(
            Diagnostic::new(&codes::MISPLACED, at, message)
                .and(step.span, "the step it would belong to")
                .help(
                    "indent it deeper than its `step`; a flow's own `handoff` stands above its first statement",
                ),
        );
    }

    pub(in crate::syntax) fn step_head(&mut self, node: Node<'_>) -> Option<(Name, Target)> {
        let name = self.name(child(node.clone(), Rule::binding)?);
        let target = if let Some(call) = child(node.clone(), Rule::flow_call) {
            Target::Flow(self.flow_call(call)?)
        } else if let Some(poll) = child(node.clone(), Rule::poll) {
            let call = self.call(child(poll.clone(), Rule::call)?)?;
            Target::Operation(Box::new(call), Some(Box::new(self.poll(poll)?)))
        } else if let Some(pages) = child(node.clone(), Rule::pages) {
            let call = self.call(child(pages.clone(), Rule::call)?)?;
            Target::Paged(Box::new(call), Box::new(self.pages(pages)?))
        } else {
            Target::Operation(Box::new(self.call(child(node, Rule::call)?)?), None)
        };
        Some((name, target))
    }

    pub(in crate::syntax) fn clause(&mut self, node: Node<'_>, clauses: &mut Clauses) {
        let at = self.span(&node);
        match node.as_rule() {
            Rule::when_clause => {
                let value = self.expr_in(node);
                self.once(&mut clauses.when, value, at, "when");
            }
            Rule::after_clause => {
                let value = self.after(node);
                self.once(&mut clauses.after, Some(value), at, "after");
            }
            Rule::on_clause => {
                let status = child(node.clone(), Rule::integer).map(|status| self.status(status));
                if let (Some(status), Some(message)) = (status, self.expr_in(node)) {
                    clauses.on.push(OnStatus { span: at, status, message });
                }
            }
            Rule::use_retry => {
                let value = self.used_path(node);
                self.once(&mut clauses.retry, value, at, "retry");
            }
            Rule::use_handoff | Rule::weaken_handoff => {
                let value = self.used_handoff(node);
                self.once(&mut clauses.handoff, value, at, "handoff");
            }
            Rule::key_clause => {
                let value = self.expr_in(node).map(|once_per| Key { span: at, once_per });
                self.once(&mut clauses.key, value, at, "key");
            }
            Rule::undo_clause => {
                let value = self.undo(node).map(Box::new);
                self.once(&mut clauses.undo, value, at, "undo");
            }
            Rule::reconcile_clause => {
                let value = self.reconcile(node).map(Box::new);
                self.once(&mut clauses.reconcile, value, at, "reconcile");
            }
            Rule::irreversible_clause => {
                let because = child(node, Rule::string).and_then(|because| self.text(because));
                let value = because.map(|because| Irreversible { span: at, because });
                self.once(&mut clauses.irreversible, value, at, "irreversible");
            }
            _ => {}
        }
    }

    pub(super) fn call(&mut self, node: Node<'_>) -> Option<Call> {
        let span = self.span(&node);
        let (mut api, mut operation, mut quoted) = (None, None, false);
        let mut arguments = Vec::new();
        let mut body: Option<Expr> = None;
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::name => api = Some(self.name(part)),
                Rule::member => operation = Some(self.name(part)),
                Rule::plain_string => {
                    quoted = true;
                    operation = self.text(part).map(|text| Name { text: text.value, span: text.span });
                }
                Rule::named_argument => {
                    let at = self.span(&part);
                    let location = child(part.clone(), Rule::location).map(|location| self.name(location));
                    let name = self.member_name(part.clone())?;
                    arguments.push(Argument { span: at, location, name, value: self.expr_in(part)? });
                }
                Rule::expr => {
                    let value = self.expr(part)?;
                    match &body {
                        None => body = Some(value),
                        Some(first) => {
                            let found = Diagnostic::new(
                                &codes::GIVEN_TWICE,
                                value.span,
                                "the body is given twice",
                            )
                            .and(first.span, "first given here")
                            .help(
                                "one argument without a name is the body; parameters are named: `id: value`",
                            );
                            self.sink.push(found);
                        }
                    }
                }
                _ => {}
            }
        }
        arguments.shrink_to_fit();
        Some(Call { span, api: api?, operation: operation?, quoted, arguments, body })
    }

    fn let_statement(&mut self, node: Node<'_>) -> Option<Let> {
        let span = self.span(&node);
        let name = self.name(child(node.clone(), Rule::binding)?);
        let Some(released) = child(node.clone(), Rule::released) else {
            return Some(Let { span, name, value: self.expr_in(node)?, release: None });
        };
        let release = Release {
            span: self.span(&released),
            to: children(released.clone(), Rule::name).map(|name| self.name(name)).collect(),
            class: self.class(&released)?,
            because: self.text_in(released.clone())?,
        };
        Some(Let { span, name, value: self.expr_in(released)?, release: Some(release) })
    }

    fn ensure(&mut self, node: Node<'_>) -> Option<Ensure> {
        let span = self.span(&node);
        let mut parts = children(node, Rule::expr);
        let (condition, message) = (parts.next()?, parts.next()?);
        Some(Ensure { span, condition: self.expr(condition)?, message: self.expr(message)? })
    }

    fn fail(&mut self, node: Node<'_>) -> Option<Fail> {
        let span = self.span(&node);
        let when = child(node.clone(), Rule::when_clause);
        let message = self.expr_in(node)?;
        let when = match when {
            Some(when) => Some(self.expr_in(when)?),
            None => None,
        };
        Some(Fail { span, message, when })
    }

    pub(super) fn after(&self, node: Node<'_>) -> After {
        let span = self.span(&node);
        let all = child(node.clone(), Rule::kw_all).is_some();
        let names = children(node, Rule::name).map(|name| self.name(name)).collect();
        After { span, names: (!all).then_some(names) }
    }

    fn wait(&mut self, node: Node<'_>) -> Option<Wait> {
        let span = self.span(&node);
        let until = child(node.clone(), Rule::kw_until).is_some();
        Some(Wait { span, until, value: self.expr_in(node)? })
    }

    pub(in crate::syntax) fn returned(&mut self, node: Node<'_>) -> Option<Return> {
        let span = self.span(&node);
        Some(Return { span, value: self.expr_in(node)? })
    }

    fn for_statement(&mut self, node: Node<'_>) -> Option<For> {
        let span = self.span(&node);
        let mut each = self.for_head(child(node.clone(), Rule::for_head)?)?;
        each.span = span;
        let block = child(node, Rule::loop_block)?;
        each.body.span = self.span(&block);
        for part in block.into_inner() {
            match part.as_rule() {
                Rule::yield_statement => {
                    if let Some(value) = self.returned(part) {
                        self.yielded(value, &mut each);
                    }
                }
                Rule::open_brace | Rule::close_brace => {}
                _ => {
                    if each.result.is_some() {
                        let at = self.span(&part);
                        let help = "make `yield` the last of the loop";
                        self.report(&codes::MISPLACED, at, "nothing stands after `yield`", help);
                    }
                    self.statement(part, &mut each.body.statements);
                }
            }
        }
        Some(each)
    }

    /// Gives a loop its `yield`.
    pub(in crate::syntax) fn yielded(&mut self, value: Return, each: &mut For) {
        let at = value.span;
        let mut slot = each.result.take().map(|first| (first.clone(), first.span));
        self.once(&mut slot, Some(value), at, "yield");
        each.result = taken(slot);
    }

    /// A loop with an empty body.
    pub(in crate::syntax) fn for_head(&mut self, node: Node<'_>) -> Option<For> {
        let span = self.span(&node);
        let mut names = children(node.clone(), Rule::binding).map(|name| self.name(name)).collect::<Vec<_>>();
        let variable = names.pop()?;
        let at_most = child(node.clone(), Rule::at_most).and_then(|most| self.count_in(most))?;
        let parallel = child(node.clone(), Rule::parallel).and_then(|parallel| self.count_in(parallel));
        let list = self.expr_in(node.clone())?;
        let when = match child(node, Rule::when_clause) {
            Some(when) => Some(self.expr_in(when)?),
            None => None,
        };
        let body = Block { span, statements: Vec::new() };
        Some(For { span, binding: names.pop(), variable, list, at_most, parallel, when, body, result: None })
    }

    pub(super) fn expr_in(&mut self, node: Node<'_>) -> Option<Expr> {
        self.expr(child(node, Rule::expr)?)
    }
}
