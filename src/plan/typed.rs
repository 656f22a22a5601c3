//! P2 and P3 from the plan's own content: every expression has a type with what is in scope, and fits where it is put.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::PlanError;
use super::called::SubFlow;
use super::check::Contracts;
use super::model::{Idempotency, Obligation, Plan};
use super::obligations::calls;
use super::secrecy::member_of;
use super::steps::{Argument, Block, Call, NodeKind, Pages, Step};
use crate::documents::Location;
use crate::expr::{Expr, Misuse, Typing, confirmed, provenance, written};
use crate::types::{
    Answer, Contract, Field, Literal, Parameter, PartsLeft, Taken, Type, assignable, assignable_to_field,
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// P2 of the flow, P3 of each call.
    pub(super) obligations: Vec<Obligation>,
    /// Positions that are checked at run time, `SUBJECT: PLACE: WHY`, sorted, each once.
    pub(super) guards: Vec<String>,
}

/// What the guards of a subject say, of the guards of a plan, which are sorted.
pub(super) fn guards_of<'g>(guards: &'g [String], subject: &str) -> impl Iterator<Item = &'g str> {
    let begin = format!("{subject}: ");
    let from = guards.partition_point(|guard| *guard < begin);
    let found = guards.get(from..).unwrap_or_default().iter();
    found.map_while(move |guard| guard.strip_prefix(&begin))
}

fn refused(subject: &str, reason: impl Into<String>) -> PlanError {
    PlanError::Obligation { name: "P3", subject: subject.to_owned(), reason: reason.into() }
}

/// Types a plan whose names are in order.
pub(super) fn typed(plan: &Plan, contracts: &Contracts) -> Result<Typed, PlanError> {
    let wrong = |(name, Misuse(why)): (&str, Misuse)| refused(name, why);
    Typing::check_functions(&plan.functions).map_err(wrong)?;
    let mut walk = Walk {
        contracts,
        flows: &plan.flows,
        typing: Typing::new(&plan.functions),
        answers: BTreeMap::new(),
        output: Field { ty: plan.flow.output.clone(), required: true },
        parts: PartsLeft::default(),
        found: Typed::default(),
    };
    for input in &plan.flow.inputs {
        if let Some(default) = &input.default {
            let subject = format!("input_{}", input.name);
            let place = format!("the default of `{}`", input.name);
            walk.put(&subject, &place, default, &Field::of(input.ty.clone()))?;
        }
    }
    for input in &plan.flow.inputs {
        let ty = input.ty.clone();
        walk.typing.define(&input.name, if input.default.is_some() { ty.present() } else { ty });
    }
    walk.block(&plan.flow.body)?;
    let Typed { mut obligations, mut guards } = walk.found;
    guards.sort();
    guards.dedup();
    let calls = calls(&plan.flow.body).len();
    let holds_by = format!("every name resolved; calls {calls}, apis {}", plan.apis.len());
    obligations.push(Obligation { name: "P2".into(), subject: "flow".into(), holds_by });
    Ok(Typed { obligations, guards })
}

/// Whether an argument is one of a parameter.
fn gives(argument: &Argument, parameter: &Parameter) -> bool {
    argument.name == parameter.name && argument.location == parameter.location.as_str()
}

/// Whether a parameter carries the call's idempotency key, which the runtime sets.
fn is_key(call: &Call, parameter: &Parameter) -> bool {
    let header = call.idempotency.as_ref().map(|fact| fact.header());
    parameter.location == Location::Header
        && header.is_some_and(|header| header.eq_ignore_ascii_case(&parameter.name))
}

/// Whether what a `reconcile` reads can stand for a step's answer: for sure, since nothing checks it then.
pub fn reads_back(read: &Type, answer: &Type) -> bool {
    assignable(read, answer) == Answer::Yes || *read == Type::Never
}

struct Walk<'a> {
    contracts: &'a Contracts,
    flows: &'a BTreeMap<String, Plan>,
    typing: Typing<'a>,
    /// Types of answers by api and operation: many steps may call one.
    answers: BTreeMap<(&'a str, &'a str), Rc<Type>>,
    output: Field,
    parts: PartsLeft,
    found: Typed,
}

impl<'a> Walk<'a> {
    fn block(&mut self, block: &'a Block) -> Result<(), PlanError> {
        block.nodes.iter().try_for_each(|node| self.node(&node.id, &node.kind))
    }

    fn node(&mut self, id: &'a str, kind: &'a NodeKind) -> Result<(), PlanError> {
        match kind {
            NodeKind::Call(step) => self.step(id, step)?,
            NodeKind::SubFlow(call) => self.sub_flow(id, call)?,
            NodeKind::Signal(signal) => {
                self.condition(id, signal.guard.as_ref())?;
                let place = format!("the value without `{id}`");
                self.put(id, &place, &signal.otherwise, &Field { ty: signal.ty.clone(), required: true })?;
                let value = signal.value_type();
                self.typing.define(id, if signal.guard.is_some() { value.optional() } else { value });
            }
            NodeKind::Let { value, .. } => {
                let ty = self.ty(id, value)?;
                let ty = self.parts.keep(Type::clone(&*ty));
                self.typing.define(id, ty);
                self.typing.comes_from(id, provenance(value, &self.typing));
            }
            NodeKind::Wait(wait) => {
                let wanted = if wait.until { Type::Timestamp } else { Type::Duration };
                let found = self.typing.expect(&wait.value, &[wanted], "a wait");
                found.map_err(|Misuse(why)| refused(id, why))?;
            }
            NodeKind::Ensure { condition, message } => {
                self.condition(id, Some(condition))?;
                self.message(id, message)?;
            }
            NodeKind::Fail { condition, message } => {
                self.condition(id, condition.as_ref())?;
                self.message(id, message)?;
            }
            NodeKind::For(repeat) => {
                self.condition(id, repeat.guard.as_ref())?;
                let item = self.typing.items(&repeat.list).map_err(|why| refused(id, why.0))?;
                self.typing.define(&repeat.variable, item);
                self.typing.comes_from(&repeat.variable, provenance(&repeat.list, &self.typing).item());
                self.block(&repeat.body)?;
                let item = match &repeat.result {
                    None => Type::Never,
                    Some(result) => Type::clone(&*self.ty(id, result)?),
                };
                if item.is_optional() {
                    return Err(refused(id, "what an iteration yields may be absent"));
                }
                let list = self.parts.keep(Type::list(item).capped());
                self.typing.define(id, if repeat.guard.is_some() { list.optional() } else { list });
                let items = repeat.result.as_ref().map(|result| provenance(result, &self.typing).each());
                self.typing.comes_from(id, items.unwrap_or_default());
            }
            NodeKind::Return { value } => {
                let output = self.output.clone();
                self.put(id, "the returned value", value, &output)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, id: &'a str, step: &'a Step) -> Result<(), PlanError> {
        self.condition(id, step.guard.as_ref())?;
        self.typing.next_is(step.pages.as_ref().map(|pages| Pages::asked(&pages.cursor)));
        let contract = self.call(id, &step.call)?;
        self.typing.next_is(None);
        let read = match &step.reconcile {
            Some(read) => Some((read, self.call(&format!("{id}/reconcile"), &read.call)?.success_type())),
            None => None,
        };
        step.on.values().try_for_each(|message| self.message(id, message))?;
        let answer = self.answers.entry((&step.call.api, &step.call.operation));
        let answer = Rc::clone(answer.or_insert_with(|| Rc::new(contract.success_type())));
        self.typing.answered(id, contract, step.guard.is_some());
        // What follows the answer sees it where the step was done: there, it is present.
        self.typing.define(id, Rc::clone(&answer));
        self.typing.comes_from(id, contract.provenance().clone());
        if let Some((reconcile, found)) = read {
            if !reads_back(&found, &answer) {
                return Err(refused(id, "what is read back is not what the step answers"));
            }
            let before = self.typing.define(id, found);
            self.condition(id, Some(&reconcile.when))?;
            before.into_iter().for_each(|before| drop(self.typing.define(id, before)));
        }
        self.condition(id, step.poll.as_ref().map(|poll| &poll.until))?;
        let answer = match &step.pages {
            Some(pages) => self.pages(id, pages)?,
            None => answer,
        };
        if let Some(undo) = &step.undo {
            self.call(&format!("{id}/undo"), undo)?;
        }
        let refusals = step.answer.iter().any(|answer| !answer.refusals.is_empty());
        if step.guard.is_some() || refusals {
            self.typing.define(id, Type::clone(&answer).optional());
        } else {
            self.typing.define(id, answer);
        }
        Ok(())
    }

    /// The list that pages come to.
    fn pages(&mut self, id: &'a str, pages: &'a Pages) -> Result<Rc<Type>, PlanError> {
        self.typing.next_is(Some(Pages::asked(&pages.cursor)));
        let next = self.ty(id, &pages.next)?;
        if !Pages::may_end(&next) {
            return Err(refused(id, "each of its pages has a next one"));
        }
        self.put(id, "where the next page begins", &pages.next, &Field::of(Pages::follows(&pages.cursor)))?;
        let item = self.typing.items(&pages.items).map_err(|Misuse(why)| refused(id, why))?;
        self.typing.next_is(None);
        self.typing.comes_from(id, provenance(&pages.items, &self.typing));
        let list = Rc::new(Type::list(item));
        self.typing.stands_for(id, Rc::clone(&list));
        self.typing.define(id, Rc::clone(&list));
        Ok(list)
    }

    /// A called flow is given its inputs, and they fit.
    fn sub_flow(&mut self, id: &'a str, call: &'a SubFlow) -> Result<(), PlanError> {
        self.condition(id, call.guard.as_ref())?;
        let callee = self.flows.get(&call.flow);
        let callee = callee.ok_or_else(|| refused(id, format!("there is no flow `{}`", call.flow)))?;
        for given in &call.inputs {
            let input = callee.flow.inputs.iter().find(|input| input.name == given.name);
            let input =
                input.ok_or_else(|| refused(id, format!("`{}` has no input `{}`", call.flow, given.name)))?;
            let place = format!("input `{}` of `{}`", input.name, call.flow);
            self.put(id, &place, &given.value, &Field::of(input.ty.clone()))?;
        }
        let output = callee.flow.output.clone();
        if let Some(undo) = &call.undo {
            self.typing.define(id, output.clone());
            self.call(&format!("{id}/undo"), undo)?;
        }
        self.typing.define(id, if call.guard.is_some() { output.optional() } else { output });
        Ok(())
    }

    /// A call gives its operation's parameters and body: none that it does not declare, every one that it requires, and
    /// they fit.
    fn call(&mut self, subject: &str, call: &'a Call) -> Result<&'a Contract, PlanError> {
        let contract = self.contracts.get(&call.api).and_then(|known| known.get(&call.operation));
        let contract = contract.ok_or_else(|| refused(subject, "its operation is not in the plan"))?;
        let mut guarded = 0;
        for argument in &call.arguments {
            let known = contract.parameters.iter().find(|known| gives(argument, known));
            let Some(known) = known.filter(|known| !is_key(call, known)) else {
                let operation = call.operation_name();
                let reason = format!("`{operation}` takes no {} `{}`", argument.location, argument.name);
                return Err(refused(subject, reason));
            };
            let ty = self.ty(subject, &argument.value)?;
            let place = format!("argument `{}` of `{}`", known.name, call.operation);
            let answer = known.takes(&ty, &written(&argument.value, &ty), &Literal::default());
            let answer = confirmed(answer, &argument.value, &known.schema.ty, &self.typing);
            guarded += self.decided(subject, &place, &ty, answer)?;
        }
        for known in contract.parameters.iter().filter(|known| known.required && !is_key(call, known)) {
            if !call.arguments.iter().any(|argument| gives(argument, known)) {
                let reason =
                    format!("it does not give the {} parameter `{}`", known.location.as_str(), known.name);
                return Err(refused(subject, reason));
            }
        }
        match (&call.body, &contract.body) {
            (Some(value), Some(body)) => {
                let ty = self.ty(subject, value)?;
                let place = format!("the body of `{}`", call.operation);
                let Taken { answer, members } = body.takes(&ty, &written(value, &ty), &Literal::default());
                let answer = confirmed(answer, value, &body.schema.ty, &self.typing);
                if members.is_empty() {
                    guarded += self.decided(subject, &place, &ty, answer)?;
                }
                for (name, answer) in members {
                    guarded += self.decided(subject, &member_of(&place, &name), &ty, answer)?;
                }
            }
            (Some(_), None) => {
                return Err(refused(subject, format!("`{}` takes no body", call.operation_name())));
            }
            (None, Some(body)) if body.required => {
                return Err(refused(subject, "it does not give the body"));
            }
            (None, _) => {}
        }
        if let Some(header) = call.idempotency.as_ref().map(Idempotency::header) {
            let place = format!("the key in `{header}` of `{}`", call.operation);
            guarded += self.decided(subject, &place, &Type::string(), contract.takes_key(header))?;
        }
        if let Some(key) = &call.once_per {
            let ty = self.ty(subject, key)?;
            if !ty.is_key() {
                return Err(refused(subject, format!("its key is made of `{ty}`")));
            }
        }
        let body = if call.body.is_some() { ", body" } else { "" };
        let arguments = call.arguments.len();
        let holds_by = format!("{}: arguments {arguments}{body}, guarded {guarded}", call.operation_name());
        self.found.obligations.push(Obligation { name: "P3".into(), subject: subject.into(), holds_by });
        Ok(contract)
    }

    fn put(&mut self, subject: &str, place: &str, value: &'a Expr, to: &Field) -> Result<(), PlanError> {
        let ty = self.ty(subject, value)?;
        let answer =
            confirmed(assignable_to_field(&ty, to, &Literal::default()), value, &to.ty, &self.typing);
        self.decided(subject, place, &ty, answer).map(|_| ())
    }

    /// How many guards a value needs at a place: none or one.
    fn decided(
        &mut self,
        subject: &str,
        place: &str,
        found: &Type,
        answer: Answer,
    ) -> Result<usize, PlanError> {
        match answer {
            Answer::Yes => Ok(0),
            Answer::No(_) if *found == Type::Never => Ok(0),
            Answer::No(wrong) => Err(refused(subject, format!("{place} does not fit: {}", wrong.why))),
            Answer::Unknown(why) => {
                self.found.guards.push(format!("{subject}: {place}: {why}"));
                Ok(1)
            }
        }
    }

    fn ty(&mut self, subject: &str, expression: &'a Expr) -> Result<Rc<Type>, PlanError> {
        self.typing.ty(expression).map_err(|Misuse(why)| refused(subject, why))
    }

    fn condition(&mut self, subject: &str, condition: Option<&'a Expr>) -> Result<(), PlanError> {
        let Some(condition) = condition else { return Ok(()) };
        let found = self.typing.expect(condition, &[Type::Bool], "a condition");
        found.map_err(|Misuse(why)| refused(subject, why))
    }

    fn message(&mut self, subject: &str, message: &'a Expr) -> Result<(), PlanError> {
        let found = self.typing.expect(message, &[Type::string()], "a message");
        found.map_err(|Misuse(why)| refused(subject, why))
    }
}
