//! Building a call's request from its expressions: pure, the same for every attempt.

use std::collections::BTreeMap;

use super::event::FailureClass;
use super::key::{default_key, once_key};
use super::path::Path;
use super::state::{Names, State};
use super::told::Request;
use crate::documents::Location;
use crate::expr::{Scope, evaluate};
use crate::plan::{Call, Plan, Verified};
use crate::types::Value;

/// Why a request could not be built: a class and words for the user.
pub(super) type Failure = (FailureClass, String);

/// The request of a call at a path. `own` is the step's body, for an undo.
pub(super) fn build(
    plan: &Verified<Plan>,
    state: &State,
    path: &Path,
    call: &Call,
    own: Option<&Value>,
) -> Result<Request, Failure> {
    let own = own.map(|value| (path.node.as_str(), value));
    build_seeing(plan, state, path, call, &Names { own, ..state.names(&path.iterations) })
}

/// The request of a call at a path, by these names.
pub(super) fn build_seeing(
    plan: &Verified<Plan>,
    state: &State,
    path: &Path,
    call: &Call,
    names: &Names<'_>,
) -> Result<Request, Failure> {
    let expression = |error: crate::expr::EvalError| (FailureClass::Expression, error.to_string());
    let guard = |what: String| (FailureClass::Guard, what);
    let api = plan.apis.get(&call.api).ok_or_else(|| guard(format!("no api `{}`", call.api)))?;
    let contract = plan
        .contract(&call.api, &call.operation)
        .ok_or_else(|| guard(format!("no operation `{}`", call.operation_name())))?;

    let mut target = call.path.clone();
    let mut query: Vec<String> = Vec::new();
    let mut cookies: Vec<String> = Vec::new();
    let mut headers = BTreeMap::new();
    for argument in &call.arguments {
        let value = evaluate(&argument.value, names).map_err(expression)?;
        let declared = contract
            .parameters
            .iter()
            .find(|known| known.name == argument.name && known.location.as_str() == argument.location)
            .ok_or_else(|| guard(format!("the document has no parameter `{}`", argument.name)))?;
        let written = declared.write(&value).map_err(|misfit| {
            guard(format!("argument `{}` does not fit its document: {misfit}", argument.name))
        })?;
        let Some(text) = written else { continue };
        match declared.location {
            Location::Path => target = target.replace(&format!("{{{}}}", argument.name), &text),
            Location::Query => query.push(text),
            Location::Header => {
                headers.insert(argument.name.to_ascii_lowercase(), text);
            }
            Location::Cookie => cookies.push(text),
            Location::QueryString => {
                return Err(guard("parameters in: querystring are not built".into()));
            }
        }
    }
    if !cookies.is_empty() {
        headers.insert("cookie".to_owned(), cookies.join("; "));
    }
    headers.insert("accept".to_owned(), contract.accept());
    let body = match &call.body {
        None => None,
        Some(body) => {
            let value = evaluate(body, names).map_err(expression)?;
            let json = value.to_json().map_err(|error| guard(error.to_string()))?;
            let written = contract.encode_body(&json);
            let written =
                written.map_err(|misfit| guard(format!("the body does not fit its document: {misfit}")))?;
            let media_type = contract.body.as_ref().map(|body| body.media_type.clone()).unwrap_or_default();
            headers.insert("content-type".to_owned(), media_type);
            Some(written)
        }
    };
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let key = match &call.idempotency {
        None => None,
        Some(fact) => {
            let (header, key) = (fact.header(), key_of(plan, state, path, call, names)?);
            contract.check_key(header, &key).map_err(|misfit| {
                guard(format!("the key in `{header}` does not fit its document: {misfit}"))
            })?;
            Some((header.to_owned(), key))
        }
    };
    Ok(Request {
        method: call.method.clone(),
        url: format!("{}{target}{query}", api.base_url),
        headers,
        body,
        key,
    })
}

/// The key of a call: `once per`, or the default.
pub(super) fn key_of(
    plan: &Plan,
    state: &State,
    path: &Path,
    call: &Call,
    names: &dyn Scope,
) -> Result<String, Failure> {
    let failed = |error: String| (FailureClass::Expression, error);
    match &call.once_per {
        None => default_key(&state.run, path).map_err(|error| failed(error.to_string())),
        Some(once) => {
            let value = evaluate(once, names).map_err(|error| failed(error.to_string()))?;
            let json = value.to_json().map_err(|error| failed(error.to_string()))?;
            let passport = plan.operators.get(&plan.flow.operator).map(|operator| operator.passport.clone());
            let passport = passport.ok_or_else(|| failed("the plan does not name its operator".into()))?;
            once_key(&passport, &plan.flow.name, &path.node, &json).map_err(|error| failed(error.to_string()))
        }
    }
}
