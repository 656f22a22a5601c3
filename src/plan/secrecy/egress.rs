//! The egress table and the proof's P6: per receiver, which fields of whose it receives.

use std::collections::BTreeSet;

use super::clearances::{Receiver, unwrapped};
use super::walk::Sending;
use super::{Analysis, Way};
use crate::plan::bits::Bits;
use crate::plan::{Class, How, Obligation, Received};

/// Most fields of one place that are listed one by one; more are listed by owner and class, without a field.
const FIELDS: usize = 64;

impl<'a> Analysis<'_, 'a> {
    /// Who receives what by which call, sorted. What merely decides is listed where it is above `internal`.
    pub fn egress(&self) -> Vec<Received> {
        let mut rows = BTreeSet::new();
        for sending in &self.walked.sendings {
            let Some((api, _)) = sending.call else { continue };
            for (place, label) in &sending.parts {
                self.rows(sending, api, place, How::Sent, &label.data, &mut rows);
            }
            for (place, _, by) in self.deciding(sending) {
                let by = by.common(&self.walked.judge.sources.sensitive);
                self.rows(sending, api, place, How::Decides, &by, &mut rows);
            }
        }
        rows.into_iter().collect()
    }

    fn rows(
        &self,
        sending: &Sending<'a>,
        api: &str,
        place: &str,
        how: How,
        by: &Bits,
        rows: &mut BTreeSet<Received>,
    ) {
        let (Some(receiver), Some((_, refused))) =
            (Receiver::of(self.subject, Some(api)), self.refused.get_key_value(&Some(api)))
        else {
            return;
        };
        let sources = &self.walked.judge.sources.all;
        let each = by.count() <= FIELDS;
        for number in by.iter() {
            let Some((source, class, released)) = unwrapped(sources, &receiver, refused, number) else {
                continue;
            };
            rows.insert(Received {
                to: receiver.owner.to_owned(),
                call: sending.subject.clone(),
                place: place.to_owned(),
                how,
                of: source.owner.clone(),
                source: if each { source.origin.to_string() } else { "several".to_owned() },
                field: if each { source.received() } else { String::new() },
                class,
                released: released.filter(|_| each).map(str::to_owned),
            });
        }
    }

    /// What P6 holds by: one entry a call, and one for outputs and messages.
    pub fn obligations(&self) -> Vec<Obligation> {
        let mut found = Vec::new();
        let mut told: Option<(Class, Option<Class>)> = None;
        for sending in &self.walked.sendings {
            let sent = sending.parts.iter().map(|(_, label)| &label.data);
            let sent = self.highest(sending, &mut sent.into_iter());
            let deciding = self.deciding(sending);
            let decided = self.highest(sending, &mut deciding.iter().map(|(_, _, by)| *by));
            if let Some((api, _)) = sending.call {
                let holds_by = format!("{}{}", self.receives(api, sent), decides(decided));
                found.push(Obligation { name: "P6".into(), subject: sending.subject.clone(), holds_by });
            } else {
                let (before, by) = told.unwrap_or_default();
                told = Some((before.max(sent.unwrap_or_default()), by.max(decided)));
            }
        }
        let (sent, decided) = told.unwrap_or_default();
        let holds_by = format!(
            "outputs and messages hold {sent} at most, for {}{}",
            self.subject.operator,
            decides(decided)
        );
        found.push(Obligation { name: "P6".into(), subject: "flow".into(), holds_by });
        found
    }

    fn receives(&self, api: &str, sent: Option<Class>) -> String {
        let to = self.subject.apis.get(api).map_or(api, |api| api.owner.as_str());
        match sent {
            None => format!("{to} receives nothing of anyone"),
            Some(class) => format!("{to} receives {class} at most"),
        }
    }

    /// The highest class among sources, as it counts for the receiver.
    fn highest(&self, sending: &Sending<'a>, by: &mut dyn Iterator<Item = &Bits>) -> Option<Class> {
        let api = sending.call.map(|(api, _)| api);
        let receiver = Receiver::of(self.subject, api)?;
        let refused = self.refused.get(&api)?;
        let sources = &self.walked.judge.sources.all;
        let mut all = Bits::default();
        by.for_each(|bits| all.union(bits));
        all.iter()
            .filter_map(|number| unwrapped(sources, &receiver, refused, number).map(|(_, class, _)| class))
            .max()
    }

    /// The first thing that breaks P6, for a plan that is refused: the node, and why.
    pub fn broken(&self) -> Option<(String, String)> {
        let leak = self.leaks().into_iter().next()?;
        let to = match leak.call {
            Some((api, _)) => format!("`{api}`"),
            None => "the flow's own operator".to_owned(),
        };
        let field = if leak.field.is_empty() { String::new() } else { format!(" -> {}", leak.field) };
        let what = format!("`{}{field}`, {} of {}", leak.origin, leak.class, leak.owner);
        let verb = match leak.way {
            Way::Sent | Way::Told => "reaches",
            Way::Chooses | Way::Guards | Way::Ends(_) => "shows in what is sent to",
        };
        Some((leak.subject, format!("{what}, {verb} {to}, which is not cleared for it")))
    }
}

fn decides(class: Option<Class>) -> String {
    class.filter(|class| *class > Class::Internal).map_or(String::new(), |class| format!("; {class} decides"))
}
