//! From pest's tree to the abstract syntax tree.
//!
//! The grammar fixes which children a node has, so a missing one is answered with `None`, never with a panic.

mod declaration;
mod expression;
mod flow;
mod literal;
mod policy;
mod signal;
mod step;

pub(super) use flow::{Clauses, Settings};
pub(super) use signal::SignalClauses;

use crate::diagnostics::codes::syntax as codes;
use crate::diagnostics::{Code, Diagnostic, Sink};
use crate::source::{FileId, Span};

use super::ast::{Agent, Allow, File, Item, Name, Path, Spanned, UseHandoff, Weaken};
use super::grammar::{Node, Rule};
use super::scan::{Scan, Token};

/// Lowers nodes of one slice of a file.
pub(super) struct Lower<'a> {
    file: FileId,
    base: usize,
    scan: &'a Scan,
    sink: &'a mut Sink,
    deep: bool,
}

impl<'a> Lower<'a> {
    /// For nodes parsed from the slice that starts at `base`.
    pub(super) fn new(file: FileId, base: usize, scan: &'a Scan, sink: &'a mut Sink) -> Lower<'a> {
        Lower { file, base, scan, sink, deep: false }
    }

    /// A whole file.
    pub(super) fn file(&mut self, nodes: Vec<Node<'_>>, tree: &mut File) {
        if self.scan.clean.contains("allow") {
            for node in &nodes {
                self.allows(node.clone(), &mut tree.allows);
            }
        }
        for node in nodes.into_iter().flat_map(Node::into_inner) {
            match node.as_rule() {
                Rule::version => tree.version = self.version(node),
                Rule::EOI => {}
                _ => tree.items.extend(self.item(node)),
            }
        }
    }

    /// `eczflow 1`.
    pub(super) fn version(&mut self, node: Node<'_>) -> Option<Spanned<u32>> {
        let span = self.span(&node);
        let number = child(node, Rule::integer)?;
        let value = number.as_str().parse().ok().filter(|version| *version == super::LANGUAGE);
        if value.is_none() {
            let message = format!("version {} of the language is not known here", number.as_str());
            let found = Diagnostic::new(&codes::VERSION, self.span(&number), message);
            self.sink.push(found.help(format!("this compiler reads version {}", super::LANGUAGE)));
        }
        Some(Spanned { value: value?, span })
    }

    /// Every `allow` below a node, with what stands below it in its block.
    fn allows(&self, node: Node<'_>, found: &mut Vec<Allow>) {
        let mut open: Vec<Allow> = Vec::new();
        for part in node.into_inner() {
            let span = self.span(&part);
            if part.as_rule() == Rule::allow {
                let names = children(part, Rule::rule_name).map(|name| self.name(name)).collect();
                open.push(Allow { span, names, scope: Span { start: span.end, ..span } });
                continue;
            }
            if !open.is_empty() && part.as_rule() != Rule::EOI && part.as_rule() != Rule::close_brace {
                found.extend(open.drain(..).map(|allow| Allow { scope: span, ..allow }));
            }
            self.allows(part, found);
        }
        found.append(&mut open);
    }

    /// A declaration.
    pub(super) fn item(&mut self, node: Node<'_>) -> Option<Item> {
        Some(match node.as_rule() {
            Rule::use_item => Item::Use(self.use_item(node)?),
            Rule::operator_item => Item::Operator(self.operator(node)?),
            Rule::secret_item => Item::Secret(self.secret(node)?),
            Rule::api_item => Item::Api(self.api(node)?),
            Rule::retry_item => Item::Retry(self.retry_policy(node)?),
            Rule::breaker_item => Item::Breaker(self.breaker_policy(node)?),
            Rule::handoff_item => Item::Handoff(self.handoff_policy(node)?),
            Rule::type_item => Item::Type(self.type_declaration(node)?),
            Rule::fn_item => Item::Function(self.function(node)?),
            Rule::classify_item => Item::Classify(self.classify(node)?),
            Rule::flow_item => Item::Flow(self.flow(node)?),
            _ => return None,
        })
    }

    /// A node's place. Rules that end with optional parts run on over white space and comments: these are cut off.
    fn span(&self, node: &Node<'_>) -> Span {
        let span = node.as_span();
        let start = self.base + span.start();
        let mut end = self.base + span.end();
        loop {
            let text = self.scan.clean.get(start..end).unwrap_or("").trim_end();
            end = start + text.len();
            let comment = self.scan.trivia.partition_point(|trivia| trivia.span.start < end).checked_sub(1);
            match comment.and_then(|index| self.scan.trivia.get(index)) {
                Some(trivia) if trivia.span.start >= start && end <= trivia.span.end => {
                    end = trivia.span.start
                }
                _ => return Span::new(self.file, start, end),
            }
        }
    }

    fn name(&self, node: Node<'_>) -> Name {
        Name { text: node.as_str().to_owned(), span: self.span(&node) }
    }

    fn path(&self, node: Node<'_>) -> Path {
        let span = self.span(&node);
        let segments =
            node.into_inner().filter(|part| part.as_rule() == Rule::name).map(|part| self.name(part));
        Path { segments: segments.collect(), span }
    }

    fn agent(&self, node: Node<'_>) -> Option<Agent> {
        let span = self.span(&node);
        Some(Agent { span, operator: self.name(child(node, Rule::name)?) })
    }

    /// `retry NAME`, `breaker NAME`, `handoff NAME`.
    fn used_path(&self, node: Node<'_>) -> Option<Path> {
        Some(self.path(child(node, Rule::path)?))
    }

    /// `handoff NAME`, or `weaken handoff NAME because "…"`.
    fn used_handoff(&mut self, node: Node<'_>) -> Option<UseHandoff> {
        let span = self.span(&node);
        let policy = self.path(child(node.clone(), Rule::path)?);
        let because = child(node, Rule::string).and_then(|because| self.text(because));
        Some(UseHandoff { policy, weakened: because.map(|because| Weaken { span, because }) })
    }

    /// The token that starts at a place.
    fn token(&self, start: usize) -> Option<Token> {
        self.scan.tokens.get(self.scan.token_at(start)).copied().filter(|token| token.start == start)
    }

    fn report(&mut self, code: &'static Code, span: Span, message: impl Into<String>, help: &str) {
        self.sink.push(Diagnostic::new(code, span, message).help(help));
    }

    /// Fills a part, or reports that it was filled before.
    fn once<T>(&mut self, slot: &mut Option<(T, Span)>, value: Option<T>, span: Span, word: &str) {
        let Some(value) = value else { return };
        if let Some((_, first)) = slot {
            let found = Diagnostic::new(&codes::GIVEN_TWICE, span, format!("`{word}` is given twice"));
            self.sink.push(found.and(*first, "first given here").help("keep one of the two"));
        } else {
            *slot = Some((value, span));
        }
    }
}

/// The first child of a rule.
fn child(node: Node<'_>, rule: Rule) -> Option<Node<'_>> {
    node.into_inner().find(|part| part.as_rule() == rule)
}

/// The children of a rule.
fn children(node: Node<'_>, rule: Rule) -> impl Iterator<Item = Node<'_>> {
    node.into_inner().filter(move |part| part.as_rule() == rule)
}

/// The value of a filled part.
fn taken<T>(slot: Option<(T, Span)>) -> Option<T> {
    slot.map(|(value, _)| value)
}
