//! What flows use of an operation: the parameters and members they send, the members of its answer they read.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::Expr;
use crate::hir::{Block, Call, Hir, NodeKind};
use crate::plan::{each_child, free_names};

/// What is used of an operation. Members are named by their way from the body: `lines[].sku`; the whole is the empty name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub(super) parameters: BTreeSet<String>,
    pub(super) sent: BTreeSet<String>,
    pub(super) read: BTreeSet<String>,
}

/// An operation: api and key.
type Operation = (String, String);
/// What a name stands for: members of an operation's answer.
type Names = BTreeMap<String, (Operation, String)>;

/// By api and operation.
pub(super) fn usage(flows: &[&Hir]) -> BTreeMap<Operation, Usage> {
    let mut found = BTreeMap::new();
    for hir in flows {
        block(&hir.flow.body, &Names::new(), &mut found);
    }
    found
}

/// The steps whose data a node takes, directly or through values and loops.
pub(super) fn sources(hir: &Hir, node: &str) -> BTreeSet<String> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    hir.flow.body.each_node(&mut |node, inside| {
        let mut own = node.needs();
        // The loop's item and index stand for what its list is made of.
        if let Some(outer) = inside {
            own.extend(free_names(&outer.list));
        }
        needs.insert(node.id.clone(), own);
    });
    let (mut found, mut left) = (BTreeSet::new(), vec![node.to_owned()]);
    while let Some(at) = left.pop() {
        for name in needs.get(&at).into_iter().flatten() {
            if found.insert(name.clone()) {
                left.push(name.clone());
            }
        }
    }
    found
}

fn block(block: &Block, outer: &Names, found: &mut BTreeMap<Operation, Usage>) {
    let mut names = outer.clone();
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Step(step) => {
                let operation = (step.call.api.clone(), step.call.operation.clone());
                names.insert(node.id.clone(), (operation, String::new()));
                call(&step.call, found);
                step.undo.iter().for_each(|undo| call(undo, found));
                if let Some(read) = &step.reconcile {
                    call(&read.call, found);
                    // It may stand for the answer, all of it.
                    note(&(read.call.api.clone(), read.call.operation.clone()), String::new(), found);
                }
                node.expressions()
                    .into_iter()
                    .chain(node.on_answer())
                    .for_each(|used| read(used, &names, found));
                // Its name is a page while the pages are read, and their items afterwards.
                if let Some((pages, _)) = &step.pages {
                    match stands_for(&pages.items, &names) {
                        Some(items) => names.insert(node.id.clone(), items),
                        None => names.remove(&node.id),
                    };
                }
            }
            NodeKind::Let(value) => {
                match stands_for(value, &names) {
                    // Another name for the same: what is read of it counts, not that it has a name.
                    Some(same) => {
                        names.insert(node.id.clone(), same);
                    }
                    None => read(value, &names, found),
                }
            }
            NodeKind::For(repeat) => {
                let mut inner = names.clone();
                let item =
                    stands_for(&repeat.list, &names).map(|(operation, at)| (operation, format!("{at}[]")));
                match item {
                    Some((operation, at)) => {
                        // That there is a list at all is used, whatever is read of its items.
                        note(&operation, at.clone(), found);
                        inner.insert(repeat.variable.clone(), (operation, at));
                    }
                    None => {
                        inner.remove(&repeat.variable);
                        read(&repeat.list, &names, found);
                    }
                }
                repeat.guard.iter().for_each(|(guard, _)| read(guard, &names, found));
                self::block(&repeat.body, &inner, found);
                if let Some(result) = &repeat.result {
                    let mut all = inner.clone();
                    for node in &repeat.body.nodes {
                        if let NodeKind::Step(step) = &node.kind {
                            let operation = (step.call.api.clone(), step.call.operation.clone());
                            all.insert(node.id.clone(), (operation, String::new()));
                        }
                    }
                    read(result, &all, found);
                }
            }
            _ => {
                node.undo().into_iter().for_each(|undo| call(undo, found));
                let undo = node.undo().into_iter().flat_map(Call::expressions);
                node.expressions().into_iter().chain(undo).for_each(|used| read(used, &names, found));
            }
        }
    }
}

fn call(call: &Call, found: &mut BTreeMap<Operation, Usage>) {
    let usage = found.entry((call.api.clone(), call.operation.clone())).or_default();
    usage.parameters.extend(call.arguments.iter().map(|(name, _, _)| name.clone()));
    if let Some(body) = &call.body {
        sent(body, "", &mut usage.sent);
    }
}

fn sent(value: &Expr, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Expr::Record { members } if !members.is_empty() => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                sent(value, &at, into);
            }
        }
        _ => {
            into.insert(at.to_owned());
        }
    }
}

fn note(operation: &Operation, at: String, found: &mut BTreeMap<Operation, Usage>) {
    found.entry(operation.clone()).or_default().read.insert(at);
}

/// The members that an expression is nothing but a way to.
fn stands_for(expression: &Expr, names: &Names) -> Option<(Operation, String)> {
    match expression {
        Expr::Name { name } => names.get(name).cloned(),
        Expr::Field { of, name, .. } => {
            let (operation, at) = stands_for(of, names)?;
            Some((operation, if at.is_empty() { name.clone() } else { format!("{at}.{name}") }))
        }
        Expr::Index { of, .. } => stands_for(of, names).map(|(operation, at)| (operation, format!("{at}[]"))),
        Expr::Widen { of, .. } => stands_for(of, names),
        _ => None,
    }
}

fn read(expression: &Expr, names: &Names, found: &mut BTreeMap<Operation, Usage>) {
    if let Some((operation, at)) = stands_for(expression, names) {
        note(&operation, at, found);
        if let Expr::Index { index, .. } = expression {
            read(index, names, found);
        }
        return;
    }
    if let Expr::Comprehension { variable, list, condition, item } = expression {
        let mut inner = names.clone();
        match stands_for(list, names) {
            Some((operation, at)) => {
                note(&operation, format!("{at}[]"), found);
                inner.insert(variable.clone(), (operation, format!("{at}[]")));
            }
            None => {
                inner.remove(variable);
                read(list, names, found);
            }
        }
        condition.iter().for_each(|condition| read(condition, &inner, found));
        read(item, &inner, found);
        return;
    }
    if let Expr::Match { of, arms, otherwise } = expression {
        for arm in arms {
            let mut inner = names.clone();
            if let Some(variable) = &arm.variable {
                // A refusal's body is no member of what the step stands for.
                match names.get(of).filter(|_| (200..=299).contains(&arm.status)) {
                    Some(same) => inner.insert(variable.clone(), same.clone()),
                    None => inner.remove(variable),
                };
            }
            read(&arm.value, &inner, found);
        }
        otherwise.iter().for_each(|otherwise| read(otherwise, names, found));
        return;
    }
    each_child(expression, &mut |child| read(child, names, found));
}
