//! Scalars that the strict readers refuse, put in quotes: the reader names the place, the text is mended there, and is read
//! again. So what is mended here is by construction what is refused there.

use crate::diagnostics::codes::documents as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::document::read_tree;
use crate::documents::pointer;
use crate::documents::references::is_named_at;
use crate::documents::tree::{Node, Tree};
use crate::source::{SourceMap, Span};

/// The most rounds of mending; the reader tells up to fifty places in each.
const ROUNDS: usize = 400;

/// A text that was read, and what was changed in it.
pub(super) struct Mended {
    pub(super) tree: Tree,
    pub(super) notes: Vec<String>,
}

/// A scalar that was quoted.
struct Quoted {
    /// Where it begins now, its quote included.
    at: usize,
    text: String,
    lossy: bool,
}

pub(super) fn read(bytes: &[u8], name: &str, sources: &mut SourceMap, sink: &mut Sink) -> Option<Mended> {
    let mut notes = Vec::new();
    let without_mark = bytes.strip_prefix("\u{feff}".as_bytes());
    if without_mark.is_some() {
        notes.push(format!("{name}: a byte-order mark was left out"));
    }
    let mut text = match std::str::from_utf8(without_mark.unwrap_or(bytes)) {
        Ok(text) => text.to_owned(),
        // Told with its place by the reader.
        Err(_) => return read_tree(bytes, name, sources, sink).map(|tree| Mended { tree, notes }),
    };
    let json = name.to_ascii_lowercase().ends_with(".json") || text.trim_start().starts_with('{');
    let mut quoted: Vec<Quoted> = Vec::new();
    for _ in 0..ROUNDS {
        let (mut own, mut findings) = (SourceMap::default(), Sink::default());
        if read_tree(text.as_bytes(), name, &mut own, &mut findings).is_some() {
            break;
        }
        let findings = findings.into_sorted();
        let mut places: Vec<(Span, bool)> = findings
            .iter()
            .filter(|found| found.code.number != codes::AMBIGUOUS_SCALAR.number || !json)
            .filter_map(|found| {
                let lossy = found.code.number == codes::LOSSY_NUMBER.number;
                let ambiguous = found.code.number == codes::AMBIGUOUS_SCALAR.number;
                let span = found.labels.first()?.span;
                (lossy || ambiguous).then_some((span, lossy))
            })
            .collect();
        places.sort_by_key(|(span, _)| span.start);
        places.dedup_by_key(|(span, _)| span.start);
        let fits = |span: &Span| {
            let scalar = text.get(span.range()).unwrap_or("");
            !scalar.is_empty() && !scalar.contains(['"', '\'', '\\', '\n', '{', '['])
        };
        places.retain(|(span, _)| fits(span));
        if places.is_empty() {
            break;
        }
        for (span, lossy) in places.into_iter().rev() {
            let scalar = text.get(span.range()).unwrap_or("").to_owned();
            text.insert(span.end, '"');
            text.insert(span.start, '"');
            for earlier in quoted.iter_mut().filter(|earlier| earlier.at > span.start) {
                earlier.at += 2;
            }
            quoted.push(Quoted { at: span.start, text: scalar, lossy });
        }
    }
    let tree = read_tree(text.as_bytes(), name, sources, sink)?;
    quoted.sort_by_key(|quoted| quoted.at);
    let mut lost = Vec::new();
    place(tree.root(), String::new(), &mut |node, at| {
        let Ok(found) = quoted.binary_search_by_key(&node.span().start, |quoted| quoted.at) else { return };
        let Some(quoted) = quoted.get(found) else { return };
        if quoted.lossy && !within_data(at) {
            lost.push(node.span());
            return;
        }
        let what = if quoted.lossy { "the number" } else { "the scalar" };
        notes.push(format!("{name}: {what} `{}` at `{at}` became a string", quoted.text));
    });
    for span in &lost {
        let message = "the value of this number does not survive a double, and it is part of the contract";
        sink.push(
            Diagnostic::new(&codes::LOSSY_NUMBER, *span, message)
                .note("only in `example`, `examples`, `default` and `x-…` may it become a string"),
        );
    }
    lost.is_empty().then_some(Mended { tree, notes })
}

/// Calls `visit` on every value with its JSON pointer, keys with that of their value.
fn place<'t>(node: Node<'t>, at: String, visit: &mut impl FnMut(Node<'t>, &str)) {
    visit(node, &at);
    for (key, member) in node.members() {
        let here = pointer::join(&at, key.as_str().unwrap_or(""));
        visit(key, &here);
        place(member, here, visit);
    }
    for (index, item) in node.items().enumerate() {
        place(item, format!("{at}/{index}"), visit);
    }
}

/// Whether a pointer leads into data that no request or answer is judged by.
fn within_data(at: &str) -> bool {
    let tokens = pointer::tokens(at).unwrap_or_default();
    (0..tokens.len()).any(|length| {
        let (before, token) = (tokens.get(..length), tokens.get(length));
        let named = before.is_some_and(is_named_at);
        let data = |token: &String| {
            matches!(token.as_str(), "example" | "examples" | "default") || token.starts_with("x-")
        };
        !named && token.is_some_and(data)
    })
}
