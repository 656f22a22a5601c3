//! P6, confidentiality: no class reaches a receiver that is not cleared for it, in a request or by what decides about it.
//!
//! One analysis serves three: the compiler's rule, which adds places and help; the proof's P6 and the egress table; and the
//! check of a plan before a run. A value is known by its sources, the fields of answers and inputs it was made of. What is
//! judged beside values: guards, lists and their lengths, what may end the run (whatever is not finished before it may see
//! that), and undos, which are sent because something ended it.

mod clearances;
mod egress;
mod schemas;
mod sources;
mod subject;
mod trail;
mod values;
mod walk;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use clearances::{Receiver, Refused, unwrapped};
use trail::Trails;
use walk::{Sending, Walked};

pub use schemas::{classes_of, is_labelled, labelled_above};
pub use sources::{Mark, Origin};
pub use subject::{
    Api, Called, Guarded, Input, Item, Sent, Subject, What, guarded, member_of, message_of, owner,
};
pub use words::Words;

use super::bits::Bits;
use super::model::{Obligation, Plan};
use super::obligations::Views;
use super::steps::{Block, NodeKind};
use super::{Class, Classified, PlanError, Received, Release};

/// P6 of a plan and its egress table; `guards` are the positions that are checked at run time.
pub(super) fn confidential(
    plan: &Plan,
    views: &Views,
    guards: &[String],
) -> Result<(Vec<Obligation>, Vec<Received>), PlanError> {
    check_facts(plan)?;
    let subject = Subject::of_plan(plan, views, guards);
    let analysis = Analysis::of(&subject);
    match analysis.broken() {
        Some((subject, reason)) => Err(PlanError::Obligation { name: "P6", subject, reason }),
        None => Ok((analysis.obligations(), analysis.egress())),
    }
}

/// What a plan says of classes is in order: sorted, of operations it uses, and with reasons.
fn check_facts(plan: &Plan) -> Result<(), PlanError> {
    let refused = |subject: &str, reason: &str| {
        Err(PlanError::Obligation { name: "P6", subject: subject.to_owned(), reason: reason.to_owned() })
    };
    let fields = |fields: &[Classified]| fields.is_sorted_by(|a, b| a.path < b.path);
    for input in &plan.flow.inputs {
        if !fields(&input.classified) {
            return refused(&input.name, "what is classified in it is not sorted, each path once");
        }
    }
    for (name, api) in &plan.apis {
        for (operation, classified) in &api.classified {
            if !api.operations.contains_key(operation) || classified.is_empty() || !fields(classified) {
                return refused(
                    name,
                    "what is classified in its answers is not sorted, or of no used operation",
                );
            }
        }
        if !api.cleared.is_sorted_by(|a, b| a < b) {
            return refused(name, "what it is cleared for is not sorted, each once");
        }
    }
    if !plan.flow.cleared.is_sorted_by(|a, b| a < b) {
        return refused("flow", "what it is cleared for is not sorted, each once");
    }
    let mut sound = true;
    each_let(&plan.flow.body, &mut |release| {
        sound &= release.is_none_or(|release| {
            !release.to.is_empty()
                && release.to.is_sorted_by(|a, b| a < b)
                && !release.because.trim().is_empty()
        });
    });
    if sound { Ok(()) } else { refused("flow", "a release names nobody, or gives no reason") }
}

fn each_let<'p>(block: &'p Block, visit: &mut dyn FnMut(Option<&'p Release>)) {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Let { release, .. } => visit(release.as_ref()),
            NodeKind::For(repeat) => each_let(&repeat.body, visit),
            _ => {}
        }
    }
}

/// How data would reach somebody who is not cleared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way<'a> {
    /// It is in the request.
    Sent,
    /// It decides what stands in the request.
    Chooses,
    /// It decides whether there is a request.
    Guards,
    /// It decides whether the run ends before there is a request, or for an undo, whether there is one.
    Ends(&'a str),
    /// It is in a message or in the outputs, or decides what they say.
    Told,
}

/// Most fields that are named beside the first.
const ALSO: usize = 8;
/// Most that are looked at for that; more are counted.
const LOOKED_AT: usize = 64;

/// A field beside the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Also<'a> {
    /// Where in the request, message or output.
    pub place: String,
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// The field there; empty for the whole.
    pub field: String,
    /// Its class for this receiver.
    pub class: Class,
    /// The node whose release does not lower it enough.
    pub released: Option<&'a str>,
}

/// A release, for one of those that it names.
#[derive(Debug)]
pub struct Released<'a> {
    /// The called flow that it stands in; absent in the flow's own.
    pub flow: Option<&'a str>,
    /// The node.
    pub node: &'a str,
    /// Whom it names.
    pub to: String,
    /// Whether that one gets the value.
    pub gets: bool,
    /// Whether that one could not have it without.
    pub is_needed: bool,
}

/// Data that reaches somebody who is not cleared for it.
#[derive(Debug, Clone)]
pub struct Leak<'a> {
    /// `NODE` or `NODE/undo`.
    pub subject: String,
    /// The api and operation called; absent for messages and outputs.
    pub call: Option<(&'a str, &'a str)>,
    /// Where in the request, message or output.
    pub place: String,
    /// How.
    pub way: Way<'a>,
    /// Where the data comes from.
    pub origin: Origin<'a>,
    /// The field there; empty for the whole.
    pub field: String,
    /// Whose it is.
    pub owner: String,
    /// Its class for this receiver.
    pub class: Class,
    /// What gives it the class.
    pub mark: Mark,
    /// The node whose release does not lower it enough.
    pub released: Option<&'a str>,
    /// Other fields that reach the same receiver by the same call, no more than a few.
    pub also: Vec<Also<'a>>,
    /// How many more there are.
    pub others: usize,
    /// Where it ends the run as it may turn out not to fit: the call, and what the guard's words begin with.
    pub misfit: Option<(String, String)>,
    /// The names it goes through, from where it comes to where it is sent.
    pub through: Vec<String>,
}

/// A flow that was analysed.
pub struct Analysis<'s, 'a> {
    subject: &'s Subject<'a>,
    walked: Walked<'s, 'a>,
    refused: BTreeMap<Option<&'a str>, Refused>,
}

impl<'s, 'a> Analysis<'s, 'a> {
    /// Analyses a flow.
    pub fn of(subject: &'s Subject<'a>) -> Analysis<'s, 'a> {
        let walked = walk::walk(subject);
        let names = subject.apis.keys().map(|name| Some(*name)).chain([None]);
        let sources = &walked.judge.sources;
        let refused = names
            .filter_map(|name| {
                let receiver = Receiver::of(subject, name)?;
                Some((name, receiver.refused(&sources.all, &sources.sensitive)))
            })
            .collect();
        Analysis { subject, walked, refused }
    }

    /// What reaches somebody who is not cleared for it, in the order of the flow; for each call, message or output one
    /// entry for what is in it and one for what decides about it.
    pub fn leaks(&self) -> Vec<Leak<'a>> {
        let mut found = Vec::new();
        let mut trails = Trails::of(self.subject);
        for sending in &self.walked.sendings {
            let api = sending.call.map(|(api, _)| api);
            let Some(refused) = self.refused.get(&api) else { continue };
            let own = sending.call.is_none();
            let mut sent = Bits::default();
            let way = if own { Way::Told } else { Way::Sent };
            let mut parts = Vec::new();
            for (place, label) in &sending.parts {
                let data = label.data.common(refused.as_is());
                sent.union(&data);
                parts.push((place.as_str(), way, data));
            }
            found.extend(self.leak(&mut trails, sending, refused, parts));
            // A field that is sent anyway need not be told once more where it decides something.
            let sources = &self.walked.judge.sources.all;
            let field = |number: usize| sources.get(number).map(|source| (source.origin, source.field()));
            let told: BTreeSet<_> = sent.iter().filter_map(field).collect();
            let new = |by: &Bits| {
                let refused = by.common(refused.as_is());
                let mut left = Bits::default();
                refused
                    .iter()
                    .filter(|number| field(*number).is_some_and(|field| !told.contains(&field)))
                    .for_each(|number| left.add(number));
                left
            };
            let ways = self.deciding(sending).into_iter().map(|(place, way, by)| (place, way, new(by)));
            found.extend(self.leak(&mut trails, sending, refused, ways.collect()));
        }
        found
    }

    /// What decides about a sending.
    fn deciding<'w>(&'w self, sending: &'w Sending<'a>) -> Vec<(&'w str, Way<'a>, &'w Bits)> {
        let chooses = if sending.call.is_none() { Way::Told } else { Way::Chooses };
        let parts = sending.parts.iter().map(|(place, label)| (place.as_str(), chooses, &label.control));
        let endings = sending.endings.iter().filter_map(|number| self.walked.endings.get(*number));
        parts
            .chain([("call", Way::Guards, &sending.guards)])
            .chain(endings.map(|ending| ("call", Way::Ends(ending.node), &ending.by)))
            .collect()
    }

    /// `parts`: what the receiver may not have, by place and way. The first is told, the others beside it.
    fn leak(
        &self,
        trails: &mut Trails<'a>,
        sending: &Sending<'a>,
        refused: &Refused,
        mut parts: Vec<(&str, Way<'a>, Bits)>,
    ) -> Option<Leak<'a>> {
        parts.retain(|(_, _, by)| !by.is_empty());
        let (place, way, by) = parts.first()?;
        let (way, number) = (*way, by.iter().next()?);
        let receiver = Receiver::of(self.subject, sending.call.map(|(api, _)| api))?;
        let sources = &self.walked.judge.sources.all;
        let (source, class, released) = unwrapped(sources, &receiver, refused, number)?;
        // What is sent is another thing at each place; what decides need be known once.
        let is_sent = matches!(way, Way::Sent | Way::Told);
        let mut known = BTreeSet::from([(is_sent.then_some(*place), source.origin, source.field())]);
        let (mut also, mut others) = (Vec::new(), 0);
        let each = parts.iter().flat_map(|(place, _, by)| by.iter().map(move |number| (*place, number)));
        for (at, (place, number)) in each.enumerate() {
            if at >= LOOKED_AT {
                others += 1;
                continue;
            }
            let Some((source, class, released)) = unwrapped(sources, &receiver, refused, number) else {
                continue;
            };
            let (origin, field) = (source.origin, source.field());
            if !known.insert((is_sent.then_some(place), origin, field.clone())) {
                continue;
            }
            if also.len() < ALSO {
                also.push(Also { place: place.to_owned(), origin, field, class, released });
            } else {
                others += 1;
            }
        }
        Some(Leak {
            subject: sending.subject.clone(),
            call: sending.call,
            place: (*place).to_owned(),
            way,
            origin: source.origin,
            field: source.field(),
            owner: source.owner.clone(),
            class,
            mark: source.mark.clone(),
            released,
            also,
            others,
            misfit: self.misfit(way, number),
            through: trails.through(&self.walked, &sending.subject, way, number),
        })
    }

    /// Whether a source ends the run at a node by a value that may turn out not to fit.
    fn misfit(&self, way: Way<'a>, number: usize) -> Option<(String, String)> {
        let Way::Ends(node) = way else { return None };
        let mut misfits = self.walked.misfits.iter();
        let found = misfits.find(|misfit| misfit.within.contains(&node) && misfit.by.has(number))?;
        Some((found.subject.clone(), found.words.clone()))
    }

    /// Each release of the flow and of those that it calls, for each that it names.
    pub fn releases(&self) -> Vec<Released<'a>> {
        let sources = &self.walked.judge.sources.all;
        let mut found = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let (Origin::Released(node), Some((release, of))) = (source.origin, &source.released) else {
                continue;
            };
            for name in &release.to {
                let api = (name != self.subject.operator_name).then_some(name.as_str());
                let Some((api, refused)) = self.refused.get_key_value(&api) else { continue };
                let gets =
                    self.walked.sendings.iter().any(|sending| {
                        sending.call.map(|(api, _)| api) == *api && self.reaches(sending, number)
                    });
                let is_needed = gets && !of.all().common(refused.as_is()).is_empty();
                found.push(Released { flow: source.called, node, to: name.clone(), gets, is_needed });
            }
        }
        found
    }

    fn reaches(&self, sending: &Sending<'a>, number: usize) -> bool {
        sending.parts.iter().any(|(_, label)| label.data.has(number))
            || self.deciding(sending).iter().any(|(_, _, by)| by.has(number))
    }

    /// Whether a receiver could do without one of its clearances: an api, or the flow's own operator.
    pub fn is_needless(&self, api: Option<&str>, at: usize) -> bool {
        let Some(receiver) = Receiver::of(self.subject, api) else { return false };
        let mut cleared = receiver.cleared.to_vec();
        if at >= cleared.len() {
            return false;
        }
        cleared.remove(at);
        let sources = &self.walked.judge.sources;
        let without = Receiver { cleared: &cleared, ..receiver }.refused(&sources.all, &sources.sensitive);
        !self.walked.sendings.iter().filter(|sending| sending.call.map(|(api, _)| api) == api).any(
            |sending| {
                let refused = |by: &Bits| !by.common(without.as_is()).is_empty();
                sending.parts.iter().any(|(_, label)| refused(&label.data))
                    || self.deciding(sending).iter().any(|(_, _, by)| refused(by))
            },
        )
    }
}
