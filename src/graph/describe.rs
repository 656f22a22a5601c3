//! From a flow and its graph to the plain description that is drawn.

use std::collections::BTreeMap;

use super::Graph;
use super::drawing::{
    Drawing, DrawnCall, DrawnEdge, DrawnHandoff, DrawnNode, DrawnOperator, DrawnRounds, EdgeKind, Shape,
};
use crate::hir::{Block, Call, Hir, Node, NodeKind, Step};
use crate::plan::free_names;
use crate::source::{SourceMap, Span};

impl Graph {
    /// The description of a flow's graph. The texts of guards and statements are read from the flow's source.
    pub fn drawing(&self, hir: &Hir, sources: &SourceMap) -> Drawing {
        let runner = match &hir.flow.agent {
            Some((name, agent)) => {
                let id = agent.parent().to_string();
                DrawnOperator { key: id.clone(), name: name.clone(), id: Some(id), unverified: None }
            }
            None => DrawnOperator { key: "runner".into(), name: "runner".into(), ..DrawnOperator::default() },
        };
        let mut describer = Describer {
            hir,
            sources,
            runner: runner.key.clone(),
            drawing: Drawing { flow: hir.flow.name.clone(), operators: vec![runner], ..Drawing::default() },
        };
        describer.block(&hir.flow.body, None);
        let mut drawing = describer.drawing;
        drawing.edges = self.drawn_edges(hir, &drawing.nodes);
        drawing
    }

    fn drawn_edges(&self, hir: &Hir, nodes: &[DrawnNode]) -> Vec<DrawnEdge> {
        let sides: BTreeMap<&str, &str> =
            nodes.iter().map(|node| (node.id.as_str(), node.operator.as_str())).collect();
        let mut entries = entries(self, hir);
        let mut drawn = Vec::new();
        for node in nodes {
            let direct = self.edges_of(&node.id).map(|(from, kind)| (from.clone(), kind));
            let outside = entries.remove(&node.id).unwrap_or_default();
            for (from, kind) in direct.chain(outside.into_iter().map(|from| (from, EdgeKind::Data))) {
                let crosses = sides.get(from.as_str()).is_some_and(|side| *side != node.operator);
                let handoff = crosses && kind == EdgeKind::Data;
                drawn.push(DrawnEdge { from, to: node.id.clone(), kind, handoff });
            }
        }
        drawn
    }
}

/// By node of a loop: the nodes outside the loop whose data it takes, and the loop whose item it takes, sorted.
fn entries(graph: &Graph, hir: &Hir) -> BTreeMap<String, Vec<String>> {
    let mut known = std::collections::BTreeSet::new();
    let mut variables = BTreeMap::new();
    hir.flow.body.each_node(&mut |node, _| {
        known.insert(node.id.clone());
        if let NodeKind::For(repeat) = &node.kind {
            variables.insert(node.id.clone(), repeat.variable.clone());
        }
    });
    let mut found = BTreeMap::new();
    hir.flow.body.each_node(&mut |node, inside| {
        if inside.is_none() {
            return;
        }
        let direct = graph.after(&node.id);
        let names = node.expressions().into_iter().flat_map(free_names);
        let loops = graph.loops_of(&node.id);
        // An item comes from the loop that it is an item of.
        let source = |name: String| {
            let of = loops.iter().find(|outer| variables.get(**outer) == Some(&name));
            of.map_or(name, |outer| (*outer).to_owned())
        };
        let mut outside: Vec<String> = names
            .map(source)
            .filter(|name| *name != node.id && known.contains(name) && !direct.contains(name))
            .collect();
        outside.sort();
        outside.dedup();
        found.insert(node.id.clone(), outside);
    });
    found
}

struct Describer<'h> {
    hir: &'h Hir,
    sources: &'h SourceMap,
    runner: String,
    drawing: Drawing,
}

impl Describer<'_> {
    fn block(&mut self, block: &Block, inside: Option<&str>) {
        for node in &block.nodes {
            self.node(node, inside);
            if let NodeKind::For(repeat) = &node.kind {
                self.block(&repeat.body, Some(&node.id));
            }
        }
    }

    fn node(&mut self, node: &Node, inside: Option<&str>) {
        let mut drawn = DrawnNode {
            id: node.id.clone(),
            label: String::new(),
            shape: Shape::Value,
            operator: self.runner.clone(),
            inside: inside.map(str::to_owned),
            written: one_line(self.sources.slice(node.written)),
            guard: None,
            irreversible: None,
            handoff: None,
            rounds: None,
            read_back: None,
            undo: None,
        };
        let condition = |guard: &Option<(crate::expr::Expr, crate::source::Span)>| {
            guard.as_ref().map(|(_, span)| one_line(self.sources.slice(*span)))
        };
        match &node.kind {
            NodeKind::Step(step) => {
                drawn.shape = if step.call.is_safe() { Shape::Read } else { Shape::Effect };
                drawn.label = format!("{} = {}.{}", node.id, step.call.api, step.call.operation);
                drawn.guard = condition(&step.guard);
                drawn.irreversible = step.irreversible.as_ref().map(|(because, _)| because.clone());
                drawn.handoff = Some(self.handoff(&step.call));
                drawn.operator = self.operator(&step.call.api);
                drawn.rounds = self.rounds(step);
                drawn.read_back = step.reconcile.as_ref().map(|read| self.call(&read.call));
                drawn.undo = step.undo.as_ref().map(|undo| self.call(undo));
            }
            NodeKind::SubFlow(call) => {
                drawn.shape = Shape::Flow { safe: call.safe };
                drawn.label = format!("{} = call {}", node.id, call.flow);
                drawn.guard = condition(&call.guard);
                drawn.irreversible = call.irreversible.as_ref().map(|(because, _)| because.clone());
                drawn.undo = call.undo.as_ref().map(|undo| self.call(undo));
            }
            NodeKind::Signal(signal) => {
                drawn.shape = Shape::Signal;
                drawn.label = format!("signal {}", node.id);
                drawn.guard = condition(&signal.guard);
            }
            NodeKind::Wait(_) => {
                drawn.shape = Shape::Rule;
                drawn.label = "wait".to_owned();
            }
            NodeKind::Let(_) => drawn.label = format!("let {}", node.id),
            NodeKind::Ensure { .. } => {
                drawn.shape = Shape::Rule;
                drawn.label = "ensure".to_owned();
            }
            NodeKind::Fail { .. } => {
                drawn.shape = Shape::Rule;
                drawn.label = "fail".to_owned();
            }
            NodeKind::For(repeat) => {
                drawn.shape = Shape::Loop;
                drawn.guard = condition(&repeat.guard);
                drawn.written = before_brace(&drawn.written);
                let (variable, parallel) = (&repeat.variable, repeat.parallel);
                drawn.label = format!("for {variable} at most {} parallel {parallel}", repeat.at_most.0);
            }
            NodeKind::Return(_) => {
                drawn.shape = Shape::Return;
                drawn.label = "return".to_owned();
            }
        }
        self.drawing.nodes.push(drawn);
    }

    fn rounds(&self, step: &Step) -> Option<DrawnRounds> {
        if let Some((pages, _)) = &step.pages {
            return Some(DrawnRounds { bounds: format!("pages at most {}", pages.at_most), until: None });
        }
        let (_, span) = step.poll.as_ref()?;
        // What follows the call: `until CONDITION every 5s at most 60`.
        let written = one_line(self.sources.slice(Span::new(span.file, step.call.span.end, span.end)));
        let (until, bounds) = written.strip_prefix("until ")?.rsplit_once(" every ")?;
        Some(DrawnRounds { bounds: format!("poll every {bounds}"), until: Some(until.to_owned()) })
    }

    /// The operator of an api, listed where it is not yet.
    fn operator(&mut self, api: &str) -> String {
        let found = self.hir.apis.get(api);
        let identity = found.and_then(|api| api.identity.as_ref());
        let new = match identity {
            Some(identity) => {
                let id = identity.fields.operator_ecz_id.to_string();
                let declared =
                    self.hir.operators.iter().find(|(_, declared)| declared.passport.to_string() == id);
                let name = declared.map_or(api, |(name, _)| name.as_str()).to_owned();
                DrawnOperator { key: id.clone(), name, id: Some(id), unverified: None }
            }
            None => {
                let none = found.and_then(|api| api.no_passport.as_ref());
                let because = none.map_or("its identity could not be made out", |none| none.because.as_str());
                DrawnOperator {
                    key: format!("api {api}"),
                    name: none.and_then(|none| none.operator.clone()).unwrap_or_else(|| api.to_owned()),
                    id: None,
                    unverified: Some(because.to_owned()),
                }
            }
        };
        let key = new.key.clone();
        if !self.drawing.operators.iter().any(|other| other.key == key) {
            self.drawing.operators.push(new);
        }
        key
    }

    fn call(&mut self, call: &Call) -> DrawnCall {
        DrawnCall { operator: self.operator(&call.api), handoff: self.handoff(call) }
    }

    fn handoff(&self, call: &Call) -> DrawnHandoff {
        let policy = call.handoff().and_then(|handoff| handoff.policy.as_ref());
        let own = call.handoff().and_then(|handoff| handoff.present.as_ref());
        let present = own.or(self.hir.flow.agent.as_ref().map(|(_, agent)| agent));
        DrawnHandoff {
            policy: policy.map(|policy| policy.name.clone()).unwrap_or_default(),
            verify: policy.map(|policy| policy.verify.mode),
            evidence: policy.map(|policy| policy.evidence.to_string()),
            present: present.map(ToString::to_string),
            operation: format!("{}.{}", call.api, call.operation),
            request: format!("{} {}", call.view.method, call.view.path),
        }
    }
}

/// Source text on one line: comments left out, white space between words as one space.
fn one_line(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        kept.push_str(without_comment(line).trim());
        kept.push(' ');
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line up to its comment. Two slashes within a string are no comment; strings don't go over lines.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quoted => {
                characters.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && characters.peek().is_some_and(|(_, next)| *next == '/') => {
                return line.get(..at).unwrap_or(line);
            }
            _ => {}
        }
    }
    line
}

/// The head of a loop: what stands before its body.
fn before_brace(text: &str) -> String {
    let mut quoted = false;
    // A record in the head has its braces in a pair of their own; the body's brace is the last that opens at depth 0.
    let (mut depth, mut body) = (0_usize, text.len());
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '{' if !quoted => {
                if depth == 0 {
                    body = at;
                }
                depth += 1;
            }
            '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.get(..body).unwrap_or(text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_lose_their_comments_and_line_ends() {
        let text = "step a = b.c(\"http://x\")   // why\n    when\tgo // \"\n";
        assert_eq!(one_line(text), "step a = b.c(\"http://x\") when go");
        assert_eq!(
            before_brace("for a in [{b: \"}\"}] at most 2 { step c = d.e({}) }"),
            "for a in [{b: \"}\"}] at most 2"
        );
    }
}
