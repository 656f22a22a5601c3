//! Who answers at an api: what the document says, what the `api` block says, and whether they agree.

use std::collections::BTreeMap;

use super::items::{find_operator, id};
use super::model::Api;
use super::modules::Modules;
use super::nodes::Call;
use crate::diagnostics::codes::identity as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::{Document, Identity};
use crate::ecz::{DocumentIdentity, EczId, Kind, VerifyMode};
use crate::plan::{Declared, https_origin, https_slip};
use crate::source::Span;
use crate::syntax::ast;

/// A party without a passport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPassport {
    /// The reason given.
    pub because: String,
    /// The operator that is said to answer.
    pub operator: Option<String>,
    /// The place of the clause.
    pub span: Span,
}

impl Api {
    /// Why the party has no passport, where the policy in force at a call would verify one.
    pub fn unverifiable(&self, call: &Call) -> Option<&NoPassport> {
        let policy = call.handoff()?.policy.as_ref()?;
        self.no_passport.as_ref().filter(|_| policy.verify.mode > VerifyMode::Open)
    }
}

/// Who answers at an api; all absent where that could not be resolved, which was reported.
#[derive(Debug, Default)]
pub(crate) struct Party {
    pub(crate) identity: Option<Identity>,
    pub(crate) declared: Option<Declared>,
    pub(crate) none: Option<NoPassport>,
}

/// Reads who answers at an api.
pub(crate) fn party(
    modules: &Modules,
    item: &ast::Api,
    document: Option<&Document>,
    sink: &mut Sink,
) -> Party {
    let operator = item.operator.as_ref().map(|name| {
        let found = find_operator(modules, modules.root, name, sink).and_then(|item| item.passport.as_ref());
        (name, found.and_then(|passport| Some((passport.value.parse::<EczId>().ok()?, passport.span))))
    });
    let Some(document) = document else { return Party::default() };
    let stated = document.place("/info/x-ecz-id");
    if let Some(none) = &item.no_passport {
        let own = "remove `no passport`, or the identity beside it";
        let passport = item.passport.as_ref().map(|text| (text.span, "the passport is stated here", own));
        let stated = stated.map(|span| (span, "the document states it here", "remove `no passport`"));
        if let Some((place, label, remove)) = passport.or(stated) {
            let message = format!("`{}` has a passport, and is said to have none", item.name.text);
            let finding = Diagnostic::new(&codes::PASSPORT_AND_NONE, none.span, message);
            sink.push(finding.and(place, label).help(format!(
                "{remove}; a passport that the resolver does not know is met by `verify prefer` or `open`"
            )));
            return Party::default();
        }
        if let Some(origin) = &item.origin {
            let message = format!("`{}` names an `origin`, and is said to have no passport", item.name.text);
            sink.push(
                Diagnostic::new(&codes::PASSPORT_AND_NONE, none.span, message)
                    .and(origin.span, "the origin is stated here")
                    .note("an `origin` is what a passport authorises: without one it says nothing")
                    .help("remove `origin`, and choose among the document's servers with `server \"https://…\"`; or remove `no passport`, and state `operator` and `passport`"),
            );
            return Party::default();
        }
        if none.because.value.trim().is_empty() {
            let message = "`no passport` gives no reason";
            sink.push(
                Diagnostic::new(&codes::INCOMPLETE_IDENTITY, none.because.span, message)
                    .help("say why: the reason stands in the proof and in the log"),
            );
            return Party::default();
        }
        let none = NoPassport {
            because: none.because.value.clone(),
            operator: item.operator.as_ref().map(|name| name.text.clone()),
            span: none.span,
        };
        return Party { none: Some(none), ..Party::default() };
    }
    let nothing = item.operator.is_none() && item.passport.is_none() && item.origin.is_none();
    if nothing || stated.is_some() {
        let identity = document.identity(sink);
        if let Some(identity) = &identity {
            agree(item, operator.and_then(|(name, id)| Some((name, id?.0))), identity, sink);
        }
        return Party { identity, declared: Some(Declared::Document), none: None };
    }
    let identity = from_block(modules, item, operator, sink);
    Party { identity, declared: Some(Declared::Flow), none: None }
}

/// What the block says as well must be what the document says.
fn agree(item: &ast::Api, operator: Option<(&ast::Name, EczId)>, identity: &Identity, sink: &mut Sink) {
    let fields = &identity.fields;
    let mut compare = |written: &str, span: Span, stated: &str, field: &str| {
        if written != stated {
            let message = format!("`{written}` is written here, the document says `{stated}`");
            sink.push(
                Diagnostic::new(&codes::IDENTITY_DISAGREES, span, message)
                    .and(identity.place(field), format!("`{field}` stands here"))
                    .help("one of the two is wrong; what the document says need not be written again"),
            );
        }
    };
    if let Some((name, id)) = operator {
        compare(id.as_str(), name.span, fields.operator_ecz_id.as_str(), "operator_ecz_id");
    }
    if let Some(passport) = &item.passport {
        compare(&passport.value, passport.span, fields.api_passport_id.as_str(), "api_passport_id");
    }
    if let Some(origin) = &item.origin {
        compare(&origin.value, origin.span, &fields.api_origin, "api_origin");
    }
}

fn from_block(
    modules: &Modules,
    item: &ast::Api,
    operator: Option<(&ast::Name, Option<(EczId, Span)>)>,
    sink: &mut Sink,
) -> Option<Identity> {
    let parts = [
        ("`operator NAME`", item.operator.is_some()),
        ("`passport ECZ-…::API-…`", item.passport.is_some()),
        ("`origin \"https://…\"`", item.origin.is_some()),
    ];
    let missing: Vec<&str> = parts.iter().filter(|(_, there)| !there).map(|(part, _)| *part).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let message = format!("the identity of `{}` lacks {missing}", item.name.text);
        let help = format!(
            "add {missing}; or, where no passport is known, write `no passport because \"…\"` instead"
        );
        sink.push(Diagnostic::new(&codes::INCOMPLETE_IDENTITY, item.name.span, message).help(help));
        return None;
    }
    let (name, found) = operator?;
    let passport_text = item.passport.as_ref()?;
    let origin = item.origin.as_ref()?;
    let api_passport_id = id(passport_text, Kind::Api, sink)?;
    let (operator_ecz_id, operator_span) = found?;
    if api_passport_id.parent() != operator_ecz_id {
        let message = format!("`{api_passport_id}` is not an API Passport of `{operator_ecz_id}`");
        let write = format!("write a passport `{operator_ecz_id}::API-…`");
        sink.push(
            Diagnostic::new(&codes::INCONSISTENT_IDENTITY, passport_text.span, message)
                .and(name.span, "its operator")
                .and(operator_span, "the operator's passport")
                .note("an API Passport begins with the ECZ-ID of the operator that it was issued to")
                .help(match operator_with(modules, &api_passport_id.parent()) {
                    Some(other) => format!("{write}, or name its operator: `operator {other}`"),
                    None => {
                        format!("{write}, or declare and name the operator `{}`", api_passport_id.parent())
                    }
                }),
        );
        return None;
    }
    if https_origin(&origin.value).as_deref() != Some(origin.value.as_str()) {
        let (why, meant) = https_slip(&origin.value);
        let message = format!("`{}` is not an origin: {why}", origin.value);
        let help = "an origin is written `https://host` or `https://host:port`, in lower case, with nothing behind it";
        let help = meant.map_or_else(|| help.to_owned(), |meant| format!("write `{meant}`"));
        sink.push(Diagnostic::new(&codes::ORIGIN_NOT_AUTHORISED, origin.span, message).help(help));
        return None;
    }
    let fields = DocumentIdentity {
        operator_ecz_id,
        api_passport_id,
        api_origin: origin.value.clone(),
        spec_hash: None,
        resolver_url: None,
        agent_credential_id: None,
        recheck_before_reliance: false,
        policy_mode: None,
    };
    let spans = BTreeMap::from([
        ("operator_ecz_id", name.span),
        ("api_passport_id", passport_text.span),
        ("api_origin", origin.span),
    ]);
    Some(Identity { fields, span: item.name.span, spans })
}

/// The operator of the flow's file that has a passport.
fn operator_with<'m>(modules: &'m Modules, passport: &EczId) -> Option<&'m str> {
    let mut items = modules.get(modules.root).into_iter().flat_map(|root| &root.ast.items);
    items.find_map(|item| match item {
        ast::Item::Operator(operator) => {
            let own = operator.passport.as_ref()?;
            (own.value == passport.as_str()).then_some(operator.name.text.as_str())
        }
        _ => None,
    })
}
