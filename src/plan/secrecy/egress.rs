//! The egress table and the proof's P6: per receiver, which fields of whose it receives.

use std::collections::BTreeSet;

use super::clearances::{Receiver, fields};
use super::values::Label;
use super::walk::Sending;
use super::{Analysis, Way};
use crate::plan::{Class, How, Obligation, Received};

/// Most fields and releases of one place that are listed one by one; more are listed by owner and class, without a field.
const FIELDS: usize = 64;

impl<'a> Analysis<'_, 'a> {
    /// Who receives what by which call, sorted: of a released value every field that it was made of. What merely decides is
    /// listed where it is above `internal`.
    pub fn egress(&self) -> Vec<Received> {
        let mut rows = BTreeSet::new();
        for sending in &self.walked.sendings {
            let Some((api, _)) = sending.call else { continue };
            for (place, label) in &sending.parts {
                self.rows(sending, api, place, &Label::data(&label.data), &mut rows);
            }
            for (place, _, by) in self.deciding(sending) {
                self.rows(sending, api, place, &Label::control(by), &mut rows);
            }
        }
        rows.into_iter().collect()
    }

    fn rows(
        &self,
        sending: &Sending<'a>,
        api: &str,
        place: &str,
        label: &Label,
        rows: &mut BTreeSet<Received>,
    ) {
        let Some(receiver) = Receiver::of(self.subject, Some(api)) else { return };
        let sources = &self.walked.judge.sources;
        let each = fields(sources, &receiver, label, Some(FIELDS));
        let several = each.is_none();
        for got in each.or_else(|| fields(sources, &receiver, label, None)).into_iter().flatten() {
            rows.insert(Received {
                to: receiver.owner.to_owned(),
                call: sending.subject.clone(),
                place: place.to_owned(),
                how: if got.decides { How::Decides } else { How::Sent },
                of: got.source.owner.clone(),
                source: if several { "several".to_owned() } else { got.source.origin.to_string() },
                field: if several { String::new() } else { got.source.received() },
                class: got.class,
                released: got.released.map(str::to_owned),
            });
        }
    }

    /// What P6 holds by: one entry a call, and one for outputs and messages.
    pub fn obligations(&self) -> Vec<Obligation> {
        let mut found = Vec::new();
        let mut told: Option<(Class, Option<Class>)> = None;
        for sending in &self.walked.sendings {
            let (sent, decided) = self.highest(sending);
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

    /// The highest class of what is in a sending, and of what decides about it, as they count for the receiver.
    fn highest(&self, sending: &Sending<'a>) -> (Option<Class>, Option<Class>) {
        let mut all = Label::default();
        sending.parts.iter().for_each(|(_, label)| all.data.union(&label.data));
        self.deciding(sending).iter().for_each(|(_, _, by)| all.control.union(by));
        let receiver = Receiver::of(self.subject, sending.call.map(|(api, _)| api));
        let got = receiver.and_then(|receiver| fields(&self.walked.judge.sources, &receiver, &all, None));
        let got = got.unwrap_or_default();
        let highest =
            |decides: bool| got.iter().filter(|got| got.decides == decides).map(|got| got.class).max();
        (highest(false), highest(true))
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
