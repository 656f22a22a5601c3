//! Who may have what: `internal` and its own every receiver, more by `cleared`, and what was released to it.

use std::collections::BTreeMap;

use super::sources::Source;
use super::subject::Subject;
use crate::plan::bits::Bits;
use crate::plan::{Class, Clearance};

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

    /// What it may not have. A released value is made of sources before it.
    pub(super) fn refused(&self, sources: &[Source<'_>], sensitive: &Bits) -> Refused {
        let mut refused = Refused(CAPS.into_iter().map(|cap| (cap, Bits::default())).collect());
        for (number, source) in sensitive.iter().filter_map(|number| Some((number, sources.get(number)?))) {
            for cap in CAPS {
                let lowered = |class: Class| cap.map_or(class, |cap| cap.min(class));
                let fails = match &source.released {
                    None => !self.may_have(&source.owner, lowered(source.class)),
                    Some((release, of)) => {
                        let for_it = release.to.iter().any(|to| to == self.name);
                        let cap = if for_it { Some(lowered(release.class)) } else { cap };
                        !of.common(refused.lowered(cap)).is_empty()
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

/// The field that a source is in the end, with the class it has for a receiver and the node that released it.
pub(super) fn unwrapped<'s, 'a>(
    sources: &'s [Source<'a>],
    receiver: &Receiver<'_>,
    refused: &Refused,
    number: usize,
) -> Option<(&'s Source<'a>, Class, Option<&'a str>)> {
    let mut source = sources.get(number)?;
    let (mut cap, mut by) = (None, None);
    while let Some((release, of)) = &source.released {
        if release.to.iter().any(|to| to == receiver.name) {
            cap = Some(cap.map_or(release.class, |cap: Class| cap.min(release.class)));
            if let super::Origin::Released(node) = source.origin {
                by = by.or(Some(node));
            }
        }
        let at_fault = of.common(refused.lowered(cap));
        let next = at_fault.iter().next().or_else(|| of.iter().next())?;
        source = sources.get(next)?;
    }
    Some((source, cap.map_or(source.class, |cap| cap.min(source.class)), by))
}
