//! Texts that a pattern matches.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Longest text that is made, bytes.
const TEXT: usize = 10_000;
/// Repetitions of one part of a pattern at most.
const REPEATED: u32 = 1_000;

/// A text that a pattern matches, of a length in characters within bounds; another turn takes other alternatives. `None` where
/// the pattern is not read here, such as one that looks around.
pub fn matching(pattern: &str, least: usize, most: usize, turn: usize) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let within = |text: &String| (least..=most).contains(&text.chars().count());
    // How often what may be repeated is repeated beyond what is due.
    let stretches = [0, 1, 2, 3, 4, 7, 15].into_iter().chain([u32::try_from(least).unwrap_or(0)]);
    stretches
        .map(|stretch| {
            let mut text = String::new();
            write(&hir, stretch, turn, &mut text);
            text
        })
        .find(within)
}

fn write(hir: &Hir, stretch: u32, turn: usize, text: &mut String) {
    if text.len() > TEXT {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(character(class)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(REPEATED).min(REPEATED);
            let count = repetition.min.saturating_add(stretch).min(most).max(repetition.min.min(REPEATED));
            for _ in 0..count {
                write(&repetition.sub, stretch, turn, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, stretch, turn, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, stretch, turn, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(turn % parts.len().max(1)) {
                write(part, stretch, turn, text);
            }
        }
    }
}

/// A character of a class: a plain one where there is one.
fn character(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    let holds = |c: &char| ranges.iter().any(|(start, end)| (*start..=*end).contains(c));
    let plain = ['a', '1', 'A', 'f', 'x', '0', '-', '_', ' '].into_iter().find(holds);
    plain.or_else(|| ranges.first().map(|(start, _)| *start))
}
