//! Calls: bound to an operation by id or by method and path; arguments to parameters; policies by nearness.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bound::{Bound, operation};
use super::expressions::{Typed, convert};
use super::flow::FlowLowering;
use super::functions::StepAnswer;
use super::misplaced;
use super::model::{Api, Position};
use super::modules::{Modules, given_twice, kind, unknown};
use super::nodes::Call;
use super::policies::{self, Handoff};
use super::shown::spans;
use crate::base::did_you_mean;
use crate::diagnostics::codes::{names, types as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::{Document, Location};
use crate::expr::{Expr, written};
use crate::plan::secrecy::member_of;
use crate::plan::{Idempotency, Pages, idempotency, is_paged, relaxed};
use crate::source::Span;
use crate::syntax::{as_written, ast};
use crate::types::{Answer, Contract, Field, Parameter, Taken, Type};

/// What calls are bound with.
pub(crate) struct Calls<'a> {
    pub(crate) modules: &'a Modules,
    pub(crate) apis: &'a BTreeMap<String, Api>,
    /// The flow's default.
    pub(crate) handoff: Option<Arc<Handoff>>,
    /// What that is for the apis without a passport that were called so far.
    pub(crate) relaxed: BTreeMap<String, Arc<Handoff>>,
    /// Operations bound so far, by api and the name as written: compiling a contract is most of a call's work.
    pub(crate) bound: BTreeMap<(String, String), Arc<Bound>>,
}

impl<'a> Calls<'a> {
    /// The flow's default as it counts for an api: `no passport` is itself the weakening of what the flow asks everywhere.
    fn flow_handoff(&mut self, name: &str, api: &Api) -> Option<Arc<Handoff>> {
        let handoff = self.handoff.as_ref()?;
        if api.no_passport.is_none() {
            return Some(Arc::clone(handoff));
        }
        if let Some(known) = self.relaxed.get(name) {
            return Some(Arc::clone(known));
        }
        let mut own = Handoff::clone(handoff);
        own.policy = own.policy.map(|policy| relaxed(&policy, api.reachable()));
        let own = Arc::new(own);
        self.relaxed.insert(name.to_owned(), Arc::clone(&own));
        Some(own)
    }

    fn api(&self, name: &ast::Name, sink: &mut Sink) -> Option<&'a Api> {
        match self.modules.find(self.modules.root, &name.text).map(|found| found.item) {
            Some(ast::Item::Api(_)) => self.apis.get(&name.text),
            Some(other) => {
                let message = format!("`{}` is {}, not an api", name.text, kind(other));
                sink.push(
                    Diagnostic::new(&names::WRONG_KIND, name.span, message)
                        .help("name an api here: `api NAME = openapi(\"FILE\")` declares one"),
                );
                None
            }
            None => {
                let near = did_you_mean(&name.text, self.apis.keys().map(String::as_str));
                sink.push(unknown(name, format!("no api `{}` here", name.text), near));
                None
            }
        }
    }
}

/// Where the keyword stands that refuses what the flow writes.
fn keyword_place(document: &Document, answer: &Answer) -> Option<Span> {
    let Answer::No(counterexample) = answer else { return None };
    document.place(counterexample.declared.as_ref()?)
}

/// A call that is bound, and what it gives.
pub(crate) struct Answering {
    pub(super) call: Call,
    /// What the step is when it was done.
    pub(super) value: Type,
    pub(super) beside: Arc<StepAnswer>,
    pub(super) pages: Option<Pages>,
}

impl<'d> FlowLowering<'_, 'd> {
    /// The api of a name; what is wrong with it is reported.
    pub(super) fn api(&mut self, name: &ast::Name) -> Option<&'d Api> {
        self.calls.api(name, self.sink)
    }

    /// An operation of an api's document. `None` where it could not be bound; what is wrong was reported.
    pub(super) fn bound(
        &mut self,
        api: &Api,
        name: &ast::Name,
        wanted: &ast::Name,
    ) -> Option<(Arc<Document>, Arc<Bound>)> {
        let document = api.document.clone()?;
        let key = (name.text.clone(), wanted.text.clone());
        if let Some(known) = self.calls.bound.get(&key) {
            return Some((document, Arc::clone(known)));
        }
        let bound = Arc::new(operation(&document, &name.text, wanted, self.sink)?);
        self.calls.bound.insert(key, Arc::clone(&bound));
        Some((document, bound))
    }

    /// A call, and what it gives. `None` where it could not be bound; what is wrong was reported.
    pub(crate) fn call(
        &mut self,
        call: &ast::Call,
        step: Option<&ast::Step>,
        retry: Option<&ast::Path>,
        handoff: Option<&ast::UseHandoff>,
    ) -> Option<Answering> {
        let (modules, root) = (self.calls.modules, self.calls.modules.root);
        // Arguments are looked at in any case, so that the names in them count as needed.
        let api = self.calls.api(&call.api, self.sink);
        let bound = api.and_then(|api| self.bound(api, &call.api, &call.operation));
        let key = step.and_then(|step| step.key.as_ref()).map(|key| {
            let typed = self.expression(&key.once_per, None);
            self.check_key(&typed);
            (typed.expr, typed.span)
        });
        let retry = match retry {
            Some(path) => policies::retry(modules, root, path, self.sink),
            None => api.and_then(|api| api.retry.clone()),
        };
        let own = handoff.map(|used| policies::used_handoff(modules, root, used, self.sink));
        let (Some(api), Some((document, bound))) = (api, bound) else {
            self.unbound.push((call.api.text.clone(), call.operation.clone()));
            let pages = step.and_then(|step| step.pages.as_ref());
            self.scope.next = pages.map(|_| Type::Never);
            for argument in &call.arguments {
                let _ = self.expression(&argument.value, None);
            }
            if let Some(body) = &call.body {
                let _ = self.expression(body, None);
            }
            self.scope.next = None;
            return None;
        };
        let promised = api.promised_of(&bound.view);
        let idempotency = idempotency(bound.view.is_safe(), &bound.contract, promised);
        let paged = step.and_then(|step| Some((step.pages.as_ref()?, &step.name)));
        let pages = paged.map(|(pages, name)| self.pages(pages, name, &bound));
        let (arguments, argument_spans) = self.arguments(call, &document, &bound, idempotency.as_ref());
        let body = self.body(call, &document, &bound);
        self.key_position(call, &document, &bound.contract, idempotency.as_ref());
        let mut handoffs = Vec::new();
        handoffs.extend(own.map(|own| ("step", Arc::new(own))));
        handoffs.extend(api.handoff.clone().map(|handoff| ("api", handoff)));
        handoffs.extend(self.calls.flow_handoff(&call.api.text, api).map(|handoff| ("flow", handoff)));
        let written = call;
        let call = Call {
            span: call.span,
            api: call.api.text.clone(),
            view: Arc::clone(&bound.view),
            operation: bound.key.clone(),
            arguments,
            argument_spans,
            body,
            body_spans: call.body.as_ref().map(spans).unwrap_or_default(),
            idempotency,
            key,
            retry,
            handoffs,
        };
        self.scope.next = None;
        if let Some((pages, ..)) = paged {
            let sent = call.arguments.iter().map(|(_, _, value)| value).chain(&call.body);
            let asked = is_paged(sent);
            self.check_rounds(pages.keyword(), "pages", &call);
            self.check_paged(pages, written, asked);
        }
        let (value, beside, pages) = match pages {
            None => (bound.contract.success_type(), Arc::clone(&bound.answer), None),
            Some((pages, list, provenance)) => {
                let beside = StepAnswer { value: Some(list.clone()), provenance, ..(*bound.answer).clone() };
                (list, Arc::new(beside), pages)
            }
        };
        Some(Answering { call, value, beside, pages })
    }

    /// The key that goes with a call fits the header that its document declares for it.
    fn key_position(
        &mut self,
        call: &ast::Call,
        document: &Document,
        contract: &Contract,
        fact: Option<&Idempotency>,
    ) {
        let Some(header) = fact.map(Idempotency::header) else { return };
        let (answer, declared) = (contract.takes_key(header), contract.key_parameter(header));
        let Some(declared) = declared.filter(|_| answer != Answer::Yes) else { return };
        self.positions.push(Position {
            node: self.node.clone(),
            place: format!("the key in `{header}` of `{}`", call.operation.text),
            span: call.operation.span,
            found: Type::string(),
            part: None,
            wanted: Field { ty: declared.schema.ty.clone(), required: declared.required },
            answer,
            declared_at: document.place(&declared.pointer),
            key: true,
        });
    }

    fn check_key(&mut self, typed: &Typed) {
        if !typed.ty.is_key() {
            let message =
                format!("a key is made of a string, int, decimal, bool or EczId, not `{}`", typed.ty);
            self.sink.push(
                Diagnostic::new(&codes::TYPE_MISMATCH, typed.span, message)
                    .help("name a member of it that tells one from another, or join several: `\"{a}/{b}\"`"),
            );
        }
    }

    fn arguments(
        &mut self,
        call: &ast::Call,
        document: &Document,
        bound: &Bound,
        fact: Option<&Idempotency>,
    ) -> (Vec<(String, String, Expr)>, Vec<Span>) {
        let contract = &*bound.contract;
        let key = fact.map(Idempotency::header).or(contract.idempotency_header.as_deref());
        let is_key = |parameter: &Parameter| {
            parameter.location == Location::Header
                && key.is_some_and(|key| parameter.name.eq_ignore_ascii_case(key))
        };
        let members = self.members_by_name(call, document, bound);
        // By parameter; there are few.
        let mut given: Vec<(usize, Expr, Span)> = Vec::new();
        for argument in &call.arguments {
            let by_runtime = key.is_some_and(|key| argument.name.text.eq_ignore_ascii_case(key));
            if by_runtime {
                let message = format!("`{}` is set by the runtime", argument.name.text);
                let declared = bound.view.parameter(Location::Header, &argument.name.text);
                let place = declared.and_then(|parameter| document.place(&parameter.pointer));
                self.sink.push(
                    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message)
                        .and_at(place, "declared here")
                        .help("say below the call what is to happen once: `key once per …`"),
                );
                continue;
            }
            let found = match members.contains(&argument.name.span) {
                true => None,
                false => self.parameter(argument, call, document, bound),
            };
            let Some((index, parameter)) = found else {
                let _ = self.expression(&argument.value, None);
                continue;
            };
            if let Some((.., first)) = given.iter().find(|(known, ..)| *known == index) {
                self.sink.push(given_twice(&argument.name, *first));
                continue;
            }
            if let Some(unsupported) = &parameter.unsupported {
                let message = format!("`{}` cannot be given: {unsupported}", parameter.name);
                self.sink.push(
                    Diagnostic::new(&codes::UNSUPPORTED_OPERATION, argument.name.span, message)
                        .and_at(document.place(&parameter.pointer), "this is the reason")
                        .help("leave it out where it may be absent, or call another operation"),
                );
            }
            let field = Field { ty: parameter.schema.ty.clone(), required: parameter.required };
            let mut value = self.expression(&argument.value, Some(&parameter.schema.ty));
            let answer = parameter.takes(&value.ty, &written(&value.expr, &value.ty), &value.literal);
            let declared = keyword_place(document, &answer);
            let told = self.record(&value, answer, || {
                let place = format!("argument `{}` of `{}`", parameter.name, bound.key);
                (place, field.clone(), declared.or_else(|| document.place(&parameter.pointer)))
            });
            if told {
                self.point_at_member(&argument.value);
            }
            convert(&mut value, &field);
            given.push((index, value.expr, argument.span));
        }
        for (index, parameter) in contract.parameters.iter().enumerate() {
            // One that was given under a name like it was told already.
            let misspelt = call.arguments.iter().any(|argument| {
                let given = argument.name.text.as_str();
                let known = contract.parameters.iter().any(|other| other.name == given);
                given == parameter.name
                    || (!known && did_you_mean(given, [parameter.name.as_str()]).is_some())
            });
            if parameter.required
                && !is_key(parameter)
                && !given.iter().any(|(known, ..)| *known == index)
                && !misspelt
            {
                let location = parameter.location.as_str();
                let message =
                    format!("`{}` needs the {location} parameter `{}`", call.operation.text, parameter.name);
                let name = as_written(&parameter.name).unwrap_or_else(|| parameter.name.clone());
                let mut diagnostic = Diagnostic::new(&codes::MISSING_ARGUMENT, call.operation.span, message)
                    .help(format!("add `{name}: …`"));
                if let Some(span) = document.place(&parameter.pointer) {
                    diagnostic = diagnostic.and(span, "required here");
                }
                self.sink.push(diagnostic);
            }
        }
        given.sort_by_key(|(index, ..)| *index);
        let value = |(index, value, span): (usize, Expr, Span)| {
            let parameter = contract.parameters.get(index)?;
            Some(((parameter.name.clone(), parameter.location.as_str().to_owned(), value), span))
        };
        given.into_iter().filter_map(value).unzip()
    }

    /// Members of the body that stand as arguments with names where the body is missing: they are told as one mistake.
    fn members_by_name(&mut self, call: &ast::Call, document: &Document, bound: &Bound) -> Vec<Span> {
        let members = misplaced::members(call, &bound.contract);
        if let Some(finding) = misplaced::finding(call, &members) {
            let body = bound.contract.body.as_ref().and_then(|body| document.place(&body.pointer));
            self.sink.push(finding.and_at(body, "the body"));
        }
        members.into_iter().map(|member| member.name.span).collect()
    }

    /// Which parameter an argument is for.
    fn parameter<'c>(
        &mut self,
        argument: &ast::Argument,
        call: &ast::Call,
        document: &Document,
        bound: &'c Bound,
    ) -> Option<(usize, &'c Parameter)> {
        let contract = &*bound.contract;
        let wanted = &argument.name.text;
        let location = argument.location.as_ref().map(|location| location.text.as_str());
        let matches = |parameter: &&Parameter| {
            let same = parameter.name == *wanted
                || (parameter.location == Location::Header && parameter.name.eq_ignore_ascii_case(wanted));
            same && location.is_none_or(|location| parameter.location.as_str() == location)
        };
        let found: Vec<(usize, &Parameter)> =
            contract.parameters.iter().enumerate().filter(|(_, parameter)| matches(parameter)).collect();
        match found.as_slice() {
            [one] => Some(*one),
            [] => {
                let known: Vec<&str> =
                    contract.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let message = format!("`{}` has no parameter `{wanted}`", call.operation.text);
                let mut diagnostic = Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message);
                diagnostic = match did_you_mean(wanted, known.iter().copied()) {
                    Some(near) => diagnostic.meant(argument.name.span, wanted, near, as_written(near)),
                    None if known.is_empty() => {
                        diagnostic.note("it has no parameters").help(format!("remove `{wanted}`"))
                    }
                    None => diagnostic
                        .note(format!("its parameters are `{}`", known.join("`, `")))
                        .help(format!("remove `{wanted}`, or name one of these")),
                };
                let of = &bound.view.pointer;
                let place = document.place(&format!("{of}/parameters")).or_else(|| document.place(of));
                self.sink.push(diagnostic.and_at(place, "what it takes is declared here"));
                None
            }
            several => {
                let places: Vec<&str> =
                    several.iter().map(|(_, parameter)| parameter.location.as_str()).collect();
                let message = format!("`{wanted}` is the name of several parameters");
                let help = format!("write `{}.{wanted}`", places.join(&format!(".{wanted}` or `")));
                let finding =
                    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message).help(help);
                self.sink.push(several.iter().fold(finding, |finding, (_, parameter)| {
                    let label = format!("the {} parameter", parameter.location.as_str());
                    finding.and_at(document.place(&parameter.pointer), label)
                }));
                None
            }
        }
    }

    fn body(&mut self, call: &ast::Call, document: &Document, bound: &Bound) -> Option<Expr> {
        let contract = &*bound.contract;
        match (&call.body, &contract.body) {
            (None, None) => None,
            (None, Some(body)) => {
                if body.required && misplaced::members(call, contract).is_empty() {
                    let message = format!("`{}` needs a body", call.operation.text);
                    let mut diagnostic =
                        Diagnostic::new(&codes::MISSING_ARGUMENT, call.operation.span, message)
                            .help("give it as the one argument without a name");
                    if let Some(span) = document.place(&body.pointer) {
                        diagnostic = diagnostic.and(span, "required here");
                    }
                    self.sink.push(diagnostic);
                }
                None
            }
            (Some(given), None) => {
                let message = format!("`{}` takes no body", call.operation.text);
                self.sink.push(
                    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, given.span, message)
                        .and_at(document.place(&bound.view.pointer), "it declares no `requestBody`")
                        .help("arguments of parameters have names: `name: value`"),
                );
                let _ = self.expression(given, None);
                None
            }
            (Some(given), Some(body)) => {
                let mut value = self.expression(given, Some(&body.schema.ty));
                let field = Field { ty: body.schema.ty.clone(), required: body.required };
                let Taken { answer, members } =
                    body.takes(&value.ty, &written(&value.expr, &value.ty), &value.literal);
                let declared = keyword_place(document, &answer).or_else(|| document.place(&body.pointer));
                let place = format!("the body of `{}`", bound.key);
                let mut told = false;
                if members.is_empty() {
                    told = self.record(&value, answer, || (place.clone(), field.clone(), declared));
                }
                for (name, answer) in members {
                    self.record(&value, answer, || (member_of(&place, &name), field.clone(), declared));
                }
                if told {
                    self.point_at_member(given);
                }
                convert(&mut value, &field);
                Some(value.expr)
            }
        }
    }
}
