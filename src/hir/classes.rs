//! Data classes: what is classified, who is cleared for what, what is released.

use std::collections::BTreeMap;

use super::flow::FlowLowering;
use super::model::{Api, ClassifiedField, ClassifiedIn, Cleared, Operator, Released};
use super::modules::{Modules, unknown};
use crate::base::did_you_mean;
use crate::diagnostics::codes::{names, secrets as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::plan::secrecy::owner;
use crate::plan::{Class, Clearance, Release};
use crate::syntax::as_written;
use crate::syntax::ast::{self, ClassifyOf};
use crate::types::{FieldAccess, Type};

/// The class that a word names.
fn class(word: &ast::Name, sink: &mut Sink) -> Option<Class> {
    let found = Class::of(&word.text);
    if found.is_none() {
        let near = did_you_mean(&word.text, Class::ALL.into_iter().map(Class::as_str));
        let finding = Diagnostic::new(
            &codes::UNKNOWN_CLASS,
            word.span,
            format!("`{}` is no data class", word.text),
        )
        .note("the classes are `public`, `internal`, `personal` and `restricted`, each above the one before");
        sink.push(match near {
            Some(near) => finding
                .help(format!("did you mean `{near}`?"))
                .fix(format!("write `{near}`"), vec![(word.span, near.to_owned())]),
            None => finding.help("write one of the four"),
        });
    }
    found
}

/// Whose an api's data is.
pub(super) fn owner_of(name: &str, api: &Api, operators: &BTreeMap<String, Operator>) -> String {
    let said = api.no_passport.as_ref().and_then(|none| operators.get(none.operator.as_ref()?));
    let operator = said.map(|operator| &operator.passport);
    owner(name, operator.or_else(|| api.identity.as_ref().map(|identity| &identity.fields.operator_ecz_id)))
}

/// Says of each api what it is cleared for.
pub(super) fn clear_apis(
    modules: &Modules,
    apis: &mut BTreeMap<String, Api>,
    operators: &BTreeMap<String, Operator>,
    sink: &mut Sink,
) {
    let items = modules.get(modules.root).into_iter().flat_map(|root| &root.ast.items);
    for item in items {
        if let ast::Item::Api(item) = item {
            let found = cleared(modules, &item.cleared, apis, operators, sink);
            if let Some(api) = apis.get_mut(&item.name.text) {
                api.cleared = found;
            }
        }
    }
}

/// What a receiver is cleared for.
pub(super) fn cleared(
    modules: &Modules,
    items: &[ast::Cleared],
    apis: &BTreeMap<String, Api>,
    operators: &BTreeMap<String, Operator>,
    sink: &mut Sink,
) -> Vec<Cleared> {
    let mut found: Vec<Cleared> = Vec::new();
    for item in items {
        // A name that leads nowhere is one finding: what relies on the clearance is not told as well.
        let class = class(&item.class, sink).unwrap_or(Class::Restricted);
        let from = match &item.from {
            None => None,
            Some(name) => {
                let api = apis.get(&name.text).map(|api| owner_of(&name.text, api, operators));
                let _ = modules.find(modules.root, &name.text);
                let named = api.or_else(|| operators.get(&name.text).map(|one| one.passport.to_string()));
                if named.is_none() {
                    let known = apis.keys().chain(operators.keys()).map(String::as_str);
                    let near = did_you_mean(&name.text, known);
                    sink.push(unknown(name, format!("no api or operator `{}`", name.text), near));
                }
                named
            }
        };
        found.push(Cleared { clearance: Clearance { class, from }, span: item.span });
    }
    found.sort_by(|a, b| a.clearance.cmp(&b.clearance));
    found
}

/// The item that names a field in words of the flow: `classify …`.
pub(super) fn inputs(
    modules: &Modules,
    flow: &ast::Flow,
    types: &[(&ast::Input, Type)],
    sink: &mut Sink,
) -> Vec<ClassifiedField> {
    let mut found = Vec::new();
    for (item, named) in items(modules).filter_map(|item| match &item.of {
        ClassifyOf::Input { flow } => Some((item, flow)),
        ClassifyOf::Answer { .. } => None,
    }) {
        let flows = || {
            modules.get(modules.root).into_iter().flat_map(|root| &root.ast.items).filter_map(|item| {
                match item {
                    ast::Item::Flow(flow) => Some(flow.name.text.as_str()),
                    _ => None,
                }
            })
        };
        if flows().all(|known| known != named.text) {
            let near = did_you_mean(&named.text, flows());
            let finding = unclassifiable(named, format!("no flow `{}` in this file", named.text), near);
            sink.push(match near {
                Some(_) => finding,
                None => finding.help("write the flow before the input: `classify input FLOW.INPUT as CLASS`"),
            });
            continue;
        }
        if named.text != flow.name.text {
            continue;
        }
        let Some((first, rest)) = item.path.split_first() else { continue };
        let Some((input, ty)) = types.iter().find(|(input, _)| input.name.text == first.text) else {
            let near = did_you_mean(&first.text, types.iter().map(|(input, _)| input.name.text.as_str()));
            let message = format!("`{}` has no input `{}`", named.text, first.text);
            let finding = unclassifiable(first, message, near);
            sink.push(match near {
                Some(_) => finding,
                None => finding.help("name one of its inputs"),
            });
            continue;
        };
        let of = ClassifiedIn::Input(input.name.text.clone());
        found.extend(field(item, of, ty, rest, sink));
    }
    found
}

impl FlowLowering<'_, '_> {
    /// What is classified in answers.
    pub(super) fn classified_answers(&mut self) -> Vec<ClassifiedField> {
        let mut found = Vec::new();
        let modules = self.calls.modules;
        for item in items(modules) {
            let ClassifyOf::Answer { api, operation } = &item.of else { continue };
            if api.text == "secret" {
                self.sink.push(
                    Diagnostic::new(&names::UNKNOWN_CLASSIFIED, api.span, "a secret has no class")
                        .note("it goes to its audience alone, and into no plan, log or message")
                        .help("leave this out: `secret NAME for API` says who gets it"),
                );
                continue;
            }
            let found_api = self.api(api);
            let Some((_, bound)) = found_api.and_then(|found| self.bound(found, api, operation)) else {
                continue;
            };
            let of = ClassifiedIn::Answer { api: api.text.clone(), operation: bound.key.clone() };
            found.extend(field(item, of, &bound.contract.success_type(), &item.path, self.sink));
        }
        found
    }

    /// `release … to … as …` of a value.
    pub(super) fn release(&mut self, written: &ast::Release, own: Option<&str>) -> Released {
        let class = class(&written.class, self.sink).unwrap_or(Class::Public);
        let mut to = Vec::new();
        for name in &written.to {
            let own = own.filter(|own| *own == name.text);
            if own.is_none() && !self.calls.apis.contains_key(&name.text) {
                let known = self.calls.apis.keys().map(String::as_str);
                let near = did_you_mean(&name.text, known);
                let message =
                    format!("no api `{}` to release to, and not the flow's own operator", name.text);
                self.sink.push(unknown(name, message, near));
                // One finding: whoever may have been meant, what relies on the release is not told as well.
                to.extend(self.calls.apis.keys().chain(&self.operator).cloned());
                continue;
            }
            let _ = self.calls.modules.find(self.calls.modules.root, &name.text);
            to.push(name.text.clone());
        }
        if written.because.value.trim().is_empty() {
            let message = "`release` gives no reason";
            self.sink.push(
                Diagnostic::new(&codes::RELEASE_WITHOUT_REASON, written.because.span, message)
                    .help("say why this may be known there: the reason stands in the plan and in its proof"),
            );
        }
        to.sort();
        to.dedup();
        let release = Release { to, class, because: written.because.value.clone() };
        Released { release, span: written.span }
    }
}

fn items(modules: &Modules) -> impl Iterator<Item = &ast::Classify> {
    modules.get(modules.root).into_iter().flat_map(|root| &root.ast.items).filter_map(|item| match item {
        ast::Item::Classify(item) => Some(item),
        _ => None,
    })
}

/// The classified field, where the type has it.
fn field(
    item: &ast::Classify,
    of: ClassifiedIn,
    ty: &Type,
    path: &[ast::Name],
    sink: &mut Sink,
) -> Option<ClassifiedField> {
    let class = class(&item.class, sink)?;
    let mut at = ty.clone();
    for name in path {
        at = items_of(&at);
        at = match at.field(&name.text) {
            FieldAccess::Type(ty) | FieldAccess::MayBeNothing(ty) => ty,
            FieldAccess::Missing { candidates } => {
                let near = did_you_mean(&name.text, candidates.iter().map(String::as_str));
                let finding = unclassifiable(name, format!("no member `{}` here", name.text), near);
                sink.push(match near {
                    None if !candidates.is_empty() => finding
                        .note(format!("its members are `{}`", candidates.join("`, `")))
                        .help("name one of these"),
                    _ => finding,
                });
                return None;
            }
            FieldAccess::NotARecord(shown) => {
                let message = format!("`{shown}` has no member `{}`", name.text);
                sink.push(
                    unclassifiable(name, message, None).help("classify the whole: leave this member out"),
                );
                return None;
            }
        };
    }
    let path = path.iter().map(|name| name.text.clone()).collect();
    Some(ClassifiedField { of, path, class, span: item.span, by_document: false })
}

/// What is in lists, which paths don't name.
fn items_of(ty: &Type) -> Type {
    match ty.without_nothing() {
        Type::List { of } => items_of(&of),
        other => other,
    }
}

fn unclassifiable(name: &ast::Name, message: String, near: Option<&str>) -> Diagnostic {
    let finding = Diagnostic::new(&names::UNKNOWN_CLASSIFIED, name.span, message);
    match near {
        Some(near) => finding.meant(name.span, &name.text, near, as_written(near)),
        None => finding,
    }
}
