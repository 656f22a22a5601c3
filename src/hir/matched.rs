//! Which refusals each step may end with in an ordinary way: those that a `match` anywhere in the flow has an arm for. Looked
//! for before anything is lowered, because it decides what the step's name stands for.

use std::collections::BTreeMap;

use crate::plan::is_refusal;
use crate::source::Span;
use crate::syntax::ast::{Block, Call, Expr, ExprKind, Part, Statement};

/// Statuses by step, each with the first arm for it.
pub(super) type Matched = BTreeMap<String, BTreeMap<u16, Span>>;

/// Adds what the statements of a block match.
pub(super) fn matched(block: &Block, found: &mut Matched) {
    for statement in &block.statements {
        let mut look = |expression: &Expr| self::expression(expression, found);
        match statement {
            Statement::Step(step) => {
                call(&step.call, &mut look);
                step.poll.iter().for_each(|poll| look(&poll.until));
                if let Some(pages) = &step.pages {
                    look(&pages.next);
                    pages.items.iter().for_each(&mut look);
                }
                for read in step.reconcile.as_slice() {
                    call(&read.call, &mut look);
                    look(&read.when);
                }
                step.when.iter().for_each(&mut look);
                step.on.iter().for_each(|on| look(&on.message));
                step.key.iter().for_each(|key| look(&key.once_per));
                step.undo.iter().for_each(|undo| call(&undo.call, &mut look));
            }
            Statement::SubFlow(step) => {
                step.call.arguments.iter().for_each(|argument| look(&argument.value));
                step.when.iter().for_each(&mut look);
                step.undo.iter().for_each(|undo| call(&undo.call, &mut look));
            }
            Statement::Wait(wait) => look(&wait.value),
            Statement::Signal(signal) => {
                signal.when.iter().for_each(&mut look);
                signal.within.iter().for_each(|within| look(&within.otherwise));
            }
            Statement::Let(value) => look(&value.value),
            Statement::Ensure(ensure) => {
                look(&ensure.condition);
                look(&ensure.message);
            }
            Statement::Fail(fail) => {
                look(&fail.message);
                fail.when.iter().for_each(&mut look);
            }
            Statement::For(each) => {
                look(&each.list);
                each.when.iter().for_each(&mut look);
                each.result.iter().for_each(|result| look(&result.value));
                matched(&each.body, found);
            }
            Statement::Return(value) => look(&value.value),
            Statement::After(_) | Statement::Broken(_) => {}
        }
    }
}

fn call(call: &Call, look: &mut dyn FnMut(&Expr)) {
    call.arguments.iter().for_each(|argument| look(&argument.value));
    call.body.iter().for_each(look);
}

fn expression(expression: &Expr, found: &mut Matched) {
    let mut look = |inner: &Expr| self::expression(inner, found);
    match &expression.kind {
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Decimal(_)
        | ExprKind::String(_)
        | ExprKind::Duration(_)
        | ExprKind::Name(_) => {}
        ExprKind::Interpolation(parts) => {
            for part in parts {
                if let Part::Value(value) = part {
                    look(value);
                }
            }
        }
        ExprKind::Field { of, .. } | ExprKind::Unary { of, .. } => look(of),
        ExprKind::Index { of, index, .. } => {
            look(of);
            look(index);
        }
        ExprKind::Call { arguments, .. } => arguments.iter().for_each(look),
        ExprKind::Binary { left, right, .. } => {
            look(left);
            look(right);
        }
        ExprKind::If { condition, then, otherwise } => {
            look(condition);
            look(then);
            look(otherwise);
        }
        ExprKind::Match { step, arms } => {
            arms.iter().for_each(|arm| look(&arm.value));
            let of_step = found.entry(step.text.clone()).or_default();
            for status in arms.iter().filter_map(|arm| arm.status.as_ref()) {
                if is_refusal(status.value) {
                    of_step.entry(status.value).or_insert(status.span);
                }
            }
        }
        ExprKind::List(items) => items.iter().for_each(look),
        ExprKind::Record(fields) => fields.iter().for_each(|field| look(&field.value)),
        ExprKind::Comprehension { item, list, condition, .. } => {
            look(item);
            look(list);
            condition.iter().for_each(|condition| look(condition));
        }
    }
}
