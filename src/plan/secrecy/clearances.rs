//! Who may have what: `internal` and its own every receiver, more by `cleared`, and what was released to it.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Origin, Source, Sources};
use super::subject::Subject;
use super::values::Label;
use crate::plan::bits::Bits;
use crate::plan::{Class, Clearance, Release};

/// Classes that a release may lower to, and none.
const CAPS: [Option<Class>; 5] =
    [None, Some(Class::Public), Some(Class::Internal), Some(Class::Personal), Some(Class::Restricted)];

/// The sources that a receiver may not have, by what a release around them lowers them to.
pub(super) struct Refused(BTreeMap<Option<Class>, Bits>);

impl Refused {
    /// What it may not have as it is.
    pub(super) fn as_is(&self) -> &Bits {
        self.lowered(None)
    }

    fn lowered(&self, to: Option<Class>) -> &Bits {
        static NONE: std::sync::LazyLock<Bits> = std::sync::LazyLock::new(Bits::default);
        self.0.get(&to).unwrap_or(&NONE)
    }
}

/// A receiver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receiver<'r> {
    /// Its name in releases.
    pub(super) name: &'r str,
    pub(super) owner: &'r str,
    pub(super) cleared: &'r [Clearance],
}

impl<'r> Receiver<'r> {
    /// An api, or the flow's own operator where there is none.
    pub(super) fn of(subject: &'r Subject<'_>, api: Option<&str>) -> Option<Receiver<'r>> {
        let Some(api) = api else {
            let (name, owner) = (subject.operator_name, subject.operator.as_str());
            return Some(Receiver { name, owner, cleared: &subject.cleared });
        };
        let (name, facts) = subject.apis.get_key_value(api)?;
        Some(Receiver { name, owner: &facts.owner, cleared: &facts.cleared })
    }

    fn may_have(&self, owner: &str, class: Class) -> bool {
        let covers = |clearance: &Clearance| {
            class <= clearance.class && clearance.from.as_ref().is_none_or(|from| from == owner)
        };
        class <= Class::Internal || self.owner == owner || self.cleared.iter().any(covers)
    }

    /// What a value that it gets is lowered to: by a release for it, at most to what the release says.
    fn lowers(&self, release: &Release, cap: Option<Class>) -> Option<Option<Class>> {
        let for_it = release.to.iter().any(|to| to == self.name);
        for_it.then(|| Some(cap.map_or(release.class, |cap| cap.min(release.class))))
    }

    /// What it may not have. A released value is made of sources before it.
    pub(super) fn refused(&self, sources: &[Source<'_>], sensitive: &Bits) -> Refused {
        let mut refused = Refused(CAPS.into_iter().map(|cap| (cap, Bits::default())).collect());
        for (number, source) in sensitive.iter().filter_map(|number| Some((number, sources.get(number)?))) {
            for cap in CAPS {
                let fails = match &source.released {
                    None => !self.may_have(&source.owner, capped(source.class, cap)),
                    Some((release, of)) => {
                        let cap = self.lowers(release, cap).unwrap_or(cap);
                        !of.all().common(refused.lowered(cap)).is_empty()
                    }
                };
                if fails && let Some(set) = refused.0.get_mut(&cap) {
                    set.add(number);
                }
            }
        }
        refused
    }
}

/// The field that a source is in the end, with the class it has for a receiver and the node that released it: of a
/// released value, one that the receiver may not have.
pub(super) fn unwrapped<'s, 'a>(
    sources: &'s [Source<'a>],
    receiver: &Receiver<'_>,
    refused: &Refused,
    number: usize,
) -> Option<(&'s Source<'a>, Class, Option<&'a str>)> {
    let mut source = sources.get(number)?;
    let (mut cap, mut by) = (None, None);
    while let Some((release, of)) = &source.released {
        if let Some(lowered) = receiver.lowers(release, cap) {
            cap = lowered;
            if let Origin::Released(node) = source.origin {
                by = by.or(Some(node));
            }
        }
        let of = of.all();
        let at_fault = of.common(refused.lowered(cap));
        let next = at_fault.iter().next().or_else(|| of.iter().next())?;
        source = sources.get(next)?;
    }
    Some((source, capped(source.class, cap), by))
}

fn capped(class: Class, cap: Option<Class>) -> Class {
    cap.map_or(class, |cap| cap.min(class))
}

/// A field that a receiver gets, as it is or in what was released.
#[derive(Debug)]
pub(super) struct Got<'s, 'a> {
    pub(super) source: &'s Source<'a>,
    /// Its class for the receiver.
    pub(super) class: Class,
    /// The node that released it to the receiver.
    pub(super) released: Option<&'a str>,
    /// Whether it only decides about what the receiver gets.
    pub(super) decides: bool,
}

/// A source on the way to the fields that it is made of: its number, what it is lowered to, what released it, and whether
/// it only decides.
type Step<'a> = (usize, Option<Class>, Option<&'a str>, bool);

/// Every field that is among some sources in the end, those that only decide where they are above `internal`. No more
/// than `most` are told apart by what released them; nothing is said where there are more, and all without a limit.
pub(super) fn fields<'s, 'a>(
    sources: &'s Sources<'_, 'a>,
    receiver: &Receiver<'_>,
    label: &Label,
    most: Option<usize>,
) -> Option<Vec<Got<'s, 'a>>> {
    let mut found = Vec::new();
    let mut seen: BTreeSet<Step<'a>> = BTreeSet::new();
    let mut open: Vec<(Label, Option<Class>, Option<&'a str>, bool)> =
        vec![(label.clone(), None, None, false)];
    while let Some((label, cap, by, decides)) = open.pop() {
        let deciding = label.control.common(&sources.sensitive);
        let data = if decides { label.data.common(&sources.sensitive) } else { label.data };
        for (number, decides) in data.iter().map(|n| (n, decides)).chain(deciding.iter().map(|n| (n, true))) {
            let Some(source) = sources.all.get(number) else { continue };
            if !seen.insert((number, cap, by, decides)) {
                continue;
            }
            if most.is_some_and(|most| seen.len() > most) {
                return None;
            }
            let Some((release, of)) = &source.released else {
                found.push(Got { source, class: capped(source.class, cap), released: by, decides });
                continue;
            };
            let node = match source.origin {
                Origin::Released(node) if most.is_some() => Some(node),
                _ => None,
            };
            let (cap, by) = match receiver.lowers(release, cap) {
                Some(cap) => (cap, by.or(node)),
                None => (cap, by),
            };
            open.push((of.clone(), cap, by, decides));
        }
    }
    Some(found)
}
