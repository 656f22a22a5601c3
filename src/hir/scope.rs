//! What names stand for inside a flow. Nothing hides anything: a name means one thing from its definition on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::functions::StepAnswer;
use super::modules::duplicate;
use crate::base::did_you_mean;
use crate::diagnostics::codes::names;
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::Names;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Literal, Provenance, Type};

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) struct Meaning {
    pub(crate) ty: Type,
    pub(crate) span: Span,
    /// Whether nobody minds that it is never used: steps with effects, loops.
    pub(crate) needless: bool,
    /// Of a step: what is known of its answer beside the body.
    answer: Option<Arc<StepAnswer>>,
    /// Where its value comes from, where that is not a step's answer.
    provenance: Provenance,
    /// What the flow writes of it.
    literal: Literal,
    used: bool,
}

impl Meaning {
    fn new(ty: Type, span: Span, needless: bool) -> Meaning {
        Meaning {
            ty,
            span,
            needless,
            answer: None,
            provenance: Provenance::Own,
            literal: Literal::default(),
            used: false,
        }
    }
}

/// How many unknown names of a flow are compared with the known ones: more are no typing errors, and comparing all with
/// all would take the square of the flow's length.
const SUGGESTED: usize = 50;

/// Names in scope, the innermost frame last.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    frames: Vec<BTreeMap<String, Meaning>>,
    /// Every name of the flow with its first place, so that no two nodes share one.
    all: BTreeMap<String, Span>,
    /// Names that the flow defines somewhere: to tell "too early" from "never".
    later: BTreeSet<String>,
    /// What `next` is while the pages of a step are read.
    pub(crate) next: Option<Type>,
    /// The step whose call is being read: its answer is not there yet.
    pub(crate) unanswered: Option<String>,
    /// Whether an undo is being read: what stands below its step is not there when it runs.
    pub(crate) undoing: bool,
    /// The named loops that are being read: their lists are not there yet.
    pub(crate) unfinished: Vec<String>,
    /// How many names were unknown so far.
    unknown: usize,
}

impl Scope {
    pub(crate) fn new(later: BTreeSet<String>) -> Scope {
        Scope { frames: vec![BTreeMap::new()], later, ..Scope::default() }
    }

    pub(crate) fn enter(&mut self) {
        self.frames.push(BTreeMap::new());
    }

    /// Leaves the innermost frame and reports what was never used in it.
    pub(crate) fn leave(&mut self, sink: &mut Sink) {
        for (name, meaning) in self.frames.pop().unwrap_or_default() {
            if !meaning.used && !meaning.needless {
                let message = format!("`{name}` is never used");
                sink.push(
                    Diagnostic::new(&names::UNUSED_NAME, meaning.span, message).help("remove it, or use it"),
                );
            }
        }
    }

    /// Defines a name; one that stands already is reported.
    pub(crate) fn define(&mut self, name: &ast::Name, ty: Type, needless: bool, sink: &mut Sink) {
        if let Some(first) = self.all.get(&name.text) {
            sink.push(duplicate(name, *first));
            // What is said of it below is about this one: one slip is one finding.
            if let Some(frame) = self.frames.last_mut() {
                frame.insert(name.text.clone(), Meaning::new(ty, name.span, true));
            }
            return;
        }
        if name.text == "run" || name.text == "secret" || name.text == "std" {
            let message = format!("`{}` is a word of the language", name.text);
            sink.push(Diagnostic::new(&names::DUPLICATE_NAME, name.span, message).help("take another name"));
            return;
        }
        self.all.insert(name.text.clone(), name.span);
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.text.clone(), Meaning::new(ty, name.span, needless));
        }
    }

    /// Binds a name for the length of an expression: `[e for v in list]`. The same name may be bound again afterwards.
    pub(crate) fn bind(&mut self, name: &ast::Name, ty: Type, sink: &mut Sink) {
        self.enter();
        if let Some(first) = self.place(&name.text) {
            sink.push(duplicate(name, first));
            return;
        }
        if self.next.is_some() && name.text == "next" {
            let message = "in `pages`, `next` stands for where the page begins";
            sink.push(Diagnostic::new(&names::DUPLICATE_NAME, name.span, message).help("take another name"));
            return;
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.text.clone(), Meaning::new(ty, name.span, true));
        }
    }

    /// Binds a step's name to an answer that came, while that is looked at.
    pub(crate) fn bind_answer(&mut self, name: &ast::Name, ty: Type, answer: Arc<StepAnswer>) {
        let meaning = Meaning { answer: Some(answer), ..Meaning::new(ty, name.span, true) };
        self.frames.push(BTreeMap::from([(name.text.clone(), meaning)]));
    }

    pub(crate) fn unbind(&mut self) {
        self.frames.pop();
    }

    /// The type of a name; `None` where it was reported.
    pub(crate) fn look_up(&mut self, name: &ast::Name, sink: &mut Sink) -> Option<Type> {
        if let Some(meaning) = self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(&name.text)) {
            meaning.used = true;
            return Some(meaning.ty.clone());
        }
        if self.later.contains(&name.text) && !self.all.contains_key(&name.text) {
            let own = self.unanswered.as_ref() == Some(&name.text);
            let (message, help) = if own {
                let message = format!("the answer of `{}` is not there yet", name.text);
                let help = "a step's own call, `when`, `key` and `on … fail` come before its answer; use it below the step";
                (message, help)
            } else if self.unfinished.contains(&name.text) {
                let message = format!("the list of `{}` is not there yet", name.text);
                let help = "inside a loop take what the iteration itself made, by the names of its steps; what the loop yields is there below it";
                (message, help)
            } else if self.undoing {
                let message = format!("`{}` comes after the step that this undoes", name.text);
                let help = "the run may fail before it is there: take what the undo needs from the step's own answer, or from above the step";
                (message, help)
            } else {
                let message = format!("`{}` is used before it is defined", name.text);
                (message, "move its definition above this line")
            };
            sink.push(Diagnostic::new(&names::USED_BEFORE_DEFINITION, name.span, message).help(help));
            return None;
        }
        let diagnostic = self.absent(name, format!("no `{}` here", name.text));
        sink.push(match of_another_language(&name.text).filter(|_| diagnostic.help.is_none()) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
        None
    }

    /// Reports that an `after` names nothing that could be waited for.
    pub(crate) fn no_step(&mut self, name: &ast::Name, sink: &mut Sink) {
        let message = format!("no step, value or loop `{}` here to wait for", name.text);
        sink.push(Diagnostic { code: &names::UNKNOWN_STEP, ..self.absent(name, message) });
    }

    fn use_name(&mut self, name: &str) {
        if let Some(meaning) = self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(name)) {
            meaning.used = true;
        }
    }

    fn absent(&mut self, name: &ast::Name, message: String) -> Diagnostic {
        let found = Diagnostic::new(&names::UNKNOWN_NAME, name.span, message);
        if let Some(inside) = self.all.get(&name.text) {
            return found.and(*inside, "a name inside a loop stays inside").help(
                "name the loop, `let NAME = for …`, and `yield` what the rest needs; to wait for it, `after NAME`",
            );
        }
        self.unknown += 1;
        let known = self.frames.iter().flat_map(BTreeMap::keys).map(String::as_str);
        let few = known.take(if self.unknown > SUGGESTED { 0 } else { usize::MAX });
        match did_you_mean(&name.text, few).map(str::to_owned) {
            // No fix: another value may be something else altogether. What may have been meant is not called needless.
            Some(near) => {
                self.use_name(&near);
                found.meant(name.span, &name.text, &near, None)
            }
            None => found,
        }
    }

    /// Says of a step's name what is known of the answer.
    pub(crate) fn answers(&mut self, name: &str, answer: Arc<StepAnswer>) {
        if let Some(meaning) = self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(name)) {
            meaning.answer = Some(answer);
        }
    }

    /// Says where the value of a name comes from, and what the flow writes of it.
    pub(crate) fn comes_from(&mut self, name: &str, provenance: Provenance, literal: Literal) {
        if let Some(meaning) = self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(name)) {
            (meaning.provenance, meaning.literal) = (provenance, literal);
        }
    }

    /// What the flow writes of the value of a name in scope.
    pub(crate) fn literal(&self, name: &str) -> Literal {
        let meaning = self.frames.iter().rev().find_map(|frame| frame.get(name));
        meaning.map(|meaning| meaning.literal.clone()).unwrap_or_default()
    }

    /// What is known of a step's answer; `None` for a name that is no step.
    pub(crate) fn answer(&self, name: &str) -> Option<Arc<StepAnswer>> {
        self.frames.iter().rev().find_map(|frame| frame.get(name))?.answer.clone()
    }

    /// Where a name in scope is defined, without using it.
    pub(crate) fn place(&self, name: &str) -> Option<Span> {
        self.frames.iter().find_map(|frame| frame.get(name)).map(|meaning| meaning.span)
    }

    /// Whether a name is in scope, without using it.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.frames.iter().any(|frame| frame.contains_key(name))
    }

    /// Whether a name has been defined so far, in scope or not.
    pub(crate) fn defined(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// Where a name of the flow was first defined.
    pub(crate) fn first_place(&self, name: &str) -> Option<Span> {
        self.all.get(name).copied()
    }

    /// Whether a name is in scope outside the innermost frame, without using it.
    pub(crate) fn knows_outside(&self, name: &str) -> bool {
        self.frames.iter().rev().skip(1).any(|frame| frame.contains_key(name))
    }

    /// Gives a name another type for a while; the type it had.
    pub(crate) fn retype(&mut self, name: &str, ty: Type) -> Option<Type> {
        let meaning = self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(name))?;
        Some(std::mem::replace(&mut meaning.ty, ty))
    }

    /// Whether a name is defined in this flow, perhaps later.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.later.contains(name)
    }
}

/// The names a block defines, those in loops included.
pub(crate) fn defined_names(block: &ast::Block, names: &mut BTreeSet<String>) {
    for statement in &block.statements {
        match statement {
            ast::Statement::Step(step) => {
                names.insert(step.name.text.clone());
            }
            ast::Statement::SubFlow(call) => {
                names.insert(call.name.text.clone());
            }
            ast::Statement::Signal(signal) => {
                names.insert(signal.name.text.clone());
            }
            ast::Statement::Let(value) => {
                names.insert(value.name.text.clone());
            }
            ast::Statement::For(each) => {
                names.extend(each.binding.iter().map(|name| name.text.clone()));
                defined_names(&each.body, names);
            }
            _ => {}
        }
    }
}

impl Names for Scope {
    fn of(&self, name: &str) -> Provenance {
        let Some(meaning) = self.frames.iter().rev().find_map(|frame| frame.get(name)) else {
            return Provenance::Own;
        };
        match &meaning.answer {
            Some(answer) if meaning.provenance.is_own() => answer.provenance.clone(),
            _ => meaning.provenance.clone(),
        }
    }

    fn answer(&self, step: &str, status: u16) -> Provenance {
        match self.answer(step) {
            // What pages came to is the value of the step.
            Some(answer) if answer.value.is_some() && (200..=299).contains(&status) => self.of(step),
            Some(answer) => answer.contract.provenance_of(status),
            None => Provenance::Own,
        }
    }
}

/// What stands for a value that other languages name.
fn of_another_language(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" | "TRUE" => "write `true`",
        "False" | "FALSE" => "write `false`",
        "None" | "Null" | "NULL" | "nil" | "undefined" => "write `null`",
        "now" | "today" => "there is no clock here: `run.started` is when the run began",
        "env" | "process" | "os" => "a flow reads no environment: give what it needs as an input",
        "inputs" | "input" | "args" | "params" => "an input is named as the flow declares it",
        _ => return None,
    })
}
