//! P4, P5 and P7 from the plan's own content: what they hold by, or why they don't.
//!
//! The compiler writes its proof with the same functions, after its rules have said the same with places and help.

use std::collections::{BTreeMap, BTreeSet};

use super::authentication::{Accepted, accepts, is_token, misplaced, unassumable};
use super::check::Contracts;
use super::idempotency::{carries_credential, idempotency, is_reserved};
use super::model::{Api, Idempotency, Obligation, Plan};
use super::origins::{Choice, base_url};
use super::party::{Auth, Declared, Party, reachable};
use super::steps::{Block, Call, Node, NodeKind};
use super::{PlanError, statement, weaker};
use crate::base::length;
use crate::documents::OperationView;
use crate::ecz::{DocumentIdentity, HandoffPolicy, Kind, VerifyMode};
use crate::types::Contract;

/// What an operation says, by api and operation.
pub(super) type Views = BTreeMap<(String, String), OperationView>;

fn refused(name: &'static str, subject: &str, reason: impl Into<String>) -> PlanError {
    PlanError::Obligation { name, subject: subject.to_owned(), reason: reason.into() }
}

fn obligation(name: &str, subject: &str, holds_by: String) -> Obligation {
    Obligation { name: name.to_owned(), subject: subject.to_owned(), holds_by }
}

/// The plan's calls: `NODE`, `NODE/reconcile` or `NODE/undo`, the call, and whether it stands in a loop.
pub fn calls(block: &Block) -> Vec<(String, &Call)> {
    let mut found = Vec::new();
    collect(block, &mut found);
    found
}

fn collect<'p>(block: &'p Block, found: &mut Vec<(String, &'p Call)>) {
    for node in &block.nodes {
        if let NodeKind::Call(step) = &node.kind {
            found.push((node.id.clone(), &step.call));
            let read = step.reconcile.as_ref();
            found.extend(read.map(|read| (format!("{}/reconcile", node.id), &read.call)));
        }
        found.extend(node.undo().map(|undo| (format!("{}/undo", node.id), undo)));
        if let NodeKind::For(repeat) = &node.kind {
            collect(&repeat.body, found);
        }
    }
}

/// P4, P5 and P7, sorted.
pub(super) fn obligations(
    plan: &Plan,
    views: &Views,
    contracts: &Contracts,
) -> Result<Vec<Obligation>, PlanError> {
    check_runner(plan)?;
    let mut found = Vec::new();
    for (name, api) in &plan.apis {
        found.push(pinned(plan, name, api, views)?);
    }
    let mut used: BTreeMap<(&str, &str), ()> = BTreeMap::new();
    let calls = calls(&plan.flow.body);
    let reads: BTreeMap<&str, &Call> = calls
        .iter()
        .filter_map(|(subject, call)| Some((subject.strip_suffix("/reconcile")?, *call)))
        .collect();
    for (subject, call) in &calls {
        let api = plan
            .apis
            .get(&call.api)
            .ok_or_else(|| refused("P5", subject, format!("there is no api `{}`", call.api)))?;
        let view = views.get(&(call.api.clone(), call.operation.clone())).ok_or_else(|| {
            refused("P5", subject, format!("there is no slice of `{}`", call.operation_name()))
        })?;
        if (view.method.as_str(), view.path.as_str()) != (call.method.as_str(), call.path.as_str()) {
            return Err(refused("P5", subject, format!("`{}` is `{}`", call.operation_name(), view.route())));
        }
        used.insert((call.api.as_str(), call.operation.as_str()), ());
        found.push(handed_over(plan, subject, call, api)?);
        let contract = contracts.get(&call.api).and_then(|known| known.get(&call.operation));
        let contract = contract.ok_or_else(|| refused("P7", subject, "its operation is not in the plan"))?;
        let read = reads.get(subject.as_str()).copied();
        found.push(retried(plan, subject, call, (api, view, contract), read)?);
    }
    for (api, operation) in views.keys() {
        if !used.contains_key(&(api.as_str(), operation.as_str())) {
            return Err(refused("P5", api, format!("the slice of `{operation}` belongs to no call")));
        }
    }
    statement::check_used(plan, &calls)?;
    weaker::check_weaker(plan)?;
    found.sort();
    Ok(found)
}

fn check_runner(plan: &Plan) -> Result<(), PlanError> {
    let flow = &plan.flow;
    let Some(operator) = plan.operators.get(&flow.operator) else {
        return Err(refused("P4", "flow", format!("there is no operator `{}`", flow.operator)));
    };
    if operator.agent.as_ref() != Some(&flow.agent) {
        return Err(refused(
            "P4",
            "flow",
            format!("`{}` is not the agent of `{}`", flow.agent, flow.operator),
        ));
    }
    for (name, operator) in &plan.operators {
        let passport = &operator.passport;
        let agent = operator.agent.as_ref();
        let fits = passport.kind() == Kind::Parent
            && !passport.is_placeholder()
            && agent.is_none_or(|agent| {
                agent.kind() == Kind::Agent && !agent.is_placeholder() && agent.parent() == *passport
            });
        if !fits {
            return Err(refused("P4", "flow", format!("the IDs of `{name}` do not fit together")));
        }
    }
    Ok(())
}

/// Whether the IDs of an identity fit together, and none is a placeholder.
fn whole(identity: &DocumentIdentity) -> Result<(), &'static str> {
    let agent = identity.agent_credential_id.as_ref();
    let fits = identity.operator_ecz_id.kind() == Kind::Parent
        && identity.api_passport_id.kind() == Kind::Api
        && identity.api_passport_id.parent() == identity.operator_ecz_id
        && agent.is_none_or(|agent| agent.kind() == Kind::Agent);
    if !fits {
        return Err("the IDs of its identity do not fit together");
    }
    let ids = [Some(&identity.operator_ecz_id), Some(&identity.api_passport_id), agent];
    if ids.into_iter().flatten().any(|id| id.is_placeholder()) {
        return Err("its identity holds a placeholder");
    }
    Ok(())
}

fn pinned(plan: &Plan, name: &str, api: &Api, views: &Views) -> Result<Obligation, PlanError> {
    let party = match &api.identity {
        Party::Passport { identity, declared } => {
            whole(identity).map_err(|reason| refused("P5", name, reason))?;
            let stated = identity.spec_hash.is_some() && identity.resolver_url.is_some();
            if *declared == Declared::Document && !stated {
                return Err(refused("P5", name, "its identity is not whole"));
            }
            let by = if *declared == Declared::Flow { ", stated in the flow" } else { "" };
            format!("{}{by}", identity.api_passport_id)
        }
        Party::NoPassport { because, operator } => {
            if because.trim().is_empty() {
                return Err(refused("P5", name, "it does not say why there is no passport"));
            }
            if operator.as_ref().is_some_and(|operator| !plan.operators.contains_key(operator)) {
                return Err(refused("P5", name, "its operator is not declared"));
            }
            unverified_because(because)
        }
    };
    let mut unlisted = false;
    for operation in api.operations.keys() {
        let view = views
            .get(&(name.to_owned(), operation.clone()))
            .ok_or_else(|| refused("P5", name, format!("there is no slice of `{operation}`")))?;
        let server =
            base_url(view, Choice::of(api)).map_err(|error| refused("P5", name, error.to_string()))?;
        if server != api.base_url {
            let reason =
                format!("requests go to `{}`, the server of `{operation}` is `{server}`", api.base_url);
            return Err(refused("P5", name, reason));
        }
        unlisted |= view.servers.is_empty();
    }
    for secret in api.auth.iter().flat_map(Auth::secrets) {
        let audience = plan.secrets.get(secret).map(|secret| secret.audience.as_str());
        if audience != Some(name) {
            return Err(refused("P5", name, format!("`{secret}` is not a secret for this api")));
        }
    }
    let authenticated = authenticated(name, api, views)?;
    let via = match &api.region {
        Some(region) => format!("region {} at {}", region.name, region.origin),
        None => format!("origin {}", api.origin()),
    };
    let via = match &api.server {
        Some(server) if unlisted => format!("{via}; server {server}, stated in the flow"),
        _ => via,
    };
    let holds_by = format!("{}; operations {}; {via}; {party}{authenticated}", api.pin, api.operations.len());
    Ok(obligation("P5", name, holds_by))
}

/// How the declared authentication stands to what each used operation documents.
fn authenticated(name: &str, api: &Api, views: &Views) -> Result<String, PlanError> {
    let mut documented = false;
    let mut asked = false;
    for (_, view) in views.iter().filter(|((of, _), _)| of == name) {
        let operation = view.key();
        asked |= !view.security.is_empty();
        match accepts(view, &api.auth, &api.base_url) {
            Accepted::Documented => documented = true,
            Accepted::NotAsked => {}
            Accepted::Missing => {
                return Err(refused("P5", name, format!("`{operation}` demands authentication")));
            }
            Accepted::Other => {
                return Err(refused("P5", name, format!("`{operation}` documents another authentication")));
            }
        }
    }
    if api.auth.is_empty() {
        return Ok(String::new());
    }
    if asked && !documented {
        return Err(refused("P5", name, "no used operation documents its authentication"));
    }
    let refuse = if asked { misplaced } else { unassumable };
    if let Some(reason) = api.auth.iter().find_map(refuse) {
        let why = if asked { reason } else { format!("the document declares no scheme, and {reason}") };
        return Err(refused("P5", name, why));
    }
    let told = |auth: &Auth| match auth {
        Auth::OAuth2 { token_url, .. } => format!("{} with tokens of {token_url}", auth.words()),
        _ => auth.words(),
    };
    let words: Vec<String> = api.auth.iter().map(told).collect();
    let assumed = if asked { "" } else { ", assumed: the document declares no scheme" };
    Ok(format!("; auth {}{assumed}", words.join(" with ")))
}

/// How proofs speak of a party without a passport.
fn unverified_because(because: &str) -> String {
    format!("unverified: no passport, because {because}")
}

/// A policy in words, for proofs and drawings.
pub fn describe(policy: &HandoffPolicy) -> String {
    let verify = match policy.verify.mode {
        VerifyMode::Require => "require",
        VerifyMode::Prefer => "prefer",
        VerifyMode::Open => "open",
    };
    let mut attest = vec!["request".to_owned(), "response".to_owned()];
    attest.extend(policy.attest.headers.iter().map(|header| format!("header {header}")));
    let trace = if policy.trace_shared { ", trace shared" } else { "" };
    format!(
        "{}: verify {verify} within {}, attest {}, evidence >= {}{trace}",
        policy.name,
        length(policy.verify.within_ms),
        attest.join(" "),
        policy.evidence
    )
}

fn handed_over(plan: &Plan, subject: &str, call: &Call, api: &Api) -> Result<Obligation, PlanError> {
    let runner = plan.operators.get(&plan.flow.operator).and_then(|operator| operator.agent.as_ref());
    let own = plan.operators.values().any(|operator| operator.agent.as_ref() == Some(&call.present))
        && runner.is_some_and(|agent| agent.parent() == call.present.parent());
    if !own {
        return Err(refused(
            "P4",
            subject,
            format!("`{}` is not an agent of the flow's operator", call.present),
        ));
    }
    if let Some(weakening) = &call.weakened
        && (weakening.parts(call).is_empty() || weakening.because.trim().is_empty())
    {
        return Err(refused("P4", subject, "a weakening needs a stronger policy and a reason"));
    }
    if call.handoff.evidence > reachable(&api.identity, &api.auth) {
        return Err(refused("P4", subject, format!("evidence {} cannot be reached", call.handoff.evidence)));
    }
    let callee = match &api.identity {
        Party::Passport { identity, .. } => identity.api_passport_id.to_string(),
        Party::NoPassport { .. } if call.handoff.verify.mode > VerifyMode::Open => {
            return Err(refused("P4", subject, "there is no passport to verify"));
        }
        Party::NoPassport { because, .. } => format!("{}, {}", api.origin(), unverified_because(because)),
    };
    let policy = describe(&call.handoff);
    let holds_by = format!("{policy}; {} presents itself to {callee}", call.present);
    Ok(obligation("P4", subject, holds_by))
}

/// `read`: what settles an unknown outcome. Such a call is read back where it could not be sent again.
fn retried(
    plan: &Plan,
    subject: &str,
    call: &Call,
    (api, view, contract): (&Api, &OperationView, &Contract),
    read: Option<&Call>,
) -> Result<Obligation, PlanError> {
    if let Some(read) = read {
        if call.is_safe() {
            return Err(refused("P7", subject, "a safe call has no outcome to read back"));
        }
        if !read.is_safe() {
            return Err(refused("P7", subject, "what reads it back has an effect"));
        }
    }
    let fact = call.idempotency.as_ref();
    let promised = fact.filter(|fact| !matches!(fact, Idempotency::Documented { .. }));
    if call.idempotency != idempotency(call.is_safe(), contract, promised) {
        let reason = match (fact, &contract.idempotency_header) {
            (Some(_), _) if call.is_safe() => "a safe call has no idempotency fact".to_owned(),
            (_, Some(header)) => format!("the operation documents the header `{header}`"),
            (_, None) => "the operation documents no idempotency header".to_owned(),
        };
        return Err(refused("P7", subject, reason));
    }
    let unfit =
        |header: &&str| !is_token(header) || is_reserved(header) || carries_credential(&api.auth, header);
    if let Some(header) = fact.map(Idempotency::header).filter(unfit) {
        return Err(refused("P7", subject, format!("no key can go into the header `{header}`")));
    }
    match fact {
        Some(Idempotency::Assumed { by, because, .. })
            if !plan.operators.contains_key(by) || because.trim().is_empty() =>
        {
            return Err(refused("P7", subject, "an assumption needs an operator and a reason"));
        }
        Some(Idempotency::Stated { header, by }) => {
            if let Some(reason) = statement::misstated(api, view, header, by) {
                return Err(refused("P7", subject, reason));
            }
        }
        _ => {}
    }
    if call.once_per.is_some() && call.idempotency.is_none() {
        return Err(refused("P7", subject, "a key needs an idempotency fact"));
    }
    if call.attempts() > 1 && !call.is_resendable() && read.is_none() {
        return Err(refused("P7", subject, "a retry could repeat the effect"));
    }
    let attempts = call.attempts();
    let fact = match &call.idempotency {
        _ if call.is_safe() => format!("derived, {} is safe", call.method),
        Some(Idempotency::Documented { header }) => format!("documented header {header}"),
        Some(Idempotency::Assumed { header, by, .. }) => format!("header {header} assumed by {by}"),
        Some(Idempotency::Stated { header, by }) => format!("header {header} stated by {by}"),
        None if call.is_resendable() => format!("derived, {} is idempotent", call.method),
        None => "never resent".to_owned(),
    };
    let read =
        read.map(|read| format!("; derived, read back by {}", read.operation_name())).unwrap_or_default();
    Ok(obligation("P7", subject, format!("attempts {attempts}; {fact}{read}")))
}

/// What the plan takes for granted or leaves below a hint, in words, sorted, each once.
pub fn assumptions(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for (subject, call) in calls(&plan.flow.body) {
        if let Some(Idempotency::Assumed { header, by, because }) = &call.idempotency {
            let operation = call.operation_name();
            found.push(format!("{by} assumes that {operation} honours {header}: {because}"));
        }
        if let Some(weakening) = &call.weakened {
            let (own, other, parts) =
                (&call.handoff.name, &weakening.instead_of.name, weakening.parts(call).join(", "));
            found.push(format!(
                "{subject}: `{own}` is weaker than `{other}` in {parts}: {}",
                weakening.because
            ));
        }
        let identity = plan.apis.get(&call.api).and_then(|api| api.identity.identity());
        if let Some(identity) = identity
            && let Some(hint) = below_hint(&call.handoff, identity.policy_mode.as_deref())
        {
            found.push(format!("{subject}: `{}` is below the document's hint `{hint}`", call.handoff.name));
        }
    }
    found.extend(plan.apis.iter().filter_map(|(name, api)| believed(plan, name, api)));
    found.extend(weaker::assumed(plan));
    released(&plan.flow.body, &mut found);
    let mut undone = BTreeSet::new();
    undone_keys(plan, &plan.flow.body, None, &mut undone);
    found.extend(undone.into_iter().map(|(subject, party)| {
        format!(
            "{subject}: {party} forgets a key once what it stood for is undone, and no run fails that uses the key of one that succeeded"
        )
    }));
    found.sort();
    found.dedup();
    found
}

/// An operator that only the flow names: P6 lets its api have what is that operator's own.
fn believed(plan: &Plan, name: &str, api: &Api) -> Option<String> {
    let Party::NoPassport { because, operator: Some(operator) } = &api.identity else { return None };
    let operator = &plan.operators.get(operator)?.passport;
    Some(format!(
        "api `{name}` is of {operator} as only the flow says, and is sent what is {operator}'s own: it has no passport because {because}"
    ))
}

/// Steps whose `key once per` outlives an undo, and who keeps the key. `undone` is the call of a flow that is taken back as a
/// whole, and stands for all in it.
fn undone_keys<'p>(
    plan: &'p Plan,
    block: &'p Block,
    undone: Option<&'p str>,
    found: &mut BTreeSet<(&'p str, String)>,
) {
    for node in &block.nodes {
        let subject = undone.or(node.undo().map(|_| node.id.as_str()));
        match (&node.kind, subject) {
            (NodeKind::Call(step), Some(subject)) if step.call.once_per.is_some() => {
                let identity = plan.apis.get(&step.call.api).and_then(|api| api.identity.identity());
                let party = identity.map(|identity| identity.operator_ecz_id.to_string());
                found.insert((subject, party.unwrap_or_else(|| format!("`{}`", step.call.api))));
            }
            (NodeKind::SubFlow(call), Some(_)) => {
                if let Some(called) = plan.flows.get(&call.flow) {
                    undone_keys(called, &called.flow.body, subject, found);
                }
            }
            (NodeKind::For(repeat), _) => undone_keys(plan, &repeat.body, undone, found),
            _ => {}
        }
    }
}

fn released(block: &Block, found: &mut Vec<String>) {
    for Node { id, kind, .. } in &block.nodes {
        match kind {
            NodeKind::Let { release: Some(release), .. } => {
                let (to, class, because) = (release.to.join(", "), release.class, &release.because);
                found.push(format!("{id} is released to {to} as {class}: {because}"));
            }
            NodeKind::For(repeat) => released(&repeat.body, found),
            _ => {}
        }
    }
}

/// The document's hint, where a policy is below it.
pub fn below_hint<'h>(policy: &HandoffPolicy, hint: Option<&'h str>) -> Option<&'h str> {
    hint.filter(|hint| hint.starts_with("require") && policy.verify.mode < VerifyMode::Require)
}
