//! Reading a file that has errors: it is cut at its declarations, statements and clauses by the scan's tokens, and each
//! part goes through the grammar by itself. One error is reported a part; the parts around it are kept.

use crate::base::did_you_mean;
use crate::diagnostics::codes::syntax as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::{FileId, Span};

use super::ast::{Block, Broken, File, Item, Name, Return, Statement};
use super::errors::{Errors, LATER_ITEMS};
use super::grammar::{Node, Rule, parse};
use super::lower::{Clauses, Lower, Settings, SignalClauses};
use super::scan::{Scan, TokenKind};

/// Words that begin a declaration.
pub(super) const ITEMS: [&str; 12] = [
    "allow", "use", "operator", "secret", "api", "classify", "retry", "breaker", "handoff", "type", "fn",
    "flow",
];
/// Words that begin a statement.
pub(super) const STATEMENTS: [&str; 10] =
    ["step", "signal", "let", "ensure", "fail", "wait", "for", "after", "return", "yield"];
/// Words that begin a setting of a flow.
pub(super) const SETTINGS: [&str; 4] = ["as", "handoff", "deadline", "cleared"];
/// Words that begin a clause of a signal.
pub(super) const SIGNAL_CLAUSES: [&str; 4] = ["when", "after", "from", "within"];
/// Words that begin a clause of a step.
pub(super) const CLAUSES: [&str; 10] =
    ["when", "after", "on", "retry", "handoff", "weaken", "key", "reconcile", "undo", "irreversible"];

/// Reads what can be read of a file that the grammar refused as a whole.
pub(super) fn recover(file: FileId, scan: &Scan, sink: &mut Sink, tree: &mut File) {
    Recover { file, scan, sink, errors: Errors { file, scan } }.run(tree);
}

struct Recover<'a> {
    file: FileId,
    scan: &'a Scan,
    sink: &'a mut Sink,
    errors: Errors<'a>,
}

/// Whether a line is a version line, but for its spelling.
fn is_like_version(line: &str) -> bool {
    let number = line.find(|c: char| c.is_ascii_digit()).unwrap_or(line.len());
    let (word, number) = line.split_at(number);
    let word = word.trim_end().to_lowercase();
    let near = word == "eczflow" || did_you_mean(&word, ["eczflow"]).is_some();
    near && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tokens by index: from, to (exclusive).
type Slice = (usize, usize);

impl<'a> Recover<'a> {
    fn run(&mut self, tree: &mut File) {
        let count = self.scan.tokens.len();
        let starts: Vec<usize> = (0..count).filter(|index| self.is_item_start(*index)).collect();
        self.version((0, starts.first().copied().unwrap_or(count)), tree);
        for (position, start) in starts.iter().enumerate() {
            let end = starts.get(position + 1).copied().unwrap_or(count);
            let item = self.item((*start, end));
            tree.items.push(item);
        }
    }

    fn version(&mut self, slice: Slice, tree: &mut File) {
        let (from, to) = slice;
        if self.errors.word(from) == Some("eczflow") && from < to {
            // What follows the number before the first declaration is an error of its own.
            let end = to.min(from + 2);
            let nodes = self.read(Rule::version_slice, (from, end), "a declaration");
            for node in nodes.into_iter().flatten().filter(|node| node.as_rule() == Rule::version) {
                tree.version = self.lower(from).version(node);
            }
            if end < to && !self.is_faulty((end, to)) {
                self.errors.unexpected(
                    self.sink,
                    end,
                    "a declaration such as `use`, `operator`, `api` or `flow`",
                );
            }
            return;
        }
        let span = match self.scan.tokens.get(from) {
            Some(token) => Span::new(self.file, token.start, token.end),
            None => Span::new(self.file, 0, 0),
        };
        let found =
            Diagnostic::new(&codes::VERSION, span, "the first line must name the version of the language");
        let found = found.help("write `eczflow 1` before everything else");
        let text = &*self.scan.clean;
        let first = text.len() - text.trim_start().len();
        let line = text.trim_start().lines().next().unwrap_or("");
        let line = line.split("//").next().unwrap_or("").trim_end();
        let word = line.split([' ', '\t']).next().unwrap_or("").to_lowercase();
        self.sink.push(if is_like_version(line) {
            let edit = (Span::new(self.file, first, first + line.len()), "eczflow 1".to_owned());
            found.fix("write the version line", vec![edit])
        } else if did_you_mean(&word, ["eczflow"]).is_some() {
            // Whatever else stands there would be left over.
            found
        } else {
            // A byte-order mark, blank here, stays before everything.
            let start = if text.starts_with("   ") { 3 } else { 0 };
            let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
            let edit = (Span::new(self.file, start, start), format!("eczflow 1{end}"));
            found.fix("add the version line", vec![edit])
        });
    }

    /// Whether a declaration starts at a token. Where a bracket before it was never closed, the left margin decides.
    fn is_item_start(&self, index: usize) -> bool {
        let Some(token) = self.scan.tokens.get(index) else { return false };
        let Some(word) = self.errors.word(index) else { return false };
        let known = ITEMS.contains(&word) || LATER_ITEMS.contains(&word);
        let margin = token.first && token.column == 0;
        if !known || (token.depth > 0 && !margin) {
            return false;
        }
        let named = self.errors.word(index + 1).is_some();
        let before = index.checked_sub(1).and_then(|before| self.errors.sign(before));
        if matches!(before, Some('.' | '=' | ',' | '(')) {
            return false;
        }
        match word {
            "use" | "test" => named || self.kind(index + 1) == Some(TokenKind::String),
            "allow" => self.errors.sign(index + 1) == Some('('),
            "retry" | "breaker" | "handoff" => named && self.errors.sign(index + 2) == Some('{'),
            _ => named,
        }
    }

    fn kind(&self, index: usize) -> Option<TokenKind> {
        self.scan.tokens.get(index).map(|token| token.kind)
    }

    fn depth(&self, index: usize) -> usize {
        self.scan.tokens.get(index).map_or(0, |token| token.depth)
    }

    fn range(&self, (from, to): Slice) -> (usize, usize) {
        let start = self.scan.tokens.get(from).map_or(self.scan.clean.len(), |token| token.start);
        let tokens = self.scan.tokens.get(from..to).unwrap_or(&[]);
        // A string's token comes before those of its holes and ends behind them; its closing quote must not be cut off.
        let end = tokens
            .iter()
            .rev()
            .take_while(|token| token.depth > self.depth(from))
            .map(|token| token.end)
            .max();
        let last = tokens.iter().rev().find(|token| token.depth <= self.depth(from)).map(|token| token.end);
        (start, end.max(last).unwrap_or(start))
    }

    fn span(&self, slice: Slice) -> Span {
        let (start, end) = self.range(slice);
        Span::new(self.file, start, end)
    }

    fn is_faulty(&self, slice: Slice) -> bool {
        let (start, end) = self.range(slice);
        self.scan.is_faulty(start, end)
    }

    fn name(&self, index: usize) -> Option<Name> {
        let token = self.scan.tokens.get(index)?;
        let text = self.errors.word(index)?.to_owned();
        Some(Name { text, span: Span::new(self.file, token.start, token.end) })
    }

    fn broken(&self, slice: Slice, name: usize) -> Broken {
        Broken { span: self.span(slice), name: self.name(name).filter(|_| name < slice.1) }
    }

    fn lower(&mut self, from: usize) -> Lower<'_> {
        let base = self.scan.tokens.get(from).map_or(0, |token| token.start);
        Lower::new(self.file, base, self.scan, self.sink)
    }

    /// Parses a slice. An error is reported unless the scan reported one there.
    fn read(&mut self, rule: Rule, slice: Slice, next: &str) -> Option<Vec<Node<'a>>> {
        let (start, end) = self.range(slice);
        match parse(rule, self.scan.clean.get(start..end).unwrap_or("")) {
            Ok(nodes) => Some(nodes),
            Err(_) if self.scan.is_faulty(start, end) => None,
            Err(stop) => {
                self.errors.stop(self.sink, &stop, start, slice, next);
                None
            }
        }
    }

    fn item(&mut self, slice: Slice) -> Item {
        let from = slice.0;
        let word = self.errors.word(from).unwrap_or("").to_owned();
        if LATER_ITEMS.contains(&word.as_str()) {
            self.errors.not_built_yet(self.sink, from, &word);
            return Item::Broken(self.broken(slice, from + 1));
        }
        if word == "flow" {
            return self.flow(slice);
        }
        let nodes = self.read(Rule::item_slice, slice, "a declaration");
        let node = nodes.into_iter().flatten().next();
        let item = node.and_then(|node| self.lower(from).item(node));
        // What `classify` names is declared elsewhere.
        let name = if word == "classify" { slice.1 } else { from + 1 };
        item.unwrap_or_else(|| Item::Broken(self.broken(slice, name)))
    }

    fn flow(&mut self, slice: Slice) -> Item {
        let (from, to) = slice;
        let depth = self.depth(from);
        let body = (from..to).find(|index| {
            self.depth(*index) == depth
                && self.errors.sign(*index) == Some('{')
                && index
                    .checked_sub(1)
                    .is_none_or(|before| !matches!(self.errors.sign(before), Some('>' | '|')))
        });
        let header = self.read(Rule::header_slice, (from, body.unwrap_or(to)), "`{`");
        let header = header.into_iter().flatten().next().and_then(|node| self.lower(from).header(node));
        let Some(open) = body else {
            if header.is_some() && !self.is_faulty(slice) {
                let span = self.span(slice);
                self.sink.push(Diagnostic::new(
                    &codes::UNEXPECTED,
                    span,
                    "expected the flow's body in `{ … }` after this",
                ));
            }
            return Item::Broken(self.broken(slice, from + 1));
        };
        let close = self.close(open, to);
        let mut settings = Settings::default();
        let mut block = Block { span: self.span((open, to.min(close + 1))), statements: Vec::new() };
        self.block((open + 1, close), &mut Inside::Flow(&mut settings), &mut block.statements);
        if close + 1 < to && !self.is_faulty((close + 1, to)) {
            self.errors.unexpected(self.sink, close + 1, "a declaration such as `api` or `flow`");
        }
        match header {
            Some(header) => Item::Flow(header.flow(self.span((from, to.min(close + 1))), settings, block)),
            None => Item::Broken(self.broken(slice, from + 1)),
        }
    }

    /// The index of the bracket that closes one, or the slice's end.
    fn close(&self, open: usize, to: usize) -> usize {
        let depth = self.depth(open);
        (open + 1..to).find(|index| self.depth(*index) <= depth).unwrap_or(to)
    }

    fn block(&mut self, slice: Slice, inside: &mut Inside<'_>, statements: &mut Vec<Statement>) {
        let (from, to) = slice;
        if from >= to {
            return;
        }
        let starts = self.statement_starts(slice, matches!(inside, Inside::Flow(_)));
        let first = starts.first().copied().unwrap_or(to);
        if first > from && !self.is_faulty((from, first)) {
            self.errors.unexpected(
                self.sink,
                from,
                "`step`, `signal`, `let`, `ensure`, `fail`, `wait`, `for`, `after` or `return`",
            );
        }
        for (position, start) in starts.iter().enumerate() {
            let end = starts.get(position + 1).copied().unwrap_or(to);
            self.statement((*start, end), inside, statements);
        }
    }

    fn statement_starts(&self, (from, to): Slice, in_flow: bool) -> Vec<usize> {
        let depth = self.depth(from);
        let mut starts: Vec<usize> = Vec::new();
        for index in from..to {
            let Some(token) = self.scan.tokens.get(index) else { break };
            let Some(word) = self.errors.word(index).filter(|_| token.depth == depth) else { continue };
            let hard = STATEMENTS.contains(&word);
            let allow = word == "allow" && token.first && self.errors.sign(index + 1) == Some('(');
            let starts_something = hard || allow || (in_flow && SETTINGS.contains(&word));
            if !starts_something {
                continue;
            }
            let before = index.checked_sub(1).filter(|before| *before >= from);
            let sign = before.and_then(|before| self.errors.sign(before));
            let previous = before.and_then(|before| self.errors.word(before));
            let is_value = matches!(word, "for" | "wait" | "signal");
            let joined = match sign {
                Some('.') => true,
                Some('=') => !token.first || is_value,
                _ => false,
            };
            // A clause of the step before, unless the layout takes it out.
            let step =
                starts.last().filter(|start| matches!(self.errors.word(**start), Some("step" | "signal")));
            let column = step.and_then(|start| self.scan.tokens.get(*start)).map(|token| token.column);
            let outside = token.first && column.is_none_or(|column| token.column <= column);
            let joined = joined
                || match word {
                    "fail" => before
                        .and_then(|at| at.checked_sub(1))
                        .is_some_and(|at| self.errors.word(at) == Some("on")),
                    "after" => step.is_some() && !outside,
                    word if SETTINGS.contains(&word) => step.is_some() || !(token.first || before.is_none()),
                    _ => false,
                };
            let named = matches!(previous, Some("step" | "let")) && !token.first;
            // `wait for 5m`
            let named = named || (word == "for" && previous == Some("wait") && !token.first);
            if !joined && !named && !matches!(self.errors.sign(index + 1), Some('.' | ':')) {
                starts.push(index);
            }
        }
        starts
    }

    fn statement(&mut self, slice: Slice, inside: &mut Inside<'_>, statements: &mut Vec<Statement>) {
        let (from, to) = slice;
        let word = self.errors.word(from).unwrap_or("").to_owned();
        let is_loop = word == "for" || (word == "let" && self.errors.word(from + 3) == Some("for"));
        match (word.as_str(), inside) {
            ("as" | "handoff" | "deadline" | "cleared", Inside::Flow(settings)) => {
                if let Some(nodes) = self.read(Rule::setting_slice, slice, "a statement") {
                    for node in nodes {
                        self.lower(from).setting(node, settings, statements.first());
                    }
                }
            }
            ("yield", Inside::Loop(results)) => {
                if let Some(nodes) = self.read(Rule::yield_slice, slice, "the loop's `}`") {
                    let node = nodes.into_iter().next();
                    results.extend(node.and_then(|node| self.lower(from).returned(node)));
                }
            }
            ("yield", Inside::Flow(_)) => {
                let span = self.span(slice);
                let found = Diagnostic::new(&codes::MISPLACED, span, "`yield` stands only in a `for`");
                self.sink.push(found.help("a flow ends with `return`"));
            }
            ("step", _) => self.step(slice, statements),
            ("signal", _) => self.signal(slice, statements),
            _ if is_loop => {
                let each = self.each(slice);
                statements.push(each.unwrap_or_else(|| {
                    let name = if word == "let" { from + 1 } else { to };
                    Statement::Broken(self.broken(slice, name))
                }));
            }
            _ => {
                let before = statements.len();
                let nodes = self.read(Rule::statement_slice, slice, "the next statement");
                for node in nodes.into_iter().flatten().filter(|node| node.as_rule() != Rule::EOI) {
                    self.lower(from).statement(node, statements);
                }
                if statements.len() == before {
                    let name = if word == "let" { from + 1 } else { to };
                    statements.push(Statement::Broken(self.broken(slice, name)));
                }
            }
        }
    }

    fn step(&mut self, slice: Slice, statements: &mut Vec<Statement>) {
        let (from, to) = slice;
        let (start, end) = self.range(slice);
        if let Ok(nodes) = parse(Rule::statement_slice, self.scan.clean.get(start..end).unwrap_or("")) {
            for node in nodes.into_iter().filter(|node| node.as_rule() == Rule::step) {
                self.lower(from).statement(node, statements);
            }
            return;
        }
        let starts: Vec<usize> = (from + 1..to).filter(|index| self.is_clause_start(*index, from)).collect();
        let head_end = starts.first().copied().unwrap_or(to);
        let head = self.read(Rule::step_slice, (from, head_end), "the next statement");
        let head = head.into_iter().flatten().next().and_then(|node| self.lower(from).step_head(node));
        let mut clauses = Clauses::default();
        for (position, start) in starts.iter().enumerate() {
            let clause = (*start, starts.get(position + 1).copied().unwrap_or(to));
            for node in
                self.read(Rule::clause_slice, clause, "the next clause or statement").into_iter().flatten()
            {
                self.lower(*start).clause(node, &mut clauses);
            }
        }
        statements.push(match head {
            Some((name, target)) => clauses.step(self.span(slice), name, target, self.sink),
            None => Statement::Broken(self.broken(slice, from + 1)),
        });
    }

    fn signal(&mut self, slice: Slice, statements: &mut Vec<Statement>) {
        let (from, to) = slice;
        let (start, end) = self.range(slice);
        if let Ok(nodes) = parse(Rule::statement_slice, self.scan.clean.get(start..end).unwrap_or("")) {
            for node in nodes.into_iter().filter(|node| node.as_rule() == Rule::signal_statement) {
                self.lower(from).statement(node, statements);
            }
            return;
        }
        let depth = self.depth(from);
        let begins = |index: &usize| {
            let word = self.errors.word(*index).filter(|_| self.depth(*index) == depth);
            word.is_some_and(|word| SIGNAL_CLAUSES.contains(&word))
        };
        let starts: Vec<usize> = (from + 2..to).filter(begins).collect();
        let head_end = starts.first().copied().unwrap_or(to);
        let head = self.read(Rule::signal_slice, (from, head_end), "`from` or `within`");
        let head = head.into_iter().flatten().next().and_then(|node| self.lower(from).signal_head(node));
        let mut clauses = SignalClauses::default();
        for (position, start) in starts.iter().enumerate() {
            let clause = (*start, starts.get(position + 1).copied().unwrap_or(to));
            let nodes = self.read(Rule::signal_part_slice, clause, "the next clause or statement");
            for node in nodes.into_iter().flatten() {
                self.lower(*start).signal_clause(node, &mut clauses);
            }
        }
        statements.push(match head {
            Some((name, ty)) => clauses.signal(self.span(slice), name, ty),
            None => Statement::Broken(self.broken(slice, from + 1)),
        });
    }

    fn is_clause_start(&self, index: usize, step: usize) -> bool {
        let Some(word) = self.errors.word(index).filter(|_| self.depth(index) == self.depth(step)) else {
            return false;
        };
        if !CLAUSES.contains(&word) || (word == "when" && self.is_read_back(index, step)) {
            return false;
        }
        let before = index.saturating_sub(1);
        // After these something is still expected, so a word there is a name.
        let open = matches!(
            self.errors.word(before),
            Some(
                "step"
                    | "when"
                    | "after"
                    | "on"
                    | "retry"
                    | "handoff"
                    | "key"
                    | "once"
                    | "per"
                    | "undo"
                    | "if"
                    | "then"
                    | "else"
                    | "weaken"
                    | "reconcile"
                    | "absent"
                    | "because"
            )
        );
        let first = self.scan.tokens.get(index).is_some_and(|token| token.first);
        let ends = match self.errors.sign(before) {
            Some(sign) => matches!(sign, ')' | ']' | '}' | '?'),
            None => !open || first,
        };
        ends && !matches!(self.errors.sign(index + 1), Some('.' | ':'))
    }

    /// Whether the `when` at an index is that of a `reconcile`: it follows that one's call.
    fn is_read_back(&self, index: usize, step: usize) -> bool {
        let depth = self.depth(step);
        let clause = (step..index).rev().find(|at| {
            self.depth(*at) == depth && self.errors.word(*at).is_some_and(|word| CLAUSES.contains(&word))
        });
        clause.is_some_and(|at| self.errors.word(at) == Some("reconcile"))
    }

    /// A loop: its head by itself, then its statements.
    fn each(&mut self, slice: Slice) -> Option<Statement> {
        let (from, to) = slice;
        let depth = self.depth(from);
        let open = (from..to)
            .rev()
            .find(|index| self.depth(*index) == depth && self.errors.sign(*index) == Some('{'));
        let head = self.read(Rule::for_slice, (from, open.unwrap_or(to)), "`{`");
        let head = head.into_iter().flatten().next().and_then(|node| self.lower(from).for_head(node));
        let open = open?;
        let close = self.close(open, to);
        let mut body = Block { span: self.span((open, to.min(close + 1))), statements: Vec::new() };
        let mut results = Vec::new();
        self.block((open + 1, close), &mut Inside::Loop(&mut results), &mut body.statements);
        if close + 1 < to && !self.is_faulty((close + 1, to)) {
            self.errors.unexpected(self.sink, close + 1, "the next statement");
        }
        let mut each = head?;
        each.span = self.span(slice);
        each.body = body;
        for value in results {
            self.lower(from).yielded(value, &mut each);
        }
        Some(Statement::For(Box::new(each)))
    }
}

/// Where a block stands, and where its special statements go.
enum Inside<'a> {
    /// A flow's body.
    Flow(&'a mut Settings),
    /// A loop's body: its `yield`s.
    Loop(&'a mut Vec<Return>),
}
