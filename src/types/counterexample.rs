//! Why a value does not fit: with a value that shows it, where JSON can, and in its place inside a whole.

use serde_json::Value as Json;

use super::Answer;
use crate::source::Span;

/// A value that shows why not.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterexample {
    /// Where in the value: `lines[0].sku`; empty for the whole.
    pub path: String,
    /// The whole value, accepted by the source type and not by the target. `None` where the matter can't be seen in
    /// JSON: an absent value, a misspelt member, or kinds that look alike on the wire.
    pub value: Option<Json>,
    /// What is wrong, as a clause.
    pub why: String,
    /// What to do about it, where that can be said.
    pub help: Option<String>,
    /// The keyword of the document that refuses a value which the flow writes, as a JSON pointer.
    pub declared: Option<String>,
    /// Where the flow writes what is wrong, if that is known.
    pub written: Option<Span>,
    /// Where the value may be one of several, which of them this is said of.
    pub alternative: Option<String>,
}

impl Counterexample {
    /// What can't be seen in JSON.
    pub(super) fn unseen(why: impl Into<String>) -> Counterexample {
        let why = why.into();
        Counterexample {
            path: String::new(),
            value: None,
            why,
            help: None,
            declared: None,
            written: None,
            alternative: None,
        }
    }

    /// In its place: a member's, or an item's, `[0]`.
    pub(super) fn inside(mut self, segment: &str) -> Counterexample {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{segment}{dot}{}", self.path);
        self
    }
}

/// A no without a value.
pub(super) fn unseen(why: impl Into<String>) -> Answer {
    Answer::No(Counterexample::unseen(why))
}

pub(super) fn no(value: Option<Json>, why: impl Into<String>) -> Answer {
    match value {
        Some(value) => Answer::No(Counterexample { value: Some(value), ..Counterexample::unseen(why) }),
        // Without a value of the source type nothing is shown to be wrong.
        None => Answer::Unknown("the checker finds no value of the source type".to_owned()),
    }
}

/// Says what to do about a refusal, unless something more exact was said.
pub(super) fn with_help(answer: Answer, help: impl FnOnce() -> Option<String>) -> Answer {
    match answer {
        Answer::No(inner) if inner.help.is_none() => Answer::No(Counterexample { help: help(), ..inner }),
        other => other,
    }
}

/// Puts an inner answer in its place: the counterexample's value into a whole one.
pub(super) fn wrap(answer: Answer, segment: &str, around: impl Fn(Json) -> Option<Json>) -> Answer {
    let Answer::No(inner) = answer else { return answer };
    let Some(value) = inner.value.clone() else { return at(Answer::No(inner), segment) };
    match around(value) {
        Some(whole) => at(Answer::No(Counterexample { value: Some(whole), ..inner }), segment),
        None => no(None, inner.why),
    }
}

/// Prefixes the path of a refusal.
pub(super) fn at(answer: Answer, segment: &str) -> Answer {
    match answer {
        Answer::No(inner) if !segment.is_empty() => Answer::No(inner.inside(segment)),
        other => other,
    }
}
