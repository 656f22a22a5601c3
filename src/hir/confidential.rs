//! The flow as P6 sees it.

use std::collections::BTreeMap;

use super::classes::owner_of;
use super::model::{ClassifiedIn, Cleared, Hir};
use super::nodes::{Block, Call, Node, NodeKind};
use crate::expr::Expr;
use crate::plan::secrecy::{self, Api, Called, Input, Item, Sent, Subject, What};
use crate::plan::{Classified, Clearance};
use crate::types::Answer;

/// The nodes of its own block that a node waits for.
type After<'g> = &'g dyn Fn(&Hir, &str) -> Vec<String>;

impl Hir {
    /// The flow as P6 sees it; `after` gives the nodes of its own block that a node waits for.
    pub fn subject(&self, after: After<'_>) -> Subject<'_> {
        let own = self.flow.agent.as_ref().map(|(name, _)| name.as_str());
        let operator = own.and_then(|name| self.operators.get(name)).map(|found| found.passport.to_string());
        let reader = Reader::new(self, after, String::new());
        let apis = self.apis.iter().map(|(name, api)| {
            let facts = Api {
                owner: owner_of(name, api, &self.operators),
                cleared: clearances(&api.cleared),
                classified: self.all_classified_answers(name),
            };
            (name.as_str(), facts)
        });
        Subject {
            operator: operator.unwrap_or_default(),
            operator_name: own.unwrap_or_default(),
            cleared: clearances(&self.flow.cleared),
            inputs: self.classified_inputs(),
            functions: &self.functions,
            apis: apis.collect(),
            body: reader.block(&self.flow.body),
        }
    }

    fn classified_inputs(&self) -> Vec<Input<'_>> {
        let inputs = self.flow.inputs.iter().map(|input| Input {
            name: &input.name,
            classified: self.classified(|of| matches!(of, ClassifiedIn::Input(name) if *name == input.name)),
        });
        inputs.collect()
    }

    /// What is classified in an api's answers, those that called flows read too.
    fn all_classified_answers(&self, name: &str) -> BTreeMap<&str, Vec<Classified>> {
        let mut found = self.classified_answers(name);
        for callee in self.callees.values() {
            found.extend(callee.all_classified_answers(name));
        }
        found
    }

    fn classified(&self, of: impl Fn(&ClassifiedIn) -> bool) -> Vec<Classified> {
        let fields = self.flow.classified.iter().filter(|field| of(&field.of));
        fields.map(|field| Classified { path: field.path.clone(), class: field.class }).collect()
    }

    fn classified_answers(&self, name: &str) -> BTreeMap<&str, Vec<Classified>> {
        let mut found: BTreeMap<&str, Vec<Classified>> = BTreeMap::new();
        for field in &self.flow.classified {
            if let ClassifiedIn::Answer { api, operation } = &field.of
                && api == name
            {
                let field = Classified { path: field.path.clone(), class: field.class };
                found.entry(operation).or_default().push(field);
            }
        }
        found
    }
}

fn clearances(written: &[Cleared]) -> Vec<Clearance> {
    written.iter().map(|cleared| cleared.clearance.clone()).collect()
}

struct Reader<'a, 'g> {
    hir: &'a Hir,
    after: After<'g>,
    /// By node, or undo: the places, in words, of values that may turn out not to fit.
    guarded: BTreeMap<&'a str, Vec<&'a str>>,
    /// What subjects begin with.
    prefix: String,
}

impl<'a, 'g> Reader<'a, 'g> {
    fn new(hir: &'a Hir, after: After<'g>, prefix: String) -> Reader<'a, 'g> {
        let mut guarded: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for found in hir.flow.positions.iter().filter(|found| matches!(found.answer, Answer::Unknown(_))) {
            guarded.entry(&found.node).or_default().push(&found.place);
        }
        Reader { hir, after, guarded, prefix }
    }

    fn block(&self, block: &'a Block) -> Vec<Item<'a>> {
        block.nodes.iter().map(|node| self.item(node)).collect()
    }

    fn item(&self, node: &'a Node) -> Item<'a> {
        let what = match &node.kind {
            NodeKind::Step(step) => What::Step {
                call: self.sent(node.id.clone(), &step.call),
                guard: step.guard.as_ref().map(|(guard, _)| guard),
                on: step.on.iter().map(|(status, _, message)| (*status, message)).collect(),
                until: step.poll.as_ref().map(|(poll, _)| &poll.until),
                pages: step.pages.as_ref().map(|(pages, _)| pages),
                read: step
                    .reconcile
                    .as_ref()
                    .map(|read| (self.sent(format!("{}/reconcile", node.id), &read.call), &read.when)),
                undo: step.undo.as_ref().map(|undo| self.sent(format!("{}/undo", node.id), undo)),
            },
            NodeKind::SubFlow(call) => What::Flow {
                callee: self.hir.callees.get(&call.flow).map(|callee| {
                    let reader = Reader::new(callee, self.after, format!("{}{}/", self.prefix, node.id));
                    Called {
                        name: &callee.flow.name,
                        inputs: callee.classified_inputs(),
                        functions: &callee.functions,
                        body: reader.block(&callee.flow.body),
                    }
                }),
                given: call.arguments.iter().map(|(name, value)| (name.as_str(), value)).collect(),
                guarded: self.guarded.contains_key(node.id.as_str()),
                guard: call.guard.as_ref().map(|(guard, _)| guard),
                undo: call.undo.as_ref().map(|undo| self.sent(format!("{}/undo", node.id), undo)),
            },
            NodeKind::Wait(wait) => What::Wait(&wait.value),
            NodeKind::Signal(signal) => What::Signal {
                guard: signal.guard.as_ref().map(|(guard, _)| guard),
                otherwise: &signal.otherwise,
                guarded: self.guarded.contains_key(node.id.as_str()),
            },
            NodeKind::Let(value) => {
                What::Let(value, self.hir.flow.releases.get(&node.id).map(|released| &released.release))
            }
            NodeKind::Ensure { condition, message } => What::Barrier { condition: Some(condition), message },
            NodeKind::Fail { condition, message } => What::Barrier { condition: condition.as_ref(), message },
            NodeKind::For(repeat) => What::For {
                variable: &repeat.variable,
                list: &repeat.list,
                guard: repeat.guard.as_ref().map(|(guard, _)| guard),
                body: self.block(&repeat.body),
                result: repeat.result.as_ref(),
            },
            NodeKind::Return(value) => What::Return(value, self.guarded.contains_key(node.id.as_str())),
        };
        Item { id: &node.id, after: (self.after)(self.hir, &node.id), what }
    }

    fn sent(&self, subject: String, call: &'a Call) -> Sent<'a> {
        let arguments = call.arguments.iter();
        let parts = arguments
            .map(|(name, location, value)| (format!("{location}.{name}"), value))
            .chain(call.body.iter().map(|body| ("body".to_owned(), body)))
            .chain(call.key.iter().map(|(key, _)| ("key".to_owned(), key)));
        let parts: Vec<(String, &Expr)> = parts.collect();
        let told = |words: &str| {
            let mut places = self.guarded.get(subject.as_str()).into_iter().flatten();
            places.any(|place| format!("{place}: ").starts_with(words))
        };
        Sent {
            guarded: secrecy::guarded(&parts, &call.operation, told),
            parts,
            view: Some(&call.view),
            api: &call.api,
            operation: &call.operation,
            subject: format!("{}{subject}", self.prefix),
        }
    }
}
