//! Calls: bound to an operation by id or by method and path; keys; policies by nearness.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bound::{Bound, operation};
use super::expressions::Typed;
use super::flow::FlowLowering;
use super::functions::StepAnswer;
use super::model::{Api, Position};
use super::modules::{Modules, kind, unknown};
use super::nodes::Call;
use super::policies::{self, Handoff};
use super::shown::spans;
use crate::base::did_you_mean;
use crate::diagnostics::codes::{names, types as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::Document;
use crate::plan::{Idempotency, Pages, idempotency, is_paged, relaxed};
use crate::syntax::ast;
use crate::types::{Answer, Contract, Field, Type};

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
}
