//! An event as the next record of its run.

use super::Engine;
use super::event::{Event, EventError, What};
use super::state::State;
use crate::audit::{Identities, Payload, PayloadItem, RECORD_FORMAT, Record, Salt, commitments_of};
use crate::base::{Digest, Random, Timestamp};
use crate::ecz::EczId;
use crate::plan::{Api, Call, Party, Plan};

/// The identities of a call: who presents itself to whom.
pub fn identities(plan: &Plan, call: &Call) -> Option<Identities> {
    let api = plan.apis.get(&call.api)?;
    Some(Identities {
        presenter: call.present.clone(),
        operator: call.present.parent(),
        callee_operator: callee_operator(plan, api).cloned(),
        callee_passport: api.passport().cloned(),
    })
}

/// The organisation that is said to answer: the passport's parent, or the operator that the flow names.
fn callee_operator<'p>(plan: &'p Plan, api: &'p Api) -> Option<&'p EczId> {
    match &api.identity {
        Party::Passport { identity, .. } => Some(&identity.operator_ecz_id),
        Party::NoPassport { operator, .. } => {
            plan.operators.get(operator.as_ref()?).map(|operator| &operator.passport)
        }
    }
}

impl Engine<'_> {
    /// The record and payload of an event, to be appended after the leaf `prev`. Call it before [`Engine::apply`]: the
    /// chain of attempts is read from the state.
    pub fn record(
        &self,
        state: &State,
        event: &Event,
        seq: u64,
        prev: Option<Digest>,
        time: Timestamp,
        random: &dyn Random,
    ) -> Result<(Record, Payload), EventError> {
        let (kind, decision, private) = event.what.to_parts()?;
        let payload: Payload =
            private.into_iter().map(|(name, value)| (name, PayloadItem::new(value, random))).collect();
        let commitments =
            commitments_of(&payload).map_err(|error| EventError::Unwritable(error.to_string()))?;
        let call = event.path.as_ref().filter(|_| event.attempt.is_some()).and_then(|path| self.call(path));
        let previous = event.path.as_ref().and_then(|path| state.attempt_leaf(path));
        let record = Record {
            v: RECORD_FORMAT.to_owned(),
            run: state.run.clone(),
            seq,
            prev,
            time,
            kind,
            salt: Salt::generate(random),
            node: event.path.as_ref().map(ToString::to_string),
            operation: call.map(Call::operation_name),
            attempt: event.attempt,
            previous_attempt: previous.filter(|_| matches!(event.what, What::AttemptIntended { .. })),
            identities: call.and_then(|call| identities(self.plan(), call)),
            decision,
            commitments,
        };
        Ok((record, payload))
    }
}
