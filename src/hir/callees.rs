//! The flows of a file, resolved with those they call: each once, none coming back to itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::Hir;
use crate::diagnostics::codes::graph as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::plan::ranges;
use crate::syntax::ast;

/// Resolves one flow, given those that it calls.
type Lower<'a, 'l> = dyn FnMut(&'a ast::Flow, BTreeMap<String, Arc<Hir>>, &mut Sink) -> Hir + 'l;

/// The flows of a file, as far as they were asked for.
pub(super) struct Callees<'a> {
    flows: BTreeMap<&'a str, &'a ast::Flow>,
    resolved: BTreeMap<&'a str, Arc<Hir>>,
    /// Nodes of a flow, for each call of another one those of that one with them.
    nodes: BTreeMap<&'a str, usize>,
    /// Flows being resolved, outermost first: meeting one again is a circle.
    open: Vec<&'a str>,
}

impl<'a> Callees<'a> {
    pub(super) fn new(flows: &[&'a ast::Flow]) -> Callees<'a> {
        // The first of a name that stands twice, which was reported.
        let named = flows.iter().rev().map(|flow| (flow.name.text.as_str(), *flow));
        Callees {
            flows: named.collect(),
            resolved: BTreeMap::new(),
            nodes: BTreeMap::new(),
            open: Vec::new(),
        }
    }

    /// Resolves a flow after those that it calls.
    pub(super) fn resolve(
        &mut self,
        flow: &'a ast::Flow,
        sink: &mut Sink,
        lower: &mut Lower<'a, '_>,
    ) -> Arc<Hir> {
        let name = flow.name.text.as_str();
        if let Some(known) = self.resolved.get(name) {
            return Arc::clone(known);
        }
        self.open.push(name);
        let mut calls = Vec::new();
        called(&flow.body, &mut calls);
        let mut callees = BTreeMap::new();
        for call in &calls {
            let Some(callee) = self.flows.get(call.text.as_str()).copied() else { continue };
            if callees.contains_key(&call.text) {
                continue;
            }
            if let Some(start) = self.open.iter().position(|open| *open == call.text) {
                let chain: Vec<&str> =
                    self.open.iter().skip(start).copied().chain([call.text.as_str()]).collect();
                sink.push(recursive(call, callee, &chain));
                continue;
            }
            if self.open.len() > ranges::CALL_DEPTH {
                let message = format!("more than {} flows call each other in a row", ranges::CALL_DEPTH);
                sink.push(Diagnostic::new(&codes::TOO_LARGE, call.span, message).help(
                    "let the outer flow call the inner ones one after the other, and hand over what they return",
                ));
                continue;
            }
            let hir = self.resolve(callee, sink, lower);
            callees.insert(call.text.clone(), hir);
        }
        let mut nodes = 0_usize;
        for call in calls {
            nodes = nodes.saturating_add(self.nodes.get(call.text.as_str()).copied().unwrap_or_default());
        }
        let mut hir = lower(flow, callees, sink);
        hir.flow.body.each_node(&mut |_, _| nodes = nodes.saturating_add(1));
        if nodes > ranges::NODES && !hir.callees.is_empty() {
            hir.is_too_large = true;
            // One that calls a flow which is too large by itself is not told as well.
            if !hir.callees.values().any(|callee| callee.is_too_large) {
                let most = ranges::NODES;
                let message =
                    format!("`{name}` with the flows that it calls has {nodes} nodes, more than {most}");
                sink.push(Diagnostic::new(&codes::TOO_LARGE, flow.name.span, message).help("split the flow"));
            }
        }
        self.open.pop();
        self.nodes.insert(name, nodes);
        let hir = Arc::new(hir);
        self.resolved.insert(name, Arc::clone(&hir));
        hir
    }
}

fn recursive(call: &ast::Name, callee: &ast::Flow, chain: &[&str]) -> Diagnostic {
    let (message, help) = match chain {
        [_, _] => (
            format!("`{}` calls itself", call.text),
            "repeat with `for … at most N` or `poll … at most N`, which are bounded",
        ),
        _ => (
            format!("`{}` calls itself through others: {}", call.text, chain.join(" -> ")),
            "repeat with `for … at most N`, which is bounded, or move what both need into a third flow",
        ),
    };
    Diagnostic::new(&codes::RECURSIVE_CALL, call.span, message)
        .and(callee.name.span, "the flow that would start again")
        .note("a flow that starts itself again may never end, and nobody could say beforehand what it costs")
        .help(help)
}

/// The other flows of a file that call one of some, or one that does.
pub(super) fn callers<'a>(flows: &[&'a ast::Flow], mut names: BTreeSet<&'a str>) -> Vec<&'a ast::Flow> {
    let mut found = Vec::new();
    loop {
        let calls = |flow: &&&ast::Flow| {
            let mut calls = Vec::new();
            called(&flow.body, &mut calls);
            calls.iter().any(|call| names.contains(call.text.as_str()))
        };
        let others = flows.iter().filter(|flow| !names.contains(flow.name.text.as_str()));
        let new: Vec<&'a ast::Flow> = others.filter(calls).copied().collect();
        if new.is_empty() {
            return found;
        }
        names.extend(new.iter().map(|flow| flow.name.text.as_str()));
        found.extend(new);
    }
}

/// Whether another flow of a file calls this one.
pub(super) fn is_called(flow: &ast::Flow, flows: &[&ast::Flow]) -> bool {
    let others = flows.iter().filter(|other| other.name.text != flow.name.text);
    let mut calls = Vec::new();
    others.for_each(|other| called(&other.body, &mut calls));
    calls.iter().any(|call| call.text == flow.name.text)
}

/// The flows that a block calls, in order.
fn called<'a>(block: &'a ast::Block, found: &mut Vec<&'a ast::Name>) {
    for statement in &block.statements {
        match statement {
            ast::Statement::SubFlow(step) => found.push(&step.call.flow),
            ast::Statement::For(each) => called(&each.body, found),
            _ => {}
        }
    }
}
