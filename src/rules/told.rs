//! What a call is told: whether two calls hang on the same values.

use std::collections::BTreeSet;

use crate::expr::Expr;
use crate::hir::Call;
use crate::plan::{each_child, free_names};

/// What a call sends, a body by its members.
pub(super) fn sent(call: &Call) -> Vec<&Expr> {
    call.arguments.iter().map(|(_, _, value)| value).chain(&call.body).collect()
}

/// Whether anything that a call is given hangs on the same as these values.
pub(super) fn told(call: &Call, values: Vec<&Expr>) -> bool {
    let mut known = BTreeSet::new();
    values.into_iter().for_each(|value| leaves(value, &mut known));
    let mut used = BTreeSet::new();
    sent(call).into_iter().for_each(|value| leaves(value, &mut used));
    !known.is_disjoint(&used)
}

/// The names that a value hangs on, and what it reads of the run.
pub(super) fn leaves(value: &Expr, found: &mut BTreeSet<String>) {
    found.extend(free_names(value));
    if let Expr::Run { member } = value {
        found.insert(format!("run.{member}"));
    }
    each_child(value, &mut |child| leaves(child, found));
}

/// Whether a part of a value could not be resolved, which was told: `null` stands for it, and says nothing either where it
/// was written.
pub(super) fn unresolved(value: &Expr) -> bool {
    let mut found = matches!(value, Expr::Null);
    each_child(value, &mut |child| found = found || unresolved(child));
    found
}
