//! Sources of data: each field of an answer or an input that the flow reads, with its class and its owner; and each
//! released value.

use std::collections::BTreeMap;

use super::schemas::Answers;
use super::subject::{Sent, Subject, classified};
use super::values::Label;
use crate::plan::bits::Bits;
use crate::plan::{Class, Classified, Release};

/// Most sources that are told apart. Beyond it a field counts as the whole of what it stands in.
const MOST: usize = 50_000;

/// Where data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin<'a> {
    /// An input.
    Input(&'a str),
    /// The answers of an operation.
    Answer {
        /// The api.
        api: &'a str,
        /// The operation's key.
        operation: &'a str,
    },
    /// What a node released.
    Released(&'a str),
    /// What a called flow classified of its input.
    Given {
        /// The called flow.
        flow: &'a str,
        /// Its input.
        input: &'a str,
    },
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Input(name) => write!(f, "input {name}"),
            Origin::Answer { api, operation } => write!(f, "{api}.{operation}"),
            Origin::Released(node) => f.write_str(node),
            Origin::Given { flow, input } => write!(f, "input {flow}.{input}"),
        }
    }
}

/// Which part of a source is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The value of a field, with all that is in it.
    Whole(Vec<String>),
    /// Only whether it is there, or how many there are.
    Count(Vec<String>),
    /// The status of an answer.
    Status,
    /// A header of an answer, or all of them.
    Header(Option<String>),
}

/// What gives a source its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: it is `internal`.
    None,
    /// A `classify` of the flow, for this path.
    Flow(Vec<String>),
    /// A schema of the document, by its pointer.
    Document(String),
}

/// A source.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) part: Part,
    pub(super) owner: String,
    pub(super) class: Class,
    pub(super) mark: Mark,
    /// What a released value was made of, and what decided about it.
    pub(super) released: Option<(&'a Release, Label)>,
    /// The called flow that released it.
    pub(super) called: Option<&'a str>,
}

impl Source<'_> {
    /// The field, as `customer.email`; empty for the whole.
    pub(super) fn field(&self) -> String {
        match &self.part {
            Part::Whole(path) | Part::Count(path) => path.join("."),
            Part::Status => "status".to_owned(),
            Part::Header(Some(name)) => format!("headers.{name}"),
            Part::Header(None) => "headers".to_owned(),
        }
    }

    /// The field as a receiver has it: `length(lines)` where that is only how many there are, or whether it is there.
    pub(super) fn received(&self) -> String {
        match &self.part {
            Part::Count(path) => format!("length({})", path.join(".")),
            _ => self.field(),
        }
    }
}

/// The sources of a flow by number.
pub(super) struct Sources<'s, 'a> {
    subject: &'s Subject<'a>,
    schemas: BTreeMap<(&'a str, &'a str), Answers<'a>>,
    numbers: BTreeMap<(Origin<'a>, Part), usize>,
    /// What called flows classify of their inputs.
    given: BTreeMap<Origin<'a>, Vec<Classified>>,
    pub(super) all: Vec<Source<'a>>,
    /// Those that are above `internal`, and what was released: who may have the others is no question.
    pub(super) sensitive: Bits,
}

impl<'s, 'a> Sources<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>) -> Sources<'s, 'a> {
        Sources {
            subject,
            schemas: BTreeMap::new(),
            numbers: BTreeMap::new(),
            given: BTreeMap::new(),
            all: Vec::new(),
            sensitive: Bits::default(),
        }
    }

    /// Makes an operation's schemas known.
    pub(super) fn meet(&mut self, call: &Sent<'a>) {
        if let Some(view) = call.view {
            self.schemas.entry((call.api, call.operation)).or_insert_with(|| Answers::new(view));
        }
    }

    /// Makes known what a called flow classifies of an input.
    pub(super) fn give(&mut self, origin: Origin<'a>, classified: &[Classified]) {
        self.given.entry(origin).or_insert_with(|| classified.to_vec());
    }

    /// The number of a part of an answer or input.
    pub(super) fn number(&mut self, origin: Origin<'a>, part: Part) -> usize {
        if let Some(number) = self.numbers.get(&(origin, part.clone())) {
            return *number;
        }
        let part = match part {
            Part::Whole(path) | Part::Count(path) if self.all.len() >= MOST && !path.is_empty() => {
                return self.number(origin, Part::Whole(Vec::new()));
            }
            other => other,
        };
        let (class, mark) = self.class(origin, &part);
        let owner = match origin {
            Origin::Answer { api, .. } => self.subject.apis.get(api).map(|api| api.owner.clone()),
            Origin::Input(_) | Origin::Released(_) | Origin::Given { .. } => None,
        };
        let owner = owner.unwrap_or_else(|| self.subject.operator.clone());
        let source = Source { origin, part: part.clone(), owner, class, mark, released: None, called: None };
        let number = self.add(source);
        self.numbers.insert((origin, part), number);
        number
    }

    /// The number of a released value.
    pub(super) fn release(
        &mut self,
        node: &'a str,
        release: &'a Release,
        of: Label,
        called: Option<&'a str>,
    ) -> usize {
        self.add(Source {
            origin: Origin::Released(node),
            part: Part::Whole(Vec::new()),
            owner: self.subject.operator.clone(),
            class: release.class,
            mark: Mark::None,
            released: Some((release, of)),
            called,
        })
    }

    fn add(&mut self, source: Source<'a>) -> usize {
        let number = self.all.len();
        if source.class > Class::Internal || source.released.is_some() {
            self.sensitive.add(number);
        }
        self.all.push(source);
        number
    }

    fn class(&self, origin: Origin<'a>, part: &Part) -> (Class, Mark) {
        let (path, whole): (&[String], bool) = match part {
            Part::Whole(path) => (path, true),
            Part::Count(path) => (path, false),
            Part::Status | Part::Header(_) => (&[], false),
        };
        let fields = match origin {
            Origin::Input(name) => {
                let input = self.subject.inputs.iter().find(|input| input.name == name);
                input.map(|input| input.classified.as_slice())
            }
            Origin::Answer { api, operation } => {
                let api = self.subject.apis.get(api);
                api.and_then(|api| api.classified.get(operation)).map(Vec::as_slice)
            }
            Origin::Given { .. } => self.given.get(&origin).map(Vec::as_slice),
            Origin::Released(_) => None,
        };
        let schemas = match origin {
            Origin::Answer { api, operation } => self.schemas.get(&(api, operation)),
            Origin::Input(_) | Origin::Released(_) | Origin::Given { .. } => None,
        };
        let named = |whole: bool| {
            let (by_flow, by_document) = match part {
                Part::Whole(_) | Part::Count(_) => (
                    classified(fields.unwrap_or_default(), path, whole),
                    schemas.and_then(|schemas| schemas.of_body(path, whole)),
                ),
                // It tells which of the documented outcomes it was, no more.
                Part::Status => (None, None),
                // A `classify` names no header: one of the whole answer has them all.
                Part::Header(name) => (
                    classified(fields.unwrap_or_default(), &[], false),
                    schemas.and_then(|schemas| schemas.of_header(name.as_deref())),
                ),
            };
            let by_flow = by_flow.map(|(class, path)| (class, Mark::Flow(path.to_vec())));
            let by_document = by_document.map(|(class, pointer)| (class, Mark::Document(pointer)));
            match (by_flow, by_document) {
                (Some(flow), Some(document)) if document.0 > flow.0 => Some(document),
                (flow, document) => flow.or(document),
            }
        };
        let own = named(false).unwrap_or((Class::Internal, Mark::None));
        // Something public in something that nobody labelled does not lower it.
        if whole { named(true).filter(|inner| inner.0 > own.0).unwrap_or(own) } else { own }
    }
}
