//! The two documents of a flow that are handed over: the workflow manifest and the handoff policy document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::base::Digest;
use crate::plan::{Api, Call, Idempotency, Party, Plan, Statement, needs};

const RECHECK: &str = "x-ecz-id and this document are discovery, never proof: re-check before reliance";

/// The workflow manifest (`eczflow-workflow-manifest-1`): what runs, who takes part, what is required.
pub fn workflow_manifest(plan: &Plan, plan_digest: Digest, policy_digest: Digest) -> Value {
    let plan = &plan.joined();
    let flow = &plan.flow;
    let apis: Map<String, Value> = plan.apis.iter().map(|(name, api)| (name.clone(), surface(api))).collect();
    let secrets: Map<String, Value> = plan
        .secrets
        .iter()
        .map(|(name, secret)| (name.clone(), json!({"audience": secret.audience})))
        .collect();
    let inputs: Vec<Value> = flow
        .inputs
        .iter()
        .map(|input| json!({"name": input.name, "type": input.ty.to_string(), "required": input.default.is_none()}))
        .collect();
    let flows = plan.all_flows().into_iter();
    let assumptions: BTreeSet<&String> = flows.flat_map(|flow| &flow.proof.assumptions).collect();
    json!({
        "format": "eczflow-workflow-manifest-1",
        "flow": flow.name,
        "language": plan.language,
        "source": plan.source,
        "plan_digest": plan_digest,
        "handoff_policy_digest": policy_digest,
        "operator_ecz_id": flow.agent.parent(),
        "agent_credential_id": flow.agent,
        "deadline_ms": flow.deadline_ms,
        "inputs": inputs,
        "apis": apis,
        "secrets": secrets,
        "requires": needs(plan),
        "assumptions": assumptions,
        "note": RECHECK,
    })
}

fn surface(api: &Api) -> Value {
    let operations: Map<String, Value> =
        api.operations.iter().map(|(key, slice)| (key.clone(), json!({"slice": slice.digest}))).collect();
    let auth: Vec<Value> =
        api.auth.iter().map(|auth| json!({"kind": auth.words(), "secrets": auth.secrets()})).collect();
    let mut surface = json!({
        "document": api.document,
        "pin": api.pin,
        "origin": api.origin(),
        "operations": operations,
        "auth": auth,
    });
    if let Some(members) = surface.as_object_mut() {
        members.extend(party(api));
        if let Some(stated) = api.statement.as_ref().and_then(Statement::told) {
            members.insert("statement".into(), json!(stated));
        }
        if let Some(region) = &api.region {
            members.insert("region".into(), region.name.clone().into());
        }
    }
    surface
}

/// Who answers, as members of an object.
fn party(api: &Api) -> Map<String, Value> {
    let mut members = Map::new();
    match &api.identity {
        Party::Passport { identity, declared } => {
            members.insert("api_passport_id".into(), json!(identity.api_passport_id));
            members.insert("operator_ecz_id".into(), json!(identity.operator_ecz_id));
            members.insert("declared".into(), json!(declared));
            if let Some(page) = &identity.resolver_url {
                members.insert("resolver_url".into(), json!(page));
            }
        }
        Party::NoPassport { because, .. } => {
            members.insert("unverified_because".into(), json!(because));
        }
    }
    members
}

/// The handoff policy document (`eczflow-handoff-policy-1`): what governs each handoff, undos included.
pub fn handoff_policy(plan: &Plan, plan_digest: Digest) -> Value {
    let handoffs: Vec<Value> = plan
        .handoffs()
        .into_iter()
        .filter_map(|(step, flow, call)| flow.apis.get(&call.api).map(|api| handoff(&step, call, api)))
        .collect();
    json!({
        "format": "eczflow-handoff-policy-1",
        "flow": plan.flow.name,
        "plan_digest": plan_digest,
        "agent_credential_id": plan.flow.agent,
        "handoffs": handoffs,
        "note": RECHECK,
    })
}

fn handoff(step: &str, call: &Call, api: &Api) -> Value {
    let mut handoff = json!({
        "step": step,
        "api": call.api,
        "operation": call.operation,
        "method": call.method,
        "path": call.path,
        "effect": !call.is_safe(),
        "origin": api.origin(),
        "presents": call.present,
        "policy": call.handoff,
        "attempts": call.attempts(),
    });
    if let Some(members) = handoff.as_object_mut() {
        members.extend(party(api));
        if let Some(fact) = &call.idempotency {
            let source = match fact {
                Idempotency::Documented { .. } => "documented",
                Idempotency::Assumed { .. } => "assumed",
                Idempotency::Stated { .. } => "stated",
            };
            let mut told = json!({"header": fact.header(), "source": source});
            let stated = api.statement.as_ref().and_then(Statement::told);
            if let (Idempotency::Stated { .. }, Some(stated), Some(told)) =
                (fact, stated, told.as_object_mut())
            {
                told.insert("by".into(), json!(stated.issuer));
                told.insert("digest".into(), json!(stated.digest));
                told.extend(stated.not_after.map(|until| ("not_after".into(), json!(until))));
            }
            members.insert("idempotency".into(), told);
        }
    }
    handoff
}
